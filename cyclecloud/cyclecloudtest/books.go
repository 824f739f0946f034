package cyclecloudtest

import (
	"maps"
	"slices"
	"time"
)

// BucketKey names a bucket: a machine type in a nodearray of a cluster. The machine type is read
// without regard to case; an empty Cluster means the server's first one.
type BucketKey struct {
	Cluster, Nodearray, MachineType string
}

func (b *bucket) key() BucketKey {
	return BucketKey{b.array.cluster.name, b.array.cfg.Name, b.machine.Name}
}

// Books is what really happened, for checks by others: it is written by the server's own state
// changes and knows nothing of what any client believes.
type Books struct {
	At time.Time // when the books were read, by the server's clock

	Nodes   []NodeRecord // every node ever, in order of creation, head nodes included
	Creates []CreateRecord
	Manages []ManageRecord

	Violations       []Violation
	CapacityFailures int // nodes refused by a bucket without stock, or sets cut short by it
	Evictions        int
	// Starts counts deallocated or terminated nodes that were started, Deallocations
	// those that were asked to deallocate, each time anew.
	Starts, Deallocations int

	// NodeTime and CoreTime add up how long VMs of nodearrays were held, until At for those that
	// still are; NodeTime.Hours() is node-hours.
	NodeTime, CoreTime time.Duration
	// Peak is the most nodes that a bucket ever held at one time, those on their way out included.
	Peak map[BucketKey]int
	// Calls counts requests by method and route, such as "GET /clusters/{cluster}/status", those
	// that a fault spoiled included.
	Calls map[string]int
	// Faults counts the calls that went wrong, by how.
	Faults map[FaultKind]int
}

// NodeRecord is one node, there or gone.
type NodeRecord struct {
	ID, Name, Cluster         string
	Bucket                    BucketKey // zero for a head node
	PlacementGroup, RequestID string
	Status, TargetState       string
	Hostname, PrivateIP       string
	Head, KeepAlive, Busy     bool
	Created, ReadyAt, Gone    time.Time // zero: not yet
	Held                      time.Duration
	Cores                     int
}

// Usable tells whether the node can take work now: Ready, with a VM, an address and a host name.
func (n NodeRecord) Usable() bool {
	return n.Status == statusReady && n.PrivateIP != "" && n.Hostname != ""
}

// CreateRecord is an accepted request to create nodes.
type CreateRecord struct {
	At                              time.Time
	Cluster, RequestID, OperationID string
	Sets                            []SetRecord
}

// SetRecord is one set of a create request: what was asked, and what was added and where.
type SetRecord struct {
	Bucket         BucketKey
	PlacementGroup string
	Asked, Added   int
	Message        string
}

// ManageRecord is an accepted request to act on existing nodes; Nodes are the ids of those that
// answered OK.
type ManageRecord struct {
	At                                      time.Time
	Cluster, Action, RequestID, OperationID string
	Nodes                                   []string
}

// ViolationKind tells what should not have happened.
type ViolationKind string

// ViolationLimit cannot happen unless the server is wrong; the others record what a client did.
const (
	ViolationLimit     ViolationKind = "limit exceeded"
	ViolationBusy      ViolationKind = "busy node removed"
	ViolationKeepAlive ViolationKind = "kept-alive node asked to leave"
	ViolationHead      ViolationKind = "head node removed"
)

// Violation is one thing that should not have happened.
type Violation struct {
	At                    time.Time
	Kind                  ViolationKind
	Cluster, Node, NodeID string
	Text                  string
}

func newBooks() Books {
	return Books{Peak: map[BucketKey]int{}, Calls: map[string]int{}, Faults: map[FaultKind]int{}}
}

func (b *Books) violate(v Violation) { b.Violations = append(b.Violations, v) }

func (b *Books) peaks(c census) {
	for bucket, t := range c.buckets {
		key := bucket.key()
		b.Peak[key] = max(b.Peak[key], t.held.nodes)
	}
}

// read makes the books as of now.
func (w *world) read() Books {
	b := w.books
	b.At = w.now
	b.Creates, b.Manages = slices.Clone(b.Creates), slices.Clone(b.Manages)
	b.Violations = slices.Clone(b.Violations)
	b.Peak, b.Calls, b.Faults = maps.Clone(b.Peak), maps.Clone(b.Calls), maps.Clone(b.Faults)
	for _, n := range w.nodes {
		r := w.recordOf(n)
		b.Nodes = append(b.Nodes, r)
		if !r.Head {
			b.NodeTime += r.Held
			b.CoreTime += r.Held * time.Duration(r.Cores)
		}
	}
	return b
}

func (w *world) recordOf(n *node) NodeRecord {
	r := NodeRecord{
		ID: n.id, Name: n.name, Cluster: n.cluster.name, PlacementGroup: n.group, RequestID: n.requestID,
		Status: n.status, TargetState: n.target, Hostname: n.host, PrivateIP: n.ip,
		Head: n.isHead(), KeepAlive: n.keepAlive, Busy: n.busy,
		Created: n.created, ReadyAt: n.ready, Gone: n.gone, Cores: n.machine.Vcpus,
	}
	if !n.isHead() {
		r.Bucket = n.bucket.key()
	}
	for _, s := range n.held {
		r.Held += s.within(s.from, w.now)
	}
	return r
}

// within is how much of the span lies between from and until.
func (s span) within(from, until time.Time) time.Duration {
	if s.from.After(from) {
		from = s.from
	}
	if !s.until.IsZero() && s.until.Before(until) {
		until = s.until
	}
	return max(0, until.Sub(from))
}
