package anka

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"autoscaled/internal/rest"
)

const (
	pathStatus = "/api/v1/status"
	pathLive   = "/livez"
	pathReady  = "/readyz"
	pathUSB    = "/api/v1/usb"
)

// Status is what a controller says of itself.
type Status struct {
	Status          string `json:"status"` // Running
	Version         string `json:"version"`
	RegistryAddress string `json:"registry_address"`
	RegistryStatus  string `json:"registry_status"` // Running
	// License is the tier, as "enterprise plus": groups, priorities and USB
	// devices need an Enterprise one.
	License string `json:"license"`
}

// Status tells version, licence and the registry's state.
//
// Endpoint: GET /api/v1/status. Licence: any.
//
// Versions: not in the 2019 reference; controllers without it answer
// ErrNoEndpoint.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var s Status
	err := send(ctx, c, call{method: http.MethodGet, path: pathStatus}, &s, func(s *Status) error {
		if s.Status == "" {
			return errors.New("the controller's status is missing")
		}
		return nil
	})
	return s, err
}

// Live asks whether the controller's process is alive; nil: yes. It needs and
// sends no credentials. Only the HTTP status counts.
//
// Endpoint: GET /livez. Licence: any.
//
// Versions: since 1.41; older ones answer ErrNoEndpoint.
func (c *Client) Live(ctx context.Context) error { return c.health(ctx, pathLive) }

// Ready asks whether the controller can serve; nil: yes. It needs and sends no
// credentials. Only the HTTP status counts.
//
// Endpoint: GET /readyz. Licence: any.
//
// Versions: since 1.41; older ones answer ErrNoEndpoint.
func (c *Client) Ready(ctx context.Context) error { return c.health(ctx, pathReady) }

func (c *Client) health(ctx context.Context, path string) error {
	_, err := c.open.Do(ctx, rest.Call{Method: http.MethodGet, Route: path, Path: path, Explain: func(status int, _ []byte) error {
		if status == http.StatusNotFound {
			return ErrNoEndpoint
		}
		return nil
	}})
	return err
}

// USBDevices counts the devices of one name, which is what a start asks for.
type USBDevices struct {
	Available int `json:"available"`
	Busy      int `json:"busy"`
}

// USBDevices counts the USB devices of all nodes, by name. Only Intel nodes can
// attach one to a VM.
//
// Endpoint: GET /api/v1/usb. Licence: the reference names none; attaching a
// device needs Enterprise and higher.
//
// Versions: null is taken for no devices, as usb_devices of a node may be null;
// that is our own reading.
func (c *Client) USBDevices(ctx context.Context) (map[string]USBDevices, error) {
	var devices map[string]USBDevices
	err := send(ctx, c, call{method: http.MethodGet, path: pathUSB}, &devices, func(m *map[string]USBDevices) error {
		for name, d := range *m {
			if d.Available < 0 || d.Busy < 0 {
				return fmt.Errorf("device %.60q: %d are available and %d busy", name, d.Available, d.Busy)
			}
		}
		return nil
	})
	return devices, err
}
