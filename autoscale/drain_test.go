package autoscale

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestDrainMemory(t *testing.T) {
	busy := HostUse{Jobs: []JobID{"j"}}
	marked := HostUse{Jobs: []JobID{"j"}, Drain: DrainOurs}
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	look := func(d DrainMemory, use HostUse, minute int) DrainMemory {
		return d.advance(PhaseReady, use, true, at(minute), time.Hour)
	}
	d := DrainMemory{}.sent(at(0))
	require.Equal(t, DrainMemory{Since: at(0), Marks: 1, Marked: at(0)}, d)
	require.Equal(t, d, look(d, busy, 1), "the mark may yet show")
	d = look(d, marked, 1)
	require.Equal(t, DrainMemory{Since: at(0), Shown: true}, d)
	require.Equal(t, d, look(d, marked, 59))
	require.Equal(t, DrainMemory{}, look(d, HostUse{Drain: DrainOurs}, 59), "drained")
	require.Equal(t, d, look(d, HostUse{Drain: DrainOurs, Settling: true}, 59), "not yet drained")
	require.Equal(t, DrainMemory{}, look(d, HostUse{}, 59), "empty, and somebody withdrew the mark")
	require.Equal(t, d, d.advance(PhaseReady, HostUse{}, false, at(59), time.Hour), "the queue does not vouch for it")
	require.Equal(t, DrainMemory{}, d.advance(PhaseFailed, busy, true, at(59), time.Hour))
	require.Equal(t, d, d.advance(PhaseReady, marked, true, at(1000), 0), "without a deadline")

	d = look(d, marked, 60)
	require.Equal(t, DrainMemory{Shown: true, Failed: 1, Undone: at(60)}, d)
	require.Equal(t, d, look(d, busy, 119))
	require.Equal(t, DrainMemory{Shown: true, Failed: 1, Undone: at(119)}, look(d, marked, 119), "its mark is withdrawn, which may take a while")
	require.Equal(t, at(120), look(d, marked, 120).Since, "a mark that nobody saw to for all that is of the next drain")
	require.Equal(t, DrainMemory{}, look(d, HostUse{}, 61), "no failure is remembered of a node that became empty")

	for failed, wait := range []time.Duration{1, 2, 4, 8, 8, 8} {
		d = DrainMemory{Failed: failed + 1, Undone: start}
		require.Equal(t, start.Add(wait*time.Hour), d.NextTry(time.Hour), "after %d failures", failed+1)
	}
	require.True(t, DrainMemory{Failed: 1, Undone: start}.NextTry(0).Equal(start), "without a deadline nothing failed")
}

func TestMarkIsSentAgainEverMoreRarely(t *testing.T) {
	d, at := DrainMemory{}, start
	require.False(t, at.Before(d.markAgain()))
	for _, minutes := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
		d = d.sent(at)
		require.Equal(t, at.Add(minutes*time.Minute), d.markAgain())
		at = d.markAgain()
	}
	require.Equal(t, 7, d.Marks)
	require.Equal(t, start, d.Since)
	require.True(t, d.Unseen())
	d.Since = time.Time{}
	require.False(t, d.Unseen())
	require.Equal(t, 1, d.sent(at).Marks, "another drain")
}

// A clock that was set back neither ends a drain nor makes its waits longer.
func TestDrainsAfterAClockThatWasSetBack(t *testing.T) {
	later := start.Add(100 * time.Hour)
	d := DrainMemory{Since: later, Marked: later, Undone: later, Failed: 1}
	d.past(start)
	require.Equal(t, DrainMemory{Since: start, Marked: start, Undone: start, Failed: 1}, d)
}

// drainWorld is a few nodes of one pool, and a queue that may lose every mark.
type drainWorld struct {
	t      *rapid.T
	at     time.Time
	policy Policy
	state  State
	uses   map[string]HostUse
	// marked is since when a host is seen busy and with our mark, without anybody having
	// tried to withdraw it; sent when a mark was last sent that was not seen; and undone
	// when its drain was undone, since when neither it nor any of its group was seen empty.
	marked, sent, undone map[NodeID]time.Time
	// hidden: a mark was sent that was neither seen nor withdrawn since.
	hidden map[NodeID]bool
}

func newDrainWorld(t *rapid.T) *drainWorld {
	w := &drainWorld{
		t: t, at: start, policy: aPolicy("a"), uses: make(map[string]HostUse),
		marked: make(map[NodeID]time.Time), sent: make(map[NodeID]time.Time), undone: make(map[NodeID]time.Time),
		hidden: make(map[NodeID]bool),
	}
	p := &w.policy.Pools[0]
	p.DrainTimeout = time.Duration(rapid.IntRange(1, 60).Draw(t, "timeout")) * time.Minute
	p.RemoveGroupsWhole = rapid.Bool().Draw(t, "whole")
	if rapid.IntRange(0, 3).Draw(t, "ages") > 0 {
		p.MaxAge = time.Hour
	}
	pool, limits := aPool("a", "F4", 4, 10)
	w.state = State{CanDrain: true, Memory: Memory{Nodes: make(map[NodeID]NodeMemory)}}
	w.state.Supply = Supply{Pools: []Pool{pool}, Limits: limits}
	for i := range rapid.IntRange(1, 4).Draw(t, "nodes") {
		n := aNode(fmt.Sprintf("n%d", i), pool.ID, PhaseReady)
		n.Group = rapid.SampledFrom([]string{"", "g"}).Draw(t, "group")
		w.state.Supply.Nodes = append(w.state.Supply.Nodes, n)
		asked := start.Add(-time.Duration(rapid.IntRange(0, 300).Draw(t, "age")) * time.Minute)
		w.state.Memory.Nodes[n.ID] = NodeMemory{Asked: asked, Ready: asked, Ours: true}
	}
	return w
}

// happen lets jobs come to hosts that take work, and end, and an administrator drain.
func (w *drainWorld) happen() {
	for _, n := range w.state.Supply.Nodes {
		use := w.uses[n.Host]
		switch what := rapid.IntRange(0, 9).Draw(w.t, "what"); {
		case what < 2 && use.Drain == NotDraining:
			use.Jobs, use.Whole = []JobID{"r"}, true
		case what == 2:
			use.Jobs, use.Whole = nil, false
		case what == 3 && rapid.IntRange(0, 9).Draw(w.t, "admin") == 0:
			use.Drain = rapid.SampledFrom([]Drain{NotDraining, DrainForeign}).Draw(w.t, "drain")
		}
		w.uses[n.Host] = use
	}
}

func (w *drainWorld) look() Observation {
	o := Observation{At: w.at, Supply: w.state.Supply, Demand: Demand{Vouched: true, Use: make(map[string]HostUse)}}
	for host, use := range w.uses {
		if use.Busy() || use.Drain != NotDraining {
			o.Demand.Use[host] = use
		}
	}
	if rapid.IntRange(0, 9).Draw(w.t, "blind") == 0 {
		o.Demand, o.DemandProblem = Demand{}, "away"
	}
	return o
}

// note brings the books to what is seen.
func (w *drainWorld) note() {
	for _, n := range w.state.Supply.Nodes {
		use := w.uses[n.Host]
		if use.Drain == DrainOurs {
			delete(w.sent, n.ID)
			delete(w.hidden, n.ID)
		}
		if !use.Busy() {
			w.emptied(n)
		}
		if since := w.marked[n.ID]; use.Drain != DrainOurs || !use.Busy() {
			delete(w.marked, n.ID)
		} else if since.IsZero() {
			w.marked[n.ID] = w.at
		}
	}
}

// carryOut lets some marks get lost. What goes leaves the world.
func (w *drainWorld) carryOut(p Plan) {
	for _, d := range p.Undrain {
		delete(w.marked, d.Node.ID)
		delete(w.hidden, d.Node.ID)
		if _, noted := w.undone[d.Node.ID]; !noted && d.Reason.Code == ReasonDrainTimeout && w.uses[d.Node.Host].Busy() {
			w.undone[d.Node.ID] = w.at
		}
		w.set(d.Node.Host, NotDraining)
	}
	for _, d := range p.Drain {
		w.sent[d.Node.ID], w.hidden[d.Node.ID] = w.at, true
		delete(w.undone, d.Node.ID)
		w.set(d.Node.Host, DrainOurs)
	}
	gone := make(map[NodeID]bool)
	for _, r := range p.Remove {
		for _, n := range r.Nodes {
			gone[n.ID] = true
			delete(w.uses, n.Host)
		}
	}
	var left []Node
	for _, n := range w.state.Supply.Nodes {
		if !gone[n.ID] {
			left = append(left, n)
		}
	}
	w.state.Supply.Nodes = left
}

func (w *drainWorld) set(host string, d Drain) {
	if rapid.IntRange(0, 2).Draw(w.t, "lost") > 0 {
		use := w.uses[host]
		use.Drain = d
		w.uses[host] = use
	}
}

// emptied forgets what was undone for a node that is empty: itself, and what is to go
// only together with it.
func (w *drainWorld) emptied(n Node) {
	for _, other := range w.state.Supply.Nodes {
		if other.ID == n.ID || n.Group != "" && other.Group == n.Group {
			delete(w.undone, other.ID)
		}
	}
}

// check holds a plan against the books.
func (w *drainWorld) check(p Plan) {
	undrains := make(map[NodeID]bool)
	for _, d := range p.Undrain {
		undrains[d.Node.ID] = true
		hidden := w.hidden[d.Node.ID] && w.uses[d.Node.Host].Drain == NotDraining
		require.True(w.t, hidden || w.uses[d.Node.Host].Drain == DrainOurs, "a mark that is not ours is withdrawn")
	}
	for _, v := range p.Nodes {
		hidden := w.hidden[v.Node] && w.uses["host-"+string(v.Node)].Drain == NotDraining
		require.True(w.t, v.Goes || !hidden || undrains[v.Node], "%s stays, and a mark that does not show may keep work from it", v.Node)
	}
	timeout := w.policy.Pools[0].DrainTimeout
	for id, since := range w.marked {
		require.True(w.t, w.at.Sub(since) < timeout || undrains[id], "%s is busy and marked for %s, and stays so", id, w.at.Sub(since))
	}
	for _, d := range p.Drain {
		id := d.Node.ID
		require.Equal(w.t, NotDraining, w.uses[d.Node.Host].Drain)
		if undone, noted := w.undone[id]; noted {
			require.GreaterOrEqual(w.t, w.at.Sub(undone), timeout, "%s is tried again too early", id)
		}
		if sent, noted := w.sent[id]; noted {
			require.GreaterOrEqual(w.t, w.at.Sub(sent), firstMarkAgain, "%s is marked again and again", id)
		}
	}
}

func TestPropertyDrainsEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newDrainWorld(t)
		for range rapid.IntRange(1, 60).Draw(t, "ticks") {
			w.happen()
			w.state.Observation = w.look()
			w.state.Memory = Advance(w.state.Memory, w.state.Observation, nil, w.policy)
			plan := Decide(w.state, w.policy)
			w.state.Memory = Remember(w.state.Memory, plan)
			if w.state.DemandProblem != "" {
				clear(w.marked) // nothing can be known
			} else {
				w.note()
				w.check(plan)
				w.carryOut(plan)
			}
			w.at = w.at.Add(time.Duration(rapid.SampledFrom([]int{15, 60, 300}).Draw(t, "step")) * time.Second)
		}
	})
}
