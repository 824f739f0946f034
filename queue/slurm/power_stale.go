package slurm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"autoscaled/autoscale"
)

// A VM that stood behind a name when Slurm suspended it is of no use once the name is
// resumed: the controller ignores the registration of a slurmd that booted before the
// resume (tried on 22.05). Such a VM goes first, and the new one waits for the name.

// shadows tells which VM stood behind a name when.
type shadows struct {
	// behind are the VMs behind each name, in lower case, after the last tick. nil: no
	// tick has told.
	behind map[string][]autoscale.NodeID
	// booted are those of them whose slurmd may run already.
	booted map[autoscale.NodeID]bool
	// stale are VMs that were suspended, by id.
	stale map[autoscale.NodeID]bool
	// early is when hooks suspended names before any tick told what stands behind them.
	early map[string]time.Time
}

// suspendedByHook marks what stands behind names as suspended.
func (s *shadows) suspendedByHook(names []string, at time.Time) {
	for _, name := range names {
		key := strings.ToLower(name)
		if s.behind == nil {
			if s.early == nil {
				s.early = make(map[string]time.Time)
			}
			s.early[key] = at
			continue
		}
		s.suspend(key, false)
	}
}

// suspend marks what stands behind a name, or only what has booted.
func (s *shadows) suspend(key string, onlyBooted bool) {
	for _, id := range s.behind[key] {
		if onlyBooted && !s.booted[id] {
			continue
		}
		if s.stale == nil {
			s.stale = make(map[autoscale.NodeID]bool)
		}
		s.stale[id] = true
	}
}

// noteSuspended marks what stands behind the names that are seen suspended, and clears
// what Slurm uses: a node that is neither coming nor going has its VM. A VM on its way
// behind a name that the controller may have forgotten will do for its next resume.
func (s *shadows) noteSuspended(nodes []Node, lapsed func(*Node) bool) {
	for i := range nodes {
		n := &nodes[i]
		key := strings.ToLower(n.Name)
		switch {
		case suspended(n):
			s.suspend(key, lapsed(n))
		case !n.Is("POWERING_UP") && !n.Is("DOWN"):
			delete(s.early, key)
			for _, id := range s.behind[key] {
				delete(s.stale, id)
			}
		}
	}
}

// markStale tells the planner that the VM behind a name that is being resumed is done
// for, where it was suspended before.
func (p *PowerSaving) markStale(use map[string]autoscale.HostUse, states map[string]*Node) {
	for name, n := range states {
		key := strings.ToLower(name)
		if resumed(n) && p.hasStale(key) {
			use[key] = autoscale.HostUse{Drain: autoscale.DrainDone}
		}
	}
}

func (s *shadows) hasStale(key string) bool {
	return slices.ContainsFunc(s.behind[key], func(id autoscale.NodeID) bool { return s.stale[id] })
}

// Keep learns what stands behind each name, tells Slurm where it is and what an operator
// keeps alive, and forgets the hooks that are answered for.
func (p *PowerSaving) Keep(ctx context.Context, supply autoscale.Supply, _ []autoscale.RequestID) error {
	p.mu.Lock()
	p.behold(supply.Nodes)
	moved, nodes := p.moved(supply.Nodes), p.nodes
	p.mu.Unlock() // who asks for Awaited need not wait for what Slurm is told
	if p.DryRun {
		return nil
	}
	told := errors.Join(p.tellAddresses(ctx, moved), p.mirror(ctx, supply, nodes))
	p.mu.Lock()
	defer p.mu.Unlock()
	return errors.Join(told, p.forget())
}

// mirror keeps what an operator keeps alive from being powered down.
func (p *PowerSaving) mirror(ctx context.Context, supply autoscale.Supply, nodes []Node) error {
	if p.KeepAlive == nil || nodes == nil {
		return nil
	}
	return p.KeepAlive.Mirror(ctx, supply, nodes)
}

// forget forgets the hooks that are answered for. A suspend stays as long as a VM is there
// that it was about, so that a restart knows.
func (p *PowerSaving) forget() error {
	if p.Hooks == nil || len(p.answered) == 0 {
		return nil
	}
	var done, left []Hook
	for _, h := range p.answered {
		if h.Kind == HookSuspend && p.pending(h.Nodes) {
			left = append(left, h)
		} else {
			done = append(done, h)
		}
	}
	p.answered = left
	if len(done) == 0 {
		return nil
	}
	if err := p.Hooks.Remove(done); err != nil {
		return fmt.Errorf("forget hooks that are answered for: %w", err)
	}
	return nil
}

func (s *shadows) pending(list string) bool {
	names, err := Expand(list)
	return err == nil && slices.ContainsFunc(names, func(name string) bool { return s.hasStale(strings.ToLower(name)) })
}

// behold notes what stands behind each name after a tick.
func (p *PowerSaving) behold(nodes []autoscale.Node) {
	p.behind = make(map[string][]autoscale.NodeID, len(nodes))
	p.booted = make(map[autoscale.NodeID]bool)
	there := make(map[autoscale.NodeID]bool, len(nodes))
	for i := range nodes {
		if n := &nodes[i]; n.Phase != autoscale.PhaseGone && n.Phase != autoscale.PhaseDeallocated { // a start boots it anew
			key := strings.ToLower(n.Name)
			p.behind[key] = append(p.behind[key], n.ID)
			there[n.ID] = true
			p.booted[n.ID] = n.Phase != autoscale.PhaseStarting
		}
	}
	for id := range p.stale {
		if !there[id] {
			delete(p.stale, id)
		}
	}
}

// settleEarly marks the VMs of names that a hook suspended while no daemon ran, if they
// were asked for before that.
func (p *PowerSaving) settleEarly(m autoscale.Memory) {
	for key, at := range p.early {
		for _, id := range p.behind[key] {
			if n, known := m.Nodes[id]; known && n.Asked.Before(at) {
				if p.stale == nil {
					p.stale = make(map[autoscale.NodeID]bool)
				}
				p.stale[id] = true
				p.Observe(Note{Event: NoteStale, Nodes: []string{key}, Detail: "its VM was suspended while no daemon ran"})
			}
		}
	}
	if p.behind != nil {
		p.early = nil
	}
}
