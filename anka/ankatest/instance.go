package ankatest

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The states of an instance.
const (
	stateScheduling  = "Scheduling"
	statePulling     = "Pulling"
	stateStarted     = "Started"
	stateStopping    = "Stopping"
	stateStopped     = "Stopped"
	stateTerminating = "Terminating"
	stateTerminated  = "Terminated"
	stateError       = "Error"
	statePushing     = "Pushing"
)

// notCommunicating is the message of an instance whose Mac is Offline: that controllers notice is
// documented, how they word it is not.
const notCommunicating = "Instance is not communicating"

// instance is what one start request began. It has a VM from when a Mac begins to boot it until the
// VM is deleted, and holds one of the Mac's slots as long.
type instance struct {
	id               string
	ordinal          int
	name, externalID *string
	metadata         map[string]any

	version    *version
	groupID    string
	wantNode   string // id of the only Mac that may take it
	priority   int
	order      float64 // drawn; decides among equal priorities
	vcpu, vram int     // vram in MB
	usb        string
	nameFormat string
	script     *startup

	state, message string
	generation     int // of the state, so that orders for an earlier one are void
	created        time.Time
	changed        time.Time
	readyAt        time.Time // before it no Mac takes it
	stuck          bool
	progress       float64 // of a pull that is over
	requestID      string

	node   *node // the Mac that took it
	vm     *vm   // nil: none
	result *ScriptOutcome
	saving *image

	busy bool
	ends endRecord
}

// endRecord is what the books tell of an instance's end.
type endRecord struct {
	started, asked, over time.Time // first Started, terminate asked for, VM gone or never to be
}

// vm is an instance's VM on its Mac.
type vm struct {
	uuid, name, status, ip string
	created, start, stop   time.Time
	slot                   int // chooses its ports
}

// The status words of a VM.
const (
	vmRunning = "running"
	vmStopped = "stopped"
)

// startup is the start-up script of an instance.
type startup struct {
	text       []byte
	early      bool // as soon as the VM boots, not waiting for its network
	monitored  bool
	timeout    time.Duration
	failure    int // handler: 0 stop, 1 keep, 2 delete
	hasStarted bool
}

// running tells whether the instance's VM is up.
func (i *instance) running() bool { return i.vm != nil && i.vm.status == vmRunning }

// unlessChanged makes the void condition of an order that holds for the present state only.
func (i *instance) unlessChanged() func() bool {
	generation := i.generation
	return func() bool { return i.generation != generation }
}

func (i *instance) become(w *world, state, message string) {
	i.generation++
	i.state, i.message, i.changed = state, message, w.now
	if state == stateStarted && i.ends.started.IsZero() {
		i.ends.started = w.now
	}
}

func (i *instance) fail(w *world, message string) { i.become(w, stateError, message) }

// newVM makes the VM of an instance on its Mac.
func (w *world) newVM(i *instance) *vm {
	n := i.node
	slot := 0
	for slices.ContainsFunc(n.vms, func(o *instance) bool { return o.vm.slot == slot }) {
		slot++
	}
	return &vm{
		uuid: identifier(w.seed, "vm", i.ordinal, i.generation), name: w.vmName(i), status: vmRunning,
		created: w.now, start: w.now, slot: slot,
	}
}

// vmName is mgmtManaged- and the instance's name template, or the template's name and a time stamp.
func (w *world) vmName(i *instance) string {
	t := i.version.template
	name := orDefault(i.nameFormat, "$template_name-$ts")
	for variable, value := range map[string]string{
		"$template_name": t.name, "$template_id": t.id, "$instance_id": i.id,
		"$node_id": i.node.id, "$node_name": i.node.name, "$ts": fmt.Sprint(w.now.UnixNano()),
	} {
		name = strings.ReplaceAll(name, variable, value)
	}
	return "mgmtManaged-" + name
}

// dropVM deletes the VM of an instance and frees its slot and its device.
func (w *world) dropVM(i *instance) {
	if i.node != nil {
		i.node.vms = without(i.node.vms, i)
	}
	i.vm = nil
	w.release(i)
}

// release gives back the USB device that an instance has.
func (w *world) release(i *instance) {
	if i.node == nil {
		return
	}
	for _, d := range i.node.usb {
		if d.by == i {
			d.by = nil
		}
	}
}

// shown is what the message of an instance tells now.
func (w *world) shown(i *instance) string {
	if i.node != nil && i.vm != nil && w.offline(i.node) && i.message == "" {
		return notCommunicating
	}
	return i.message
}

// pullProgress is how much of a pull is done, from 0 to 1.
func (w *world) pullProgress(i *instance) float64 {
	if i.state == statePulling && i.node != nil && i.node.pull != nil && i.node.pull.instance == i {
		return i.node.pull.progress(w.now)
	}
	return i.progress
}
