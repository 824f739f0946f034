package anka

import (
	"context"
	"fmt"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const pathImage = "/api/v1/image"

// SaveImageRequest asks to save a running instance to the registry. InstanceID is
// required, and one of TargetTemplateID and NewTemplateName. Newer controllers
// name Tag as required too.
type SaveImageRequest struct {
	InstanceID       string
	TargetTemplateID string // the template that gets a new tag
	NewTemplateName  string // makes a new template
	Tag              string
	Description      string // of the tag
	Suspend          *bool  // nil: true, the VM is suspended before it is pushed
	// Script runs before the VM is stopped or suspended.
	Script Script
	// RevertBeforePush reverts the target's RevertTag first, or its latest tag.
	// Nothing is reverted if there is no such tag.
	RevertBeforePush bool
	RevertTag        string
	// SuspendSanityTest tries the suspended VM before it is pushed.
	SuspendSanityTest bool
}

type saveImageBody struct {
	InstanceID        string `json:"id"`
	TargetTemplateID  string `json:"target_vm_id,omitempty"`
	NewTemplateName   string `json:"new_template_name,omitempty"`
	Tag               string `json:"tag,omitempty"`
	Description       string `json:"description,omitempty"`
	Suspend           *bool  `json:"suspend,omitzero"`
	Script            string `json:"script,omitempty"`
	RevertBeforePush  bool   `json:"revert_before_push,omitzero"`
	RevertTag         string `json:"revert_tag,omitempty"`
	SuspendSanityTest bool   `json:"do_suspend_sanity_test,omitzero"`
}

func (r SaveImageRequest) check() error {
	switch {
	case r.InstanceID == "":
		return refuse("save image: no instance")
	case (r.TargetTemplateID == "") == (r.NewTemplateName == ""):
		return refuse("save image of instance %q: either a target template or the name of a new one", r.InstanceID)
	case r.TargetTemplateID == "" && (r.RevertBeforePush || r.RevertTag != ""):
		return refuse("save image of instance %q: a new template has nothing to revert", r.InstanceID)
	case r.Suspend != nil && !*r.Suspend && r.SuspendSanityTest:
		return refuse("save image of instance %q: what isn't suspended has no suspend test", r.InstanceID)
	}
	return nil
}

// ImageStatus is how far a request to save an image has come.
type ImageStatus string

// The statuses of a request to save an image.
const (
	ImagePending ImageStatus = "pending"
	ImageDone    ImageStatus = "done"
	ImageError   ImageStatus = "error" // ImageSave.Error says why
)

// ImageSave is a request to save an image.
type ImageSave struct {
	ID           string           `json:"id"`
	Status       ImageStatus      `json:"status"`
	Error        ImageFailure     `json:"error"`
	Request      ImageSaveDetails `json:"request"`
	ScriptResult *ScriptResult    `json:"script_result"` // nil: none, or an older controller
}

// ImageFailure is why an image was not saved; empty: it didn't fail.
type ImageFailure string

// ImageSaveDetails is the request as the controller remembers it.
type ImageSaveDetails struct {
	RequestID        string `json:"RequestId"`
	InstanceID       string `json:"InstanceID"`
	NodeID           string `json:"NodeID"`
	VMID             string `json:"VMID"` // of the VM on its node
	TemplateID       string `json:"TemplateID"`
	NewTemplateName  string `json:"NewTemplateName"`
	Tag              string `json:"Tag"`
	Description      string `json:"Description"`
	RegistryAddress  string `json:"RegistryAddr"`
	Priority         int    `json:"Priority"`
	Timestamp        int64  `json:"Timestamp"` // seconds since 1970
	Suspend          bool   `json:"Suspend"`
	DoSuspendTest    bool   `json:"DoSuspendTest"`
	RevertBeforePush bool   `json:"RevertBeforePush"`
	RevertTag        string `json:"RevertTag"`
	Script           Script `json:"Script"`
}

// readImageError takes null, a text, or an object with a Message.
func readImageError(d *jsontext.Decoder, e *ImageFailure) error {
	raw, err := d.ReadValue()
	if err != nil {
		return err
	}
	*e = ImageFailure(text(raw))
	if raw.Kind() == '{' {
		var object struct {
			Message string `json:"Message"`
		}
		if json.Unmarshal(raw, &object) == nil && object.Message != "" {
			*e = ImageFailure(object.Message)
		}
	}
	return nil
}

func (s *ImageSave) check() error {
	if s.Status == "" {
		return fmt.Errorf("save image request %.60q has no status", s.ID)
	}
	return nil
}

// SaveImage asks to save a running instance as a new tag or template, once, and
// returns the request's id. Meanwhile the instance is Pushing.
//
// Endpoint: POST /api/v1/image. Licence: any.
func (c *Client) SaveImage(ctx context.Context, r SaveImageRequest) (id string, err error) {
	if err := r.check(); err != nil {
		return "", err
	}
	body := saveImageBody{
		InstanceID: r.InstanceID, TargetTemplateID: r.TargetTemplateID, NewTemplateName: r.NewTemplateName, Tag: r.Tag,
		Description: r.Description, Suspend: r.Suspend, Script: r.Script.encoded(), RevertBeforePush: r.RevertBeforePush,
		RevertTag: r.RevertTag, SuspendSanityTest: r.SuspendSanityTest,
	}
	var answer requested
	k := call{method: http.MethodPost, path: pathImage, body: body, about: ErrInstanceNotFound, hide: r.Script.hide}
	err = send(ctx, c, k, &answer, (*requested).check)
	return answer.ID, err
}

// ImageSaves lists the requests to save images that the controller remembers.
//
// Endpoint: GET /api/v1/image. Licence: any.
func (c *Client) ImageSaves(ctx context.Context) ([]ImageSave, error) {
	var l []ImageSave
	err := send(ctx, c, call{method: http.MethodGet, path: pathImage}, &l, func(l *[]ImageSave) error {
		if err := list(l); err != nil {
			return err
		}
		for i := range *l {
			if err := (*l)[i].check(); err != nil {
				return err
			}
		}
		return distinct(*l, "save image request", func(s ImageSave) string { return s.ID })
	})
	return l, err
}

// ImageSave shows one request to save an image. ErrImageSaveNotFound: the
// controller knows none under this id.
//
// Endpoint: GET /api/v1/image?id=. Licence: any.
func (c *Client) ImageSave(ctx context.Context, id string) (ImageSave, error) {
	var shown ImageSave
	if err := named("a save image request", id); err != nil {
		return shown, err
	}
	k := call{method: http.MethodGet, path: pathImage, query: byID(id), about: ErrImageSaveNotFound}
	err := send(ctx, c, k, &shown, func(s *ImageSave) error {
		if s.ID != id {
			return fmt.Errorf("the answer is about save image request %.60q", s.ID)
		}
		return s.check()
	})
	return shown, err
}
