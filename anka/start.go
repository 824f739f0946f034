package anka

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// ScriptFailure says what becomes of the VM on its node when a monitored script
// fails. The instance is an Error in any case.
type ScriptFailure int

// The ways to go on after a failed script.
const (
	StopVM   ScriptFailure = 0
	KeepVM   ScriptFailure = 1
	DeleteVM ScriptFailure = 2
)

// Priorities of a start: a lower number is more urgent.
const (
	MinPriority     = 1
	DefaultPriority = 1000
	MaxPriority     = 10000
)

// Priority is the priority of a start for jobs of that priority, whose higher numbers come
// first: DefaultPriority for 0, one less for each step up to MinPriority for 999 and
// more, one more for each step down to MaxPriority for -9000 and less. The mapping is our
// own choice.
func Priority(ofJobs int64) int {
	return DefaultPriority - int(min(max(ofJobs, DefaultPriority-MaxPriority), DefaultPriority-MinPriority))
}

// StartRequest asks for instances. Only TemplateID is required; the zero value of
// every other field leaves it to the controller.
type StartRequest struct {
	TemplateID string
	// Tag, or Version in its place; neither: the latest tag.
	Tag     string
	Version *int
	Name    string // of the instances; not unique
	// NameTemplate makes the VM's name on its node: $template_name, $template_id
	// and $ts are filled in.
	NameTemplate string
	// ExternalID is saved with the instances. There is no idempotency key: only
	// an external id that is unique to the request, or metadata, lets a request
	// whose answer was lost be found again.
	ExternalID string
	Count      int    // 0: one
	NodeID     string // start here and nowhere else
	// GroupID is the group of nodes to start on. Enterprise and higher.
	GroupID string
	// Group is the name of the permission group. It is required, and GroupID
	// disabled, where a controller enforces resource permissions.
	Group     string
	Priority  int    // MinPriority to MaxPriority; 0: DefaultPriority. Enterprise and higher
	USBDevice string // name of a device to attach, on Intel nodes. Enterprise and higher
	VCPU      int    // cores in place of the template's, which must be stopped, not suspended
	VRAM      int    // MB in place of the template's, on the same condition
	Metadata  Metadata

	// Script runs in the VM once its network is up, or, with ScriptAtBoot, as
	// soon as it has booted.
	Script       Script
	ScriptAtBoot bool
	// ScriptMonitoring makes the instance an Error when the script fails, and its
	// result be told. Since 1.24, as are the two fields below, which need it.
	ScriptMonitoring bool
	// ScriptTimeout, in whole seconds, ends the script as failed. 0: the
	// controller's 90 s. Before 1.48 a long script blocked its node's agent.
	ScriptTimeout time.Duration
	ScriptFailure ScriptFailure
}

// startBody is the request as it is sent.
type startBody struct {
	TemplateID   string   `json:"vmid"`
	Tag          string   `json:"tag,omitempty"`
	Version      *int     `json:"version,omitzero"`
	Name         string   `json:"name,omitempty"`
	ExternalID   string   `json:"external_id,omitempty"`
	Count        int      `json:"count,omitzero"`
	NodeID       string   `json:"node_id,omitempty"`
	Script       string   `json:"startup_script,omitempty"`
	Condition    int      `json:"startup_script_condition,omitzero"`
	Monitoring   bool     `json:"script_monitoring,omitzero"`
	Timeout      int64    `json:"script_timeout,omitzero"` // seconds
	FailHandler  int      `json:"script_fail_handler,omitzero"`
	NameTemplate string   `json:"name_template,omitempty"`
	GroupID      string   `json:"group_id,omitempty"`
	Group        string   `json:"group,omitempty"`
	Priority     int      `json:"priority,omitzero"`
	USBDevice    string   `json:"usb_device,omitempty"`
	VCPU         int      `json:"vcpu,omitzero"`
	VRAM         int      `json:"vram,omitzero"`
	Metadata     Metadata `json:"metadata,omitempty"`
}

func (r StartRequest) body() startBody {
	b := startBody{
		TemplateID: r.TemplateID, Tag: r.Tag, Version: r.Version, Name: r.Name, ExternalID: r.ExternalID, Count: r.Count,
		NodeID: r.NodeID, Script: r.Script.encoded(), Monitoring: r.ScriptMonitoring, Timeout: int64(r.ScriptTimeout / time.Second),
		FailHandler: int(r.ScriptFailure), NameTemplate: r.NameTemplate, GroupID: r.GroupID, Group: r.Group, Priority: r.Priority,
		USBDevice: r.USBDevice, VCPU: r.VCPU, VRAM: r.VRAM, Metadata: r.Metadata,
	}
	if r.ScriptAtBoot {
		b.Condition = 1
	}
	return b
}

// check refuses what no controller could want.
func (r StartRequest) check() error {
	switch {
	case r.TemplateID == "":
		return refuse("start: no template")
	case r.Tag != "" && r.Version != nil:
		return refuse("start: a tag and a version exclude each other")
	case r.Version != nil && *r.Version < 0, r.Count < 0, r.VCPU < 0, r.VRAM < 0:
		return refuse("start: version, count, vcpu and vram can't be negative")
	case r.Priority != 0 && (r.Priority < MinPriority || r.Priority > MaxPriority):
		return refuse("start: priority %d is not in the range of %d to %d", r.Priority, MinPriority, MaxPriority)
	case r.GroupID != "" && r.Group != "":
		return refuse("start: a group of nodes and a permission group exclude each other")
	}
	return r.checkScript()
}

func (r StartRequest) checkScript() error {
	switch {
	case len(r.Script) == 0 && (r.ScriptAtBoot || r.ScriptMonitoring):
		return refuse("start: no script to monitor or to run at boot")
	case !r.ScriptMonitoring && (r.ScriptTimeout != 0 || r.ScriptFailure != StopVM):
		return refuse("start: a script's timeout and failure mean something only if it is monitored")
	case r.ScriptTimeout < 0 || r.ScriptTimeout%time.Second != 0:
		return refuse("start: the script's timeout of %s is not a number of whole seconds", r.ScriptTimeout)
	case r.ScriptFailure < StopVM || r.ScriptFailure > DeleteVM:
		return refuse("start: %d is no way to go on after a failed script", r.ScriptFailure)
	}
	return nil
}

// StartInstances asks for instances, once, and returns their ids. That no node
// has room is no error: they wait in Scheduling, for ever if none fits. After an
// ErrUncertain look for the external id before asking again. Fewer ids than asked
// for are no error either; documents don't say when that happens.
//
// Errors by meaning: ErrTemplateNotFound, ErrTagNotFound, ErrGroupNotFound,
// ErrNodeNotFound, ErrLicence.
//
// Endpoint: POST /api/v1/vm. Licence: any; GroupID, Priority and USBDevice need
// Enterprise and higher.
//
// Versions: script monitoring, timeout and failure since 1.24.
func (c *Client) StartInstances(ctx context.Context, r StartRequest) ([]string, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	var ids []string
	k := call{method: http.MethodPost, path: pathVM, body: r.body(), hide: r.Script.hide}
	err := send(ctx, c, k, &ids, func(ids *[]string) error {
		if len(*ids) == 0 {
			return errors.New("no ids of instances")
		}
		if asked := max(r.Count, 1); len(*ids) > asked {
			return fmt.Errorf("%d instances answer %d asked for", len(*ids), asked)
		}
		return distinct(*ids, "instance", func(id string) string { return id })
	})
	return ids, err
}
