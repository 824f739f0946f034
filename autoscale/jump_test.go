package autoscale

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// reads folds reads of so many cores into a memory, a minute apart; -1 is a read that
// failed.
func reads(t require.TestingT, p Policy, cores ...int) []Surge {
	var all []Surge
	m := Memory{}
	for i, n := range cores {
		o := observe(start.Add(time.Duration(i)*time.Minute), Supply{}, nil, nil)
		if n > 0 {
			o.Demand.Classes = Intern(jobs("j", 1, tasksOf(n, 1)))
		}
		if n < 0 {
			o.Demand, o.DemandProblem = Demand{}, "down"
		}
		m = Advance(m, o, nil, p)
		all = append(all, m.Surge)
	}
	return all
}

func jumping(factor int) Policy {
	p := aPolicy("a")
	p.DemandJump = factor
	return p
}

func TestDemandJump(t *testing.T) {
	for name, c := range map[string]struct {
		reads    []int
		accepted int64
		jump     int64
	}{
		"few after none":           {[]int{0, 20}, 20, 0},
		"up to the floor's factor": {[]int{0, 10*jumpFloor - 1}, 10*jumpFloor - 1, 0},
		"many after none":          {[]int{0, 10 * jumpFloor}, 0, 10 * jumpFloor},
		"many at the first look":   {[]int{9000}, 9000, 0},
		"confirmed":                {[]int{0, 9000, 9000}, 9000, 0},
		"confirmed by about it":    {[]int{0, 9000, 4500}, 4500, 0},
		"confirmed by more":        {[]int{0, 9000, 18001}, 18001, 0},
		"another jump":             {[]int{0, 9000, 90000}, 0, 90000},
		"another jump, confirmed":  {[]int{0, 9000, 90000, 90000}, 90000, 0},
		"taken back":               {[]int{0, 9000, 30}, 30, 0},
		"no read between":          {[]int{0, 9000, -1}, 0, 9000},
		"confirmed after a gap":    {[]int{0, 9000, -1, 9000}, 9000, 0},
		"step by step":             {[]int{2000, 15000, 100000}, 100000, 0},
		"down":                     {[]int{2000, 15000, 10}, 10, 0},
	} {
		all := reads(t, jumping(10), c.reads...)
		last := all[len(all)-1]
		require.Equal(t, c.accepted, last.Accepted, name)
		require.Equal(t, c.jump, last.Jump, name)
		require.Equal(t, c.jump > 0, !last.Since.IsZero(), name)
	}
	require.Equal(t, start.Add(time.Minute), reads(t, jumping(10), 0, 9000, 90000)[2].Since, "it waits since the first")
	require.Equal(t, Surge{At: start.Add(time.Minute), Accepted: 9000}, reads(t, jumping(0), 0, 9000)[1], "without the key any size is believed")
}

// Held jobs ask for nothing yet, and absurd documents don't overflow.
func TestAskedCores(t *testing.T) {
	held := tasksOf(100, 8)
	held.Held = "JobHeldUser"
	d := Demand{Classes: Intern(append(jobs("h", 3, held), jobs("j", 3, tasksOf(2, 8))...))}
	require.Equal(t, int64(48), askedCores(&d, start))
	d.Classes = Intern(jobs("j", 2, tasksOf(1<<62, 1<<62)))
	require.Positive(t, askedCores(&d, start))
}

// While a jump waits nothing is created or started, whatever else there is, and what
// the same read asks for when it comes again is planned as if it had never jumped.
func TestPropertyUnconfirmedJumpGrowsNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, p := drawState(t)
		p.DemandJump = 10
		calm := Decide(s, p)
		s.Memory.Surge = Surge{Jump: 1 << 20}
		plan := Decide(s, p)
		require.Zero(t, newNodes(plan))
		for _, r := range plan.Retry {
			require.Equal(t, OperationRemove, r.Operation.Kind)
		}
		for r := range plan.Jobs(s.Demand) {
			require.NotEqual(t, ReasonOnNew, r.Reason.Code)
		}
		s.Memory.Surge = Surge{Accepted: 1 << 20}
		require.Equal(t, calm, Decide(s, p))
	})
}
