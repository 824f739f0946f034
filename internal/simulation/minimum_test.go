package simulation

import (
	"slices"
	"strings"
	"time"

	"autoscaled/autoscale"
)

// stood tells of a node that it counted to its pool's min, and when the cloud was last
// read while it did.
type stood struct {
	pool string
	at   time.Time
}

// noteStanding notes which nodes count to min as the cloud is read. The caller holds the
// world's lock.
func (w *world) noteStanding() {
	for _, n := range w.cloud.Nodes(cluster) {
		if !n.Head && n.TargetState == "Started" && w.serves(n) {
			w.stood[n.ID] = stood{n.Bucket.Nodearray, time.Now()}
		}
	}
}

// checkMinimum: a removal that only saves leaves each pool its min, of nodes that stood
// when the cloud was last read and nodes that are asked for. The caller holds the world's
// lock.
func (w wire) checkMinimum(q request, sawAt time.Time) {
	operations := w.all()
	switch operations[autoscale.RequestID(q.RequestID)].Reason.Code {
	case autoscale.ReasonBootTimeout, autoscale.ReasonFailed: // such nodes don't count
		return
	}
	going, stay, leave := leaving(operations), coming(operations), map[string]bool{}
	for id, s := range w.life.stood {
		switch {
		case s.at.Before(sawAt):
		case slices.Contains(q.IDs, id):
			leave[s.pool] = true
		case !going[autoscale.NodeID(id)]:
			stay[s.pool]++
		}
	}
	for i := range w.life.policy.Pools {
		if p := &w.life.policy.Pools[i]; leave[p.Name] && stay[p.Name] < p.Min {
			w.life.violate("%s %s leaves pool %s with %d nodes; its min is %d", q.action, q.RequestID, p.Name, stay[p.Name], p.Min)
		}
	}
}

// leaving are the nodes of removals under way.
func leaving(operations map[autoscale.RequestID]autoscale.Operation) map[autoscale.NodeID]bool {
	under := map[autoscale.RequestID]autoscale.Operation{}
	for id, op := range operations {
		if !op.Phase.Final() && op.Phase != autoscale.OpAbsent {
			under[id] = op
		}
	}
	return toGo(under)
}

// coming counts by pool the nodes that were asked for and that nobody has seen yet.
func coming(operations map[autoscale.RequestID]autoscale.Operation) map[string]int {
	count := map[string]int{}
	for _, op := range operations {
		array, _, _ := strings.Cut(string(op.Pool), "/")
		switch {
		case op.Kind == autoscale.OperationCreate:
			count[array] += op.Expected()
		case op.Kind == autoscale.OperationStart && !op.Phase.Final():
			count[array] += len(op.Nodes)
		}
	}
	return count
}
