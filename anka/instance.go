package anka

import (
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// State is a word for where an instance is in its life. Words that are not
// listed here are kept as the controller says them.
type State string

// The states of an instance: Scheduling, Pulling (and since 1.50 Scheduling
// again), Started, then Stopping and Stopped or Terminating and Terminated.
const (
	Scheduling  State = "Scheduling" // waits for a node, for ever if none fits
	Pulling     State = "Pulling"    // its node fetches the template
	Started     State = "Started"
	Stopping    State = "Stopping"
	Stopped     State = "Stopped"
	Terminating State = "Terminating"
	// Terminated instances stay listed for about a minute; one that was ended
	// before it started may never be seen so.
	Terminated State = "Terminated"
	Errored    State = "Error"   // Message says why
	Pushing    State = "Pushing" // its image is being saved
)

// Instance is one VM, from the request for it until it is forgotten. What the
// controller doesn't tell is the zero value: newer ones leave most empty fields
// out, older ones know fewer.
type Instance struct {
	ID         string `json:"instance_id"`
	Name       string `json:"name"`        // not unique
	ExternalID string `json:"external_id"` // not unique to the controller
	State      State  `json:"instance_state"`
	Message    string `json:"message"` // in case of an error
	Registry   string `json:"anka_registry"`
	TemplateID string `json:"vmid"`
	Tag        string `json:"tag"`
	Version    *int   `json:"version"` // nil: not told
	NodeID     string `json:"node_id"`
	GroupID    string `json:"group_id"`
	// InflightRequestID is that of the start that is under way.
	InflightRequestID string    `json:"inflight_reqid"`
	Updated           time.Time `json:"ts"`
	Created           time.Time `json:"cr_time"`
	// Progress of the pull, 0 to 1, while Pulling.
	Progress   float64       `json:"progress"`
	Metadata   Metadata      `json:"metadata"`
	Arch       string        `json:"arch"` // amd64 or arm64, newer controllers
	MACAddress string        `json:"mac_address"`
	VLAN       string        `json:"vlan"`
	USBDevice  string        `json:"usb_device"`     // its name, newer controllers
	VM         *VM           `json:"vminfo"`         // nil: none yet
	Script     *ScriptResult `json:"startup_script"` // nil: not monitored, not over, or an older controller
}

// VM is an instance as its node sees it.
type VM struct {
	ID             string           `json:"uuid"`
	Name           string           `json:"name"`
	Status         string           `json:"status"` // running, …
	Version        string           `json:"version"`
	Tag            string           `json:"tag"`
	CPUCores       int              `json:"cpu_cores"`
	RAM            string           `json:"ram"` // as "2G"
	NodeID         string           `json:"node_id"`
	HostIP         string           `json:"host_ip"`
	IP             string           `json:"ip"` // inside of the node; empty: not yet
	VNCPort        int              `json:"vnc_port"`
	VNCConnection  Hidden           `json:"vnc_connection_string"` // may hold a password
	PortForwarding []PortForwarding `json:"port_forwarding"`
	Created        time.Time        `json:"creation_date"`
	Accessed       time.Time        `json:"access_date"`
	Started        time.Time        `json:"start_date"` // since 1.44
	Stopped        time.Time        `json:"stop_date"`
	Updated        time.Time        `json:"timestamp"`
}

// PortForwarding leads from a port of the node to one of the VM.
type PortForwarding struct {
	Name      string // written Name (2019), rule_name (1.24) or name (now)
	Protocol  string
	HostPort  int
	GuestPort int
}

// readForwarding takes all three spellings of the rule's name.
func readForwarding(d *jsontext.Decoder, p *PortForwarding) error {
	var wire struct {
		Name2019 string `json:"Name"`
		Name124  string `json:"rule_name"`
		Name     string `json:"name"`
		Protocol string `json:"protocol"`
		Host     int    `json:"host_port"`
		Guest    int    `json:"guest_port"`
	}
	if err := json.UnmarshalDecode(d, &wire); err != nil {
		return err
	}
	*p = PortForwarding{Name: first(wire.Name, wire.Name124, wire.Name2019), Protocol: wire.Protocol, HostPort: wire.Host, GuestPort: wire.Guest}
	return nil
}

// first is the first text that isn't empty.
func first(texts ...string) string {
	for _, s := range texts {
		if s != "" {
			return s
		}
	}
	return ""
}

// ScriptResult is what became of a monitored script. Its output is the script's
// own and may hold what it was given.
type ScriptResult struct {
	ReturnCode int      `json:"return_code"` // -1: ended for its time
	TimedOut   bool     `json:"did_timeout"`
	Stdout     Hidden   `json:"stdout"`
	Stderr     Hidden   `json:"stderr"`
	Errors     []string `json:"errors"`
}

// bare is an Instance without its reader.
type bare Instance

// readInstance takes an instance flat, as it is shown, or wrapped, as it is
// listed: {instance_id, name, external_id, vm: {…}}. Newer controllers tell id
// and external id in both places.
func readInstance(d *jsontext.Decoder, i *Instance) error {
	var wire struct {
		bare
		Wrapped *bare `json:"vm"`
	}
	if err := json.UnmarshalDecode(d, &wire); err != nil {
		return err
	}
	if wire.Wrapped == nil {
		*i = Instance(wire.bare)
		return nil
	}
	in, out := wire.Wrapped, &wire.bare
	for _, both := range []struct {
		name     string
		in, from *string
	}{{"instance_id", &in.ID, &out.ID}, {"name", &in.Name, &out.Name}, {"external_id", &in.ExternalID, &out.ExternalID}} {
		if *both.in != "" && *both.from != "" && *both.in != *both.from {
			return fmt.Errorf("%s is %.60q and, inside of vm, %.60q", both.name, *both.from, *both.in)
		}
		*both.in = first(*both.in, *both.from)
	}
	if in.Metadata == nil {
		in.Metadata = out.Metadata
	}
	*i = Instance(*in)
	return nil
}

// check wants of an instance what nothing can be decided without.
func (i *Instance) check() error {
	if strings.TrimSpace(string(i.State)) == "" {
		return fmt.Errorf("instance %.60q has no instance_state", i.ID)
	}
	return nil
}
