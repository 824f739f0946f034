package slurm

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"autoscaled/autoscale"
)

// Nodes that can't be had are set DOWN with our mark and the limit in their reason. Slurm
// then puts the jobs that wait for them back into the queue and starts them elsewhere, as
// in the next of their partitions, and gives no other job these nodes. What was tried on
// Slurm 22.05:
//
//   - A requeued job may begin 120 s later. Nodes that are back by then are given to it
//     again, so none is back before leastOut.
//   - DOWN leaves a node POWERING_UP, and POWER_DOWN makes it IDLE again on its way to
//     POWERED_DOWN: it is set DOWN once more.
//   - state=IDLE returns it, and takes the reason away.
//
// The marks in Slurm are all that is remembered of this: a daemon that starts anew finds
// them, and returns the nodes if no limit that it knows of is against it.

// Slurm leaves a node DOWN that did not come up in ResumeTimeout. It is returned too, once
// its VM is gone and returnAfter has passed, as CycleCloud's own integration does every
// five minutes: nobody else would.
const returnAfter = 5 * time.Minute

// timedOut is how Slurm's own reason for such a node begins.
const timedOut = "ResumeTimeout reached"

// leastOut is how long nodes stay out at the least: Slurm's delay of requeued jobs, and
// what its scheduler takes to look at all of them again.
const leastOut = 3 * time.Minute

// outs is what is known of nodes that are out.
type outs struct {
	// held is until when what is out stays out, by offering.
	held map[autoscale.OfferingID]hold
	// limited is since when limits have kept jobs waiting.
	limited map[int64]time.Time
	// expired is since when nodes are seen that did not come up in time.
	expired map[string]time.Time
	// probes are the nodes that were returned first, by offering.
	probes map[autoscale.OfferingID]probe
}

// probe is a node that was returned before the others of its offering.
type probe struct {
	node     string
	returned time.Time
}

// probeTaken is how long a probe is given to be taken by a job that wants its offering:
// Slurm's scheduler looks at all jobs once a minute unless told otherwise (sched_interval),
// and this is twice that. Our own choice.
const probeTaken = 2 * time.Minute

// hold is one limit that keeps nodes out.
type hold struct {
	// failed is when the offering failed; zero: it is another limit.
	failed, until time.Time
	// text is for people, and tells until when.
	text string
	// told: the nodes that were out before the failure say so too.
	told bool
}

// hopeless tells whether waiting is of no help to a job that could go elsewhere.
func hopeless(code autoscale.ReasonCode) bool {
	switch code {
	case autoscale.ReasonCapacity, autoscale.ReasonLimit, autoscale.ReasonBudget, autoscale.ReasonPoolInvalid, autoscale.ReasonNoPool,
		autoscale.ReasonNoGroups, autoscale.ReasonGroupTooSmall, autoscale.ReasonNameUnnumbered, autoscale.ReasonNoPrice:
		return true
	}
	return false
}

// offeringsOf are those that a node could be of. Several: the mapping names no machine type.
func (v *view) offeringsOf(n *Node) []autoscale.OfferingID {
	where, group, known := v.mapping.Node(n)
	if !known {
		return nil
	}
	var ids []autoscale.OfferingID
	for i := range v.state.Supply.Pools {
		pool := &v.state.Supply.Pools[i]
		if _, ok := where.Match(pool.Labels); ok {
			ids = append(ids, autoscale.OfferingOf(pool.ID, group != ""))
		}
	}
	return ids
}

// troubleOf is what keeps a node from being had: out tells that it is to be out of
// service. Of a node that could be of several offerings all must be held.
func (p *PowerSaving) troubleOf(v *view, n *Node) (id autoscale.OfferingID, text string, out bool) {
	ids := v.offeringsOf(n)
	if len(ids) == 0 {
		return "", "", false
	}
	for _, id := range ids {
		h, held := p.held[id]
		if !held || !h.until.After(v.state.At) {
			return id, "", false
		}
		text = h.text
	}
	return ids[0], text, true
}

// hold finds out which offerings can't be had, and until when.
func (p *PowerSaving) hold(v *view) {
	if p.held == nil {
		p.held, p.probes = make(map[autoscale.OfferingID]hold), make(map[autoscale.OfferingID]probe)
	}
	at := v.state.At
	for i := range v.state.Supply.Pools {
		pool := &v.state.Supply.Pools[i]
		for _, grouped := range [...]bool{false, true} {
			id := autoscale.OfferingOf(pool.ID, grouped)
			if pool.Invalid != "" {
				r := autoscale.Reason{Code: autoscale.ReasonPoolInvalid, Subject: string(pool.ID), Detail: pool.Invalid}
				p.held[id] = hold{until: at.Add(time.Second), text: r.String()}
				continue
			}
			o, known := v.state.Memory.Offerings[id]
			if known && o.Failures > 0 && o.Class.Shortage() {
				p.holdOffering(id, o, at)
			} else if h := p.held[id]; !h.failed.IsZero() {
				delete(p.held, id) // it has come up since
				delete(p.probes, id)
			}
		}
	}
	for id, h := range p.held {
		if h.failed.IsZero() && !h.until.After(at) {
			delete(p.held, id)
		}
	}
}

func (p *PowerSaving) holdOffering(id autoscale.OfferingID, o autoscale.Offering, at time.Time) {
	h := p.held[id]
	if !h.failed.Equal(o.Failed) {
		delete(p.probes, id) // it failed, or was none
		h = hold{failed: o.Failed}
	}
	h.until = o.Failed.Add(leastOut) // if the failure was recorded without Rest
	if next := o.NextTry(); next.After(h.until) {
		h.until = next
	}
	class := cmp.Or(o.Class, autoscale.ErrorCapacity)
	h.text = sentence(autoscale.Reason{Code: autoscale.ReasonCapacity, Subject: string(id), Of: max(0, h.until.Sub(at)), Class: class, Detail: o.Detail}, at)
	p.held[id] = h
}

// giveUp are the nodes of jobs that can't be had, by why: of jobs that Slurm may requeue,
// and none that some other job has which it may not. The whole job is given up.
func (p *PowerSaving) giveUp(v *view) map[string][]string {
	gone, taken := make(map[string][]string), make(map[string]bool)
	p.noteLimited(v)
	for _, id := range sortedIDs(v.waits) {
		w := v.waits[id]
		if !p.lost(v, id, &w) || !v.requeues(id) {
			continue
		}
		text := p.sentence(&w, v.state.At)
		if w.reason.Code == autoscale.ReasonLimit || w.reason.Code == autoscale.ReasonBudget {
			p.holdLimited(w.of, hold{until: v.state.At.Add(leastOut), text: text})
		}
		for _, name := range w.names {
			if !taken[name] && v.yields(name) {
				taken[name] = true
				gone[text] = append(gone[text], name)
			}
		}
	}
	return gone
}

// holdLimited notes a limit, where no failure is known that says more.
func (p *PowerSaving) holdLimited(ids []autoscale.OfferingID, h hold) {
	for _, id := range ids {
		if p.held[id].failed.IsZero() {
			p.held[id] = h
		}
	}
}

// yields tells whether a node may be given up: it has no VM, nobody but Slurm and us gave
// a reason for it, and no job has it that would end by that.
func (v *view) yields(name string) bool {
	n := v.states[name]
	if n == nil || !resumed(n) || v.alive[strings.ToLower(name)] || n.Is("DRAIN") || !unsaid(n) {
		return false
	}
	return !slices.ContainsFunc(v.on[name], func(other int64) bool { return !v.requeues(other) })
}

func sortedIDs(m map[int64]wait) []int64 {
	ids := make([]int64, 0, len(m))
	for id := range m {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// makesRoom is how long a job waits for what is on its way out to lift a limit. Our own choice.
const makesRoom = 2 * time.Minute

// noteLimited notes since when limits keep jobs waiting.
func (p *PowerSaving) noteLimited(v *view) {
	before := p.limited
	p.limited = make(map[int64]time.Time)
	for id, w := range v.waits {
		if w.reason.Code != autoscale.ReasonLimit {
			continue
		}
		since, known := before[id]
		if !known {
			since = v.state.At
		}
		p.limited[id] = since
	}
}

// lost tells whether waiting is of no help to a job. What is on its way out may yet lift
// a limit, and an offering that has come up again gives more and more. A name that is
// taken by a node which failed for want of capacity is lost too.
func (p *PowerSaving) lost(v *view, id int64, w *wait) bool {
	switch {
	case len(w.names) == 0:
		return false
	case w.reason.Code == autoscale.ReasonLimit:
		return !v.leaving || v.state.At.Sub(p.limited[id]) >= makesRoom
	case w.reason.Code == autoscale.ReasonCapacity, w.reason.Code == autoscale.ReasonNameTaken:
		return len(w.of) > 0 && !slices.ContainsFunc(w.of, func(id autoscale.OfferingID) bool {
			h := p.held[id]
			return h.failed.IsZero() || !h.until.After(v.state.At)
		})
	}
	return hopeless(w.reason.Code)
}

// requeues tells whether a job that has nodes, and does not run yet, may lose them.
func (v *view) requeues(id int64) bool {
	j := v.byID[id]
	return j != nil && j.Is("CONFIGURING") && v.details[id].Requeue
}
