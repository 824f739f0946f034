package cyclecloud

import (
	"bytes"
	"encoding/json"
	"iter"
	"strings"

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
	for key, value := range n.Attrs() {
		if key == name {
			return value, true
		}
	}
	return nil, false
}

// Attrs are the attributes without a field of their own, in the record's order.
// The values belong to the record: don't change them.
func (n *Node) Attrs() iter.Seq2[string, json.RawMessage] {
	return func(yield func(string, json.RawMessage) bool) { members(n.extra, yield) }
}

// Lookup follows a dotted path into nested attributes, as in
// "Configuration.autoscale.enabled". Where a name itself contains dots, the
// longest one wins. A path through anything but an object finds nothing.
func (n *Node) Lookup(path string) (json.RawMessage, bool) { return lookup(n.extra, path) }

func lookup(object []byte, path string) (json.RawMessage, bool) {
	var found json.RawMessage
	longest := -1
	members(object, func(key string, value json.RawMessage) bool {
		rest, ok := strings.CutPrefix(path, key)
		if !ok || len(key) <= longest || (rest != "" && rest[0] != '.') {
			return true
		}
		if rest != "" {
			if value, ok = lookup(value, rest[1:]); !ok {
				return true
			}
		}
		found, longest = value, len(key)
		return true
	})
	return found, longest >= 0
}

// members yields the members of a JSON object; of anything else, none.
func members(object []byte, yield func(string, json.RawMessage) bool) {
	d := jsontext.NewDecoder(bytes.NewBuffer(object), syntax)
	if d.PeekKind() != '{' {
		return
	}
	if _, err := d.ReadToken(); err != nil {
		return
	}
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return
		}
		key := name.String() // before the token's memory is used again
		value, err := d.ReadValue()
		if err != nil || !yield(key, bytes.Clone(value)) {
			return
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
