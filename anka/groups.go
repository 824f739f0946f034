package anka

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

const (
	pathGroup     = "/api/v1/group"
	pathNodeGroup = "/api/v1/node/group"
)

// Group is a set of nodes. A node may be in several.
type Group struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
	// FallbackGroupID is where requests go if this group is full; empty: nowhere.
	FallbackGroupID string `json:"fallback_group_id"`
}

// GroupRequest describes a new group. Only Name is required.
type GroupRequest struct {
	Name            string `json:"name"`
	Description     string `json:"description,omitempty"`
	FallbackGroupID string `json:"fallback_group_id,omitempty"`
}

// CreateGroup makes a group, once.
//
// Endpoint: POST /api/v1/group. Licence: the reference names none; using a group
// needs Enterprise, and a controller may refuse with ErrLicence.
func (c *Client) CreateGroup(ctx context.Context, r GroupRequest) (Group, error) {
	var made Group
	if r.Name == "" {
		return made, refuse("create group: no name")
	}
	err := send(ctx, c, call{method: http.MethodPost, path: pathGroup, body: r}, &made, func(g *Group) error {
		if g.ID == "" {
			return errors.New("the new group has no id")
		}
		return nil
	})
	return made, err
}

// Groups lists all groups.
//
// Endpoint: GET /api/v1/group. Licence: as CreateGroup.
func (c *Client) Groups(ctx context.Context) ([]Group, error) {
	var l []Group
	err := send(ctx, c, call{method: http.MethodGet, path: pathGroup}, &l, func(l *[]Group) error {
		if err := list(l); err != nil {
			return err
		}
		return distinct(*l, "group", func(g Group) string { return g.ID })
	})
	return l, err
}

// GroupUpdate says what to change; nil fields stay as they are. What takes a
// fallback away is not documented: an empty one is sent as it is.
type GroupUpdate struct {
	Name            *string `json:"name,omitzero"`
	Description     *string `json:"description,omitzero"`
	FallbackGroupID *string `json:"fallback_group_id,omitzero"`
}

// UpdateGroup changes a group.
//
// Endpoint: PUT /api/v1/group?id=. Licence: as CreateGroup.
func (c *Client) UpdateGroup(ctx context.Context, id string, u GroupUpdate) error {
	if err := named("a group", id); err != nil {
		return err
	}
	if u == (GroupUpdate{}) {
		return refuse("update of group %q changes nothing", id)
	}
	return change(ctx, c, call{method: http.MethodPut, path: pathGroup, query: byID(id), body: u, about: ErrGroupNotFound})
}

// DeleteGroup deletes a group; its nodes stay.
//
// Endpoint: DELETE /api/v1/group?id=. Licence: as CreateGroup.
func (c *Client) DeleteGroup(ctx context.Context, id string) error {
	if err := named("a group", id); err != nil {
		return err
	}
	return change(ctx, c, call{method: http.MethodDelete, path: pathGroup, query: byID(id), about: ErrGroupNotFound})
}

// AddNodesToGroups puts each of the nodes into each of the groups.
//
// Endpoint: POST /api/v1/node/group, once for each node. Licence: as CreateGroup.
//
// Versions: in 2019 a request took many nodes; since 1.39 it takes one. One at a
// time suits both. An error names the node at which it stopped; those before it
// are in the groups.
func (c *Client) AddNodesToGroups(ctx context.Context, groupIDs, nodeIDs []string) error {
	return c.membership(ctx, http.MethodPost, groupIDs, nodeIDs)
}

// RemoveNodesFromGroups takes each of the nodes out of each of the groups.
//
// Endpoint: DELETE /api/v1/node/group, once for each node. Licence: as
// CreateGroup.
//
// Versions: as AddNodesToGroups.
func (c *Client) RemoveNodesFromGroups(ctx context.Context, groupIDs, nodeIDs []string) error {
	return c.membership(ctx, http.MethodDelete, groupIDs, nodeIDs)
}

func (c *Client) membership(ctx context.Context, method string, groupIDs, nodeIDs []string) error {
	if len(groupIDs) == 0 || len(nodeIDs) == 0 {
		return refuse("%s %s: %d groups and %d nodes", method, pathNodeGroup, len(groupIDs), len(nodeIDs))
	}
	for _, id := range groupIDs {
		if err := named("a group", id); err != nil {
			return err
		}
	}
	for _, id := range nodeIDs {
		if err := named("a node", id); err != nil {
			return err
		}
	}
	for _, id := range nodeIDs {
		body := struct {
			Groups []string `json:"group_ids"`
			Nodes  []string `json:"node_ids"`
		}{groupIDs, []string{id}}
		if err := change(ctx, c, call{method: method, path: pathNodeGroup, body: body}); err != nil {
			return fmt.Errorf("node %s: %w", id, err)
		}
	}
	return nil
}
