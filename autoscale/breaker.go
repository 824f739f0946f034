package autoscale

import (
	"slices"
	"time"
)

// Breaker counts the failures in a row that waiting does not end, and stops a
// cloud that only gives those: refused credentials (auth), and what can't be had as
// it is described (config). Capacity, quota, throttling and slow boots never open it.
//
// Credentials that the cloud refuses us stop everything, and at once, for no other
// call would fare better. All else, such as credentials that a node says the vendor's
// server lacks, or an image that does not exist, may be a matter of one pool: it
// stops growth, and only after failuresToOpen in a row, by two of the policy's pools
// at least or by the only one there is. A pool that fails alone is held by its own
// backoff, as after any failure.
type Breaker struct {
	Class ErrorClass `json:"class,omitempty"`
	// Refused: the cloud refused our calls. Otherwise nodes or short answers told.
	Refused bool `json:"refused,omitempty"`
	// Failures in a row, and the policy's pools that they were in, sorted.
	Failures int      `json:"failures,omitempty"`
	Pools    []string `json:"pools,omitempty"`
	// Last is when the latest failure was seen, and Detail the cloud's word on it.
	Last   time.Time `json:"last,omitzero"`
	Detail string    `json:"detail,omitempty"`
	// Opened is when the breaker opened; zero: it is closed. Trials counts those
	// that failed since.
	Opened time.Time `json:"opened,omitzero"`
	Trials int       `json:"trials,omitempty"`
}

// failuresToOpen is how many failures in a row open the breaker, where one does not.
const failuresToOpen = 3

// Open tells whether the cloud is stopped, but for a trial now and then.
func (b Breaker) Open() bool { return !b.Opened.IsZero() }

// nextTrial is when one action may be tried again.
func (b Breaker) nextTrial() time.Time { return b.Last.Add(backoff(b.Trials)) }

// holdsAll tells whether nothing may be done at all, not even what makes less.
func (b Breaker) holdsAll() bool { return b.Class == ErrorAuth && b.Refused }

// backoff is how long to wait after n failures before, up to lastBackoff.
func backoff(n int) time.Duration {
	return doubled(firstBackoff, n, lastBackoff)
}

// doubled is a wait that was doubled n times, or the longest that it may be.
func doubled(wait time.Duration, n int, most time.Duration) time.Duration {
	for ; n > 0 && wait < most; n-- {
		wait *= 2
	}
	return min(wait, most)
}

// circuit folds an observation into a breaker.
type circuit struct {
	Breaker
	at     time.Time
	policy *Policy
	// names are the policy's pools, by pool of the cloud.
	names map[PoolID]string
}

// advanceBreaker counts what went well before what did not, so that a pool that
// fails beside one that works never opens the breaker.
func advanceBreaker(before Memory, next map[NodeID]NodeMemory, o Observation, operations []Operation, p *Policy) Breaker {
	c := circuit{Breaker: before.Breaker, at: o.At, policy: p, names: make(map[PoolID]string, len(o.Supply.Pools))}
	c.Last, c.Opened = past(c.Last, o.At), past(c.Opened, o.At)
	if !c.Open() && o.At.Sub(c.Last) >= failureFades {
		c.Breaker = Breaker{}
	}
	for i := range o.Supply.Pools {
		if policy := policyOf(&o.Supply.Pools[i], p); policy >= 0 {
			c.names[o.Supply.Pools[i].ID] = p.Pools[policy].Name
		}
	}
	c.successes(before.Nodes, next, o, operations)
	for i := range operations {
		if op := &operations[i]; op.Ended.Equal(o.At) && op.Class.lasts() && (op.Kind != OperationRemove || op.Class == ErrorAuth) {
			c.fail(op.Pool, op.Intended, op.Class, op.Phase != OpShort, op.Message)
		}
	}
	for i := range o.Supply.Nodes {
		n := &o.Supply.Nodes[i]
		if m := next[n.ID]; m.Ours && m.FailedSince(before.Nodes[n.ID]) && n.Class.lasts() {
			c.fail(n.Pool, m.Asked, n.Class, false, n.Message)
		}
	}
	return c.Breaker
}

// FailedSince tells whether the node has failed to come up, or came up in vain, since
// what was remembered of it before. One that fell silent later tells nothing of those that
// are made anew.
func (m NodeMemory) FailedSince(before NodeMemory) bool {
	return m.Failed && !before.Failed || m.Late && !before.Late || m.Unjoined && !before.Unjoined && m.Joined.IsZero()
}

// past is a time, or now where the clock was set back since.
func past(at, now time.Time) time.Time {
	if at.After(now) {
		return now
	}
	return at
}

// fail counts a failure. What was asked before the latest one met the same trouble.
func (c *circuit) fail(pool PoolID, asked time.Time, class ErrorClass, refused bool, detail string) {
	name, known := c.names[pool]
	if !known {
		name = string(pool)
	}
	if i, found := slices.BinarySearch(c.Pools, name); !found {
		c.Pools = slices.Insert(slices.Clone(c.Pools), i, name)
	}
	if c.Failures == 0 || !asked.Before(c.Last) {
		c.Failures++
		c.Last, c.Class, c.Refused, c.Detail = c.at, class, refused, detail
		if c.Open() {
			c.Trials++
		}
	}
	alone := len(c.Pools) == 1 && len(c.policy.Pools) > 1
	if !c.Open() && (c.holdsAll() || c.Failures >= failuresToOpen && !alone) {
		c.Opened = c.at
	}
}

// successes closes the breaker, or ends the row of failures: by a call that the
// cloud took, where it had refused others; by a node that came up, or failed for
// another reason, where nodes had told.
func (c *circuit) successes(before, next map[NodeID]NodeMemory, o Observation, operations []Operation) {
	if c.Failures == 0 {
		return
	}
	for i := range operations {
		op := &operations[i]
		tells := c.Refused && (op.Kind != OperationRemove || c.holdsAll())
		if tells && taken(op) && !op.Sent.Before(c.Last) {
			c.Breaker = Breaker{}
			return
		}
	}
	for i := range o.Supply.Nodes {
		n := &o.Supply.Nodes[i]
		was, is := before[n.ID], next[n.ID]
		came := was.Ready.IsZero() && !is.Ready.IsZero() || is.FailedSince(was) && !n.Class.lasts()
		if came && is.Ours && (!c.Open() || !is.Asked.Before(c.Last)) {
			c.Breaker = Breaker{}
			return
		}
	}
}

// taken tells whether the cloud took a call and something came of it.
func taken(op *Operation) bool {
	switch op.Phase {
	case OpAccepted, OpConverged, OpShort:
		return op.Kind == OperationRemove || op.Added > 0 || !op.Class.lasts()
	}
	return false
}
