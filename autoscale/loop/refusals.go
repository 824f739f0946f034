package loop

import (
	"errors"
	"fmt"
	"sync"

	"autoscaled/autoscale"
)

// refusals are, by pool, why no more creates of a stage leave: one was refused for a
// reason that is not its own. A pool whose nodes are asked for one by one would ask a
// hundred times else where too many calls are the trouble. Safe for concurrent use.
type refusals struct {
	mu    sync.Mutex
	pools map[autoscale.PoolID]error
}

// of is the outcome of a create that need not leave; nil: it has to.
func (r *refusals) of(op *autoscale.Operation) error {
	if op.Kind != autoscale.OperationCreate {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pools[op.Pool]
}

// note takes the outcome of a call that left. What may have been handled tells nothing of
// others.
func (r *refusals) note(op *autoscale.Operation, err error) {
	all := errors.Is(err, autoscale.ErrThrottled) || errors.Is(err, autoscale.ErrUnauthorized)
	if op.Kind != autoscale.OperationCreate || !all || !certain(err) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pools == nil {
		r.pools = make(map[autoscale.PoolID]error)
	}
	r.pools[op.Pool] = fmt.Errorf("not sent, for request %s of the same pool was refused: %w", op.Request, err)
}
