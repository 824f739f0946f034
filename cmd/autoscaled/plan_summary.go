package main

import (
	"cmp"

	"autoscaled/autoscale"
	"autoscaled/autoscale/loop"
)

// summary indexes a report for printing.
type summary struct {
	report loop.Report
	nodes  map[autoscale.NodeID]*autoscale.Node
	// onAnka tells that the cloud is an Anka controller, whose pools are of no nodearray.
	onAnka bool
}

func newSummary(r loop.Report) *summary {
	s := &summary{report: r, nodes: make(map[autoscale.NodeID]*autoscale.Node, len(r.Observation.Supply.Nodes))}
	for i := range r.Observation.Supply.Nodes {
		n := &r.Observation.Supply.Nodes[i]
		s.nodes[n.ID] = n
	}
	for i := range r.Observation.Supply.Pools {
		labels := r.Observation.Supply.Pools[i].Labels
		_, array := labels[autoscale.LabelNodearray]
		s.onAnka = s.onAnka || len(labels) > 0 && !array
	}
	return s
}

// node is the node as the cloud shows it, or only its id.
func (s *summary) node(id autoscale.NodeID) autoscale.Node {
	if n, ok := s.nodes[id]; ok {
		return *n
	}
	return autoscale.Node{ID: id}
}

// nodeName is what people call a node.
func nodeName(n autoscale.Node) string { return cmp.Or(n.Name, string(n.ID)) }

func (s *summary) problems() []string {
	list := []string{}
	for _, p := range s.report.Problems {
		list = append(list, string(p.Step)+": "+p.Err.Error())
	}
	return list
}

// money is what nodes cost; nil where nothing is known of it.
func (s *summary) money() *planMoney {
	spend := s.report.Memory.Spend
	m := planMoney{Month: spend.Month, Spent: spend.Amount, PerHour: spend.PerHour.Float(), Budgets: []planBudget{}}
	for _, l := range s.report.Plan.Limits {
		if l.Kind == autoscale.LimitBudget {
			m.Budgets = append(m.Budgets, planBudget{ID: l.ID, Max: l.Unit.Amount(l.Max), Used: l.Unit.Amount(l.Used)})
		}
	}
	if spend.At.IsZero() && len(m.Budgets) == 0 {
		return nil
	}
	return &m
}

// poolCount is what a pool has and what the plan does with it.
type poolCount struct {
	id           autoscale.PoolID
	now          map[autoscale.Phase]int
	grow, remove int
	verdict      autoscale.PoolVerdict
}

// pools are those that have nodes, or that the plan is about, in the cloud's order,
// with why.
func (s *summary) pools() []poolCount {
	var list []poolCount
	index := map[autoscale.PoolID]int{}
	at := func(id autoscale.PoolID) *poolCount {
		i, ok := index[id]
		if !ok {
			i = len(list)
			index[id] = i
			list = append(list, poolCount{id: id, now: map[autoscale.Phase]int{}})
		}
		return &list[i]
	}
	for _, p := range s.report.Observation.Supply.Pools {
		at(p.ID)
	}
	for _, v := range s.report.Plan.Pools {
		at(v.Pool).verdict = v
	}
	for _, n := range s.report.Observation.Supply.Nodes {
		if n.Protected == "" && n.Pool != "" {
			at(n.Pool).now[n.Phase]++
		}
	}
	for _, g := range s.report.Plan.Grow {
		at(g.Pool).grow += g.Count
	}
	for _, r := range s.report.Plan.Remove {
		at(r.Pool).remove += len(r.Nodes)
	}
	return list
}
