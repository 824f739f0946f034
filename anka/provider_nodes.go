package anka

import (
	"cmp"
	"fmt"
	"slices"

	"autoscaled/autoscale"
)

// addNodes shows all instances. Those of others are shown as protected, without a pool.
func (s *survey) addNodes() {
	tooMany := s.twins()
	for i := range s.instances {
		x := &s.instances[i]
		m, why, ok := markOf(x)
		n := autoscale.Node{ID: autoscale.NodeID(x.ID), Name: first(x.Name, x.ID), Phase: phaseOf(x.State), State: string(x.State), Message: x.Message}
		if x.VM != nil {
			n.Address = x.VM.IP
		}
		switch {
		case !ok:
			n.Protected = first(why, "it was started by others")
		case m.owner != s.options.Owner:
			n.Protected = fmt.Sprintf("it was started by another owner, %.40q", m.owner)
		default:
			s.own(&n, x, m)
		}
		if tooMany[x.ID] {
			n.Phase, n.Class = autoscale.PhaseFailed, ""
			n.Message = fmt.Sprintf("late twin: request %s asked for %d, and more came of attempt %s", m.request, m.count, m.attempt)
		}
		s.nodes = append(s.nodes, n)
	}
}

// own fills in what is known of an instance of ours.
func (s *survey) own(n *autoscale.Node, i *Instance, m mark) {
	n.Owned, n.Request, n.Pool = true, m.request, autoscale.PoolID(m.pool)
	p := s.poolOf(i)
	if p != nil {
		n.Pool = autoscale.PoolID(p.Name)
	} else if m.pool != "" {
		s.former[n.Pool] = true
	}
	n.Host = hostOf(i, m, p)
	if why := scriptFailed(i); why != "" && (n.Phase == autoscale.PhaseReady || n.Phase == autoscale.PhaseFailed) {
		n.Phase, n.Class, n.Message = autoscale.PhaseFailed, autoscale.ErrorBoot, why
		return
	}
	if n.Phase == autoscale.PhaseFailed || n.Phase == autoscale.PhaseStarting {
		n.Class = classOfNode(i)
	}
	if i.State == Stopped {
		n.Message = first(n.Message, "its VM is stopped")
	}
	s.late(n, i)
	n.Outdated = s.outdated(p, i)
}

// hostOf is what the queue calls an instance, that is the CI runner's name: the
// instance's name if it was started alone. Where a runner was named before its VM was
// there it keeps the name, whatever others call the instance since. Instances that were
// started together share the name, so they are called by their ids.
func hostOf(i *Instance, m mark, p *PoolOptions) string {
	if p != nil && p.Startup != nil && m.count <= 1 {
		m.pool = first(m.pool, p.Name)
		return m.name()
	}
	if m.count == 1 && i.Name == m.name() {
		return i.Name
	}
	return i.ID
}

// phaseOf is where an instance is in its life. One whose image is being saved is
// neither usable nor gone, and so is one in a state that no document names.
func phaseOf(s State) autoscale.Phase {
	switch s {
	case Scheduling, Pulling:
		return autoscale.PhaseStarting
	case Started:
		return autoscale.PhaseReady
	case Stopping, Terminating:
		return autoscale.PhaseStopping
	case Stopped, Errored:
		return autoscale.PhaseFailed
	case Terminated:
		return autoscale.PhaseGone
	}
	return autoscale.PhaseUnknown
}

// twins are the instances of ours that are more than their request asked for: an
// attempt that was believed lost arrived beside the one that followed it. The oldest
// are kept. Only such as are not Started yet count: they are shown as failed, so that
// the planner ends them before anything runs on them. One that came up before that was
// seen is an idle node like any other.
func (s *survey) twins() map[string]bool {
	alive := make(map[autoscale.RequestID][]*Instance)
	asked := make(map[autoscale.RequestID]int)
	for i := range s.instances {
		x := &s.instances[i]
		m, _, ok := markOf(x)
		if !ok || m.owner != s.options.Owner || m.count == 0 {
			continue
		}
		asked[m.request] = m.count
		switch phaseOf(x.State) {
		case autoscale.PhaseStarting, autoscale.PhaseReady, autoscale.PhaseUnknown:
			alive[m.request] = append(alive[m.request], x)
		}
	}
	tooMany := make(map[string]bool)
	for request, list := range alive {
		slices.SortFunc(list, func(a, b *Instance) int {
			return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
		})
		for _, x := range list[min(len(list), asked[request]):] {
			tooMany[x.ID] = phaseOf(x.State) == autoscale.PhaseStarting
		}
	}
	return tooMany
}
