package simulation

import (
	"math/rand/v2"
	"strings"
	"time"

	"autoscaled/autoscale"
	"autoscaled/autoscale/loop"
)

// drainBooks are what the daemon could know of drains, kept without its memory. The world's
// lock is held.
type drainBooks struct {
	// marked is since when a node is seen busy and with our mark, by id, without an
	// attempt to withdraw it; undone is when its drain was undone, since when no read
	// showed it empty.
	marked, undone map[string]time.Time
}

// drawDrains gives half of the days on which the queue can drain a deadline that jobs
// outlast. It draws from numbers of its own, so that the other days stay as they are.
func (s *scenario) drawDrains() {
	d := dice{rand.New(rand.NewPCG(s.seed, 0xd4a1))}
	if !s.drains || d.chance(0.5) {
		return
	}
	for i := range s.policy.Pools {
		p := &s.policy.Pools[i]
		p.DrainTimeout = d.span(2*time.Minute, 25*time.Minute)
		if d.chance(0.8) {
			p.MaxAge = d.span(15*time.Minute, 40*time.Minute)
		}
	}
	s.deafness = []float64{0, 0.2, 0.6}[d.IntN(3)]
	for i := range s.jobs {
		if d.chance(0.25) {
			s.jobs[i].Run = d.span(time.Hour, 2*time.Hour)
		}
	}
}

// unknown forgets what a tick that saw nothing, or could not write, may have missed; all:
// the daemon has forgotten everything.
func (d *drainBooks) unknown(all bool) {
	clear(d.marked)
	if all {
		clear(d.undone)
	}
}

// emptied notes which nodes a read shows empty: their drains start afresh.
func (d *drainBooks) emptied(busy map[string]bool) {
	for id := range d.undone {
		if !busy[id] {
			delete(d.undone, id)
		}
	}
}

// checkDrains: no node that is busy keeps our mark beyond its deadline, none gets it again
// before it took work for as long, and no mark but ours is withdrawn, shown or sent.
func (h *house) checkDrains(r loop.Report) {
	o := r.Observation
	blind := o.DemandProblem != "" || o.SupplyProblem != "" || r.Plan.Hold.Code != "" || !r.Acted
	for _, p := range r.Problems {
		blind = blind || p.Step == loop.StepJournal
	}
	if blind {
		h.unknown(false)
		return
	}
	undrains := map[autoscale.NodeID]autoscale.ReasonCode{}
	for _, d := range r.Plan.Undrain {
		undrains[d.Node.ID] = d.Reason.Code
		use := useOf(o, d.Node)
		hidden := use.Drain == autoscale.NotDraining && r.Memory.Nodes[d.Node.ID].Drain.Marks > 0
		if use.Drain != autoscale.DrainOurs && !hidden {
			h.violate("the mark of node %s is withdrawn; it is %q", d.Node.ID, use.Drain)
		}
	}
	for _, n := range o.Supply.Nodes {
		h.followDrain(n, useOf(o, n), undrains[n.ID], r.At)
	}
	for _, d := range r.Plan.Drain {
		id := string(d.Node.ID)
		if undone, noted := h.undone[id]; noted && r.At.Sub(undone) < h.drainTimeout(d.Node) {
			h.violate("node %s is drained again %s after that was undone", id, r.At.Sub(undone))
		}
		delete(h.undone, id)
	}
}

// followDrain brings the books of one node to what a tick saw and planned; by is why its
// mark is withdrawn, if it is.
func (h *house) followDrain(n autoscale.Node, use autoscale.HostUse, by autoscale.ReasonCode, at time.Time) {
	id := string(n.ID)
	if n.Phase != autoscale.PhaseReady || !use.Busy() || use.Drain != autoscale.DrainOurs || by != "" {
		delete(h.marked, id)
	} else if since, noted := h.marked[id]; !noted {
		h.marked[id] = at
	} else if most := h.drainTimeout(n); most > 0 && at.Sub(since) >= most {
		h.violate("node %s is busy, and marked for drain for %s; the deadline is %s", id, at.Sub(since), most)
	}
	if _, noted := h.undone[id]; by == autoscale.ReasonDrainTimeout && use.Busy() && !noted {
		h.undone[id] = at
		h.tally(func(c *counts) { c.undone++ })
	}
}

// useOf is what a read of the queue says of a node.
func useOf(o autoscale.Observation, n autoscale.Node) autoscale.HostUse {
	return o.Demand.Use[strings.ToLower(n.Host)]
}

func (h *house) drainTimeout(n autoscale.Node) time.Duration {
	array, _, _ := strings.Cut(string(n.Pool), "/")
	return h.pool(array).DrainTimeout
}
