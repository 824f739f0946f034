package main

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"autoscaled/autoscale"
	"autoscaled/autoscale/loop"
	"autoscaled/queue/records"
)

// errDead is what the parts of a killed daemon get.
var errDead = errors.New("the daemon was killed")

// ciFate is when a daemon is killed, as by kill -9: at its first call that changes
// something on the controller once a time has come, before that arrives or before its
// answer does. What is dead reaches nobody and writes nothing.
type ciFate struct {
	now   func() time.Time
	at    time.Time // zero: never
	after bool      // the call that it dies of is handled
	ends  context.CancelFunc

	mu   sync.Mutex
	dead bool
}

func (f *ciFate) isDead() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dead
}

// strikes tells whether a call is the last.
func (f *ciFate) strikes(r *http.Request) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.dead && r.Method != http.MethodGet && !f.at.IsZero() && !f.now().Before(f.at)
}

func (f *ciFate) die() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dead = true
	f.ends()
}

// controller is the way to the controller, on which death waits.
func (f *ciFate) controller(t http.RoundTripper) http.RoundTripper {
	return ciTransport(func(r *http.Request) (*http.Response, error) {
		if f.strikes(r) {
			if f.after {
				if answer, err := t.RoundTrip(r); err == nil {
					answer.Body.Close()
				}
			}
			f.die()
		}
		return f.unlessDead(t, r)
	})
}

// elsewhere is the way to what else there is.
func (f *ciFate) elsewhere(t http.RoundTripper) http.RoundTripper {
	return ciTransport(func(r *http.Request) (*http.Response, error) { return f.unlessDead(t, r) })
}

func (f *ciFate) unlessDead(t http.RoundTripper, r *http.Request) (*http.Response, error) {
	if f.isDead() {
		return nil, errDead
	}
	answer, err := t.RoundTrip(r)
	if f.isDead() {
		return nil, errDead
	}
	return answer, err
}

// mortalJournal is the journal of one life.
type mortalJournal struct {
	loop.Journal
	fate *ciFate
}

// Put writes operations, unless it is too late.
func (j mortalJournal) Put(ctx context.Context, ops ...autoscale.Operation) error {
	if j.fate.isDead() {
		return errDead
	}
	return j.Journal.Put(ctx, ops...)
}

// Save writes the memory, unless it is too late.
func (j mortalJournal) Save(ctx context.Context, m autoscale.Memory) error {
	if j.fate.isDead() {
		return errDead
	}
	return j.Journal.Save(ctx, m)
}

// mortalStore is the source's store in one life.
type mortalStore struct {
	records.Store
	fate *ciFate
}

// Save writes, unless it is too late.
func (s mortalStore) Save(ctx context.Context, text []byte) error {
	if s.fate.isDead() {
		return errDead
	}
	return s.Store.Save(ctx, text)
}
