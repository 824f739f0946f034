package cyclecloud

import (
	"bytes"
	"encoding/json"
	"iter"

	"github.com/go-json-experiment/json/jsontext"
)

// Node is a node's record, or a nodearray's own. The record is open: the
// attributes below are those that an autoscaler reads, all others are kept raw
// and found with Attr and Lookup. An attribute that is missing or null is zero.
type Node struct {
	Name             string
	NodeID           string
	Template         string // the nodearray
	MachineType      string // compared without case
	Status           string // such as Acquiring, Preparing, Ready, Failed
	State            string // a coarser word of its own, such as Started
	TargetState      string // Started, Terminated, Deallocated; empty: not told
	StatusMessage    string
	PlacementGroupID string
	Hostname         string
	PrivateIP        string
	InstanceID       string // the VM's; empty until there is one
	Region           string
	RequestID        string // of the request that made it
	ShutdownPolicy   string // Terminate or Deallocate
	Owner            string // AutoscaledOwner: our mark on nodes that a Provider made
	QueueHost        string // AutoscaledHost: what the scheduler calls the node, where the record says so
	CoreCount        int
	Memory           float64 // GB
	Interruptible    bool    // a spot VM
	KeepAlive        bool    // not to be removed
	Fixed            bool    // its record outlives terminate
	// Odd names attributes of the above that hold something else than they
	// should, "CoreCount" as a string say. They are zero here; Attr has them raw.
	Odd []string

	// extra is a JSON object of all other attributes, as they came.
	extra []byte
}

// Attr is an attribute that has no field of its own, as raw JSON.
func (n *Node) Attr(name string) (json.RawMessage, bool) {
	var found json.RawMessage
	members(n.extra, func(key, value []byte) bool {
		if string(key) == name {
			found = bytes.Clone(value)
		}
		return found == nil
	})
	return found, found != nil
}

// Attrs are the attributes without a field of their own, in the record's order.
func (n *Node) Attrs() iter.Seq2[string, json.RawMessage] {
	return func(yield func(string, json.RawMessage) bool) {
		members(n.extra, func(key, value []byte) bool { return yield(string(key), bytes.Clone(value)) })
	}
}

// Lookup follows a dotted path into nested attributes, as in
// "Configuration.autoscale.enabled". Where a name itself contains dots, the
// longest one wins. A path through anything but an object finds nothing.
func (n *Node) Lookup(path string) (json.RawMessage, bool) {
	found := lookup(n.extra, []byte(path))
	return found, found != nil
}

func lookup(object, path []byte) json.RawMessage {
	var found json.RawMessage
	longest := -1
	members(object, func(key, value []byte) bool {
		rest, ok := bytes.CutPrefix(path, key)
		if !ok || len(key) <= longest || (len(rest) > 0 && rest[0] != '.') {
			return true
		}
		hit := json.RawMessage(nil)
		if len(rest) > 0 {
			hit = lookup(value, rest[1:])
		} else {
			hit = bytes.Clone(value)
		}
		if hit != nil {
			found, longest = hit, len(key)
		}
		return true
	})
	return found
}

// members yields the members of a JSON object; of anything else, none. Names
// and values are valid only during the call.
func members(object []byte, yield func(key, value []byte) bool) {
	d := jsontext.NewDecoder(bytes.NewBuffer(object), syntax)
	if d.PeekKind() != '{' {
		return
	}
	if _, err := d.ReadToken(); err != nil {
		return
	}
	var key []byte
	for d.PeekKind() == '"' {
		quoted, err := d.ReadValue()
		if err != nil {
			return
		}
		key = append(key[:0], unquote(quoted)...) // the value is read over it
		value, err := d.ReadValue()
		if err != nil || !yield(key, value) {
			return
		}
	}
}

// mayDisable tells cheaply whether something named "…enabled" may be false
// somewhere in the raw attributes. False is certain, true is not. Few records
// have it, and only those need to be searched name by name.
func (n *Node) mayDisable() bool {
	rest, found := n.extra, true
	for {
		if _, rest, found = bytes.Cut(rest, []byte(`enabled"`)); !found {
			return bytes.Contains(n.extra, []byte(`\u`)) // a name may be written in escapes
		}
		value := bytes.TrimLeft(rest, ": \t\r\n\"")
		if len(value) > 0 && (value[0] == 'f' || value[0] == 'F') {
			return true
		}
	}
}

// UnmarshalJSON reads one record.
func (n *Node) UnmarshalJSON(raw []byte) error { return decode(bytes.NewReader(raw), n) }

// text is the field of a string attribute, and whether many nodes share its
// values, so that keeping each value once saves memory.
func (n *Node) text(name []byte) (field *string, shared bool) {
	switch string(name) {
	case "Name":
		return &n.Name, false
	case "NodeId":
		return &n.NodeID, false
	case "Hostname":
		return &n.Hostname, false
	case "PrivateIp":
		return &n.PrivateIP, false
	case "InstanceId":
		return &n.InstanceID, false
	case "Template":
		return &n.Template, true
	case "MachineType":
		return &n.MachineType, true
	case "Status":
		return &n.Status, true
	case "State":
		return &n.State, true
	case "TargetState":
		return &n.TargetState, true
	case "StatusMessage":
		return &n.StatusMessage, true
	case "PlacementGroupId":
		return &n.PlacementGroupID, true
	case "Region":
		return &n.Region, true
	case "RequestId":
		return &n.RequestID, true
	case "ShutdownPolicy":
		return &n.ShutdownPolicy, true
	case OwnerAttribute:
		return &n.Owner, true
	case HostAttribute:
		return &n.QueueHost, false
	}
	return nil, false
}

func (n *Node) flag(name []byte) *bool {
	switch string(name) {
	case "Interruptible":
		return &n.Interruptible
	case "KeepAlive":
		return &n.KeepAlive
	case "Fixed":
		return &n.Fixed
	}
	return nil
}
