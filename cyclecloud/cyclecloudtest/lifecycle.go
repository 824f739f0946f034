package cyclecloudtest

import (
	"fmt"
	"time"
)

// Outcome is how the launch of a node ends.
type Outcome string

// The outcomes of a launch. OutcomeStuckAcquiring never gets a VM, OutcomeStuckPreparing gets one
// that never becomes Ready, OutcomeFailed gets one and ends as Failed.
const (
	OutcomeReady          Outcome = "ready"
	OutcomeFailed         Outcome = "failed"
	OutcomeStuckAcquiring Outcome = "stuck-acquiring"
	OutcomeStuckPreparing Outcome = "stuck-preparing"
)

// acquireShare is the part of a boot that is spent until the cloud has given a VM.
const acquireShare = 0.2

// birthOrder fixes the outcome of the next launches in a bucket.
type birthOrder struct {
	bucket  *bucket
	outcome Outcome
	left    int
}

// launch starts a node's way to Ready and decides, by order or by chance, how it ends.
func (w *world) launch(n *node) {
	n.launches++
	n.host, n.ip, n.instanceID = "", "", ""
	n.become(statusAcquiring, targetStarted, "")
	outcome := w.outcome(n)
	if outcome == OutcomeStuckAcquiring {
		return
	}
	boot := lognormal(w.cfg.Timing.Boot, w.cfg.Timing.BootSigma, w.seed, "boot", n.ordinal, n.launches)
	acquire := time.Duration(float64(boot) * acquireShare)
	w.after(acquire, n, func(w *world, n *node) { w.allocated(n, outcome, boot-acquire) })
}

func (w *world) outcome(n *node) Outcome {
	for i := range w.births {
		if o := &w.births[i]; o.bucket == n.bucket && o.left > 0 {
			o.left--
			return o.outcome
		}
	}
	u := uniform(w.seed, "outcome", n.ordinal, n.launches)
	failed, never := w.cfg.Chances.BootFailure, w.cfg.Chances.NeverUp
	switch {
	case n.isHead():
		return OutcomeReady
	case u < failed:
		return OutcomeFailed
	case u < failed+never/2:
		return OutcomeStuckAcquiring
	case u < failed+never:
		return OutcomeStuckPreparing
	}
	return OutcomeReady
}

// allocated is the moment when the cloud answers the request for a VM.
func (w *world) allocated(n *node, outcome Outcome, rest time.Duration) {
	if !n.isHead() && n.bucket.stock >= 0 && w.vmsOf(n.bucket) >= n.bucket.stock {
		n.bucket.failedAt = w.now
		w.books.CapacityFailures++
		n.become(statusUnavailable, targetStarted, fmt.Sprintf("No capacity for %s in %s: allocation failed", n.machine.Name, n.region))
		return
	}
	n.become(statusPreparing, targetStarted, "")
	w.acquireVM(n)
	switch outcome {
	case OutcomeReady:
		w.after(rest, n, (*world).becomeReady)
	case OutcomeFailed:
		w.after(rest, n, func(_ *world, n *node) { n.fail("Software configuration failed") })
	}
}

// vmsOf counts the VMs that the bucket holds, those on their way out included.
func (w *world) vmsOf(b *bucket) int {
	count := 0
	for _, n := range b.array.cluster.nodes {
		if n.bucket == b && n.hasVM() {
			count++
		}
	}
	return count
}

func (w *world) becomeReady(n *node) {
	n.become(statusReady, targetStarted, "")
	if n.ready.IsZero() {
		n.ready = w.now
	}
	if n.host == "" {
		w.nameHost(n)
	}
	if rate := w.cfg.Chances.EvictionsPerHour; n.spot && !n.isHead() && rate > 0 {
		w.after(exponential(rate, w.seed, "evict", n.ordinal, n.generation), n, (*world).evict)
	}
}

// nameHost publishes the host name, at once or as late as the config says. The name is the hex of
// the address, which is what stand-alone DNS gives.
func (w *world) nameHost(n *node) {
	know := func(_ *world, n *node) {
		var a, b, c, d int
		_, _ = fmt.Sscanf(n.ip, "%d.%d.%d.%d", &a, &b, &c, &d)
		n.host = fmt.Sprintf("ip-%02X%02X%02X%02X", a, b, c, d)
		n.changed()
	}
	if w.cfg.Timing.HostnameLate > 0 {
		w.after(w.cfg.Timing.HostnameLate, n, know)
		return
	}
	know(w, n)
}

func (n *node) fail(message string) { n.become(statusFailed, targetStarted, message) }

// evict is the cloud taking a VM back: the node goes without anybody having asked.
func (w *world) evict(n *node) {
	w.books.Evictions++
	w.releaseVM(n)
	n.become(statusTerminating, targetTerminated, "The spot VM was evicted")
	w.after(w.leaving(n), n, (*world).leave)
}

// terminate sends a node away. A fixed node keeps its record unless remove is set.
func (w *world) terminate(n *node, remove bool) {
	n.removing = n.removing || remove
	switch n.status {
	case statusTerminating:
		return
	case statusTerminated, statusOff:
		if n.removing {
			w.drop(n)
		}
		return
	}
	n.become(statusTerminating, targetTerminated, "")
	w.after(w.leaving(n), n, (*world).leave)
}

// leaving draws how long a node takes to go; without a VM there is little to do.
func (w *world) leaving(n *node) time.Duration {
	d := lognormal(w.cfg.Timing.Terminate, 0.3, w.seed, "leave", n.ordinal, n.launches)
	if !n.hasVM() {
		return d / 10
	}
	return d
}

func (w *world) leave(n *node) {
	if !n.fixed || n.removing {
		w.drop(n)
		return
	}
	w.releaseVM(n)
	n.host, n.ip, n.instanceID = "", "", ""
	n.become(statusTerminated, targetTerminated, "")
}

func (w *world) deallocate(n *node) {
	if n.status == statusDeallocating || n.status == statusDeallocated {
		return
	}
	n.become(statusDeallocating, targetDeallocated, "")
	w.after(w.leaving(n), n, func(w *world, n *node) {
		w.releaseVM(n)
		n.become(statusDeallocated, targetDeallocated, "")
	})
}

func (w *world) restart(n *node) {
	n.become(statusRestarting, targetStarted, "")
	w.after(lognormal(w.cfg.Timing.Restart, 0.2, w.seed, "restart", n.ordinal, n.generation), n, (*world).becomeReady)
}

func (w *world) reimage(n *node) {
	n.become(statusReimaging, targetStarted, "")
	w.after(lognormal(w.cfg.Timing.Boot, w.cfg.Timing.BootSigma, w.seed, "reimage", n.ordinal, n.generation), n, (*world).becomeReady)
}
