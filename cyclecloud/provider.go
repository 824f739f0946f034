package cyclecloud

import (
	"context"
	"fmt"
	"sync"
	"time"

	"autoscaled/autoscale"
)

// ProviderOptions says which cluster a Provider stands for. Client, Cluster and
// Now are required.
type ProviderOptions struct {
	Client  *Client
	Cluster string
	// Now is the loop's clock: it turns the server's ages into times.
	Now func() time.Time
	// Owner is written into the nodes that we create, and tells them apart from
	// those of others. Empty: DefaultOwner.
	Owner string
}

const (
	// OwnerAttribute is the attribute of a node's record that holds our mark. It
	// stands by itself and not under Configuration, since there a server might
	// put what we send in place of what the node inherits.
	OwnerAttribute = "AutoscaledOwner"
	// HostAttribute is the attribute of a node's record that says what the scheduler calls
	// the node, where that is neither its Name nor its host name. It is for the cluster's
	// template or whoever joins the node to set: what we send on creation is for all nodes
	// of a set alike.
	HostAttribute = "AutoscaledHost"
	// DefaultOwner is the mark of a daemon that was given none.
	DefaultOwner = "autoscaled"
)

// Provider is one cluster as the daemon's loop sees it. Its errors are those of
// package autoscale. It is safe for concurrent use.
type Provider struct {
	options ProviderOptions

	mu sync.Mutex
	// pools are those of the latest observation: what Create needs to know of them.
	pools map[autoscale.PoolID]origin
}

// origin is what the server calls a pool.
type origin struct {
	nodearray  string
	definition Definition
}

// NewProvider makes the provider of one cluster.
func NewProvider(o ProviderOptions) *Provider {
	if o.Owner == "" {
		o.Owner = DefaultOwner
	}
	return &Provider{options: o}
}

// Observe reads the cluster's status with its nodes: one read, one moment. A
// server that leaves the nodes out of the status is asked for them separately.
func (p *Provider) Observe(ctx context.Context) (autoscale.Supply, error) {
	status, err := p.options.Client.Status(ctx, p.options.Cluster, true)
	if err == nil && status.Nodes == nil {
		var list NodeList
		list, err = p.options.Client.Nodes(ctx, p.options.Cluster, NodeQuery{})
		status.Nodes = list.Nodes
	}
	if err != nil {
		return autoscale.Supply{}, p.translate("observe", err)
	}
	s := newSurvey(p.options, &status)
	p.mu.Lock()
	p.pools = s.origins()
	p.mu.Unlock()
	return s.supply(), nil
}

// Create asks for one set of nodes, once, under g.Request. Fewer than asked is
// success with a message. A request id that the server has seen is success too, if
// its nodes show; they may be about to, and until then the outcome is not known.
func (p *Provider) Create(ctx context.Context, g autoscale.Grow) (autoscale.Receipt, error) {
	p.mu.Lock()
	from, known := p.pools[g.Pool]
	p.mu.Unlock()
	if !known {
		return autoscale.Receipt{}, p.translateAct("create", refuse("cluster %s shows no pool %s", p.options.Cluster, g.Pool))
	}
	asked := CreationSet{
		Nodearray:        from.nodearray,
		Count:            g.Count,
		Definition:       &from.definition,
		PlacementGroupID: g.Group,
		NodeAttributes:   map[string]any{OwnerAttribute: p.options.Owner},
	}
	if err := asked.name(g.Names); err != nil {
		return autoscale.Receipt{}, p.translateAct("create", err)
	}
	result, err := p.options.Client.CreateNodes(ctx, p.options.Cluster, NodeCreationRequest{
		RequestID: string(g.Request), Sets: []CreationSet{asked},
	})
	if found, seen := seenBefore(err); seen {
		if len(found.Nodes) == 0 {
			return autoscale.Receipt{}, p.translate("create", fmt.Errorf("%w: %w", ErrUncertain, err))
		}
		return autoscale.Receipt{Added: len(found.Nodes), Message: fmt.Sprintf("seen before, with %d nodes", len(found.Nodes))}, nil
	}
	if err != nil {
		return autoscale.Receipt{}, p.translateAct("create", err)
	}
	set := result.Sets[0]
	return autoscale.Receipt{
		CloudID: result.OperationID, Added: set.Added, Message: set.Message,
		Class: classOfShort(g.Count, set.Added, set.Message),
	}, nil
}

// Resolve asks what became of a request. When that can't be had it is unknown,
// and the error says why.
func (p *Provider) Resolve(ctx context.Context, id autoscale.RequestID) (autoscale.Resolution, error) {
	found, err := p.options.Client.LookupRequest(ctx, p.options.Cluster, string(id))
	switch {
	case err != nil:
		return autoscale.Resolution{State: autoscale.ResolvedUnknown}, p.translate("resolve", err)
	case !found.Seen:
		return autoscale.Resolution{State: autoscale.ResolvedAbsent}, nil
	}
	r := autoscale.Resolution{State: autoscale.ResolvedArrived}
	for i := range found.Nodes {
		r.Nodes = append(r.Nodes, nodeID(&found.Nodes[i]))
	}
	return r, nil
}
