package autoscale

// fillMinimums plans the nodes that pools lack to their min, or to what jobs use
// and their buffer. Late and failed nodes don't count to it; nodes that are asked
// for do.
func (b *board) fillMinimums() {
	b.addHeadroom()
	if !b.timed() {
		return // the queue names each node that it can use
	}
	for p := range b.policy.Pools {
		lack := b.target(p) - b.standing(p)
		lack = b.wantAbsent(p, lack)
		lack = b.startForMinimum(p, lack)
		for i := range b.pools {
			if b.pools[i].policy != p || lack <= 0 {
				continue
			}
			n := b.roomForMinimum(i, lack)
			if n > 0 {
				b.ledger.take(b.pools[i].alone.claims, n)
				b.growUnasked(i, n, b.targetReason(p))
				lack -= n
			}
		}
	}
}

// standing counts the nodes of a policy that will stay if nothing is removed.
func (b *board) standing(policy int) int {
	n := b.askedByName(policy)
	for i := range b.pools {
		if b.pools[i].policy == policy {
			n += b.pools[i].alive + b.pools[i].starting - b.pools[i].aging
		}
	}
	for _, f := range b.inFlight {
		if b.pools[f.pool].policy == policy && (f.operation.Phase != OpAbsent || f.used > 0) {
			n += f.count
		}
	}
	for at, g := range b.growOf {
		if b.pools[at.pool].policy == policy {
			n += b.plan.Grow[g].Count
		}
	}
	return n
}

// wantAbsent wants the nodes of requests that the cloud does not know, where all
// of them are lacking: sending those again is better than asking anew.
func (b *board) wantAbsent(policy, lack int) int {
	for i := range b.inFlight {
		f := &b.inFlight[i]
		if b.pools[f.pool].policy == policy && !f.barred && f.operation.Phase == OpAbsent && f.used == 0 && f.count <= lack {
			f.used = f.count
			lack -= f.count
		}
	}
	return lack
}

// roomForMinimum is how many of the nodes that are lacking a pool can have, and
// notes what stops the others.
func (b *board) roomForMinimum(pool, lack int) int {
	n := 0
	if !b.pools[pool].closed() {
		n = min(lack, b.ledger.room(b.pools[pool].alone.claims))
	}
	if r, held := b.stop(nil, place{pool: pool}, lack); n < lack && held {
		b.hold(pool, r)
	}
	return n
}

// growUnasked plans nodes that no job asks for in a set of their own, apart from
// those of jobs, so that why they come is told and counted.
func (b *board) growUnasked(pool, nodes int, why Reason) {
	at := place{pool: pool}
	delete(b.growOf, at)
	set := b.lots.all[b.grow(at, nodes)].grow
	b.plan.Grow[set].Reason = why
}

// findUnwanted notes the requests unknown to the cloud of which only some nodes
// are wanted. They can't be sent again in part.
func (b *board) findUnwanted(unwanted map[RequestID]bool) (any bool) {
	for _, f := range b.inFlight {
		if f.operation.Phase == OpAbsent && f.used > 0 && f.used < f.count {
			unwanted[f.operation.Request] = true
			any = true
		}
	}
	return any
}

// retryWanted sends again what the cloud does not know and is still wanted
// whole.
func (b *board) retryWanted() {
	b.retryStarts()
	for _, f := range b.inFlight {
		if f.operation.Phase == OpAbsent && f.used > 0 {
			reason := Reason{Code: ReasonRetry, Subject: string(f.operation.Request)}
			b.plan.Retry = append(b.plan.Retry, Retry{Operation: *f.operation, Reason: reason})
		}
	}
}
