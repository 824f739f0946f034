package cyclecloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path"

	"autoscaled/internal/rest"
)

// NodeList is a cluster's nodes, or those of one operation.
type NodeList struct {
	Nodes []Node `json:"nodes"`
	// Operation is set only when nodes were asked by operation or request id.
	Operation *OperationStatus `json:"operation"`

	Extra map[string]json.RawMessage `json:",embed"`
}

// NodeQuery narrows a list of nodes; at most one field is set.
type NodeQuery struct {
	OperationID string
	RequestID   string
}

// Nodes lists a cluster's nodes: all, or those of one operation. An id that the
// server doesn't know is ErrNotFound or, on some servers, ErrInvalidInput;
// LookupRequest knows to tell them from other mistakes.
func (c *Client) Nodes(ctx context.Context, cluster string, q NodeQuery) (NodeList, error) {
	var list NodeList
	r, err := at("/clusters/{cluster}/nodes", cluster)
	if err != nil {
		return list, err
	}
	query := url.Values{}
	if q.OperationID != "" {
		query.Set("operation", q.OperationID)
	}
	if q.RequestID != "" {
		query.Set("request_id", q.RequestID)
	}
	if len(query) > 1 {
		return list, refuse("list nodes by operation or by request id, not both")
	}
	err = get(ctx, c, r, query, &list, func(l *NodeList) error {
		if l.Nodes == nil {
			return errors.New("no list of nodes: nodes are missing")
		}
		return distinct(l.Nodes)
	})
	return list, err
}

// NodeCreationRequest asks for nodes. RequestID, unique to this request, makes
// a repeat harmless; without it a lost answer can't be resolved.
type NodeCreationRequest struct {
	RequestID string        `json:"requestId,omitempty"`
	Sets      []CreationSet `json:"sets"`
}

// CreationSet is a number of equal nodes. Nodearray and Count are required.
type CreationSet struct {
	Nodearray string `json:"nodearray"`
	Count     int    `json:"count"`
	// Definition names the machine type; nil: the first bucket that fits.
	Definition *Definition `json:"definition,omitempty"`
	// PlacementGroupID couples the nodes; the group is made if it doesn't exist.
	PlacementGroupID string `json:"placementGroupId,omitempty"`
	NameFormat       string `json:"nameFormat,omitempty"` // with %d for the number
	NameOffset       *int   `json:"nameOffset,omitempty"` // the first number; nil: the server's choice
	// NodeAttributes are added to the nodes' records.
	NodeAttributes map[string]any `json:"nodeAttributes,omitempty"`
}

// NodeCreationResult tells what became of each set, in the request's order.
type NodeCreationResult struct {
	OperationID string        `json:"operationId"`
	Sets        []CreationAdd `json:"sets"`
	// Location is the operation's address, from the answer's header.
	Location string `json:"-"`

	Extra map[string]json.RawMessage `json:",embed"`
}

// CreationAdd is what became of one set.
type CreationAdd struct {
	Added   int    `json:"added"`
	Message string `json:"message"` // why fewer were added than asked, if so

	Extra map[string]json.RawMessage `json:",embed"`
}

// CreateNodes asks for nodes, once. Fewer than asked is no error: see the
// result's sets. A request id that the server has handled is ErrRequestSeen.
func (c *Client) CreateNodes(ctx context.Context, cluster string, request NodeCreationRequest) (NodeCreationResult, error) {
	var result NodeCreationResult
	r, err := at("/clusters/{cluster}/nodes/create", cluster)
	if err != nil {
		return result, err
	}
	if err := request.check(); err != nil {
		return result, err
	}
	answer, err := post(ctx, c, r, nil, request, &result, func(got *NodeCreationResult) error {
		if len(got.Sets) != len(request.Sets) {
			return fmt.Errorf("%d sets answer %d asked for", len(got.Sets), len(request.Sets))
		}
		for i, set := range got.Sets {
			if set.Added < 0 || set.Added > request.Sets[i].Count {
				return fmt.Errorf("%d nodes were added to set %d, of %d asked for", set.Added, i, request.Sets[i].Count)
			}
		}
		return nil
	})
	if err != nil {
		return result, c.explainConflict(ctx, cluster, request.RequestID, err)
	}
	result.Location, result.OperationID = operationOf(answer, result.OperationID)
	return result, nil
}

// check refuses what no server could want.
func (r NodeCreationRequest) check() error {
	if len(r.Sets) == 0 {
		return refuse("create nodes: no sets")
	}
	for i, set := range r.Sets {
		if set.Nodearray == "" || set.Count < 1 {
			return refuse("create nodes: set %d asks for %d nodes of nodearray %q", i, set.Count, set.Nodearray)
		}
	}
	return nil
}

// operationOf gives the operation's address and its id, which is the address's
// last part where the body doesn't name it.
func operationOf(answer rest.Answer, id string) (location, operation string) {
	location = answer.Header.Get("Location")
	if u, err := url.Parse(location); id == "" && err == nil && u.Path != "" {
		id = path.Base(u.Path)
	}
	return location, id
}
