package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"autoscaled/autoscale"
	"autoscaled/autoscale/sim"
	"autoscaled/cyclecloud/cyclecloudtest"
)

// demoWorld is everything the daemon meets in the demo: a simulated CycleCloud
// and a scheduler, which live by the same clock. It plays the part of the nodes'
// own agents: a node that comes up joins the scheduler, and one that is told to
// go leaves it, each at the time that the simulator's books tell.
type demoWorld struct {
	cloud *cyclecloudtest.Server
	jobs  *sim.Scheduler

	mu      sync.Mutex
	joined  map[string]string // host names by node id, of those that take jobs
	left    map[string]bool   // node ids that took jobs and no longer do
	managed int               // how many of the books' removals have been followed
	busy    map[string]bool   // node ids that the simulator was told are busy
	// killed counts runs that ended because the daemon removed their node,
	// evicted those that ended because a node went by itself.
	killed, evicted int
}

func newDemoWorld(cloud *cyclecloudtest.Server, jobs *sim.Scheduler) *demoWorld {
	return &demoWorld{
		cloud: cloud, jobs: jobs,
		joined: map[string]string{}, left: map[string]bool{}, busy: map[string]bool{},
	}
}

// move is a node that joins the scheduler or leaves it.
type move struct {
	at     time.Time
	node   string
	host   sim.Host // that joins
	leaves bool
	// told: the daemon asked for it.
	told bool
}

// follow brings the scheduler to the present of the simulator's books, which it
// returns. Every join and leave happens at its own time, in order, so that what
// jobs start between two looks does not depend on when anybody looks.
func (w *demoWorld) follow() (cyclecloudtest.Books, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	books := w.cloud.Books()
	for _, m := range w.moves(books) {
		w.jobs.Advance(m.at)
		if err := w.apply(m); err != nil {
			return books, err
		}
	}
	w.jobs.Advance(books.At)
	w.tellBusy()
	return books, nil
}

// moves lists what nodes did since the last look, in order of time.
func (w *demoWorld) moves(books cyclecloudtest.Books) []move {
	var list []move
	told := map[string]bool{}
	for _, m := range books.Manages[w.managed:] {
		if !takesAway(m.Action) {
			continue
		}
		for _, id := range m.Nodes {
			told[id] = true
			list = append(list, move{at: m.At, node: id, leaves: true, told: true})
		}
	}
	w.managed = len(books.Manages)
	for _, n := range books.Nodes {
		_, here := w.joined[n.ID]
		switch {
		case n.Head || w.left[n.ID]:
		case !here && !n.ReadyAt.IsZero() && n.Hostname != "":
			list = append(list, move{at: n.ReadyAt, node: n.ID, host: hostOf(n)})
		case here && !told[n.ID] && !n.Usable():
			list = append(list, move{at: books.At, node: n.ID, leaves: true})
		}
	}
	slices.SortStableFunc(list, func(a, b move) int { return a.at.Compare(b.at) })
	return list
}

// hostOf is what the scheduler sees of a node.
func hostOf(n cyclecloudtest.NodeRecord) sim.Host {
	return sim.Host{
		Name: n.Hostname, Group: n.PlacementGroup, Resources: autoscale.Resources{Cores: demoCores},
		Labels: map[string]string{autoscale.LabelNodearray: n.Bucket.Nodearray},
	}
}

// takesAway tells whether an action of the API ends what runs on a node.
func takesAway(action string) bool {
	switch action {
	case "terminate", "remove", "shutdown", "deallocate":
		return true
	}
	return false
}

func (w *demoWorld) apply(m move) error {
	if !m.leaves {
		if err := w.jobs.Join(m.host); err != nil {
			return fmt.Errorf("node %s comes up: %w", m.node, err)
		}
		w.joined[m.node] = m.host.Name
		return nil
	}
	host, here := w.joined[m.node]
	if !here {
		w.left[m.node] = true // it was sent away before it came up
		return nil
	}
	delete(w.joined, m.node)
	delete(w.busy, m.node)
	w.left[m.node] = true
	killed, err := w.jobs.Leave(host)
	if err != nil {
		return fmt.Errorf("node %s goes: %w", m.node, err)
	}
	if m.told {
		w.killed += killed
	} else {
		w.evicted += killed
	}
	return nil
}

// tellBusy tells the simulator what runs work, so that its books hold it against
// whoever removes such a node. A node that has gone since the books were read is
// not found; the next look follows it.
func (w *demoWorld) tellBusy() {
	for node, host := range w.joined {
		busy := w.jobs.Busy(host)
		if busy != w.busy[node] && w.cloud.MarkBusy(node, busy) == nil {
			w.busy[node] = busy
		}
	}
}

// demoQueue is the scheduler as the daemon reads it: up to date at each look.
type demoQueue struct{ world *demoWorld }

// Demand brings the world up to date and reads it.
func (q demoQueue) Demand(ctx context.Context) (autoscale.Demand, error) {
	if _, err := q.world.follow(); err != nil {
		return autoscale.Demand{}, err
	}
	return q.world.jobs.Demand(ctx)
}

// Drain marks hosts after bringing the world up to date.
func (q demoQueue) Drain(ctx context.Context, nodes []autoscale.Node, reason string) []error {
	if _, err := q.world.follow(); err != nil {
		return sameError(err, len(nodes))
	}
	return q.world.jobs.Drain(ctx, nodes, reason)
}

// Undrain takes the marks off again.
func (q demoQueue) Undrain(ctx context.Context, nodes []autoscale.Node) []error {
	if _, err := q.world.follow(); err != nil {
		return sameError(err, len(nodes))
	}
	return q.world.jobs.Undrain(ctx, nodes)
}

func sameError(err error, n int) []error {
	list := make([]error, n)
	for i := range list {
		list[i] = err
	}
	return list
}
