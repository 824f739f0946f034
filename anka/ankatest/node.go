package ankatest

import (
	"slices"
	"time"
)

// The states of a node.
const (
	nodeActive    = "Active"
	nodeOffline   = "Offline"
	nodeDrain     = "Drain Mode"
	nodeUpdating  = "Updating"
	nodeUnhealthy = "Unhealthy"
	nodeInactive  = "Inactive (Invalid License)"
)

// node is a Mac.
type node struct {
	id, name, address, arch   string
	cpus, ram                 int // ram in GB
	capacity                  int
	mode                      string
	vcpuOverride, ramOverride int // ramOverride in MB
	disk, other               int64
	bandwidth                 float64 // bytes a second
	slow                      float64 // divides the bandwidth; set by an operator
	groups                    []*group
	usb                       []*usbDevice

	drain, updating, unlicensed bool
	silentSince                 time.Time // zero: it speaks
	silences                    int
	unheard                     []event // reports of a silent Mac
	gone                        bool

	held    []*held
	pull    *pull // the task that keeps it from taking others; nil: none
	vms     []*instance
	foreign []*foreignVM
	record  *macRecord
}

// usbDevice is free where no instance has it.
type usbDevice struct {
	name string
	by   *instance
}

// foreignVM was started on the Mac without the controller, which therefore knows only that it counts.
type foreignVM struct {
	id         string
	vcpu, vram int // vram in MB
}

// held is a tag that a Mac has on its disk.
type held struct {
	version *version
	bytes   int64 // what it takes on the disk
	used    time.Time
}

func (n *node) silent() bool { return !n.silentSince.IsZero() }

func (w *world) offline(n *node) bool {
	return n.silent() && w.now.Sub(n.silentSince) >= w.cfg.Timing.OfflineAfter
}

// state is what the controller shows. Where several hold, the first of these is told; the order is
// this server's own.
func (w *world) state(n *node) string {
	switch {
	case w.offline(n):
		return nodeOffline
	case n.unlicensed:
		return nodeInactive
	case n.updating:
		return nodeUpdating
	case n.drain:
		return nodeDrain
	case n.unhealthy():
		return nodeUnhealthy
	}
	return nodeActive
}

// unhealthy means that the Mac is full and that none of its VMs runs.
func (n *node) unhealthy() bool {
	if len(n.foreign) > 0 || len(n.vms) == 0 {
		return false
	}
	full := n.mode == modeNumber && n.count() >= n.slots()
	return full && !slices.ContainsFunc(n.vms, (*instance).running)
}

// count is how many VMs take a slot: those of instances, up or not, and foreign ones.
func (n *node) count() int { return len(n.vms) + len(n.foreign) }

// slots is the number of VMs that the Mac can hold.
func (n *node) slots() int {
	if n.arch == archArm {
		return min(n.capacity, maxArmVMs)
	}
	return n.capacity
}

// use sums the virtual CPUs and the virtual memory in MB of its VMs.
func (n *node) use() (vcpu, vram int) {
	for _, i := range n.vms {
		vcpu, vram = vcpu+i.vcpu, vram+i.vram
	}
	for _, f := range n.foreign {
		vcpu, vram = vcpu+f.vcpu, vram+f.vram
	}
	return vcpu, vram
}

// hasRoom tells whether a VM of that size could start now. A limit of 0 in mode resource leaves no
// room: the documents name no default.
func (n *node) hasRoom(vcpu, vram int) bool {
	if n.arch == archArm && n.count() >= maxArmVMs {
		return false
	}
	if n.mode == modeNumber {
		return n.count() < n.slots()
	}
	usedCPU, usedRAM := n.use()
	return usedCPU+vcpu <= n.vcpuOverride && usedRAM+vram <= n.ramOverride
}

// ankaBytes is what templates take on the disk, what is being pulled included.
func (n *node) ankaBytes() int64 {
	var sum int64
	for _, h := range n.held {
		sum += h.bytes
	}
	if n.pull != nil {
		sum += n.pull.bytes
	}
	return sum
}

func (n *node) free() int64 { return n.disk - n.other - n.ankaBytes() }

func (n *node) holding(v *version) *held {
	return find(n.held, func(h *held) bool { return h.version == v })
}

// missing is how many bytes the Mac would download for a version: downloads on top of another tag of
// the template are incremental.
func (n *node) missing(v *version) int64 {
	if slices.ContainsFunc(n.held, func(h *held) bool { return h.version.template == v.template }) {
		return v.layer
	}
	return v.size
}

func (n *node) keep(v *version, bytes int64, now time.Time) {
	n.held = append(n.held, &held{version: v, bytes: bytes, used: now})
}

// evictable is what could leave the disk for a version of keep: templates other than that one of
// which no VM is there.
func (n *node) evictable(h *held, keep *template) bool {
	t := h.version.template
	inUse := func(i *instance) bool { return i.version.template == t }
	return t != keep && !slices.ContainsFunc(n.vms, inUse)
}

// couldHold tells whether the disk has room for a pull, perhaps after others left.
func (n *node) couldHold(v *version) bool {
	room := n.free()
	for _, h := range n.held {
		if n.evictable(h, v.template) {
			room += h.bytes
		}
	}
	return n.missing(v) <= room
}

// makeRoom removes the least recently used templates until the version fits. That the controller
// deletes templates which are not used is documented; the order is this server's own.
func (n *node) makeRoom(v *version) {
	for n.free() < n.missing(v) {
		var oldest *template
		var since time.Time
		for _, h := range n.held {
			t := h.version.template
			if used := n.lastUse(t); n.evictable(h, v.template) && (oldest == nil || used.Before(since)) {
				oldest, since = t, used
			}
		}
		if oldest == nil {
			return // couldHold was asked before
		}
		n.record.evictions++
		n.drop(oldest)
	}
}

// lastUse is when one of the template's tags was last pulled or started here.
func (n *node) lastUse(t *template) time.Time {
	var last time.Time
	for _, h := range n.held {
		if h.version.template == t && h.used.After(last) {
			last = h.used
		}
	}
	return last
}

// drop removes a template with all its tags.
func (n *node) drop(t *template) {
	n.held = slices.DeleteFunc(n.held, func(h *held) bool { return h.version.template == t })
}

// device finds a free USB device by name.
func (n *node) device(name string) *usbDevice {
	return find(n.usb, func(d *usbDevice) bool { return d.name == name && d.by == nil })
}

// silence makes a Mac say nothing more, until it speaks.
func (w *world) silence(n *node) {
	if n.silent() {
		return
	}
	n.silentSince = w.now
	n.silences++
}

// speak makes a silent Mac heard again: what it did meanwhile is told now.
func (w *world) speak(n *node) {
	if !n.silent() {
		return
	}
	n.silentSince = time.Time{}
	unheard := n.unheard
	n.unheard = nil
	for _, e := range unheard {
		if !e.void() {
			e.happen()
		}
	}
	w.assign()
}

// expectSilence orders the next silence that chance has for a Mac.
func (w *world) expectSilence(n *node) {
	rate := w.cfg.Chances.OfflinePerHour
	if rate <= 0 {
		return
	}
	gone := func() bool { return n.gone }
	w.after(exponential(rate, w.seed, "silence", n.id, n.silences), gone, func() {
		w.silence(n)
		w.after(w.cfg.Chances.OfflineFor, gone, func() { w.speak(n) })
		w.expectSilence(n)
	})
}

// removeNode forgets a Mac. What the controller does with its instances is not documented; here
// they end in Error, and their VMs are nobody's any more.
func (w *world) removeNode(n *node) {
	n.gone = true
	w.nodes = without(w.nodes, n)
	if n.pull != nil {
		w.abort(n, n.pull)
	}
	for _, i := range slices.Clone(n.vms) {
		w.dropVM(i)
		if i.saving != nil {
			i.saving.fail("Node was removed")
			i.saving = nil
		}
		if i.state == stateTerminating {
			w.terminated(i)
		} else {
			i.fail(w, "Node was removed")
			i.ends.over = w.now
		}
	}
	for _, d := range w.distributions {
		delete(d.nodes, n.id)
	}
	w.assign()
}
