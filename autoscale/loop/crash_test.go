package loop

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"autoscaled/autoscale"
)

// life ends a daemon at its left-th moment: just before or just after something
// that it does to the journal or the cloud. From then on it can do nothing.
type life struct {
	mu   sync.Mutex // held during an effect: calls that run together die in some order
	left int
}

var errDead = errors.New("killed")

// do runs one effect, unless the daemon dies before it.
func (l *life) do(effect func() error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over() {
		return errDead
	}
	err := effect()
	if l.over() {
		return errDead
	}
	return err
}

func (l *life) over() bool {
	l.left = max(-1, l.left-1)
	return l.left < 0
}

func (l *life) dead() bool { return l.left < 0 }

type mortalJournal struct {
	Journal
	life *life
}

func (j mortalJournal) Put(ctx context.Context, ops ...autoscale.Operation) error {
	if len(ops) == 0 {
		return nil
	}
	return j.life.do(func() error { return j.Journal.Put(ctx, ops...) })
}

func (j mortalJournal) Save(ctx context.Context, m autoscale.Memory) error {
	return j.life.do(func() error { return j.Journal.Save(ctx, m) })
}

type mortalCloud struct {
	Cloud
	life *life
}

func (c mortalCloud) Create(ctx context.Context, g autoscale.Grow) (r autoscale.Receipt, err error) {
	err = c.life.do(func() error { r, err = c.Cloud.Create(ctx, g); return err })
	return r, err
}

func (c mortalCloud) Start(ctx context.Context, s autoscale.Start) (r autoscale.Receipt, err error) {
	err = c.life.do(func() error { r, err = c.Cloud.Start(ctx, s); return err })
	return r, err
}

func (c mortalCloud) Remove(ctx context.Context, m autoscale.Remove) (r autoscale.Receipt, err error) {
	err = c.life.do(func() error { r, err = c.Cloud.Remove(ctx, m); return err })
	return r, err
}

// TestKilledAtEveryMoment runs nodes up and down again, killed once in each run,
// at every moment in turn, until a run survives.
func TestKilledAtEveryMoment(t *testing.T) {
	const most = 1000
	for moment := range most {
		killed := false
		t.Run(fmt.Sprint("moment ", moment), func(t *testing.T) {
			r := newRig(t)
			r.life = &life{left: moment}
			r.restart()
			revive := func() {
				if r.life.dead() && !killed {
					killed = true
					r.life.left = 1 << 30
					r.restart()
				}
			}
			r.queue.submit(r.at, 3)
			for range 30 {
				r.tick()
				revive()
			}
			require.Len(t, r.cloud.list(), 3, "exactly the wanted nodes")
			require.Equal(t, 3, r.cloud.serial, "none was ever made twice")
			r.queue.clear()
			for range 30 {
				r.tick()
				revive()
			}
			require.Empty(t, r.cloud.list())
			ops, err := r.journal.Operations(t.Context())
			require.NoError(t, err)
			require.Empty(t, ops, "every operation has ended")
		})
		if !killed {
			require.Greater(t, moment, 10)
			return
		}
	}
	t.Fatal("no run survived")
}

// TestFaultsAndRestarts is a small cluster's day with random faults, kills and
// demand. Whatever happens: nothing is created twice, no busy node is removed,
// and once the faults are over all jobs get done and all operations end.
func TestFaultsAndRestarts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, remove := tempDir(t)
		defer remove()
		r := rigIn(t, dir)
		defer func() { r.close() }()
		r.life = &life{left: 1 << 30}
		r.restart()
		peace := false
		chance := faultsBy(rapid.Uint64().Draw(t, "seed"))
		r.cloud.fault = func(call string, id autoscale.RequestID) fault {
			if peace {
				return works
			}
			return chance(call, id)
		}
		for range rapid.IntRange(5, 60).Draw(t, "ticks") {
			oneStep(t, r)
		}
		peace, r.life.left = true, 1<<30
		r.cloud.observe, r.queue.err = nil, nil
		r.restart()
		for ticks := 0; ticks < 200 && !r.settled(); ticks++ {
			r.tick()
			r.queue.schedule(r.at, r.cloud.list(), step)
			checkWorld(t, r)
		}
		require.Equal(t, r.queue.tasks, r.queue.done, "all jobs are done")
		require.Empty(t, r.cloud.list(), "all nodes are gone")
		ops, err := r.journal.Operations(t.Context())
		require.NoError(t, err)
		require.Empty(t, ops, "all operations have ended")
	})
}

// faultsBy draws the fault of a call from the seed, the call, the request and
// how often it was tried: calls run on goroutines, whose order must not matter.
func faultsBy(seed uint64) func(string, autoscale.RequestID) fault {
	tries := make(map[string]int)
	return func(call string, id autoscale.RequestID) fault {
		about := call + " " + string(id)
		tries[about]++
		h := fnv.New64a()
		fmt.Fprint(h, seed, about, tries[about])
		list := faultsOf[call]
		return list[h.Sum64()%uint64(len(list))]
	}
}

// faultsOf lists what may happen to a call. A late removal may hit a node that works by then,
// which only draining prevents: it has no place here.
var faultsOf = map[string][]fault{
	"create":  {works, works, works, lostBefore, lostAfter, arrivesLate, refused, unavailable, cutShort},
	"remove":  {works, works, works, lostBefore, lostAfter, refused, unavailable},
	"resolve": {works, works, unavailable},
}

// oneStep lets one random thing happen, and a tick.
func oneStep(t *rapid.T, r *rig) {
	r.cloud.observe, r.queue.err = nil, nil
	switch rapid.IntRange(0, 9).Draw(t, "event") {
	case 1:
		r.queue.submit(r.at, rapid.IntRange(1, 4).Draw(t, "jobs"))
	case 2:
		r.cloud.observe = errors.New("cloud is away")
	case 3:
		r.queue.err = errors.New("queue is away")
	case 4:
		r.life.left = rapid.IntRange(0, 8).Draw(t, "moment")
	case 5:
		r.restart()
	}
	r.tick()
	if r.life.dead() {
		r.life.left = 1 << 30
		r.restart()
	}
	r.queue.schedule(r.at, r.cloud.list(), 3*step)
	checkWorld(t, r)
}

// settled tells whether nothing is left to happen.
func (r *rig) settled() bool {
	ops, err := r.journal.Operations(r.t.Context())
	require.NoError(r.t, err)
	return len(ops)+len(r.cloud.list()) == 0 && r.queue.done == r.queue.tasks && len(r.cloud.late) == 0
}

func checkWorld(t *rapid.T, r *rig) {
	require.Empty(t, r.cloud.violated)
	alive := 0
	for _, n := range r.cloud.list() {
		if n.Phase != autoscale.PhaseStopping {
			alive++
		}
	}
	// A request that is absent and only wanted in part is planned anew, and may
	// bring its nodes all the same.
	require.LessOrEqual(t, alive, r.queue.tasks+r.cloud.lateAdd, "more nodes than there ever were jobs")
	for _, report := range r.reports[max(0, len(r.reports)-1):] {
		for _, p := range report.Problems {
			require.NotContains(t, p.Err.Error(), "impossible change of phase")
		}
	}
}
