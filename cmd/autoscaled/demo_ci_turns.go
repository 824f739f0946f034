package main

import (
	"context"
	"slices"
	"sync"

	"autoscaled/anka"
	"autoscaled/autoscale"
	"autoscaled/autoscale/loop"
)

// ciTurns lets the loop's starts reach the controller in the order in which they were
// decided, one by one. The loop sends a few at once, and which comes first is chance; but
// the day is to depend on its seed alone. What is about to be sent it learns from the
// journal, into which the loop writes it before.
type ciTurns struct {
	*anka.Provider

	mu      sync.Mutex
	changed chan struct{} // closed when the order has changed
	sent    map[autoscale.RequestID]int
	order   []autoscale.RequestID
}

func newCITurns(p *anka.Provider) *ciTurns {
	return &ciTurns{Provider: p, changed: make(chan struct{}), sent: map[autoscale.RequestID]int{}}
}

// Create waits for its turn.
func (t *ciTurns) Create(ctx context.Context, g autoscale.Grow) (autoscale.Receipt, error) {
	for {
		t.mu.Lock()
		at, changed := slices.Index(t.order, g.Request), t.changed
		t.mu.Unlock()
		if at <= 0 {
			break
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return autoscale.Receipt{}, ctx.Err()
		}
	}
	defer t.end(g.Request)
	return t.Provider.Create(ctx, g)
}

func (t *ciTurns) end(id autoscale.RequestID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.order = slices.DeleteFunc(t.order, func(x autoscale.RequestID) bool { return x == id })
	close(t.changed)
	t.changed = make(chan struct{})
}

// expect notes the creates that are about to be sent.
func (t *ciTurns) expect(ops []autoscale.Operation) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range ops {
		op := &ops[i]
		if op.Kind == autoscale.OperationCreate && op.Phase == autoscale.OpSent && op.Attempts > t.sent[op.Request] {
			t.sent[op.Request] = op.Attempts
			t.order = append(t.order, op.Request)
		}
	}
}

// ciJournal is a journal that tells the turns what is written into it.
type ciJournal struct {
	loop.Journal
	turns *ciTurns
}

// Put writes, and tells.
func (j ciJournal) Put(ctx context.Context, ops ...autoscale.Operation) error {
	err := j.Journal.Put(ctx, ops...)
	if err == nil {
		j.turns.expect(ops)
	}
	return err
}
