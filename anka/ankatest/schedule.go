package ankatest

import (
	"cmp"
	"slices"
	"time"
)

// assign lets Macs take what waits: the more urgent instances first, among equals in an order that
// was drawn for them, then distributions. What fits nowhere waits on; that is no error.
func (w *world) assign() {
	slices.SortStableFunc(w.waiting, func(a, b *instance) int {
		return cmp.Or(cmp.Compare(a.priority, b.priority), cmp.Compare(a.order, b.order))
	})
	for _, i := range slices.Clone(w.waiting) {
		if i.stuck || i.readyAt.After(w.now) {
			continue
		}
		if n := w.choose(i); n != nil {
			w.take(n, i)
		}
	}
	w.handOut()
}

// enqueue lets an instance wait for a Mac, which takes it after a moment at the earliest.
func (w *world) enqueue(i *instance) {
	i.become(w, stateScheduling, "")
	i.node = nil
	delay := lognormal(w.cfg.Timing.Pickup, w.cfg.Timing.Sigma, w.seed, "pickup", i.ordinal, i.generation)
	i.readyAt = w.now.Add(delay)
	w.waiting = append(w.waiting, i)
	w.later(delay, i, w.assign)
}

// choose finds the Mac for an instance: one of its group that has the template, then one that would
// pull it; then the same in the group that it falls back to, and so on.
func (w *world) choose(i *instance) *node {
	if i.groupID == "" {
		return w.best(i, w.nodes)
	}
	seen := map[*group]bool{}
	for g := w.group(i.groupID); g != nil && !seen[g]; g = g.fallback {
		seen[g] = true
		members := slices.DeleteFunc(slices.Clone(w.nodes), func(n *node) bool { return !slices.Contains(n.groups, g) })
		if n := w.best(i, members); n != nil {
			return n
		}
	}
	return nil
}

func (w *world) best(i *instance, nodes []*node) *node {
	var best *node
	var least [3]float64
	for _, n := range nodes {
		if !w.fits(n, i) {
			continue
		}
		rank := [3]float64{0, float64(n.count()), uniform(w.seed, "choice", i.ordinal, n.id)}
		if n.holding(i.version) == nil {
			rank[0] = 1
		}
		if best == nil || slices.Compare(rank[:], least[:]) < 0 {
			best, least = n, rank
		}
	}
	return best
}

// fits tells whether a Mac could take the instance now. While it pulls it takes nothing else.
func (w *world) fits(n *node, i *instance) bool {
	switch {
	case i.wantNode != "" && i.wantNode != n.id,
		n.silent(), n.pull != nil, w.state(n) != nodeActive,
		n.arch != i.version.template.arch,
		!n.hasRoom(i.vcpu, i.vram),
		i.usb != "" && n.device(i.usb) == nil:
		return false
	}
	return n.holding(i.version) != nil || w.pullable(n, i.version)
}

// pullable tells whether a Mac could begin to pull a version now.
func (w *world) pullable(n *node, v *version) bool {
	return !w.registryDown && w.inRegistry(v) && n.couldHold(v)
}

func (w *world) inRegistry(v *version) bool {
	return !v.template.gone && slices.Contains(v.template.versions, v)
}

// take gives an instance to a Mac, which has the template or pulls it first.
func (w *world) take(n *node, i *instance) {
	w.waiting = without(w.waiting, i)
	i.node = n
	if i.usb != "" {
		n.device(i.usb).by = i
	}
	if n.holding(i.version) != nil {
		w.boot(i)
		return
	}
	i.become(w, statePulling, "")
	w.startPull(n, &pull{version: i.version, instance: i})
}

// pull is a Mac's download of a version, for an instance or for a distribution.
type pull struct {
	version      *version
	bytes        int64
	from, until  time.Time
	instance     *instance
	distribution *distribution
}

func (p *pull) progress(now time.Time) float64 {
	if !now.Before(p.until) {
		return 1
	}
	return float64(now.Sub(p.from)) / float64(p.until.Sub(p.from))
}

func (w *world) startPull(n *node, p *pull) {
	n.makeRoom(p.version)
	p.bytes, p.from = n.missing(p.version), w.now
	seconds := float64(p.bytes) / n.bandwidth * n.slow
	if uniform(w.seed, "slow pull", n.id, n.record.begun) < w.cfg.Chances.SlowPull {
		seconds *= w.cfg.Chances.SlowFactor
	}
	n.record.begun++
	const aYear = 365 * 24 * 3600 // keeps the product below what a Duration holds
	d := time.Duration(min(seconds, aYear) * float64(time.Second))
	p.until = w.now.Add(d)
	n.pull = p
	w.books.pulling(w)
	void := func() bool { return n.pull != p }
	w.after(d, void, func() { w.heard(n, void, func() { w.pulled(n, p) }) })
}

// pulled is the moment when a version is on the Mac's disk.
func (w *world) pulled(n *node, p *pull) {
	n.pull = nil
	n.keep(p.version, p.bytes, w.now)
	n.record.pulled(p, w.now)
	p.version.pulled = w.now
	if d := p.distribution; d != nil {
		*d.nodes[n.id] = share{done: true, progress: 1}
	}
	if i := p.instance; i != nil {
		i.progress = 1
		if n.hasRoom(i.vcpu, i.vram) && !n.unlicensed {
			w.boot(i)
		} else {
			w.requeue(i)
		}
	}
	w.assign()
}

// abort ends a pull that will not be finished. An instance that waited for it goes back to
// Scheduling, a distribution keeps waiting for the Mac.
func (w *world) abort(n *node, p *pull) {
	n.pull = nil
	if d := p.distribution; d != nil {
		*d.nodes[n.id] = share{}
	}
	if p.instance != nil {
		w.requeue(p.instance)
	}
}

// requeue sends an instance that a Mac had taken back to Scheduling.
func (w *world) requeue(i *instance) {
	w.release(i)
	i.progress = 0
	w.enqueue(i)
}

// setRegistry breaks or mends the way from the Macs to the registry. Pulls under way are lost.
func (w *world) setRegistry(reachable bool) {
	w.registryDown = !reachable
	for _, n := range w.nodes {
		if w.registryDown && n.pull != nil {
			w.abort(n, n.pull)
		}
	}
	w.assign()
}
