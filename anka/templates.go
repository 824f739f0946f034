package anka

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

const (
	pathTemplate = "/api/v1/registry/vm"
	pathRevert   = "/api/v1/registry/revert"
	pathRemove   = "/api/v1/registry/vm/remove"
	pathDisk     = "/api/v1/registry/disk"
)

// Template is a VM image in the registry.
type Template struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Size int64  `json:"size"` // bytes, of all versions; 0 in TemplatesFast
	Arch string `json:"arch"` // amd64 or arm64, newer controllers; empty in TemplatesFast
	// LastPull and LastPush are seconds since 1970, newer controllers.
	LastPull int64 `json:"last_pull"`
	LastPush int64 `json:"last_push"`
	// Versions are told of a single template only; nil: not told.
	Versions []TemplateVersion `json:"versions"`
}

// TemplateVersion is one version of a template, which is known by its tag.
type TemplateVersion struct {
	Tag         string   `json:"tag"`
	Number      int      `json:"number"` // from 0
	Description string   `json:"description"`
	Images      []string `json:"images"`      // names of files
	StateFiles  []string `json:"state_files"` // of a suspended VM
	StateFile   string   `json:"state_file"`
	Size        int64    `json:"size"` // bytes
	NVRAM       string   `json:"nvram"`
	ConfigFile  string   `json:"config_file"`
	Arch        string   `json:"arch"`      // newer controllers
	LastPull    int64    `json:"last_pull"` // seconds since 1970, newer controllers
	LastPush    int64    `json:"last_push"`
}

// Templates lists the registry's templates, without their versions.
//
// Endpoint: GET /api/v1/registry/vm. Licence: any.
//
// Versions: newer ones tell arch.
func (c *Client) Templates(ctx context.Context) ([]Template, error) {
	return c.templates(ctx, nil)
}

// TemplatesFast lists the registry's templates by id and name, without size and
// architecture: on a large registry that takes far less time.
//
// Endpoint: GET /api/v1/registry/vm?apiVer=v1. Licence: any.
//
// Versions: newer ones; those that don't know the parameter are expected to
// answer as to Templates.
func (c *Client) TemplatesFast(ctx context.Context) ([]Template, error) {
	return c.templates(ctx, url.Values{"apiVer": {"v1"}})
}

func (c *Client) templates(ctx context.Context, query url.Values) ([]Template, error) {
	var l []Template
	err := send(ctx, c, call{method: http.MethodGet, path: pathTemplate, query: query}, &l, func(l *[]Template) error {
		if err := list(l); err != nil {
			return err
		}
		return distinct(*l, "template", func(t Template) string { return t.ID })
	})
	return l, err
}

// Template shows one template with its versions. ErrTemplateNotFound: the
// registry has none under this id.
//
// Endpoint: GET /api/v1/registry/vm?id=. Licence: any.
func (c *Client) Template(ctx context.Context, id string) (Template, error) {
	var shown Template
	if err := named("a template", id); err != nil {
		return shown, err
	}
	k := call{method: http.MethodGet, path: pathTemplate, query: byID(id), about: ErrTemplateNotFound}
	err := send(ctx, c, k, &shown, func(t *Template) error {
		if t.ID != id {
			return fmt.Errorf("the answer is about template %.60q", t.ID)
		}
		if t.Versions == nil {
			return errors.New("versions are missing")
		}
		return nil
	})
	return shown, err
}

// DeleteTemplate deletes a template with all of its tags from the registry.
//
// Endpoint: DELETE /api/v1/registry/vm?id=. Licence: any.
func (c *Client) DeleteTemplate(ctx context.Context, id string) error {
	if err := named("a template", id); err != nil {
		return err
	}
	return change(ctx, c, call{method: http.MethodDelete, path: pathTemplate, query: byID(id), about: ErrTemplateNotFound})
}

// RevertTemplate deletes the latest version of a template.
//
// Endpoint: DELETE /api/v1/registry/revert?id=. Licence: any.
func (c *Client) RevertTemplate(ctx context.Context, id string) error {
	return c.revert(ctx, id, nil)
}

// RevertTemplateToTag deletes the versions of a template that are newer than the
// tag. ErrTagNotFound: the template has no such tag.
//
// Endpoint: DELETE /api/v1/registry/revert?id=&tag=. Licence: any.
//
// Versions: in 2019 the tag itself stayed, "the Tag to revert to"; today's
// documents say that it is deleted as well. Look at the template afterwards.
func (c *Client) RevertTemplateToTag(ctx context.Context, id, tag string) error {
	if tag == "" { // a controller would take that for the latest version
		return refuse("revert template %q: no tag", id)
	}
	return c.revert(ctx, id, url.Values{"tag": {tag}})
}

// RevertTemplateToVersion deletes the versions of a template that are newer than
// the one with this number, from 0. Whether that one stays differs as with
// RevertTemplateToTag.
//
// Endpoint: DELETE /api/v1/registry/revert?id=&version=&number=. Licence: any.
//
// Versions: the reference's table calls the parameter version and its example
// number. Both are sent: a controller that finds neither would delete the latest
// version.
func (c *Client) RevertTemplateToVersion(ctx context.Context, id string, number int) error {
	if number < 0 {
		return refuse("revert template %q: no version has the number %d", id, number)
	}
	n := strconv.Itoa(number)
	return c.revert(ctx, id, url.Values{"version": {n}, "number": {n}})
}

func (c *Client) revert(ctx context.Context, id string, to url.Values) error {
	if err := named("a template", id); err != nil {
		return err
	}
	query := byID(id)
	for name, value := range to {
		query[name] = value
	}
	return change(ctx, c, call{method: http.MethodDelete, path: pathRevert, query: query, about: ErrTemplateNotFound})
}

// RemoveTemplateFromNodes deletes a template from the disks of nodes, all of them
// if none is named, and returns the nodes that were asked to. The registry keeps
// it.
//
// Endpoint: DELETE /api/v1/registry/vm/remove?id=, the nodes in the body. Licence:
// any.
//
// Versions: since 1.20; older ones answer ErrNoEndpoint.
func (c *Client) RemoveTemplateFromNodes(ctx context.Context, id string, nodeIDs ...string) (asked []string, err error) {
	if err := named("a template", id); err != nil {
		return nil, err
	}
	for _, node := range nodeIDs {
		if err := named("a node", node); err != nil {
			return nil, err
		}
	}
	body := struct {
		NodeIDs []string `json:"node_ids,omitempty"`
	}{nodeIDs}
	var answer struct {
		NodeIDs []string `json:"node_ids"` // may be null where no node has it
	}
	k := call{method: http.MethodDelete, path: pathRemove, query: byID(id), body: body, about: ErrTemplateNotFound}
	err = send(ctx, c, k, &answer, nil)
	return answer.NodeIDs, err
}

// Disk is the registry's disk, in bytes.
type Disk struct {
	Total int64 `json:"total"`
	Free  int64 `json:"free"`
}

// RegistryDisk tells how much room the registry has.
//
// Endpoint: GET /api/v1/registry/disk. Licence: any.
//
// Versions: not in the 2019 reference; controllers without it answer
// ErrNoEndpoint.
func (c *Client) RegistryDisk(ctx context.Context) (Disk, error) {
	var d Disk
	err := send(ctx, c, call{method: http.MethodGet, path: pathDisk}, &d, func(d *Disk) error {
		if d.Total <= 0 || d.Free < 0 || d.Free > d.Total {
			return fmt.Errorf("%d bytes are free of %d", d.Free, d.Total)
		}
		return nil
	})
	return d, err
}
