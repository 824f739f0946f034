package loop

import (
	"cmp"
	"time"

	"autoscaled/autoscale"
)

// removeWithin is how long a node may look untouched after its removal was
// accepted, and goneWithin how long it may be on its way out; then its removal is given
// up, so that it can be decided anew.
const (
	removeWithin = 5 * time.Minute
	goneWithin   = 30 * time.Minute
)

// startWithin is how long a node may look deallocated after its start was accepted;
// then the start is given up.
const startWithin = 5 * time.Minute

// timeLimits say how long operations may stay in a phase.
type timeLimits struct {
	absentFor time.Duration
	boot      map[autoscale.PoolID]time.Duration
}

func newTimeLimits(pools []autoscale.Pool, p autoscale.Policy) timeLimits {
	l := timeLimits{
		absentFor: cmp.Or(p.AbsentFor, autoscale.DefaultAbsentFor),
		boot:      make(map[autoscale.PoolID]time.Duration, len(pools)),
	}
	for i := range pools {
		l.boot[pools[i].ID] = bootTimeout(&pools[i], p)
	}
	return l
}

// bootTimeout is that of the policy that the pool follows, as Decide finds it.
func bootTimeout(pool *autoscale.Pool, p autoscale.Policy) time.Duration {
	for i := range p.Pools {
		if _, ok := p.Pools[i].Match.Match(pool.Labels); ok {
			return p.Pools[i].BootTimeout
		}
	}
	return 0
}

// deadline is when an open operation is late. One that was accepted, or that the
// cloud does not know, is then given up; one whose answer is in doubt is not, for it
// may have been handled.
func (l timeLimits) deadline(op autoscale.Operation) time.Time {
	from := op.LastSent()
	if op.Phase == autoscale.OpAccepted {
		from = op.Answered
	}
	switch {
	case op.Phase == autoscale.OpAbsent:
		return from.Add(l.absentFor)
	case op.Kind == autoscale.OperationRemove:
		return from.Add(removeWithin)
	case op.Kind == autoscale.OperationStart:
		return from.Add(startWithin)
	case op.Phase == autoscale.OpAccepted && op.Added > len(op.Nodes): // some of its nodes were never seen
		return from.Add(l.absentFor)
	}
	return op.Intended.Add(cmp.Or(l.boot[op.Pool], autoscale.DefaultBootTimeout))
}
