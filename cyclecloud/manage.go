package cyclecloud

import (
	"context"
	"encoding/json"
	"errors"
)

// NodeManagementRequest says which nodes to act on: the union of all that its
// fields name. At least one of them must be set.
type NodeManagementRequest struct {
	RequestID   string   `json:"requestId,omitempty"`
	IDs         []string `json:"ids,omitempty"`
	Names       []string `json:"names,omitempty"`
	Hostnames   []string `json:"hostnames,omitempty"`
	IPAddresses []string `json:"ip_addresses,omitempty"`
	// Filter is an expression such as `State === "Started"`.
	Filter string `json:"filter,omitempty"`
}

// NodeManagementResult tells what became of each node.
type NodeManagementResult struct {
	OperationID string       `json:"operationId"`
	Nodes       []ManageNode `json:"nodes"`
	// Location is the operation's address, from the answer's header.
	Location string `json:"-"`

	Extra map[string]json.RawMessage `json:",embed"`
}

// ManageNode is what became of one node: one that fails doesn't fail the others.
type ManageNode struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Status string `json:"status"` // OK or Error
	Error  string `json:"error"`

	Extra map[string]json.RawMessage `json:",embed"`
}

// OK tells whether the server took the node.
func (n ManageNode) OK() bool { return n.Status == "OK" }

// TerminateNodes ends the nodes' VMs. The record of a node with Fixed remains.
func (c *Client) TerminateNodes(ctx context.Context, cluster string, r NodeManagementRequest) (NodeManagementResult, error) {
	return c.manage(ctx, "/clusters/{cluster}/nodes/terminate", cluster, r)
}

// RemoveNodes ends the nodes' VMs and their records, Fixed or not.
func (c *Client) RemoveNodes(ctx context.Context, cluster string, r NodeManagementRequest) (NodeManagementResult, error) {
	return c.manage(ctx, "/clusters/{cluster}/nodes/remove", cluster, r)
}

// DeallocateNodes ends the nodes' VMs and keeps their disks.
func (c *Client) DeallocateNodes(ctx context.Context, cluster string, r NodeManagementRequest) (NodeManagementResult, error) {
	return c.manage(ctx, "/clusters/{cluster}/nodes/deallocate", cluster, r)
}

// ShutdownNodes terminates or deallocates, as each node's ShutdownPolicy says.
func (c *Client) ShutdownNodes(ctx context.Context, cluster string, r NodeManagementRequest) (NodeManagementResult, error) {
	return c.manage(ctx, "/clusters/{cluster}/nodes/shutdown", cluster, r)
}

// StartNodes starts deallocated or terminated nodes.
func (c *Client) StartNodes(ctx context.Context, cluster string, r NodeManagementRequest) (NodeManagementResult, error) {
	return c.manage(ctx, "/clusters/{cluster}/nodes/start", cluster, r)
}

// RestartNodes restarts the nodes' VMs.
func (c *Client) RestartNodes(ctx context.Context, cluster string, r NodeManagementRequest) (NodeManagementResult, error) {
	return c.manage(ctx, "/clusters/{cluster}/nodes/restart", cluster, r)
}

// ReimageNodes sets the nodes' VMs up anew from their image.
func (c *Client) ReimageNodes(ctx context.Context, cluster string, r NodeManagementRequest) (NodeManagementResult, error) {
	return c.manage(ctx, "/clusters/{cluster}/nodes/reimage", cluster, r)
}

func (c *Client) manage(ctx context.Context, template, cluster string, request NodeManagementRequest) (NodeManagementResult, error) {
	var result NodeManagementResult
	r, err := at(template, cluster)
	if err != nil {
		return result, err
	}
	if len(request.IDs)+len(request.Names)+len(request.Hostnames)+len(request.IPAddresses) == 0 && request.Filter == "" {
		return result, refuse("%s names no node", r.path) // a server might take that for all of them
	}
	answer, err := post(ctx, c, r, nil, request, &result, func(got *NodeManagementResult) error {
		if got.Nodes == nil {
			return errors.New("no answer to a node operation: nodes are missing")
		}
		return nil
	})
	if err != nil {
		return result, c.explainConflict(ctx, cluster, request.RequestID, err)
	}
	result.Location, result.OperationID = operationOf(answer, result.OperationID)
	return result, nil
}
