package anka

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"autoscaled/autoscale"
)

// stage is what an instance that is not Started yet waits for, and since when.
type stage struct {
	what  waitsFor
	since time.Time
}

// waitsFor is where an instance is before it is Started, finer than its State: the same
// word, Scheduling, stands for one that no Mac has taken and, since 1.50, for one whose
// template was pulled and whose VM boots.
type waitsFor string

// What an instance waits for. Empty: nothing.
const (
	forMac  waitsFor = "in Scheduling"
	forPull waitsFor = "Pulling"
	forBoot waitsFor = "on its Mac and not Started"
)

func waitOf(i *Instance) waitsFor {
	switch {
	case i.State == Scheduling && i.NodeID == "" && i.VM == nil:
		return forMac
	case i.State == Pulling:
		return forPull
	case phaseOf(i.State) == autoscale.PhaseStarting:
		return forBoot
	}
	return ""
}

// follow notes since when each instance of ours waits for what it waits for now, and
// forgets those that wait no more or are gone. The controller tells when an instance
// was updated last, which may be any time after it got where it is: so what this
// provider saw itself counts, and the controller's time, by its own clock, only for what
// was there when it first looked.
func (p *Provider) follow(r *reading) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r.stages = make(map[string]stage)
	for i := range r.instances {
		x := &r.instances[i]
		m, _, ok := markOf(x)
		what := waitOf(x)
		if !ok || m.owner != p.options.Owner || what == "" {
			continue
		}
		now := stage{what, r.at}
		if before, known := p.stages[x.ID]; known && before.what == what {
			now = before
		} else if p.stages == nil {
			now.since = firstSeen(r.at, x, what)
		}
		r.stages[x.ID] = now
	}
	p.stages = r.stages
}

// firstSeen is since when an instance that was there before the first look has been where
// it is, as far as the controller tells: never later than the look.
func firstSeen(at time.Time, i *Instance, what waitsFor) time.Time {
	since := i.Updated
	if since.IsZero() && what == forMac {
		since = i.Created
	}
	if since.IsZero() || since.After(at) {
		return at
	}
	return since
}

// late shows an instance of ours as failed that waits longer than it may.
func (s *survey) late(n *autoscale.Node, i *Instance) {
	now, known := s.stages[i.ID]
	if !known || n.Phase != autoscale.PhaseStarting {
		return
	}
	limit, class, why := s.options.StartTimeout, autoscale.ErrorBoot, func() string { return "its VM does not come up" }
	switch now.what {
	case forMac:
		limit, class, why = s.options.ScheduleTimeout, autoscale.ErrorCapacity, func() string { return "no Mac takes it: " + s.whyNoMac(i) }
	case forPull:
		limit, why = s.options.PullTimeout, func() string { return fmt.Sprintf("its Mac has %.0f %% of the template", 100*i.Progress) }
	}
	if waited := s.at.Sub(now.since); limit > 0 && waited > limit {
		n.Phase, n.Class = autoscale.PhaseFailed, class
		n.Message = fmt.Sprintf("%s for %s, longer than %s: %s", now.what, brief(waited), brief(limit), why())
	}
}

// whyNoMac tells, as far as the Macs' states do, why none takes an instance of ours.
func (s *survey) whyNoMac(i *Instance) string {
	o := s.poolOf(i)
	if o == nil {
		return "its pool is no longer configured"
	}
	if id := s.nodeFor(i); id != "" {
		return s.whyNotOn(id)
	}
	for _, p := range s.pools {
		if p.options == o {
			return s.whyFull(p)
		}
	}
	return "its pool is not known"
}

// whyNotOn tells why the node that a start named doesn't take it.
func (s *survey) whyNotOn(id string) string {
	k := slices.IndexFunc(s.macs, func(m *mac) bool { return m.ID == id })
	switch {
	case k < 0:
		return fmt.Sprintf("the one that it is for, %.60q, is gone", id)
	case s.macs[k].State != NodeActive:
		return fmt.Sprintf("%s, which it is for, is not Active but %s", s.macs[k].Name, s.macs[k].State)
	case s.macs[k].pulling:
		return fmt.Sprintf("%s, which it is for, has a template to pull", s.macs[k].Name)
	}
	return fmt.Sprintf("%s, which it is for, has %d VMs, those included that it was asked for", s.macs[k].Name, s.macs[k].taken())
}

// whyFull tells why none of a pool's Macs takes another VM now.
func (s *survey) whyFull(p *poolSurvey) string {
	if p.Invalid != "" {
		return p.Invalid
	}
	reasons := maps.Clone(p.reasons)
	for k, m := range s.macs {
		switch {
		case p.able.Bit(k) == 0:
		case m.pulling:
			reasons["pulling"]++
		case s.lotOf(p, k) == mayPull && !s.pulls.allow():
			reasons[fmt.Sprintf("without the tag, and no more than %d may pull at a time", s.pulls.bound)]++
		case m.slots > 0:
			reasons["with a free slot, which the controller may see otherwise"]++
		default:
			reasons["full"]++
		}
	}
	return fmt.Sprintf("of %d Macs %s", p.members, counted(reasons))
}

// brief is a duration in whole seconds, without parts that are zero: 6m, 1h30m.
func brief(d time.Duration) string {
	text := d.Round(time.Second).String()
	if short, ok := strings.CutSuffix(text, "m0s"); ok {
		text = short + "m"
	}
	if short, ok := strings.CutSuffix(text, "h0m"); ok {
		text = short + "h"
	}
	return text
}
