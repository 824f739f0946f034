package queue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"autoscaled/autoscale"
)

// PushOptions says how pushed demand is taken.
type PushOptions struct {
	// Lease is how long pushed demand holds unless it is pushed anew; who pushes
	// may ask for less. It must be positive.
	Lease time.Duration
	// MaxBytes bounds a document; 0 means DefaultMaxBytes.
	MaxBytes int64
	// Token is what a bearer must show, asked anew for every request; nil: nobody
	// is asked.
	Token func() (string, error)
	// Wake is called after each push that was taken; nil: nobody waits.
	Wake func()
	// Observer is told how each push went, for metrics; nil: nobody. taken is when
	// it began to hold, and zero where it was refused.
	Observer func(result PushResult, taken time.Time)
}

// PushResult is how a push went, as a metric's label.
type PushResult string

const (
	// PushTaken: it holds, or one that came whole later does.
	PushTaken PushResult = "taken"
	// PushMistaken: the document or its lease has mistakes.
	PushMistaken PushResult = "mistaken"
	// PushTooLarge: the document is longer than allowed.
	PushTooLarge PushResult = "too_large"
	// PushCut: the document did not arrive whole.
	PushCut PushResult = "cut"
	// PushUnauthorized: the token is missing or wrong.
	PushUnauthorized PushResult = "unauthorized"
	// PushBusy: too many came at once.
	PushBusy PushResult = "busy"
)

// PushResults lists them all.
func PushResults() []PushResult {
	return []PushResult{PushTaken, PushMistaken, PushTooLarge, PushCut, PushUnauthorized, PushBusy}
}

// Push is demand that its owner sends, as a demand document over HTTP, and must send
// again before its lease ends: demand that nobody renews is unknown, not zero. It is
// kept in memory only, so that after a restart demand is unknown until the next push.
// Push is safe for concurrent use.
type Push struct {
	options PushOptions
	now     func() time.Time
	slots   chan struct{} // pushes that are read at this moment

	mu    sync.Mutex
	turns uint64 // documents that came whole
	held  pushed
}

// pushed is a document that was taken, and until when it holds.
type pushed struct {
	turn      uint64 // 0: none was
	document  []byte
	demand    autoscale.Demand
	at, until time.Time
}

// maxPushes is how many documents are read at a time: each may be large.
const maxPushes = 4

// NewPush checks the options.
func NewPush(o PushOptions) (*Push, error) {
	switch {
	case o.Lease <= 0:
		return nil, errors.New("queue push: the lease must be positive")
	case o.MaxBytes < 0:
		return nil, errors.New("queue push: a bound is negative")
	case o.MaxBytes == 0:
		o.MaxBytes = DefaultMaxBytes
	}
	return &Push{options: o, now: time.Now, slots: make(chan struct{}, maxPushes)}, nil
}

// Demand returns what was pushed last while it holds. The answers share maps and
// slices: they must not be changed.
func (p *Push) Demand(ctx context.Context) (autoscale.Demand, error) {
	const attempt = "take pushed demand"
	if err := ctx.Err(); err != nil {
		return autoscale.Demand{}, &sourceError{attempt, autoscale.ErrUnavailable, err}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held.turn == 0 {
		return autoscale.Demand{}, &sourceError{attempt, autoscale.ErrNotFound, errors.New("none has been pushed since the start")}
	}
	if now := p.now(); !now.Before(p.held.until) {
		return autoscale.Demand{}, &sourceError{attempt, autoscale.ErrUnavailable, fmt.Errorf(
			"the last was pushed %s ago and held for %s; it was not renewed",
			now.Sub(p.held.at).Round(time.Second), p.held.until.Sub(p.held.at))}
	}
	return p.held.demand, nil
}

// arrived gives a document that came whole its place among all of them.
func (p *Push) arrived() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turns++
	return p.turns
}

// take makes a document hold, unless one that came whole after it does already.
func (p *Push) take(next pushed) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if next.turn > p.held.turn {
		p.held = next
	}
}

func (p *Push) last() pushed {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.held
}
