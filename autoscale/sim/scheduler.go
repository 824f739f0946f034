package sim

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"autoscaled/autoscale"
)

// Scheduler is a first-come-first-served scheduler in virtual time. Jobs start
// strictly in order: while the first one in order lacks a host, none behind it
// starts, unless Backfill allows it. All methods are safe for concurrent use, and happen at the time that
// Advance was last told.
type Scheduler struct {
	mu  sync.Mutex
	now time.Time

	hosts  []*host // in the order in which they joined
	byName map[string]*host

	jobs    []*entry // every job ever submitted, in the order of submission
	known   map[autoscale.JobID]bool
	coming  []*entry // not yet arrived, by arrival
	waiting []*entry // in order of service
	running []*entry // by end
	// backfill: who finds no place does not keep those behind it from starting.
	backfill bool

	books books
}

// NewScheduler returns a scheduler without hosts and jobs whose time is start.
func NewScheduler(start time.Time) *Scheduler {
	return &Scheduler{now: start, byName: make(map[string]*host), known: make(map[autoscale.JobID]bool)}
}

// Submit enters jobs that arrive at their Submitted time, or now where that is
// past. A job that this scheduler can't serve as it asks is refused, and then
// none of the jobs is entered.
func (s *Scheduler) Submit(jobs ...Job) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := make(map[autoscale.JobID]bool, len(jobs))
	for i := range jobs {
		if err := jobs[i].check(); err != nil {
			return fmt.Errorf("submit: %w", err)
		}
		if id := jobs[i].ID; s.known[id] || names[id] {
			return fmt.Errorf("submit: job id %s is taken", id)
		}
		names[jobs[i].ID] = true
	}
	for _, job := range jobs {
		e := &entry{Job: job}
		s.known[job.ID] = true
		s.jobs = append(s.jobs, e)
		s.coming = append(s.coming, e)
	}
	slices.SortStableFunc(s.coming, byArrival)
	s.settle()
	return nil
}

// Backfill lets jobs start that find a place while one before them finds none. Nothing
// is kept for the one that waits.
func (s *Scheduler) Backfill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.backfill = true
	s.settle()
}

// StopArrivals forgets the jobs that have not arrived, and returns how many.
func (s *Scheduler) StopArrivals() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	dropped := len(s.coming)
	s.jobs = slices.DeleteFunc(s.jobs, func(e *entry) bool { return e.state == jobToCome })
	for _, e := range s.coming {
		delete(s.known, e.ID)
	}
	s.coming = nil
	return dropped
}

// Now is the time that Advance was last told.
func (s *Scheduler) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// Advance lets everything happen that is due until then, in order, each at its
// own time. Of what is due at one moment ends come first, then arrivals, then
// starts. Time that runs backwards is read as standing still.
func (s *Scheduler) Advance(to time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		next, due := s.next()
		if !due || next.After(to) {
			break
		}
		s.pass(next)
		s.settle()
	}
	s.pass(to)
}

// next is the time of the next end or arrival.
func (s *Scheduler) next() (at time.Time, due bool) {
	if len(s.running) > 0 {
		at, due = s.running[0].ends, true
	}
	if len(s.coming) > 0 && (!due || s.coming[0].Submitted.Before(at)) {
		at, due = s.coming[0].Submitted, true
	}
	return at, due
}

// pass moves the time and books what was held meanwhile.
func (s *Scheduler) pass(to time.Time) {
	if !to.After(s.now) {
		return
	}
	busy := 0
	for _, h := range s.hosts {
		if len(h.jobs) > 0 {
			busy++
		}
	}
	s.books.pass(to.Sub(s.now), len(s.hosts), busy)
	s.now = to
}

// settle does what is due now: ends, arrivals, starts, and again where a job
// that runs for no time at all has ended as it started.
func (s *Scheduler) settle() {
	for due := true; due; due = len(s.running) > 0 && !s.running[0].ends.After(s.now) {
		s.endDue()
		s.arrive()
		s.startInOrder()
	}
}

func (s *Scheduler) endDue() {
	for len(s.running) > 0 && !s.running[0].ends.After(s.now) {
		s.end(s.running[0])
	}
}

func (s *Scheduler) arrive() {
	for len(s.coming) > 0 && !s.coming[0].Submitted.After(s.now) {
		s.enqueue(s.coming[0])
		s.coming = s.coming[1:]
		s.books.arrived++
	}
}

// startInOrder starts waiting jobs until the first one finds no place, or, with
// backfill, all that find one.
func (s *Scheduler) startInOrder() {
	for i := 0; i < len(s.waiting); {
		placed := s.place(s.waiting[i])
		switch {
		case placed != nil:
			s.start(i, placed)
		case !s.backfill:
			return
		default:
			i++
		}
	}
}

func (s *Scheduler) enqueue(e *entry) {
	e.state = jobWaiting
	i, _ := slices.BinarySearchFunc(s.waiting, e, inOrder)
	s.waiting = slices.Insert(s.waiting, i, e)
}

// start starts the i-th waiting job where it was placed.
func (s *Scheduler) start(i int, placed []placement) {
	e := s.waiting[i]
	s.waiting = slices.Delete(s.waiting, i, i+1)
	e.state, e.started, e.ends, e.on, e.nodes = jobRunning, s.now, s.now.Add(e.Run), placed, 0
	for _, p := range placed {
		p.host.jobs = append(p.host.jobs, e)
		p.host.free = p.host.free.Plus(scaled(taskNeeds(e), -p.tasks))
		p.host.whole = e.Exclusive != autoscale.Shared
		e.nodes += share(p.host, e, p.tasks)
	}
	at, _ := slices.BinarySearchFunc(s.running, e, byEnd)
	s.running = slices.Insert(s.running, at, e)
}

// stop takes a running job off its hosts.
func (s *Scheduler) stop(e *entry) {
	i := slices.Index(s.running, e)
	s.running = slices.Delete(s.running, i, i+1)
	for _, p := range e.on {
		at := slices.Index(p.host.jobs, e)
		p.host.jobs = slices.Delete(p.host.jobs, at, at+1)
		p.host.free = p.host.free.Plus(scaled(taskNeeds(e), p.tasks))
		p.host.whole = false
	}
	e.on = nil
}

func (s *Scheduler) end(e *entry) {
	s.stop(e)
	e.state = jobFinished
	s.books.finished++
	s.books.work += e.nodes * e.Run.Seconds()
}

// kill requeues a running job at its old place in the order.
func (s *Scheduler) kill(e *entry) {
	s.stop(e)
	s.books.kills++
	s.books.lost += e.nodes * s.now.Sub(e.started).Seconds()
	e.kills++
	e.started, e.ends, e.nodes = time.Time{}, time.Time{}, 0
	s.enqueue(e)
}

// Join adds a host, free and not draining. A name that is taken is refused.
func (s *Scheduler) Join(h Host) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := strings.ToLower(h.Name)
	if key == "" {
		return fmt.Errorf("join: a host has no name")
	}
	if s.byName[key] != nil {
		return fmt.Errorf("join: host %s has joined already", h.Name)
	}
	joined := &host{Host: h, free: h.Resources}
	s.hosts = append(s.hosts, joined)
	s.byName[key] = joined
	s.books.peak = max(s.books.peak, len(s.hosts))
	s.settle()
	return nil
}

// Leave takes a host away. Jobs that ran there are killed: they go back to
// their place in the queue, free their other hosts and start anew when they
// can. It returns how many; a host that never joined is an error.
func (s *Scheduler) Leave(name string) (killed int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := strings.ToLower(name)
	gone := s.byName[key]
	if gone == nil {
		return 0, fmt.Errorf("leave: host %s has not joined", name)
	}
	delete(s.byName, key)
	s.hosts = slices.DeleteFunc(s.hosts, func(h *host) bool { return h == gone })
	for _, e := range slices.Clone(gone.jobs) {
		s.kill(e)
		killed++
	}
	s.settle()
	return killed, nil
}
