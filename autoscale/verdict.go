package autoscale

// verdict is why a node stays, or why it goes. The order of the questions is
// the order of what protects a node most.
func (b *board) verdict(n *nodeState) (reason Reason, goes bool) {
	switch {
	case n.node.Protected != "":
		return Reason{Code: ReasonProtected, Detail: n.node.Protected}, false
	case n.pool < 0:
		return Reason{Code: ReasonUnmanaged}, false
	case n.leaving && !n.stays():
		return Reason{Code: ReasonLeaving}, false
	case n.node.Phase == PhaseUnknown:
		return Reason{Code: ReasonOddState, Detail: n.node.Message}, false
	case n.use.Busy():
		return b.busyVerdict(n)
	case n.wanted:
		return Reason{Code: ReasonWanted}, false
	case n.keptFor != "":
		return Reason{Code: ReasonGangHeld, Subject: string(b.state.Demand.Called(n.keptFor)), For: b.state.At.Sub(n.held), Of: b.policy.GangHold}, false
	case n.node.KeepAlive:
		return Reason{Code: ReasonKeepAlive}, false
	case n.use.Drain == DrainForeign && b.timed():
		return Reason{Code: ReasonForeignDrain}, false
	case !b.ours(n):
		return Reason{Code: ReasonForeign}, false
	case b.pools[n.pool].paused.Code != "":
		return b.pools[n.pool].paused, false
	case !b.timed():
		return b.releaseVerdict(n)
	case n.node.Phase == PhaseDeallocated:
		return b.deallocatedVerdict(n)
	case n.node.Phase == PhaseFailed:
		return Reason{Code: ReasonFailed, Detail: n.node.Message}, true
	case n.use.Drain == DrainDone:
		return Reason{Code: ReasonDone}, true
	case n.memory.Unjoined:
		return Reason{Code: ReasonJoinTimeout, For: b.state.At.Sub(n.memory.silentSince()), Of: b.poolPolicy(n.pool).JoinTimeout}, true
	case n.stays():
		return b.staysVerdict(n)
	case n.yields != nil:
		return b.yieldVerdict(n)
	case n.aging.going:
		return b.agedVerdict(n)
	}
	return b.idleVerdict(n)
}

// deallocatedVerdict judges a deallocated node of ours that the plan has no use for.
func (b *board) deallocatedVerdict(n *nodeState) (reason Reason, goes bool) {
	p := b.poolPolicy(n.pool)
	switch {
	case n.start != nil:
		return Reason{Code: ReasonStarting, For: b.state.At.Sub(n.start.Intended), Of: b.bootTimeout(n.pool)}, false
	case n.begun:
		return b.targetReason(b.pools[n.pool].policy), false
	case p.KeepDeallocated == 0:
		return b.resting(n), false
	}
	return Reason{Code: ReasonSurplus, Subject: p.Name, Want: int64(p.KeepDeallocated)}, true
}

// resting is why a deallocated node stays as it is.
func (b *board) resting(n *nodeState) Reason {
	if b.triedLately(n) {
		return Reason{Code: ReasonStartFailed, For: b.state.At.Sub(n.memory.Tried), Of: startAgainAfter}
	}
	return Reason{Code: ReasonDeallocated}
}

// idleVerdict judges a node of ours on which nothing runs and that the plan
// gives no work.
func (b *board) idleVerdict(n *nodeState) (reason Reason, goes bool) {
	if age := b.state.At.Sub(n.memory.Asked); b.late(n) {
		return Reason{Code: ReasonBootTimeout, For: age, Of: b.bootTimeout(n.pool), Detail: n.node.Message}, true
	}
	idle, limit := b.state.At.Sub(n.memory.IdleSince()), b.idleTime(n.pool)
	by := b.poolPolicy(n.pool).idleBy()
	gone := Reason{Code: ReasonIdle, Subject: by, For: idle, Of: limit}
	if n.released {
		limit = 0
		gone = Reason{Code: ReasonGangReleased, For: b.state.At.Sub(n.memory.Held), Of: b.policy.GangHold}
	}
	neverReady := n.memory.Ready.IsZero() && n.node.Phase == PhaseStarting
	switch {
	case neverReady && idle < limit:
		return Reason{Code: ReasonStarting, For: b.state.At.Sub(n.memory.Asked), Of: b.bootTimeout(n.pool)}, false
	case neverReady:
		return gone, true
	case !n.vouched:
		return Reason{Code: ReasonUseUnknown}, false
	case idle < limit:
		return Reason{Code: ReasonIdleShort, Subject: by, For: idle, Of: limit}, false
	case !b.state.CanDrain && n.memory.IdleReads < idleReadsNeeded:
		return Reason{Code: ReasonIdleOnce}, false
	}
	return gone, true
}

// jobOn is one of those that run on a node; empty: the queue does not name them.
func (b *board) jobOn(n *nodeState) string {
	if len(n.use.Jobs) == 0 {
		return ""
	}
	return string(b.state.Demand.Called(n.use.Jobs[0]))
}
