package loop

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"autoscaled/autoscale"
)

// view is the gauges of one cluster, made whole by one tick and then only read.
type view struct {
	gauges []gauge
	// demand and supply are the gauges that an unreadable queue or cloud leaves
	// as they were.
	demand, supply []gauge
	// breaker, and what is paused, is kept where there was no plan.
	breaker []gauge
	// stuck is kept where nothing could be planned.
	stuck    []gauge
	lastGood float64
}

type gauge struct {
	info   MetricInfo
	labels []string // after the cluster
	value  float64
}

// next is the view after a tick.
func (v *view) next(r Report, p autoscale.Policy) *view {
	n := &view{demand: v.demand, supply: v.supply, lastGood: v.lastGood}
	if r.Good() {
		n.lastGood = float64(r.At.UnixNano()) / 1e9
	}
	planned := !r.Plan.At.IsZero()
	demandKnown := !r.failed(StepQueue)
	if demandKnown && planned {
		n.demand = append(demandGauges(r, v.demand), waitGauges(r, p)...)
	}
	n.breaker = v.breaker
	if planned {
		n.breaker = append(breakerGauges(r.Memory.Breaker), pausedGauges(r.Memory.Paused, p)...)
	}
	if n.stuck = v.stuck; planned && r.Plan.Hold.Code == "" {
		n.stuck = stuckGauges(r, p)
	}
	if r.Observation.SupplyProblem == "" {
		n.supply = slices.Concat(nodeGauges(r.Observation.Supply, p), stateGauges(r.Observation.Supply, v.supply), foreignGauges(r, p), undrainableGauges(r, p), limitGauges(r), spendGauges(r.Memory.Spend))
	}
	n.gauges = append(operationGauges(r.Operations), holdGauges(r.Plan, v.gauges)...)
	n.gauges = append(n.gauges,
		gauge{infoDemandKnown, nil, yes(demandKnown)},
		gauge{infoSupplyKnown, nil, yes(r.Observation.SupplyProblem == "")},
		gauge{infoJournalOK, nil, yes(!r.failed(StepJournal))},
		gauge{infoRefused, nil, yes(r.Refused != "")})
	return n
}

func demandGauges(r Report, before []gauge) []gauge {
	var jobs, tasks, cores float64 // a document may ask for more than an int can count
	for i := range r.Observation.Demand.Classes {
		c := &r.Observation.Demand.Classes[i]
		members, each := float64(len(c.Members)), float64(c.Tasks)
		jobs += members
		tasks += members * each
		cores += members * each * float64(c.PerTask.Cores)
	}
	served, waiting := make(map[string]int), make(map[string]int)
	for _, o := range r.Plan.Outcomes {
		if len(o.Served) > 0 {
			served[string(o.Reason.Code)] += o.To - o.From
		} else {
			waiting[string(o.Reason.Code)] += o.To - o.From
		}
	}
	list := []gauge{
		{infoJobs, nil, jobs},
		{infoTasks, nil, tasks},
		{infoCores, nil, cores},
		{infoJump, nil, float64(r.Memory.Surge.Jump)},
	}
	list = append(list, byLabel(infoServed, served, before)...)
	return append(list, byLabel(infoWaiting, waiting, before)...)
}

// nodeGauges lists every phase of the pools that a policy names, so that their
// series do not come and go, and of others what there is.
func nodeGauges(s autoscale.Supply, p autoscale.Policy) []gauge {
	type cell struct {
		pool  autoscale.PoolID
		phase autoscale.Phase
	}
	nodes := make(map[cell]int)
	for i := range s.Pools {
		if managed(&s.Pools[i], p) {
			for _, phase := range nodePhases {
				nodes[cell{s.Pools[i].ID, phase}] = 0
			}
		}
	}
	for i := range s.Nodes {
		nodes[cell{s.Nodes[i].Pool, s.Nodes[i].Phase}]++
	}
	list := make([]gauge, 0, len(nodes))
	for c, n := range nodes {
		list = append(list, gauge{infoNodes, []string{string(c.pool), string(c.phase)}, float64(n)})
	}
	return list
}

// stateGauges counts nodes by the cloud's own names of their states. A state that was
// there before stays as zero.
func stateGauges(s autoscale.Supply, before []gauge) []gauge {
	type cell struct {
		pool  autoscale.PoolID
		state string
	}
	nodes := make(map[cell]int)
	for _, g := range before {
		if g.info.Name == infoStates.Name {
			nodes[cell{autoscale.PoolID(g.labels[0]), g.labels[1]}] = 0
		}
	}
	for i := range s.Nodes {
		if n := &s.Nodes[i]; n.State != "" {
			nodes[cell{n.Pool, n.State}]++
		}
	}
	list := make([]gauge, 0, len(nodes))
	for c, n := range nodes {
		list = append(list, gauge{infoStates, []string{string(c.pool), c.state}, float64(n)})
	}
	return list
}

// foreignGauges counts the nodes that are not ours.
func foreignGauges(r Report, p autoscale.Policy) []gauge {
	nodes := make(map[autoscale.PoolID]int)
	for i := range r.Orphans.Nodes {
		nodes[r.Orphans.Nodes[i].Pool]++
	}
	return poolGauges(infoForeign, nodes, r, p)
}

// waitGauges tell how long the oldest job waits that has no nodes.
func waitGauges(r Report, p autoscale.Policy) []gauge {
	seconds := make(map[autoscale.PoolID]int)
	for _, o := range r.Plan.Outcomes {
		if len(o.Served) > 0 || o.Pool == "" {
			continue
		}
		for _, m := range r.Observation.Demand.Classes[o.Class].Members[o.From:o.To] {
			if !m.Submitted.IsZero() {
				seconds[o.Pool] = max(seconds[o.Pool], int(r.At.Sub(m.Submitted)/time.Second))
			}
		}
	}
	return poolGauges(infoOldestWait, seconds, r, p)
}

// stuckGauges counts the nodes that are to go and don't.
func stuckGauges(r Report, p autoscale.Policy) []gauge {
	nodes := make(map[autoscale.PoolID]int)
	for i := range r.Plan.Nodes {
		v := &r.Plan.Nodes[i]
		n := r.Memory.Nodes[v.Node]
		if n.Vain.Stuck() && (v.Goes || v.Reason.Code == autoscale.ReasonLeaving) {
			nodes[n.Pool]++
		}
	}
	return poolGauges(infoStuck, nodes, r, p)
}

// poolGauges are numbers by pool: zero for each that a policy names.
func poolGauges(info MetricInfo, nodes map[autoscale.PoolID]int, r Report, p autoscale.Policy) []gauge {
	for i := range r.Observation.Supply.Pools {
		if pool := &r.Observation.Supply.Pools[i]; managed(pool, p) {
			nodes[pool.ID] += 0
		}
	}
	list := make([]gauge, 0, len(nodes))
	for pool, n := range nodes {
		list = append(list, gauge{info, []string{string(pool)}, float64(n)})
	}
	return list
}

// The values of label why of infoUndrainable.
const (
	whyUnseen  = "unseen"
	whyTimeout = "timeout"
)

// undrainableGauges counts the nodes that can't be drained, of each pool that a policy
// names. One that failed before and whose mark is not shown counts as that.
func undrainableGauges(r Report, p autoscale.Policy) []gauge {
	unseen, timeout := make(map[autoscale.PoolID]int), make(map[autoscale.PoolID]int)
	for _, m := range r.Memory.Nodes {
		switch {
		case m.Drain.Unseen():
			unseen[m.Pool]++
		case m.Drain.Failed > 0:
			timeout[m.Pool]++
		}
	}
	var list []gauge
	for i := range r.Observation.Supply.Pools {
		if pool := &r.Observation.Supply.Pools[i]; managed(pool, p) {
			list = append(list,
				gauge{infoUndrainable, []string{string(pool.ID), whyUnseen}, float64(unseen[pool.ID])},
				gauge{infoUndrainable, []string{string(pool.ID), whyTimeout}, float64(timeout[pool.ID])})
		}
	}
	return list
}

// limitGauges shows the cloud's limits and the policy's as the plan leaves them,
// or, where nothing could be planned, as the cloud tells them.
func limitGauges(r Report) []gauge {
	limits := r.Plan.Limits
	if r.Plan.At.IsZero() {
		limits = r.Observation.Supply.Limits
	}
	known := make(map[autoscale.LimitID]bool, len(limits))
	list := make([]gauge, 0, 2*len(limits))
	for _, l := range limits {
		if known[l.ID] {
			continue
		}
		known[l.ID] = true
		labels := []string{string(l.ID), string(l.Unit)}
		list = append(list, gauge{infoLimitMax, labels, l.Unit.Amount(l.Max)}, gauge{infoLimitUsed, labels, l.Unit.Amount(l.Used)})
	}
	return list
}

// spendGauges tell what nodes cost, once the price of any has been known.
func spendGauges(s autoscale.Spend) []gauge {
	if s.At.IsZero() {
		return nil
	}
	return []gauge{{infoSpendMonth, nil, s.Amount}, {infoSpendHour, nil, s.PerHour.Float()}}
}

func managed(pool *autoscale.Pool, p autoscale.Policy) bool {
	for i := range p.Pools {
		if _, ok := p.Pools[i].Match.Match(pool.Labels); ok {
			return true
		}
	}
	return false
}

func operationGauges(ops []autoscale.Operation) []gauge {
	type cell struct {
		kind  autoscale.OperationKind
		phase autoscale.OperationPhase
	}
	count := make(map[cell]int)
	for _, op := range ops {
		count[cell{op.Kind, op.Phase}]++
	}
	var list []gauge
	for _, kind := range kinds {
		for _, phase := range phases {
			if !phase.Final() {
				list = append(list, gauge{infoOperations, []string{string(kind), string(phase)}, float64(count[cell{kind, phase}])})
			}
		}
	}
	return list
}

func holdGauges(p autoscale.Plan, before []gauge) []gauge {
	count := make(map[string]int)
	if p.Hold.Code != "" {
		count[string(p.Hold.Code)]++
		return byLabel(infoHolds, count, before)
	}
	for _, v := range p.Pools {
		if v.Held {
			count[string(v.Reason.Code)]++
		}
	}
	return byLabel(infoHolds, count, before)
}

// breakerGauges shows each class that can stop a cloud.
func breakerGauges(b autoscale.Breaker) []gauge {
	var list []gauge
	for _, class := range []autoscale.ErrorClass{autoscale.ErrorAuth, autoscale.ErrorConfig} {
		list = append(list, gauge{infoBreaker, []string{string(class)}, yes(b.Open() && b.Class == class)})
	}
	return list
}

// pausedGauges shows each pool of the policy.
func pausedGauges(paused []autoscale.Pause, p autoscale.Policy) []gauge {
	list := make([]gauge, len(p.Pools))
	for i := range p.Pools {
		name := p.Pools[i].Name
		is := slices.ContainsFunc(paused, func(x autoscale.Pause) bool { return x.Pool == "" || x.Pool == name })
		list[i] = gauge{infoPaused, []string{name}, yes(is)}
	}
	return list
}

// byLabel lists a gauge for each reason counted, and zero for those that were
// there before, so that no series ends when its reason does.
func byLabel(info MetricInfo, count map[string]int, before []gauge) []gauge {
	for _, g := range before {
		if g.info.Name == info.Name {
			count[g.labels[0]] += 0
		}
	}
	list := make([]gauge, 0, len(count))
	for label, n := range count {
		list = append(list, gauge{info, []string{label}, float64(n)})
	}
	return list
}

func yes(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(out chan<- *prometheus.Desc) {
	for _, info := range gaugeInfos {
		out <- info.desc()
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(out chan<- prometheus.Metric) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for cluster, v := range m.views {
		for _, list := range [][]gauge{v.gauges, v.breaker, v.stuck, v.demand, v.supply, {{infoLastGood, nil, v.lastGood}}} {
			for _, g := range list {
				labels := append([]string{cluster}, g.labels...)
				out <- prometheus.MustNewConstMetric(g.info.desc(), prometheus.GaugeValue, g.value, labels...)
			}
		}
	}
}

// gaugeInfos are the metrics that a view holds.
var gaugeInfos = []MetricInfo{
	infoDemandKnown, infoSupplyKnown, infoJournalOK, infoLastGood, infoJobs, infoTasks, infoCores, infoJump, infoServed, infoWaiting,
	infoOldestWait, infoNodes, infoStates, infoForeign, infoUndrainable, infoStuck, infoLimitMax, infoLimitUsed, infoSpendMonth, infoSpendHour, infoOperations, infoHolds, infoBreaker, infoPaused, infoRefused,
}

func (i MetricInfo) desc() *prometheus.Desc {
	return prometheus.NewDesc(i.Name, i.Help, i.Labels, nil)
}
