package autoscale

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// holdTick is how long a small cloud's tick is, unless a test says otherwise.
const holdTick = 15 * time.Second

// smallCloud is a cloud of one pool that has only so many machines, and a planner
// that lives through its ticks. Nodes boot in four minutes and go in one.
type smallCloud struct {
	t        require.TestingT
	at       time.Time
	each     time.Duration // tick
	machines int
	policy   Policy
	want     []Job
	supply   Supply
	born     map[NodeID]time.Time
	ends     map[NodeID]time.Time
	memory   Memory
	open     []Operation
	plan     Plan
	creates  []Grow
	removed  map[ReasonCode]int
	serial   int
}

func newSmallCloud(t require.TestingT, machines int, want ...Job) *smallCloud {
	pool, limits := aPool("a", "F4", 4, 1000)
	pool.GroupSize = 100
	c := &smallCloud{t: t, at: start, each: holdTick, machines: machines, policy: aPolicy("a"), want: want, supply: Supply{Pools: []Pool{pool}, Limits: limits}}
	c.born, c.ends, c.removed = make(map[NodeID]time.Time), make(map[NodeID]time.Time), make(map[ReasonCode]int)
	c.policy.GangHold = DefaultGangHold
	return c
}

// aGang is a coupled job of n whole nodes.
func aGang(id string, n int, at time.Duration) Job {
	shape := wholeNodes(n)
	shape.Grouping = Coupled
	return Job{ID: JobID(id), Submitted: start.Add(at), Shape: shape}
}

// settle lets nodes boot and go, and operations end.
func (c *smallCloud) settle() {
	c.supply.Nodes = slices.DeleteFunc(slices.Clone(c.supply.Nodes), func(n Node) bool {
		end, going := c.ends[n.ID]
		return going && !end.After(c.at)
	})
	for i := range c.supply.Nodes {
		n := &c.supply.Nodes[i]
		if _, going := c.ends[n.ID]; going {
			n.Phase = PhaseStopping
		} else if !c.born[n.ID].Add(4 * time.Minute).After(c.at) {
			n.Phase = PhaseReady
		}
	}
	there := make(map[NodeID]Phase)
	for _, n := range c.supply.Nodes {
		there[n.ID] = n.Phase
	}
	for i := range c.open {
		op := &c.open[i]
		under := slices.ContainsFunc(op.Nodes, func(id NodeID) bool {
			return there[id] == PhaseStarting || op.Kind == OperationRemove && there[id] != ""
		})
		if !op.Phase.Final() && !under {
			op.Phase, op.Ended = OpConverged, c.at
			if op.Added < op.Count && op.Kind == OperationCreate {
				op.Phase = OpShort
			}
		}
	}
}

func (c *smallCloud) tick() {
	c.settle()
	o := observe(c.at, c.supply, c.want, nil)
	c.memory = Advance(c.memory, o, c.open, c.policy)
	c.open = slices.DeleteFunc(slices.Clone(c.open), func(op Operation) bool { return op.Phase.Final() })
	c.plan = Decide(State{Observation: o, Operations: c.open, Memory: c.memory}, c.policy)
	c.check()
	for i := range c.plan.Grow {
		c.create(&c.plan.Grow[i])
	}
	for _, r := range c.plan.Remove {
		op := Operation{Request: c.id("x"), Kind: OperationRemove, Phase: OpAccepted, Intended: c.at}
		for _, n := range r.Nodes {
			op.Nodes = append(op.Nodes, n.ID)
			c.ends[n.ID] = c.at.Add(time.Minute)
			c.removed[r.Reason.Code]++
		}
		c.open = append(c.open, op)
	}
	c.memory = Remember(c.memory, c.plan)
	c.at = c.at.Add(c.each)
}

func (c *smallCloud) id(kind string) RequestID {
	c.serial++
	return RequestID(fmt.Sprintf("%s%04d", kind, c.serial))
}

// create adds what there are machines for, as far as it goes.
func (c *smallCloud) create(g *Grow) {
	g.Request = c.id("r")
	c.creates = append(c.creates, *g)
	op := Operation{Request: g.Request, Kind: OperationCreate, Phase: OpAccepted, Pool: g.Pool, Group: g.Group, Count: g.Count, Intended: c.at, Sent: c.at}
	op.Added = max(0, min(g.Count, c.machines-len(c.supply.Nodes)))
	if op.Added < op.Count {
		op.Class, op.Message = ErrorCapacity, "no more of it"
	}
	if op.Added == 0 {
		op.Phase, op.Ended = OpShort, c.at.Add(c.each)
	}
	for range op.Added {
		n := aNode(fmt.Sprintf("n%04d", c.serial), g.Pool, PhaseStarting)
		c.serial++
		n.Request, n.Group = g.Request, g.Group
		c.born[n.ID] = c.at
		c.supply.Nodes = append(c.supply.Nodes, n)
		op.Nodes = append(op.Nodes, n.ID)
	}
	c.open = append(c.open, op)
}

// check holds each plan against what holding promises.
func (c *smallCloud) check() {
	given := world{State: State{Observation: observe(c.at, c.supply, c.want, nil)}, plan: c.plan}.given()
	for _, v := range c.plan.Nodes {
		if v.Reason.Code != ReasonGangHeld {
			continue
		}
		require.Zero(c.t, given[v.Node], "held, and given to a job")
		require.LessOrEqual(c.t, v.Reason.For, c.policy.GangHold, "held for too long")
	}
}

func (c *smallCloud) ticks(d time.Duration) *smallCloud {
	for end := c.at.Add(d); c.at.Before(end); {
		c.tick()
	}
	return c
}

// verdicts counts the nodes by why they stay or go.
func (c *smallCloud) verdicts() map[ReasonCode]int {
	count := make(map[ReasonCode]int)
	for _, v := range c.plan.Nodes {
		count[v.Reason.Code]++
	}
	return count
}

// The cloud has six machines for a gang of ten, for ever. The six are kept for a
// while after the last try for the rest, then they go; further tries come ever more
// rarely.
func TestPartialGangIsReleased(t *testing.T) {
	c := newSmallCloud(t, 6, aGang("gang", 10, 0))
	c.ticks(time.Minute)
	require.Equal(t, map[ReasonCode]int{ReasonGangHeld: 6}, c.verdicts())
	held := time.Duration(0)
	for range int(6 * time.Hour / holdTick) {
		c.tick()
		if c.verdicts()[ReasonGangHeld] > 0 {
			held += holdTick
		}
		require.Empty(t, c.removed[ReasonIdle])
	}
	require.Less(t, held, 4*time.Hour)
	require.GreaterOrEqual(t, c.removed[ReasonGangReleased], 6)
	require.Less(t, len(c.creates), 30)
}

// After the hold nothing keeps the nodes, neither patience nor a second hold.
func TestReleasedNodesAreNotKeptAgain(t *testing.T) {
	for _, patience := range []time.Duration{0, time.Minute, 15 * time.Minute} {
		c := newSmallCloud(t, 6, aGang("gang", 10, 0))
		c.policy.GangPatience = patience
		c.ticks(time.Minute)
		c.supply.Limits[0].Max = 0 // no more tries
		c.ticks(8*time.Minute + 30*time.Second)
		require.Equal(t, 6, c.verdicts()[ReasonGangHeld], "%s", patience)
		c.ticks(3 * time.Minute)
		require.Empty(t, c.supply.Nodes, "%s", patience)
		require.Equal(t, map[ReasonCode]int{ReasonGangReleased: 6}, c.removed)
		require.Empty(t, c.creates[1:])
	}
}

// Capacity comes back while the six are kept: the four come to their group.
func TestPartialGangIsToppedUpInItsGroup(t *testing.T) {
	c := newSmallCloud(t, 6, aGang("gang", 10, 0))
	c.ticks(2 * time.Minute)
	c.machines = 100
	c.ticks(20 * time.Minute)
	require.Len(t, c.supply.Nodes, 10)
	require.Empty(t, c.removed)
	require.Equal(t, map[ReasonCode]int{ReasonWanted: 10}, c.verdicts())
	for _, n := range c.supply.Nodes {
		require.Equal(t, c.creates[0].Group, n.Group)
	}
}

// Another job takes what is released, in the plan that releases it.
func TestReleasedNodesServeOthersFirst(t *testing.T) {
	c := newSmallCloud(t, 6, aGang("gang", 10, 0), Job{ID: "j", Submitted: start.Add(time.Hour), Shape: wholeNodes(2)})
	c.ticks(time.Minute)
	c.supply.Limits[0].Max = 0
	require.Equal(t, 6, c.verdicts()[ReasonGangHeld])
	require.Contains(t, waiting(c.plan, Demand{Classes: Intern(c.want)}), JobID("j"))
	c.ticks(13 * time.Minute)
	require.Len(t, c.supply.Nodes, 2)
	require.Equal(t, map[ReasonCode]int{ReasonWanted: 2}, c.verdicts())
	require.Equal(t, 4, c.removed[ReasonGangReleased])
}

// One of ten is evicted, and there is no other for it now.
func TestRestOfAGangIsHeldWhenOneNodeGoes(t *testing.T) {
	c := newSmallCloud(t, 10, aGang("gang", 10, 0))
	c.ticks(6 * time.Minute)
	require.Equal(t, 10, c.verdicts()[ReasonWanted])
	c.machines = 9
	c.supply.Nodes = c.supply.Nodes[1:]
	c.ticks(2 * time.Minute)
	require.Equal(t, 9, c.verdicts()[ReasonGangHeld])
	c.machines = 10
	c.ticks(20 * time.Minute)
	require.Equal(t, 10, c.verdicts()[ReasonWanted])
	require.Empty(t, c.removed)
}

// Two gangs of one shape each have a part, in groups of their own.
func TestPartsOfTwoGangsAreBothHeld(t *testing.T) {
	c := newSmallCloud(t, 20, aGang("g1", 10, 0), aGang("g2", 10, time.Second))
	c.supply.Pools[0].GroupSize = 10
	c.ticks(6 * time.Minute)
	c.machines = 18
	c.supply.Nodes = slices.Delete(slices.Delete(slices.Clone(c.supply.Nodes), 12, 13), 3, 4)
	c.ticks(2 * time.Minute)
	require.Equal(t, 18, c.verdicts()[ReasonGangHeld])
	for job := range c.plan.Jobs(Demand{Classes: Intern(c.want)}) {
		require.Equal(t, ReasonGangWaits, job.Reason.Code)
		require.EqualValues(t, 9, job.Reason.Have)
	}
}

// A gang that is cancelled leaves its nodes to the idle time.
func TestCancelledGangHoldsNothing(t *testing.T) {
	c := newSmallCloud(t, 6, aGang("gang", 10, 0))
	c.ticks(2 * time.Minute)
	c.want = nil
	c.tick()
	require.Zero(t, c.verdicts()[ReasonGangHeld])
	c.ticks(8 * time.Minute)
	require.Equal(t, map[ReasonCode]int{ReasonIdle: 6}, c.removed)
}

func TestWithoutAHoldNodesGoByTheIdleTime(t *testing.T) {
	c := newSmallCloud(t, 6, aGang("gang", 10, 0))
	c.policy.GangHold = 0
	c.ticks(2 * time.Minute)
	require.Zero(t, c.verdicts()[ReasonGangHeld])
	c.supply.Limits[0].Max = 0
	c.ticks(10 * time.Minute)
	require.Equal(t, map[ReasonCode]int{ReasonIdle: 6}, c.removed)
}

// Gangs and other jobs on a cloud whose machines come and go and then stay as they
// are: what is held is given to nobody, nothing is held for longer than it may be
// without a new try, and in the end only nodes remain that have work.
func TestPropertyHeldNodesAreReleasedInTheEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newSmallCloud(t, rapid.IntRange(0, 14).Draw(t, "machines"))
		c.each = 2 * time.Minute // so that ten thousand cases cost little
		c.policy.GangHold = time.Duration(rapid.IntRange(2, 15).Draw(t, "hold")) * time.Minute
		c.policy.GangPatience = time.Duration(rapid.SampledFrom([]int{0, 5, 15}).Draw(t, "patience")) * time.Minute
		for i := range rapid.IntRange(1, 4).Draw(t, "jobs") {
			job := aGang(fmt.Sprint("j", i), rapid.IntRange(1, 8).Draw(t, "nodes"), time.Duration(i)*time.Second)
			job.Shape.Grouping = rapid.SampledFrom([]Grouping{Coupled, Coupled, AnyPlace}).Draw(t, "grouping")
			c.want = append(c.want, job)
		}
		for range rapid.IntRange(1, 4).Draw(t, "changes") {
			c.ticks(time.Duration(rapid.IntRange(1, 8).Draw(t, "minutes")) * time.Minute)
			c.machines = rapid.IntRange(0, 14).Draw(t, "machinesThen")
			for len(c.supply.Nodes) > c.machines { // evicted
				c.supply.Nodes = c.supply.Nodes[:len(c.supply.Nodes)-1]
			}
		}
		c.ticks(10 * time.Minute)
		c.supply.Limits[0].Max = 0 // no more tries
		c.ticks(c.policy.GangHold + 20*time.Minute)
		now := c.verdicts()
		for _, code := range slices.Sorted(maps.Keys(now)) {
			require.Contains(t, []ReasonCode{ReasonWanted}, code, "%v", now)
		}
		require.True(t, c.plan.Empty())
	})
}
