package ankatest

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Books is what really happened, for checks by others: it is written by the server's own state
// changes and knows nothing of what any client believes.
type Books struct {
	At time.Time // when the books were read, by the server's clock

	Starts    []StartRecord
	Instances []InstanceRecord // every instance ever, in order of creation
	Nodes     []NodeRecord     // every Mac ever, in order of joining

	// MostPulling is the most Macs that ever pulled at one time.
	MostPulling int
	Violations  []Violation
	// Calls counts requests by method and route, such as "POST /api/v1/vm", those that a fault
	// spoiled included.
	Calls map[string]int
	// Faults counts the calls that went wrong, by how.
	Faults map[FaultKind]int

	macs []*macRecord
}

// StartRecord is one POST /vm that was carried out, whether or not its answer arrived.
type StartRecord struct {
	At                                          time.Time
	ExternalID, Name, Template, Tag, Group, USB string // Template and Group are ids
	Priority                                    int
	Metadata                                    map[string]any
	Instances                                   []string // ids of what it made
}

// InstanceRecord is one instance, there or gone.
type InstanceRecord struct {
	ID, ExternalID, Name string
	Template, Tag        string // Template is an id
	Group, Node          string // Node is the name of the Mac that has it or had it
	State, Message       string
	Metadata             map[string]any
	Listed, HasVM, Busy  bool
	// Created is when it was asked for, Started when it first was, Asked when its end was asked
	// for, Over when its VM was gone or no VM was to come. Zero: not yet.
	Created, Started, Asked, Over time.Time
}

// NodeRecord is one Mac and what it did.
type NodeRecord struct {
	ID, Name, Arch, State string
	Gone                  bool
	VMs, Foreign          int
	MostVMs               int // ever at one time, foreign ones included
	Pulls                 []PullRecord
	PulledBytes           int64
	Evictions             int    // templates that left the disk for others
	Pulling               string // name of the template; "" for none
	Templates             []HoldConfig
}

// PullRecord is one pull that was finished.
type PullRecord struct {
	From, Until   time.Time
	Template, Tag string // Template is a name
	Bytes         int64
	Distributed   bool
}

// ViolationKind tells what should not have happened.
type ViolationKind string

// ViolationLimit cannot happen unless the server is wrong; the other records what a client did.
const (
	ViolationLimit ViolationKind = "limit exceeded"
	ViolationBusy  ViolationKind = "busy instance terminated"
)

// Violation is one thing that should not have happened.
type Violation struct {
	At   time.Time
	Kind ViolationKind
	Text string
}

// macRecord is what the world notes of a Mac as it happens.
type macRecord struct {
	node      *node
	most      int
	begun     int // pulls
	pulls     []PullRecord
	bytes     int64
	evictions int
}

func (r *macRecord) pulled(p *pull, now time.Time) {
	r.pulls = append(r.pulls, PullRecord{
		From: p.from, Until: now, Template: p.version.template.name, Tag: p.version.tag,
		Bytes: p.bytes, Distributed: p.distribution != nil,
	})
	r.bytes += p.bytes
}

func newBooks() Books {
	return Books{Calls: map[string]int{}, Faults: map[FaultKind]int{}}
}

func (b *Books) violate(at time.Time, kind ViolationKind, format string, args ...any) {
	b.Violations = append(b.Violations, Violation{at, kind, fmt.Sprintf(format, args...)})
}

// pulling keeps the peak of Macs that pull.
func (b *Books) pulling(w *world) {
	count := 0
	for _, n := range w.nodes {
		if n.pull != nil {
			count++
		}
	}
	b.MostPulling = max(b.MostPulling, count)
}

// checkLimits notes what this server must never let happen.
func (w *world) checkLimits() {
	for _, n := range w.nodes {
		if n.arch == archArm && n.count() > maxArmVMs {
			w.books.violate(w.now, ViolationLimit, "%d VMs on arm64 Mac %s", n.count(), n.name)
		}
		if n.free() < 0 {
			w.books.violate(w.now, ViolationLimit, "disk of %s is over-full by %d bytes", n.name, -n.free())
		}
	}
}

// read makes the books as of now.
func (w *world) read() Books {
	b := w.books
	b.At = w.now
	b.Starts, b.Violations = slices.Clone(b.Starts), slices.Clone(b.Violations)
	b.Calls, b.Faults = maps.Clone(b.Calls), maps.Clone(b.Faults)
	for _, i := range w.instances {
		b.Instances = append(b.Instances, w.recordOf(i))
	}
	for _, r := range b.macs {
		b.Nodes = append(b.Nodes, w.macOf(r))
	}
	b.macs = nil
	return b
}

func (w *world) recordOf(i *instance) InstanceRecord {
	r := InstanceRecord{
		ID: i.id, ExternalID: text(i.externalID), Name: text(i.name), Template: i.version.template.id, Tag: i.version.tag,
		Group: i.groupID, State: i.state, Message: w.shown(i), Metadata: maps.Clone(i.metadata),
		Listed: slices.Contains(w.listed, i), HasVM: i.vm != nil, Busy: i.busy,
		Created: i.created, Started: i.ends.started, Asked: i.ends.asked, Over: i.ends.over,
	}
	if i.node != nil {
		r.Node = i.node.name
	}
	return r
}

func (w *world) macOf(m *macRecord) NodeRecord {
	n := m.node
	r := NodeRecord{
		ID: n.id, Name: n.name, Arch: n.arch, State: w.state(n), Gone: n.gone, VMs: len(n.vms), Foreign: len(n.foreign),
		MostVMs: m.most, Pulls: slices.Clone(m.pulls), PulledBytes: m.bytes, Evictions: m.evictions,
	}
	if n.pull != nil {
		r.Pulling = n.pull.version.template.name
	}
	for _, h := range n.held {
		r.Templates = append(r.Templates, HoldConfig{h.version.template.name, h.version.tag})
	}
	return r
}

// text reads a string that may be absent.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
