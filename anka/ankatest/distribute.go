package ankatest

import (
	"maps"
	"slices"
	"time"
)

// distribution is a request to bring a version to Macs before anybody needs it there.
type distribution struct {
	id        string
	version   *version
	requested time.Time
	nodes     map[string]*share // by node id
}

// share is one Mac's part of a distribution.
type share struct {
	done     bool
	progress float64 // of a pull that is over
	problem  string
}

func (s *share) pending() bool { return !s.done && s.problem == "" }

func (w *world) distribute(v *version, nodes []*node) *distribution {
	d := &distribution{id: w.nextID("distribution"), version: v, requested: w.now, nodes: map[string]*share{}}
	for _, n := range nodes {
		d.nodes[n.id] = &share{}
	}
	w.distributions = append(w.distributions, d)
	w.assign()
	return d
}

// handOut lets Macs begin what distributions wait for. A Mac that drains takes no VMs, but it takes
// templates.
func (w *world) handOut() {
	for _, d := range w.distributions {
		for _, id := range slices.Sorted(maps.Keys(d.nodes)) {
			s, n := d.nodes[id], w.node(id)
			switch {
			case !s.pending() || n == nil || n.silent() || n.unlicensed || n.updating:
			case n.holding(d.version) != nil:
				*s = share{done: true, progress: 1}
			case n.pull == nil && w.pullable(n, d.version):
				w.startPull(n, &pull{version: d.version, distribution: d})
			}
		}
	}
}

// cancel stops what a distribution has not finished. It stays listed, with the words of the
// documents.
func (w *world) cancel(d *distribution) {
	for _, n := range w.nodes {
		s := d.nodes[n.id]
		if s == nil || !s.pending() {
			continue
		}
		s.progress, s.problem = w.shareProgress(d, n.id), "request canceled"
		if n.pull != nil && n.pull.distribution == d {
			n.pull = nil
		}
	}
	w.assign()
}

// shareProgress is how much of a Mac's pull is done, from 0 to 1.
func (w *world) shareProgress(d *distribution, id string) float64 {
	if n := w.node(id); n != nil && n.pull != nil && n.pull.distribution == d {
		return n.pull.progress(w.now)
	}
	return d.nodes[id].progress
}
