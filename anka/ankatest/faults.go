package ankatest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// FaultKind is a way in which a call goes wrong.
type FaultKind string

// The faults. Those marked handled change the server's state as if all were well: the caller
// merely does not learn of it.
const (
	FaultLatency     FaultKind = "latency"      // handled, after Latency of the caller's own time, even if the caller gives up before
	FaultStatus      FaultKind = "status"       // Status, with Retry-After if RetryAfter is set
	FaultStatusAfter FaultKind = "status-after" // handled, then as FaultStatus
	FaultCutBefore   FaultKind = "cut-before"   // connection closed without an answer
	FaultCutAfter    FaultKind = "cut-after"    // handled, then as FaultCutBefore: the lost answer
	FaultMalformed   FaultKind = "malformed"    // handled; the body is not JSON
	FaultTruncated   FaultKind = "truncated"    // handled; the body ends half-way
	FaultHTML        FaultKind = "html"         // 200 with a web page, as from a proxy's login
)

// Fault is an order: the calls that it matches from now on are counted, and those from the Nth on
// go wrong, Times of them.
type Fault struct {
	Kind   FaultKind
	Method string // "": any
	Path   string // what the path ends with, such as "/api/v1/vm"; "": any
	Nth    int    // from 1; 0 means 1, the next such call
	Times  int    // 0 means once; negative: for ever

	Latency    time.Duration // of FaultLatency
	Status     int           // of FaultStatus and FaultStatusAfter; 0 means 503
	RetryAfter time.Duration // 0: no such header
}

// FaultRate is a fault by chance: each call that it matches goes wrong with probability Rate.
type FaultRate struct {
	Kind       FaultKind     `yaml:"kind"`
	Rate       float64       `yaml:"rate"`
	Method     string        `yaml:"method"`
	Path       string        `yaml:"path"`
	Latency    time.Duration `yaml:"latency"`
	Status     int           `yaml:"status"`
	RetryAfter time.Duration `yaml:"retry_after"`
}

func (r FaultRate) fault() Fault {
	return Fault{Kind: r.Kind, Method: r.Method, Path: r.Path, Latency: r.Latency, Status: r.Status, RetryAfter: r.RetryAfter}
}

func (r FaultRate) check() error {
	if !isChance(r.Rate) {
		return fmt.Errorf("rate %v is not between 0 and 1", r.Rate)
	}
	return r.fault().check()
}

func (f Fault) check() error {
	switch f.Kind {
	case FaultLatency:
		if f.Latency <= 0 {
			return errors.New("a latency fault needs a latency above 0")
		}
	case FaultStatus, FaultStatusAfter:
		if f.Status != 0 && (f.Status < 400 || f.Status > 599) {
			return fmt.Errorf("status %d is not an error", f.Status)
		}
	case FaultCutBefore, FaultCutAfter, FaultMalformed, FaultTruncated, FaultHTML:
	default:
		return fmt.Errorf("unknown kind %q", f.Kind)
	}
	if f.RetryAfter < 0 {
		return errors.New("retry_after cannot be negative")
	}
	return nil
}

func (f Fault) matches(method, path string) bool {
	return (f.Method == "" || strings.EqualFold(f.Method, method)) && strings.HasSuffix(path, f.Path)
}

// faultPlan decides which calls go wrong. Its own lock keeps a delayed call from holding up others.
type faultPlan struct {
	mu     sync.Mutex
	seed   uint64
	rates  []FaultRate
	orders []*faultOrder
	calls  map[[2]string]int // by method and path
}

// faultOrder is an order and how far it has come.
type faultOrder struct {
	Fault
	seen, done int
}

func newFaultPlan(seed uint64, rates []FaultRate) *faultPlan {
	return &faultPlan{seed: seed, rates: rates, calls: map[[2]string]int{}}
}

func (p *faultPlan) order(f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.orders = append(p.orders, &faultOrder{Fault: f})
}

// draw tells what befalls this call: a delay, and at most one other fault. Orders go before chance;
// chance depends on the seed, the method, the path and how many such calls there were.
func (p *faultPlan) draw(method, path string) (delay time.Duration, other Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := [2]string{method, path}
	p.calls[key]++
	befall := func(f Fault) {
		if f.Kind == FaultLatency {
			delay += f.Latency
		} else if other.Kind == "" {
			other = f
		}
	}
	for _, o := range p.orders {
		if !o.matches(method, path) {
			continue
		}
		o.seen++
		if o.due() && (o.Kind == FaultLatency || other.Kind == "") {
			o.done++
			befall(o.Fault)
		}
	}
	for i, r := range p.rates {
		f := r.fault()
		if f.matches(method, path) && uniform(p.seed, "fault", i, method, path, p.calls[key]) < r.Rate {
			befall(f)
		}
	}
	return delay, other
}

// due tells whether the call just counted is one that goes wrong. An order that another one
// forestalls waits for the next call.
func (o *faultOrder) due() bool {
	return o.seen >= max(1, o.Nth) && (o.Times < 0 || o.done < max(1, o.Times))
}

// instead is the answer that a fault puts in the place of handling; nil if the call is handled.
func (f Fault) instead() *answer {
	switch f.Kind {
	case FaultCutBefore:
		return &answer{cut: true}
	case FaultStatus:
		return f.errorAnswer()
	case FaultHTML:
		return &answer{status: 200, contentType: "text/html", body: []byte("<!DOCTYPE html><html><body><h1>Please sign in</h1></body></html>\n")}
	}
	return nil
}

// spoil is what becomes of the answer to a call that was handled.
func (f Fault) spoil(a *answer) *answer {
	switch f.Kind {
	case FaultCutAfter:
		return &answer{cut: true}
	case FaultStatusAfter:
		return f.errorAnswer()
	case FaultMalformed:
		a.body = append([]byte("{,"), a.body...)
	case FaultTruncated:
		a.body = a.body[:len(a.body)/2]
	}
	return a
}

// errorAnswer is what a proxy before the controller says: no envelope, only a status.
func (f Fault) errorAnswer() *answer {
	a := &answer{status: orDefault(f.Status, 503), contentType: "text/plain; charset=utf-8", body: []byte("The server is unable to answer\n")}
	if f.RetryAfter > 0 {
		seconds := int64((f.RetryAfter + time.Second - 1) / time.Second)
		a.retryAfter = fmt.Sprint(seconds)
	}
	return a
}
