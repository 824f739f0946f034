package anka

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

const pathDistribute = "/api/v1/registry/vm/distribute"

// DistributeRequest asks nodes to pull a template. Only TemplateID is required;
// without nodes and group all nodes are meant.
type DistributeRequest struct {
	TemplateID string `json:"template_id"`
	// Tag, or Version in its place; neither: the latest tag.
	Tag     string   `json:"tag,omitempty"`
	Version *int     `json:"version,omitzero"`
	NodeIDs []string `json:"node_ids,omitempty"`
	// GroupID is a group of nodes. Enterprise.
	GroupID string `json:"group_id,omitempty"`
	// Group is the name of the permission group, where a controller enforces
	// resource permissions.
	Group string `json:"group,omitempty"`
}

func (r DistributeRequest) check() error {
	switch {
	case r.TemplateID == "":
		return refuse("distribute: no template")
	case r.Tag != "" && r.Version != nil:
		return refuse("distribute: a tag and a version exclude each other")
	case r.Version != nil && *r.Version < 0:
		return refuse("distribute: no version has the number %d", *r.Version)
	case r.NodeIDs != nil && len(r.NodeIDs) == 0:
		return refuse("distribute: an empty list of nodes would mean all of them")
	}
	for _, id := range r.NodeIDs {
		if err := named("a node", id); err != nil {
			return err
		}
	}
	return nil
}

// Distribution is a request to pull a template and how far each node has come.
type Distribution struct {
	ID         string
	TemplateID string
	Requested  time.Time
	Nodes      map[string]NodePull // by node id
}

// NodePull is one node's part of a distribution.
type NodePull struct {
	Done     bool    `json:"status"`
	Progress float64 `json:"progress"` // 0 to 1
	Error    string  `json:"error"`    // newer controllers; cancelled ones have one too
}

// distribution is the wire's form.
type distribution struct {
	Request struct {
		ID         string    `json:"request_id"`
		TemplateID string    `json:"template_id"`
		Requested  time.Time `json:"time_requested"`
	} `json:"request"`
	Nodes map[string]NodePull `json:"distribute_status"`
}

func (d distribution) public() Distribution {
	return Distribution{ID: d.Request.ID, TemplateID: d.Request.TemplateID, Requested: d.Request.Requested, Nodes: d.Nodes}
}

// requested is the answer to what is done later.
type requested struct {
	ID string `json:"request_id"`
}

func (r *requested) check() error {
	if r.ID == "" {
		return errors.New("request_id is missing")
	}
	return nil
}

// Distribute asks nodes to pull a template before an instance needs it, once, and
// returns the request's id. A node that pulls takes no other task meanwhile.
//
// Endpoint: POST /api/v1/registry/vm/distribute. Licence: any; GroupID needs
// Enterprise.
func (c *Client) Distribute(ctx context.Context, r DistributeRequest) (id string, err error) {
	if err := r.check(); err != nil {
		return "", err
	}
	var answer requested
	k := call{method: http.MethodPost, path: pathDistribute, body: r, about: ErrTemplateNotFound}
	err = send(ctx, c, k, &answer, (*requested).check)
	return answer.ID, err
}

// Distributions lists the requests to distribute that the controller remembers.
//
// Endpoint: GET /api/v1/registry/vm/distribute. Licence: any.
//
// Versions: newer ones tell a node's error.
func (c *Client) Distributions(ctx context.Context) ([]Distribution, error) {
	var wire []distribution
	err := send(ctx, c, call{method: http.MethodGet, path: pathDistribute}, &wire, func(l *[]distribution) error {
		if err := list(l); err != nil {
			return err
		}
		return distinct(*l, "distribution", func(d distribution) string { return d.Request.ID })
	})
	if err != nil {
		return nil, err
	}
	found := make([]Distribution, 0, len(wire))
	for _, d := range wire {
		found = append(found, d.public())
	}
	return found, nil
}

// Distribution shows one request to distribute. ErrDistributionNotFound: the
// controller knows none under this id.
//
// Endpoint: GET /api/v1/registry/vm/distribute?id=. Licence: any.
func (c *Client) Distribution(ctx context.Context, id string) (Distribution, error) {
	if err := named("a distribution", id); err != nil {
		return Distribution{}, err
	}
	var wire distribution
	k := call{method: http.MethodGet, path: pathDistribute, query: byID(id), about: ErrDistributionNotFound}
	err := send(ctx, c, k, &wire, func(d *distribution) error {
		if d.Request.ID != id {
			return fmt.Errorf("the answer is about distribution %.60q", d.Request.ID)
		}
		return nil
	})
	return wire.public(), err
}

// CancelDistribution stops a distribution where it isn't done.
//
// Endpoint: DELETE /api/v1/registry/vm/distribute?id=. Licence: any.
//
// Versions: since 1.43; older ones answer ErrNoEndpoint.
func (c *Client) CancelDistribution(ctx context.Context, id string) error {
	if err := named("a distribution", id); err != nil {
		return err
	}
	return change(ctx, c, call{method: http.MethodDelete, path: pathDistribute, query: byID(id), about: ErrDistributionNotFound})
}
