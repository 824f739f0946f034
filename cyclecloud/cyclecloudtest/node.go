package cyclecloudtest

import (
	"fmt"
	"slices"
	"time"
)

// The words of Status that this server uses, out of the longer list that servers know.
const (
	statusOff          = "Off"
	statusAcquiring    = "Acquiring"
	statusPreparing    = "Preparing"
	statusReady        = "Ready"
	statusFailed       = "Failed"
	statusUnavailable  = "Unavailable"
	statusTerminating  = "Terminating"
	statusTerminated   = "Terminated"
	statusDeallocating = "Deallocating"
	statusDeallocated  = "Deallocated"
	statusRestarting   = "Restarting"
	statusReimaging    = "Reimaging"

	targetStarted     = "Started"
	targetTerminated  = "Terminated"
	targetDeallocated = "Deallocated"

	clusterStarted = "Started"

	policyTerminate  = "Terminate"
	policyDeallocate = "Deallocate"
)

// coarseState maps Status to State. No document lists the words of State beside Started; these are
// this server's choice.
var coarseState = map[string]string{
	statusOff: "Off", statusAcquiring: "Starting", statusPreparing: "Starting", statusReady: "Started",
	statusFailed: "Failed", statusUnavailable: "Failed",
	statusTerminating: "Terminating", statusTerminated: "Terminated",
	statusDeallocating: "Stopping", statusDeallocated: "Deallocated",
	statusRestarting: "Starting", statusReimaging: "Starting",
}

// node is a node record and the VM behind it.
type node struct {
	ordinal    int
	id, name   string
	cluster    *cluster
	bucket     *bucket // nil: a head node
	machine    MachineType
	region     string
	quota      familyKey // region and family as quotas name them
	spot       bool
	group      string
	requestID  string
	attributes map[string]any

	status, target, message string
	instanceID, ip, host    string
	keepAlive, fixed        bool
	policy                  string
	busy                    bool
	removing                bool // the record goes with the VM even if fixed

	launches   int // how often a VM was asked for: part of what boot draws depend on
	generation int // events of an earlier generation no longer apply
	created    time.Time
	ready      time.Time // first time Ready; zero: never
	gone       time.Time // record dropped; zero: still there
	held       []span    // when a VM was held; the last one is open while until is zero
	record     []byte    // serialised; nil after a change
}

// span is a stretch of time; a zero until means it still lasts.
type span struct{ from, until time.Time }

func (n *node) isHead() bool { return n.bucket == nil }

// template is the name under which the cluster defines the node.
func (n *node) template() string {
	if n.isHead() {
		return n.name
	}
	return n.bucket.array.cfg.Name
}

// active tells whether the node belongs to its bucket: meant to run, or deallocated there.
func (n *node) active() bool {
	return n.target == targetStarted || n.target == targetDeallocated
}

// holds tells whether the node draws on limits. A node on its way out does until it is gone; a
// record without a VM that is not meant to have one does not.
func (n *node) holds() bool {
	return n.active() || n.status == statusTerminating
}

func (n *node) hasVM() bool {
	return len(n.held) > 0 && n.held[len(n.held)-1].until.IsZero()
}

// become sets the status and forgets the serialised record and all events ordered before.
func (n *node) become(status, target, message string) {
	n.status, n.target, n.message = status, target, message
	n.generation++
	n.changed()
}

func (n *node) changed() { n.record = nil }

func (w *world) addHeadNode(c *cluster, cfg HeadNodeConfig) {
	machine, _ := w.cfg.machine(orDefault(cfg.MachineType, defaultHeadType))
	n := w.newNode(c, nil, machine, cfg.Name)
	n.fixed, n.policy = true, policyTerminate
	n.become(statusOff, targetTerminated, "")
	if c.state == clusterStarted {
		w.acquireVM(n)
		w.becomeReady(n)
	}
}

// newNode makes a record without deciding what becomes of it.
func (w *world) newNode(c *cluster, b *bucket, machine MachineType, name string) *node {
	n := &node{
		ordinal: len(w.nodes), name: name, cluster: c, bucket: b, machine: machine, region: c.region, created: w.now,
	}
	n.id = identifier(w.seed, "node", n.ordinal)
	if b != nil {
		n.region, n.spot, n.policy = b.array.region, b.array.cfg.Spot, b.array.cfg.ShutdownPolicy
	}
	n.quota = newFamilyKey(n.region, machine)
	w.nodes = append(w.nodes, n)
	c.nodes = append(c.nodes, n)
	c.byID[n.id], c.byName[n.name] = n, n
	return n
}

// acquireVM gives the node its VM: from here on it is paid for and has an address.
func (w *world) acquireVM(n *node) {
	n.held = append(n.held, span{from: w.now})
	address := n.ordinal + 4 // the first addresses of a subnet are the cloud's own
	n.ip = fmt.Sprintf("10.%d.%d.%d", address>>16&0xff, address>>8&0xff, address&0xff)
	n.instanceID = identifier(w.seed, "instance", n.ordinal, n.launches)
	n.changed()
}

// releaseVM ends the time that is paid for.
func (w *world) releaseVM(n *node) {
	if !n.hasVM() {
		return
	}
	n.held[len(n.held)-1].until = w.now
}

// drop takes the record away; the name is free from now on.
func (w *world) drop(n *node) {
	w.releaseVM(n)
	n.become(statusTerminated, targetTerminated, n.message)
	n.gone = w.now
	c := n.cluster
	delete(c.byID, n.id)
	delete(c.byName, n.name)
	c.nodes = slices.DeleteFunc(c.nodes, func(other *node) bool { return other == n })
}
