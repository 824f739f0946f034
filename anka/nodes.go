package anka

import (
	"context"
	"fmt"
	"net/http"

	"autoscaled/internal/rest"
)

const (
	pathNode       = "/api/v1/node"
	pathNodeConfig = "/api/v1/node/config"
)

// Nodes lists all nodes that have joined the controller, in one answer.
//
// Endpoint: GET /api/v1/node. Licence: any; groups are told with Enterprise and
// higher.
//
// Versions: newer ones add host_arch, templates, last_updated and the state
// Drain Mode (1.32). usb_devices and groups may be null.
func (c *Client) Nodes(ctx context.Context) ([]Node, error) {
	var l []Node
	err := send(ctx, c, call{method: http.MethodGet, path: pathNode}, &l, checkNodes)
	return l, err
}

func checkNodes(l *[]Node) error {
	if err := list(l); err != nil {
		return err
	}
	for i := range *l {
		if err := (*l)[i].check(); err != nil {
			return err
		}
	}
	return distinct(*l, "node", func(n Node) string { return n.ID })
}

// Node shows one node. ErrNodeNotFound: none has joined under this id; so does an
// empty list say, which is our own reading.
//
// Endpoint: GET /api/v1/node?id=. Licence: any.
//
// Versions: the answer is a list of one. Before 1.32 capacity_mode and
// anka_version could be blank in it, though not in Nodes.
func (c *Client) Node(ctx context.Context, id string) (Node, error) {
	if err := named("a node", id); err != nil {
		return Node{}, err
	}
	var l []Node
	k := call{method: http.MethodGet, path: pathNode, query: byID(id), about: ErrNodeNotFound}
	err := send(ctx, c, k, &l, func(l *[]Node) error {
		if err := checkNodes(l); err != nil {
			return err
		}
		switch {
		case len(*l) == 0:
			return &rest.Refusal{Kind: ErrNodeNotFound, Words: "the answer is an empty list"}
		case len(*l) > 1 || (*l)[0].ID != id:
			return fmt.Errorf("%d nodes answer, the first is %.60q", len(*l), (*l)[0].ID)
		}
		return nil
	})
	if err != nil {
		return Node{}, err
	}
	return l[0], nil
}

// NodeConfig says what to change of a node; nil and empty fields stay as they
// are. Name, Host and MaxVMCount are read back as Node.Name, Address and Capacity.
type NodeConfig struct {
	NodeID       string       `json:"node_id"`
	MaxVMCount   *int         `json:"max_vm_count,omitzero"`
	Name         string       `json:"name,omitempty"`
	Host         string       `json:"host,omitempty"`
	CapacityMode CapacityMode `json:"capacity_mode,omitempty"`
	VCPUOverride *int         `json:"vcpu_override,omitzero"` // limit in mode resource
	RAMOverride  *int         `json:"ram_override,omitzero"`  // limit in mode resource, MB
	// DisableCentralLogging keeps the node's logs from the log server.
	DisableCentralLogging *bool `json:"disable_central_logging,omitzero"`
	// DrainMode lets running VMs finish and takes no new ones. Since 1.32.
	DrainMode *bool `json:"drain_mode,omitzero"`
}

func (n NodeConfig) check() error {
	if err := named("a node", n.NodeID); err != nil {
		return err
	}
	if n == (NodeConfig{NodeID: n.NodeID}) {
		return refuse("configuration of node %q changes nothing", n.NodeID)
	}
	for _, limit := range []*int{n.MaxVMCount, n.VCPUOverride, n.RAMOverride} {
		if limit != nil && *limit < 0 {
			return refuse("configuration of node %q: a limit of %d", n.NodeID, *limit)
		}
	}
	if m := n.CapacityMode; m != "" && m != CapacityByNumber && m != CapacityByResource {
		return refuse("configuration of node %q: %q is no capacity mode", n.NodeID, string(m))
	}
	return nil
}

// ConfigureNode changes a node's configuration.
//
// Endpoint: POST /api/v1/node/config. Licence: any.
//
// Versions: drain_mode since 1.32. The 2019 reference promises the nodes in the
// answer, though its example has none: they aren't read.
func (c *Client) ConfigureNode(ctx context.Context, n NodeConfig) error {
	if err := n.check(); err != nil {
		return err
	}
	return change(ctx, c, call{method: http.MethodPost, path: pathNodeConfig, body: n, about: ErrNodeNotFound})
}

// DeleteNode forgets a node that exists no more or has crashed. One that is alive
// leaves with "ankacluster disjoin" on it.
//
// Endpoint: DELETE /api/v1/node, the id in the body. Licence: any.
func (c *Client) DeleteNode(ctx context.Context, id string) error {
	if err := named("a node", id); err != nil {
		return err
	}
	body := struct {
		ID string `json:"node_id"`
	}{id}
	return change(ctx, c, call{method: http.MethodDelete, path: pathNode, body: body, about: ErrNodeNotFound})
}
