package sim

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/examples/traces"
)

// idealCloud gives nodes after a fixed time, up to a limit, and loses nothing.
type idealCloud struct {
	room        int
	boot, leave time.Duration
	nodes       []*idealNode
	made, gone  int
}

type idealNode struct {
	id      string
	ready   time.Time
	joined  bool
	leaving time.Time // when it will be gone; zero: it stays
}

func (c *idealCloud) supply(now time.Time) autoscale.Supply {
	s := autoscale.Supply{
		Pools: []autoscale.Pool{{
			ID: "execute/F4", Labels: map[string]string{autoscale.LabelNodearray: "execute"},
			Node: autoscale.Resources{Cores: 4}, Draws: []autoscale.Draw{{Limit: "nodearray/execute/nodes", Amount: 1}},
		}},
		Limits: []autoscale.Limit{{
			ID: "nodearray/execute/nodes", Kind: autoscale.LimitNodearray, Unit: autoscale.UnitNodes, Max: int64(c.room), Used: int64(len(c.nodes)),
		}},
	}
	for _, n := range c.nodes {
		node := autoscale.Node{ID: autoscale.NodeID(n.id), Name: n.id, Pool: "execute/F4", Phase: autoscale.PhaseStarting, Owned: true}
		switch {
		case !n.leaving.IsZero():
			node.Phase, node.Host = autoscale.PhaseStopping, n.id
		case !n.ready.After(now):
			node.Phase, node.Host = autoscale.PhaseReady, n.id
		}
		s.Nodes = append(s.Nodes, node)
	}
	return s
}

// pass lets nodes join the scheduler at the time they become ready, and go.
func (c *idealCloud) pass(t *testing.T, s *Scheduler, now time.Time) {
	slices.SortStableFunc(c.nodes, func(a, b *idealNode) int { return a.ready.Compare(b.ready) })
	for _, n := range c.nodes {
		if !n.joined && n.leaving.IsZero() && !n.ready.After(now) {
			s.Advance(n.ready)
			require.NoError(t, s.Join(four(n.id)))
			n.joined = true
		}
	}
	s.Advance(now)
	c.nodes = slices.DeleteFunc(c.nodes, func(n *idealNode) bool { return !n.leaving.IsZero() && !n.leaving.After(now) })
}

func (c *idealCloud) act(t *testing.T, s *Scheduler, p autoscale.Plan) {
	for _, g := range p.Grow {
		for range g.Count {
			c.made++
			c.nodes = append(c.nodes, &idealNode{id: fmt.Sprintf("n%d", c.made), ready: p.At.Add(c.boot)})
		}
	}
	require.LessOrEqual(t, len(c.nodes), c.room, "over the limit at %s", p.At)
	for _, r := range p.Remove {
		for _, node := range r.Nodes {
			i := slices.IndexFunc(c.nodes, func(n *idealNode) bool { return n.id == string(node.ID) })
			n := c.nodes[i]
			require.Zero(t, n.leaving, "%s is removed twice", n.id)
			n.leaving = p.At.Add(c.leave)
			c.gone++
			if n.joined {
				killed, err := s.Leave(n.id)
				require.NoError(t, err)
				require.Zero(t, killed, "%s was removed under a job at %s: %s", n.id, p.At, r.Reason)
			}
		}
	}
	nodes := func(list []autoscale.Drained) (out []autoscale.Node) {
		for _, d := range list {
			out = append(out, d.Node)
		}
		return out
	}
	s.Drain(context.Background(), nodes(p.Drain), "")
	s.Undrain(context.Background(), nodes(p.Undrain))
}

// A week of a real cluster's jobs through the planner and this scheduler, on a
// cloud without faults.
func TestAWeekIsServed(t *testing.T) {
	for name, canDrain := range map[string]bool{"with drain": true, "without drain": false} {
		t.Run(name, func(t *testing.T) {
			c := &idealCloud{room: 100, boot: 5 * time.Minute, leave: 90 * time.Second}
			s := weekOfJobs(t)
			policy := autoscale.Policy{Pools: []autoscale.PoolPolicy{{
				Name: "execute", Match: autoscale.HasLabel(autoscale.LabelNodearray, "execute"),
				IdleTime: autoscale.DefaultIdleTime, BootTimeout: autoscale.DefaultBootTimeout,
			}}}
			var memory autoscale.Memory
			for now := epoch; now.Before(epoch.Add(10 * 24 * time.Hour)); now = now.Add(5 * time.Minute) {
				c.pass(t, s, now)
				o := autoscale.Observation{At: now, Supply: c.supply(now), Demand: demand(t, s)}
				memory = autoscale.Advance(memory, o, nil, policy)
				plan := autoscale.Decide(autoscale.State{Observation: o, Memory: memory, CanDrain: canDrain}, policy)
				memory = autoscale.Remember(memory, plan)
				c.act(t, s, plan)
				if s.Totals().Finished == 839 && len(c.nodes) == 0 {
					break
				}
			}
			totals := s.Totals()
			require.Equal(t, 839, totals.Finished)
			require.Zero(t, totals.Kills)
			require.Equal(t, c.made, c.gone, "everything that was made is gone in the end")
			require.Empty(t, c.nodes)
			require.Less(t, totals.UpSeconds, 1.25*totals.WorkSeconds, "nodes wait for more work than there is")
		})
	}
}

func weekOfJobs(t *testing.T) *Scheduler {
	t.Helper()
	trace, err := ParseSWF(strings.NewReader(traces.KTHWeek))
	require.NoError(t, err)
	s := NewScheduler(epoch)
	for _, job := range trace {
		require.NoError(t, s.Submit(job.WholeNodes(epoch, autoscale.Resources{Cores: 4})))
	}
	return s
}
