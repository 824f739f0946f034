package simulation

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"autoscaled/autoscale"
	"autoscaled/autoscale/journal"
	"autoscaled/autoscale/loop"
	"autoscaled/cyclecloud"
)

const (
	// lastRun is how long the jobs run that come once faults have stopped.
	lastRun = 4 * time.Hour
	// served bounds how long jobs may wait while the first in order has room, settled how
	// long it may take from then until there are as many nodes as they need, and emptied
	// until none is left once they have ended. The first is long since back-off may have
	// grown to half an hour.
	served  = 3 * time.Hour
	settled = 90 * time.Minute
	emptied = 2 * time.Hour
	// nearly is how long before the end of the last job the daemon comes back, which is
	// away while nothing but the jobs goes on.
	nearly = 5 * time.Minute
	// lookEvery is how often it is looked whether that has come: never as a tick begins.
	lookEvery = 29*time.Second + 123456789
)

// result is what a scenario came to.
type result struct {
	violation string // empty: nothing that should not have happened
	digest    uint64
	counts
}

// play lives through a scenario in a bubble of virtual time.
func play(t *testing.T, s scenario, dir string, trace func(string)) (r result) {
	synctest.Test(t, func(*testing.T) {
		w, err := newWorld(s)
		if err != nil {
			r.violation = err.Error()
			return
		}
		w.trace = trace
		w.note("%s", s)
		h := &house{world: w, dir: dir, paper: &paper{operations: map[autoscale.RequestID]autoscale.Operation{}}}
		h.live()
		r = result{violation: w.violation, digest: w.digest.Sum64(), counts: h.sums()}
	})
	return r
}

// house is where the daemon's lives follow one another.
type house struct {
	*world
	dir string
	*paper
	lives   int
	serials int
	// forgot: the state directory was lost, at forgotten, and with it what was asked for.
	forgot    bool
	forgotten time.Time
	ctx       context.Context
}

// live plays the scenario: trouble, then demand that can be counted, then none.
func (h *house) live() {
	var cancel context.CancelFunc
	h.ctx, cancel = context.WithCancel(context.Background())
	defer h.late.Wait()
	defer cancel()
	h.over = cancel
	var events sync.WaitGroup
	events.Go(h.happen)
	troubleEnds := begin.Add(h.troubled)
	for h.ctx.Err() == nil && time.Now().Before(troubleEnds) {
		h.oneLife(troubleEnds)
		h.rest(troubleEnds)
	}
	events.Wait()
	h.calm()
	h.inPeace(func() {
		h.convergeFrom(h.hadRoom(), "all jobs are served", served, h.allServed)
		h.convergeFrom(h.lastEnded, "there are as many nodes as jobs want", settled, h.asManyAsWanted)
	})
	h.note("the daemon is away until the jobs are nearly done")
	sleep(h.ctx, time.Until(h.lastEnd())-nearly)
	h.inPeace(func() {
		h.converge("no demand is left", 2*nearly, h.allDone)
		h.converge("all nodes are gone and all operations have ended", emptied, h.allGone)
	})
	h.checkEnd()
}

// lastEnd is when the last of the jobs will have ended.
func (h *house) lastEnd() time.Time {
	defer h.look()()
	end := time.Now()
	for _, r := range h.world.jobs.Records() {
		if r.Ended.IsZero() && !r.Started.IsZero() && r.Started.Add(lastRun).After(end) {
			end = r.Started.Add(lastRun)
		}
	}
	return end
}

// happen lets the scenario's events happen, each in its time.
func (h *house) happen() {
	type moment struct {
		at time.Duration
		do func()
	}
	var moments []moment
	for _, e := range h.events {
		moments = append(moments, moment{e.at, func() { h.befall(e) }}, moment{e.at + e.lasts, func() { h.pass(e) }})
	}
	slices.SortFunc(moments, func(a, b moment) int { return int(a.at - b.at) })
	for _, m := range moments {
		if m.at > h.troubled || !sleep(h.ctx, time.Until(begin.Add(m.at))) {
			return
		}
		m.do()
	}
}

// oneLife starts the daemon, and ends it by a kill, by a stop, or at the latest.
func (h *house) oneLife(until time.Time) {
	l := h.bear()
	killed := fraction(h.seed, "killed", h.lives) < h.kills
	if killed {
		l.doom = points[lot(h.seed, "doom", h.lives)%uint64(len(points))]
		l.left = 1 + int(lot(h.seed, "left", h.lives)%3)
	}
	// A point that is never reached must not keep the daemon from ever starting anew.
	span := time.Duration(lot(h.seed, "span", h.lives) % uint64(40*time.Minute))
	if l.doom == pointAnyMoment {
		l.doom = ""
	}
	end := begin.Add(min(time.Since(begin)+span, until.Sub(begin)))
	h.run(h.ctx, l, end, killed)
}

// inPeace runs the daemon while do waits for something. If the scenario is restless, it
// is killed and started again and again, sooner than any idle time ends.
func (h *house) inPeace(do func()) {
	ctx, cancel := context.WithCancel(h.ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			l, end := h.bear(), time.Now().Add(served+settled+emptied)
			if h.restless {
				end = time.Now().Add(shortest(h.policy)*3/4 + time.Duration(lot(h.seed, "peaceful", h.lives)%uint64(time.Minute)))
			}
			h.run(ctx, l, end, true)
		}
	}()
	do()
	cancel()
	<-ended
}

// shortest is the shortest idle time of the policy.
func shortest(p autoscale.Policy) time.Duration {
	least := p.Pools[0].IdleTime
	for i := range p.Pools {
		least = min(least, p.Pools[i].IdleTime)
	}
	return least
}

// rest is the time between two lives; once the state directory may be lost in it.
func (h *house) rest(until time.Time) {
	down := time.Duration(lot(h.seed, "down", h.lives) % uint64(20*time.Second))
	if lot(h.seed, "long down", h.lives)%8 == 0 {
		down *= 40
	}
	if h.amnesia && !h.forgot && h.lives == 2 {
		h.forget()
	}
	sleep(h.ctx, min(down, max(0, time.Until(until))))
}

func (h *house) forget() {
	h.note("the state directory is lost")
	h.forgot, h.forgotten = true, time.Now()
	if err := os.Remove(filepath.Join(h.dir, "journal.db")); err != nil {
		h.violate("lose the state directory: %v", err)
	}
	h.paper.mu.Lock()
	defer h.paper.mu.Unlock()
	h.memory = autoscale.Memory{}
	h.world.mu.Lock()
	defer h.world.mu.Unlock()
	h.unknown(true)
}

// bear makes the daemon's next life.
func (h *house) bear() *life {
	h.lives++
	h.tally(func(c *counts) { c.lives++ })
	return &life{world: h.world, number: h.lives}
}

// run lets a life run until it is killed, or to its end, when it is killed or stopped.
func (h *house) run(within context.Context, l *life, end time.Time, kill bool) {
	ctx, cancel := context.WithCancel(within)
	defer cancel()
	l.end = cancel
	file, err := journal.Open(h.dir, journal.Options{Cluster: cluster, At: time.Now(), Volatile: true})
	if err != nil {
		h.violate("open the journal: %v", err)
		return
	}
	defer func() { _ = file.Close() }()
	h.checkPaper(file)
	daemon, err := h.daemon(l, file)
	if err != nil {
		h.violate("start the daemon: %v", err)
		return
	}
	h.note("life %d begins, doom %q", l.number, l.doom)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = daemon.Run(ctx)
	}()
	timer := time.NewTimer(time.Until(end))
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
		if kill {
			l.killNow()
		}
		cancel()
		<-ended
	}
	h.note("life %d has ended", l.number)
}

// daemon wires what the binary wires, but for its edges.
func (h *house) daemon(l *life, file *journal.Journal) (*loop.Loop, error) {
	client, err := cyclecloud.New(cyclecloud.Options{
		URL: "http://cyclecloud.test", User: user, Password: func() (string, error) { return password, nil },
		Timeout: callTimeout, Retries: 1, RetryWait: 1, // a longer wait would be drawn from no seed
		Transport: wire{l, h.paper},
	})
	if err != nil {
		return nil, err
	}
	var queue loop.Queue = mortalQueue{l}
	if h.drains {
		queue = drainingQueue{mortalQueue{l}}
	}
	return loop.New(loop.Options{
		Cluster: cluster, Queue: queue, Journal: mortalJournal{file, l, h.paper}, Policy: h.policy, Interval: h.interval,
		Cloud:        cyclecloud.NewProvider(cyclecloud.ProviderOptions{Client: client, Cluster: cluster, Now: time.Now}),
		NewRequestID: h.requestID,
		OnTick: func(r loop.Report) {
			if !l.isDead() {
				h.checkTick(r)
			}
		},
	})
}

func (h *house) requestID() autoscale.RequestID {
	h.serials++
	return autoscale.RequestID(fmt.Sprintf("%08x-0000-4000-8000-%012x", uint32(h.seed), h.serials))
}

// converge waits for what must come once faults have stopped.
func (h *house) converge(what string, within time.Duration, come func() (missing string)) {
	now := time.Now()
	h.convergeFrom(func() time.Time { return now }, what, within, come)
}

// convergeFrom is converge where the time runs from a moment that moves on as things
// happen on which it waits; it is asked for at each look.
func (h *house) convergeFrom(could func() time.Time, what string, within time.Duration, come func() (missing string)) {
	deadline, missing := time.Now().Add(within), what
	for missing != "" && time.Now().Before(deadline) {
		if !sleep(h.ctx, lookEvery) { // before the first look too: the daemon must have started
			return
		}
		missing = come()
		if from := could(); from.Add(within).After(deadline) {
			deadline = from.Add(within)
		}
	}
	if missing != "" {
		h.violate("not within %s after it could: %s: %s", within, what, missing)
		return
	}
	h.note("%s", what)
}

// lastEnded is when the last job ended so far: its nodes go from then on.
func (h *house) lastEnded() (at time.Time) {
	defer h.look()()
	for _, r := range h.world.jobs.Records() {
		if r.Ended.After(at) {
			at = r.Ended
		}
	}
	return at
}

func (h *house) sums() counts {
	books := h.cloud.Books()
	c := h.count
	c.scenarios, c.lived = 1, time.Since(begin)
	for _, n := range books.Nodes {
		if !n.Head && !h.foreign[n.ID] {
			c.nodes++
		}
	}
	totals := h.world.jobs.Totals()
	c.jobs, c.jobKills = totals.Arrived, totals.Kills
	return c
}

// join makes one line of what a map counts, in order of name.
func join[K ~string](m map[K]int) string {
	var list []string
	for k, n := range m {
		list = append(list, fmt.Sprintf("%s %d", k, n))
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}
