package anka

import (
	"context"
	"fmt"
	"net/http"
)

const (
	pathVM      = "/api/v1/vm"
	pathRestart = "/api/v1/rpc/vm/restart"
)

// Instances lists all instances of the controller, foreign ones too, in one
// answer: there is no paging.
//
// Endpoint: GET /api/v1/vm. Licence: any.
//
// Versions: items are wrapped, {instance_id, name, external_id, vm}; newer
// controllers repeat id and external id inside of vm. Both are read.
func (c *Client) Instances(ctx context.Context) ([]Instance, error) {
	var l []Instance
	err := send(ctx, c, call{method: http.MethodGet, path: pathVM}, &l, func(l *[]Instance) error {
		if err := list(l); err != nil {
			return err
		}
		for i := range *l {
			if err := (*l)[i].check(); err != nil {
				return err
			}
		}
		return distinct(*l, "instance", func(i Instance) string { return i.ID })
	})
	return l, err
}

// Instance shows one instance. ErrInstanceNotFound: there is none (any more).
//
// Endpoint: GET /api/v1/vm?id=. Licence: any.
//
// Versions: the answer is flat; in older ones id and external id are missing, and
// the id that was asked for is put in its place.
func (c *Client) Instance(ctx context.Context, id string) (Instance, error) {
	var shown Instance
	if err := named("an instance", id); err != nil {
		return shown, err
	}
	k := call{method: http.MethodGet, path: pathVM, query: byID(id), about: ErrInstanceNotFound}
	err := send(ctx, c, k, &shown, func(i *Instance) error {
		if i.ID != "" && i.ID != id {
			return fmt.Errorf("the answer is about instance %.60q", i.ID)
		}
		i.ID = id
		return i.check()
	})
	return shown, err
}

// InstanceUpdate says what to change; nil fields stay as they are.
type InstanceUpdate struct {
	Name       *string  `json:"name,omitzero"`
	ExternalID *string  `json:"external_id,omitzero"`
	Metadata   Metadata `json:"metadata,omitempty"`
}

// UpdateInstance changes what is saved with an instance. Whether metadata that
// the update doesn't name is kept is not documented.
//
// Endpoint: PUT /api/v1/vm?id=. Licence: any.
func (c *Client) UpdateInstance(ctx context.Context, id string, u InstanceUpdate) error {
	if err := named("an instance", id); err != nil {
		return err
	}
	if u.Name == nil && u.ExternalID == nil && len(u.Metadata) == 0 {
		return refuse("update of instance %q changes nothing", id)
	}
	return change(ctx, c, call{method: http.MethodPut, path: pathVM, query: byID(id), body: u, about: ErrInstanceNotFound})
}

// TerminateInstance ends an instance, whatever its state. It is still listed for
// about a minute. ErrInstanceNotFound: there is none (any more).
//
// Endpoint: DELETE /api/v1/vm, the id in the body. Licence: any.
func (c *Client) TerminateInstance(ctx context.Context, id string) error {
	if err := named("an instance", id); err != nil {
		return err
	}
	body := struct {
		ID string `json:"id"`
	}{id}
	return change(ctx, c, call{method: http.MethodDelete, path: pathVM, body: body, about: ErrInstanceNotFound})
}

// RestartRequest names the VM to restart. Only InstanceID is required.
type RestartRequest struct {
	InstanceID  string
	USBDevice   string
	VNCPassword Hidden
}

// RestartInstance stops and starts the VM of an instance. It is done when the
// instance is Started and VM.Started has changed.
//
// Endpoint: POST /api/v1/rpc/vm/restart. Licence: any; the USB device as with a
// start, Enterprise and higher.
//
// Versions: since 1.44; older ones answer ErrNoEndpoint.
func (c *Client) RestartInstance(ctx context.Context, r RestartRequest) error {
	if err := named("an instance", r.InstanceID); err != nil {
		return err
	}
	body := struct {
		ID       string `json:"instance_id"`
		USB      string `json:"usb_device,omitempty"`
		Password string `json:"vnc_password,omitempty"`
	}{r.InstanceID, r.USBDevice, string(r.VNCPassword)}
	return change(ctx, c, call{method: http.MethodPost, path: pathRestart, body: body, about: ErrInstanceNotFound, hide: r.VNCPassword.hide})
}
