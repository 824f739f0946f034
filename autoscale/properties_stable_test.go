package autoscale

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestPropertyInputOrderPlaysNoPart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, p := drawState(t)
		want := Decide(s, p)
		r := rand.New(rand.NewPCG(1, rapid.Uint64().Draw(t, "shuffle")))
		shuffled := s
		shuffled.Supply.Pools = slices.Clone(s.Supply.Pools)
		shuffled.Supply.Nodes = slices.Clone(s.Supply.Nodes)
		shuffled.Supply.Limits = slices.Clone(s.Supply.Limits)
		shuffled.Operations = slices.Clone(s.Operations)
		r.Shuffle(len(s.Supply.Pools), func(i, j int) {
			shuffled.Supply.Pools[i], shuffled.Supply.Pools[j] = shuffled.Supply.Pools[j], shuffled.Supply.Pools[i]
		})
		r.Shuffle(len(s.Supply.Nodes), func(i, j int) {
			shuffled.Supply.Nodes[i], shuffled.Supply.Nodes[j] = shuffled.Supply.Nodes[j], shuffled.Supply.Nodes[i]
		})
		r.Shuffle(len(s.Supply.Limits), func(i, j int) {
			shuffled.Supply.Limits[i], shuffled.Supply.Limits[j] = shuffled.Supply.Limits[j], shuffled.Supply.Limits[i]
		})
		r.Shuffle(len(s.Operations), func(i, j int) {
			shuffled.Operations[i], shuffled.Operations[j] = shuffled.Operations[j], shuffled.Operations[i]
		})
		require.Equal(t, want, Decide(shuffled, p))
	})
}

// A job that found no room at first may find it among nodes that were made for
// others after it, so further rounds may serve more; but where all were served,
// the first round is the last, and in any case it settles. Only a node that was to go and
// has to wait for it may turn out to be needed, since another went in its place: the next
// round withdraws its mark.
func TestPropertyPlanningAgainSettles(t *testing.T) {
	check(t, func(t *rapid.T, w world) {
		allServed := !slices.ContainsFunc(w.plan.Outcomes, func(o Outcome) bool {
			return slices.Contains([]ReasonCode{ReasonLimit, ReasonBudget, ReasonNoPrice, ReasonGangWaits, ReasonReserved, ReasonCapacity, ReasonBreaker, ReasonPoolInvalid, ReasonPart, ReasonNameTaken, ReasonNameUnnumbered}, o.Reason.Code)
		})
		waits := make(map[NodeID]bool)
		for _, v := range w.plan.Nodes {
			waits[v.Node] = v.Goes && v.Reason.Code == ReasonRemovalBackoff
		}
		rounds, waiting := 0, 0
		for _, o := range w.plan.Outcomes {
			waiting += (o.To - o.From) * (w.Demand.Classes[o.Class].Tasks - o.Tasks)
		}
		for again := w; ; rounds++ {
			next := applied(again)
			again = newWorld(next, w.policy)
			if again.plan.Empty() {
				break
			}
			if allServed {
				more := again.plan
				require.Empty(t, more.Grow, "all were served, and more is created")
				require.Empty(t, more.Start, "all were served, and more is started")
				require.Empty(t, more.Drain)
				for _, r := range more.Retry {
					require.Equal(t, OperationRemove, r.Operation.Kind, "all were served, and more is created")
				}
				for _, d := range more.Undrain {
					require.True(t, waits[d.Node.ID], "%s was kept, and its mark withdrawn only now", d.Node.ID)
				}
			}
			require.Less(t, rounds, 5+waiting, "each round must serve more tasks")
		}
	})
}

// applied is the world right after a plan was carried out, before anything of it
// can be seen but its operations and drain marks.
func applied(w world) State {
	next := w.State
	next.Operations = nil
	retried := make(map[RequestID]bool)
	for _, r := range w.plan.Retry {
		retried[r.Operation.Request] = true
	}
	for _, op := range w.Operations {
		if retried[op.Request] {
			op.Phase, op.Added = OpAccepted, op.Count
		}
		next.Operations = append(next.Operations, op)
	}
	for i := range w.plan.Grow {
		g := &w.plan.Grow[i]
		g.Request = RequestID(fmt.Sprintf("new%d-%d", len(w.Operations), i))
		next.Operations = append(next.Operations, Operation{
			Request: g.Request, Kind: OperationCreate, Phase: OpAccepted, Pool: g.Pool, Group: g.Group, Count: g.Count, Names: g.Names, Added: g.Count, Intended: w.At,
		})
	}
	for i, s := range w.plan.Start {
		op := Operation{Request: RequestID(fmt.Sprintf("start%d-%d", len(w.Operations), i)), Kind: OperationStart, Phase: OpAccepted, Pool: s.Pool, Group: s.Group, Count: len(s.Nodes), Draws: s.Draws, Intended: w.At}
		for _, n := range s.Nodes {
			op.Nodes = append(op.Nodes, n.ID)
		}
		next.Operations = append(next.Operations, op)
	}
	for i, r := range w.plan.Remove {
		op := Operation{Request: RequestID(fmt.Sprintf("gone%d-%d", len(w.Operations), i)), Kind: OperationRemove, Phase: OpAccepted}
		for _, n := range r.Nodes {
			op.Nodes = append(op.Nodes, n.ID)
		}
		next.Operations = append(next.Operations, op)
	}
	next.Demand.Use = maps.Clone(w.Demand.Use)
	for _, d := range w.plan.Undrain {
		u := next.Demand.Use[d.Node.Host]
		u.Drain = NotDraining
		next.Demand.Use[d.Node.Host] = u
	}
	taken := make(map[NodeID]bool)
	for _, r := range w.plan.Report {
		taken[r.Node.ID] = true
	}
	next.Memory = NoteReports(Remember(w.Memory, w.plan), taken)
	for _, d := range w.plan.Drain {
		u := next.Demand.Use[d.Node.Host]
		u.Drain = DrainOurs
		next.Demand.Use[d.Node.Host] = u
	}
	return next
}

// Only the shared quota grows here, and each job has one task: a preferred pool
// that grows may well serve fewer jobs, where its larger nodes take more of the
// quota each, and so may the first of several jobs that takes more nodes.
func TestPropertyMoreQuotaServesNoFewer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, p := drawState(t)
		p.Budget = Budget{} // a dearer pool that grows uses it up with fewer nodes
		shape := drawShape(t)
		shape.Tasks = 1
		s.Demand.Classes = Intern(jobs("s", rapid.IntRange(1, 12).Draw(t, "n"), shape))
		before := served(Decide(s, p))
		more := s
		more.Supply.Limits = slices.Clone(s.Supply.Limits)
		shared := len(more.Supply.Limits) - 1
		more.Supply.Limits[shared].Max += int64(rapid.IntRange(1, 16).Draw(t, "more"))
		require.GreaterOrEqual(t, served(Decide(more, p)), before)
	})
}

func served(p Plan) int {
	n := 0
	for _, o := range p.Outcomes {
		if len(o.Served) > 0 {
			n += o.To - o.From
		}
	}
	return n
}
