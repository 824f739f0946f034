package autoscale

// headroom is what jobs use of a policy's nodes, and how many more are kept for
// jobs to come.
type headroom struct {
	// here are nodes in use that are there, coming those that will be used once
	// they are.
	here, coming int
	buffer       int
}

func (h headroom) used() int { return h.here + h.coming }

// buffer is how many nodes are kept beyond those in use.
func (p *PoolPolicy) buffer(used int) int {
	return max(p.Buffer, ceilDiv(p.BufferPercent*used, 100))
}

// addHeadroom counts what is in use, once jobs are placed and nothing else is
// planned. A policy without a buffer needs none.
func (b *board) addHeadroom() {
	b.headroom = make([]headroom, len(b.policy.Pools))
	buffered := func(pool int) *headroom {
		if p := b.pools[pool].policy; p >= 0 && b.policy.Pools[p].buffered() {
			return &b.headroom[p]
		}
		return &headroom{}
	}
	for i := range b.nodes {
		switch n := &b.nodes[i]; {
		case n.supply && (n.wanted || n.use.Busy()):
			buffered(n.pool).here++
		case n.wanted && (n.begun || n.asked()):
			buffered(n.pool).coming++
		}
	}
	for i := range b.inFlight {
		buffered(b.inFlight[i].pool).coming += b.inFlight[i].used
	}
	for _, w := range b.names.asked {
		buffered(w.at.pool).coming++
	}
	for at, g := range b.growOf {
		buffered(at.pool).coming += b.plan.Grow[g].Count
	}
	for p := range b.headroom {
		b.headroom[p].buffer = b.policy.Pools[p].buffer(b.headroom[p].used())
	}
}

func (p *PoolPolicy) buffered() bool { return p.Buffer > 0 || p.BufferPercent > 0 }

// target is how many nodes a policy is to have, those to come included.
func (b *board) target(policy int) int {
	h := b.headroom[policy]
	if h.buffer == 0 {
		return b.policy.Pools[policy].Min
	}
	return max(b.policy.Pools[policy].Min, h.used()+h.buffer)
}

// targetReason is why a policy has nodes that no job asks for: its min, or its
// buffer where that asks for more.
func (b *board) targetReason(policy int) Reason {
	p, h := &b.policy.Pools[policy], b.headroom[policy]
	if b.target(policy) == p.Min {
		return p.minimum()
	}
	return Reason{Code: ReasonBuffer, Subject: p.Name, Have: int64(h.used()), Want: int64(h.buffer)}
}
