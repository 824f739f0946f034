package ankatest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// startRequest is the body of POST /api/v1/vm: what this server acts on. Other documented fields
// (mac_address, disk, network_mode and their like) change nothing that the API shows and are ignored.
type startRequest struct {
	TemplateID     string         `json:"vmid"`
	Tag            string         `json:"tag"`
	Version        *int           `json:"version"`
	Name           *string        `json:"name"`
	ExternalID     *string        `json:"external_id"`
	Count          *int           `json:"count"`
	NodeID         string         `json:"node_id"`
	Script         string         `json:"startup_script"`
	Condition      int            `json:"startup_script_condition"`
	Monitoring     bool           `json:"script_monitoring"`
	ScriptTimeout  *int           `json:"script_timeout"`
	FailureHandler int            `json:"script_fail_handler"`
	NameTemplate   string         `json:"name_template"`
	GroupID        string         `json:"group_id"`
	Group          string         `json:"group"` // of permissions
	Priority       *int           `json:"priority"`
	USB            string         `json:"usb_device"`
	VCPU           int            `json:"vcpu"`
	VRAM           int            `json:"vram"`
	Metadata       map[string]any `json:"metadata"`
}

const (
	defaultPriority      = 1000
	maxPriority          = 10_000
	defaultScriptTimeout = 90 // seconds
	maxScriptTimeout     = 1 << 31
	// maxCount bounds one request; the documents name no bound.
	maxCount = 1000
)

// check tells what no controller could act on. The words are this server's own.
func (r startRequest) check() error {
	switch {
	case r.TemplateID == "":
		return errors.New("vmid is required")
	case r.Count != nil && (*r.Count < 1 || *r.Count > maxCount):
		return fmt.Errorf("count must be between 1 and %d", maxCount)
	case r.Priority != nil && (*r.Priority < 1 || *r.Priority > maxPriority):
		return fmt.Errorf("priority must be between 1 and %d", maxPriority)
	case r.Condition != 0 && r.Condition != 1:
		return errors.New("startup_script_condition must be 0 or 1")
	case r.FailureHandler < handlerStop || r.FailureHandler > handlerDelete:
		return errors.New("script_fail_handler must be 0, 1 or 2")
	case r.ScriptTimeout != nil && (*r.ScriptTimeout < 1 || *r.ScriptTimeout > maxScriptTimeout):
		return errors.New("script_timeout must be above 0")
	case r.VCPU < 0 || r.VRAM < 0:
		return errors.New("vcpu and vram must be above 0")
	}
	return checkMetadata(r.Metadata)
}

// checkMetadata allows strings, whole numbers and booleans, as documented.
func checkMetadata(m map[string]any) error {
	for key, value := range m {
		switch v := value.(type) {
		case string, bool:
		case json.Number:
			if _, err := v.Int64(); err != nil {
				return fmt.Errorf("metadata: %s is not a whole number", key)
			}
		default:
			return fmt.Errorf("metadata: %s is neither a string, an integer nor a boolean", key)
		}
	}
	return nil
}

// startup is the script of the request; nil if it has none.
func (r startRequest) startup() (*startup, error) {
	if r.Script == "" {
		return nil, nil
	}
	text, err := decodeScript(r.Script)
	if err != nil {
		return nil, errors.New("startup_script is not base64")
	}
	seconds := defaultScriptTimeout
	if r.ScriptTimeout != nil {
		seconds = *r.ScriptTimeout
	}
	return &startup{
		text: text, early: r.Condition == 1, monitored: r.Monitoring,
		timeout: time.Duration(seconds) * time.Second, failure: r.FailureHandler,
	}, nil
}

func decodeScript(text string) ([]byte, error) { return base64.StdEncoding.DecodeString(text) }

// modern strips what controllers of 2019 did not know yet.
func (r *startRequest) modern(current bool) {
	if !current {
		r.Monitoring, r.ScriptTimeout, r.FailureHandler = false, nil, 0
	}
}

type updateRequest struct {
	Name       *string        `json:"name"`
	ExternalID *string        `json:"external_id"`
	Metadata   map[string]any `json:"metadata"`
}

type idRequest struct {
	ID string `json:"id"`
}

type nodeRequest struct {
	NodeID string `json:"node_id"`
}

type restartRequest struct {
	InstanceID string `json:"instance_id"`
	USB        string `json:"usb_device"`
}

// configRequest is the body of node/config; it is written under other names than it is read back.
type configRequest struct {
	NodeID       string  `json:"node_id"`
	MaxVMCount   *int    `json:"max_vm_count"`
	Name         *string `json:"name"`
	Host         *string `json:"host"`
	CapacityMode *string `json:"capacity_mode"`
	VCPUOverride *int    `json:"vcpu_override"`
	RAMOverride  *int    `json:"ram_override"`
	DrainMode    *bool   `json:"drain_mode"`
	NoLogging    *bool   `json:"disable_central_logging"`
}

func (r configRequest) check() error {
	for key, value := range map[string]*int{"max_vm_count": r.MaxVMCount, "vcpu_override": r.VCPUOverride, "ram_override": r.RAMOverride} {
		if value != nil && *value < 0 {
			return fmt.Errorf("%s cannot be negative", key)
		}
	}
	if m := r.CapacityMode; m != nil && *m != modeNumber && *m != modeResource {
		return errors.New("capacity_mode must be number or resource")
	}
	return nil
}

type distributeRequest struct {
	TemplateID string   `json:"template_id"`
	Tag        string   `json:"tag"`
	Version    *int     `json:"version"`
	NodeIDs    []string `json:"node_ids"`
	GroupID    string   `json:"group_id"`
	Group      string   `json:"group"` // of permissions
}

type removeRequest struct {
	NodeIDs []string `json:"node_ids"`
}

// imageRequest is the body of POST /api/v1/image.
type imageRequest struct {
	ID                    string `json:"id"`
	TargetID              string `json:"target_vm_id"`
	NewName               string `json:"new_template_name"`
	Tag                   string `json:"tag"`
	Description           string `json:"description"`
	Suspend               *bool  `json:"suspend"`
	Script                string `json:"script"`
	Revert                bool   `json:"revert_before_push"`
	RevertTag             string `json:"revert_tag"`
	SanityTest            bool   `json:"do_suspend_sanity_test"`
	CancelOnScriptFailure bool   `json:"cancel_on_script_failure"`

	script []byte
}

func (r imageRequest) suspends() bool { return r.Suspend == nil || *r.Suspend }

type groupRequest struct {
	Name        *string `json:"name"`
	Description *string `json:"description"`
	Fallback    *string `json:"fallback_group_id"`
}

type membersRequest struct {
	GroupIDs []string `json:"group_ids"`
	NodeIDs  []string `json:"node_ids"`
}

// decode reads one JSON object, whatever the content type says. Keys that it does not know are
// ignored, as controllers do; anything after the object is an error.
func decode(body []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("the body is not the JSON expected: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("the body holds more than one JSON value")
	}
	return nil
}
