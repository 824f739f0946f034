package autoscale

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// releasing makes a state one of a queue that owns the life of its hosts: every job names
// its nodes, of one pool, and the queue alone drains.
func releasing(t *rapid.T, s State) State {
	s.CanDrain, s.Demand.Releases, s.Demand.Vouched = false, true, true
	for i := range s.Demand.Classes {
		c := &s.Demand.Classes[i]
		if len(c.Names) == 0 {
			c.Held = "None"
			continue
		}
		pool := rapid.SampledFrom(s.Supply.Pools).Draw(t, "pool")
		c.Selector = Selector{}
		for _, label := range []string{LabelNodearray, LabelMachineType, LabelSpot} {
			c.Selector.All = append(c.Selector.All, HasLabel(label, pool.Labels[label]))
		}
	}
	for host, use := range s.Demand.Use {
		if use.Drain == DrainOurs {
			use.Drain = DrainDone
			s.Demand.Use[host] = use
		}
	}
	for i := range s.Memory.Nodes {
		m := s.Memory.Nodes[i]
		m.Unjoined = false
		s.Memory.Nodes[i] = m
	}
	return s
}

// withoutEffect are the settings of a policy that change no plan for such a queue. The
// configuration refuses their keys.
var withoutEffect = map[string]func(t *rapid.T, p *Policy, pool *PoolPolicy){
	"order": func(t *rapid.T, p *Policy, _ *PoolPolicy) {
		p.Order = rapid.SampledFrom([]Order{AsListed, Cheapest, LeastWaste}).Draw(t, "order")
	},
	"spot": func(t *rapid.T, p *Policy, _ *PoolPolicy) {
		p.Spot = rapid.SampledFrom([]SpotPreference{SpotFirst, SpotLast}).Draw(t, "spot")
	},
	"gang_hold":  func(t *rapid.T, p *Policy, _ *PoolPolicy) { p.GangHold = drawLength(t) },
	"group_name": func(t *rapid.T, p *Policy, _ *PoolPolicy) { p.GroupName = "x{n}" },
	"priority": func(t *rapid.T, _ *Policy, pool *PoolPolicy) {
		pool.Priority += rapid.IntRange(-3, 3).Draw(t, "priority")
	},
	"min":           func(t *rapid.T, _ *Policy, pool *PoolPolicy) { pool.Min = rapid.IntRange(0, 5).Draw(t, "min") },
	"idle_time":     func(t *rapid.T, _ *Policy, pool *PoolPolicy) { pool.IdleTime = drawLength(t) },
	"drain_timeout": func(t *rapid.T, _ *Policy, pool *PoolPolicy) { pool.DrainTimeout = drawLength(t) },
	"join_timeout":  func(t *rapid.T, _ *Policy, pool *PoolPolicy) { pool.JoinTimeout = drawLength(t) },
	"max_busy":      func(t *rapid.T, _ *Policy, pool *PoolPolicy) { pool.MaxBusy = drawLength(t) },
	"max_age":       func(t *rapid.T, _ *Policy, pool *PoolPolicy) { pool.MaxAge = drawLength(t) },
	"buffer":        func(t *rapid.T, _ *Policy, pool *PoolPolicy) { pool.Buffer = rapid.IntRange(0, 5).Draw(t, "buffer") },
	"buffer_percent": func(t *rapid.T, _ *Policy, pool *PoolPolicy) {
		pool.BufferPercent = rapid.IntRange(0, 100).Draw(t, "percent")
	},
	"remove_groups_whole": func(t *rapid.T, _ *Policy, pool *PoolPolicy) { pool.RemoveGroupsWhole = !pool.RemoveGroupsWhole },
	"labels":              func(_ *rapid.T, _ *Policy, pool *PoolPolicy) { pool.Labels = map[string]string{"colour": "red"} },
}

func drawLength(t *rapid.T) time.Duration {
	return time.Duration(rapid.IntRange(0, 7200).Draw(t, "seconds")) * time.Second
}

// deeds are what a plan does and says of jobs and nodes, whatever the order of pools.
func deeds(p Plan) Plan {
	out := Plan{
		Grow: slices.Clone(p.Grow), Start: slices.Clone(p.Start), Drain: p.Drain, Undrain: p.Undrain, Report: p.Report,
		Remove: slices.Clone(p.Remove), Retry: p.Retry, Hold: p.Hold, Limits: p.Limits, First: p.First, Outcomes: slices.Clone(p.Outcomes),
	}
	slices.SortFunc(out.Grow, func(a, b Grow) int {
		return cmp.Or(cmp.Compare(a.Pool, b.Pool), cmp.Compare(a.Group, b.Group), slices.Compare(a.Names, b.Names))
	})
	slices.SortFunc(out.Start, func(a, b Start) int { return cmp.Or(cmp.Compare(a.Pool, b.Pool), cmp.Compare(a.Group, b.Group)) })
	slices.SortFunc(out.Remove, func(a, b Remove) int {
		return cmp.Or(cmp.Compare(a.Pool, b.Pool), cmp.Compare(a.Reason.Code, b.Reason.Code), cmp.Compare(a.Removal, b.Removal))
	})
	for i := range out.Outcomes {
		o := &out.Outcomes[i]
		o.Served = slices.Clone(o.Served)
		for j := range o.Served {
			if g := &o.Served[j].Grow; *g >= 0 {
				*g = 0 // its place in the list
			}
		}
	}
	for _, v := range p.Nodes {
		out.Nodes = append(out.Nodes, NodeVerdict{Node: v.Node, Goes: v.Goes, Reason: v.Reason})
	}
	return out
}

func TestPropertyKeysWithoutEffectWhereTheQueueReleases(t *testing.T) {
	for key, change := range withoutEffect {
		t.Run(key, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				s, p := drawState(t)
				s = releasing(t, s)
				before := Decide(s, p)
				p.Pools = append([]PoolPolicy{}, p.Pools...)
				change(t, &p, &p.Pools[rapid.IntRange(0, len(p.Pools)-1).Draw(t, "changed")])
				require.Equal(t, deeds(before), deeds(Decide(s, p)))
			})
		})
	}
}
