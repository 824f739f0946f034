package slurm

import (
	"strings"
	"time"

	"autoscaled/autoscale"
)

// A controller that dies before it saved its state has forgotten, once it is back, which
// nodes it resumed: it lists them as powered down, and soon resumes the same names for the
// same jobs. Their VMs are on their way, and would be ended and made anew.

// lapse is how long the VM of a node is kept that is powered down and was never seen on
// its way there: as long as a controller that comes back takes to schedule again. Our own
// choice.
const lapse = time.Minute

// lapses tells how nodes came to be powered down.
type lapses struct {
	// suspended are those that Slurm was seen to suspend or to give up since they were
	// last in use, and those whose lapse is over.
	suspended map[string]bool
	// since is when others were first seen powered down.
	since map[string]time.Time
}

// follow takes note of a reading.
func (l *lapses) follow(nodes []Node, hooks []Hook, now time.Time) {
	if l.since == nil {
		l.suspended, l.since = make(map[string]bool), make(map[string]time.Time)
	}
	for i := range hooks {
		if hooks[i].Kind == HookResume {
			continue
		}
		names, _ := Expand(hooks[i].Nodes) // one that can't be read was told of already
		for _, name := range names {
			l.suspended[name] = true
		}
	}
	for i := range nodes {
		n := &nodes[i]
		switch since, lapsed := l.since[n.Name]; {
		case !suspended(n):
			delete(l.suspended, n.Name)
			delete(l.since, n.Name)
		case n.Is("POWERING_DOWN"), n.Is("DOWN"), strings.HasPrefix(n.Reason, Mark):
			l.suspended[n.Name] = true
		case !lapsed:
			l.since[n.Name] = now
		case now.Sub(since) >= lapse:
			l.suspended[n.Name] = true
		}
	}
}

// lapsed tells whether a node that is powered down may be one that the controller forgot.
func (l *lapses) lapsed(n *Node) bool { return suspended(n) && !l.suspended[n.Name] }

// keepLapsed leaves the VMs of such nodes alone.
func (l *lapses) keepLapsed(use map[string]autoscale.HostUse, nodes []Node) {
	for i := range nodes {
		if n := &nodes[i]; l.lapsed(n) {
			use[strings.ToLower(n.Name)] = autoscale.HostUse{Missing: true}
		}
	}
}
