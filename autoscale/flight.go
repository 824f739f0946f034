package autoscale

import "slices"

// attemptsAtMost is how often a request is sent. One that the cloud still does not
// know then is watched until it expires, and its jobs are planned anew.
const attemptsAtMost = 3

// flight is nodes that were asked for and are not in the observation.
type flight struct {
	operation *Operation
	pool      int
	count     int
	// unwanted: they are no supply for jobs.
	unwanted bool
	// barred: the cloud does not know the request, and it may not be sent
	// again: its pool is closed, the breaker is open, a limit was lowered since,
	// or it was sent often enough.
	barred bool
	// used counts how many of them the plan gave work.
	used int
}

// addFlights enters what was asked for and is not yet seen.
func (b *board) addFlights(poolIndex map[PoolID]int, unwanted map[RequestID]bool) {
	for i := range b.state.Operations {
		op := &b.state.Operations[i]
		pool, known := poolIndex[op.Pool]
		if !known {
			b.lost = append(b.lost, op)
		}
		if count := op.Expected(); known && count > 0 {
			f := flight{operation: op, pool: pool, count: count}
			f.unwanted = b.pools[pool].policy < 0 || op.Phase == OpAbsent && unwanted[op.Request]
			b.inFlight = append(b.inFlight, f)
		}
	}
	slices.SortFunc(b.inFlight, func(x, y flight) int { return byIntent(x.operation, y.operation) })
}

// drawInFlight draws on every limit for what is in flight, for the observation can't
// show it. What a pool that is no longer listed draws is on record.
func (b *board) drawInFlight() {
	for _, op := range b.lost {
		b.ledger.take(b.ledger.claims(op.Draws), op.Expected())
	}
	for _, f := range b.inFlight {
		pool := &b.pools[f.pool]
		b.ledger.take(pool.claims, f.count)
		if f.operation.Group != "" {
			pool.groupActive[f.operation.Group] += f.count
		}
	}
	b.addGroups()
	for i := range b.inFlight {
		f := &b.inFlight[i]
		f.barred = f.operation.Phase == OpAbsent && (f.operation.Attempts >= attemptsAtMost || b.breaker.reason.Code != "" || b.overfull(f))
	}
}

// overfull tells whether what is in flight to a pool is more than it may have.
func (b *board) overfull(f *flight) bool {
	pool := &b.pools[f.pool]
	group := f.operation.Group
	return pool.closed() || b.ledger.exceeded(pool.claims) ||
		group != "" && (pool.groupActive[group] > pool.GroupSize || b.ledger.exceeded(b.groupClaims(f.pool)))
}
