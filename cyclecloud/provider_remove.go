package cyclecloud

import (
	"context"
	"errors"

	"autoscaled/autoscale"
)

// Remove sends nodes away as r.Removal says, once, under r.Request. A node that is
// gone so far already, or on its way, is success; one that the server doesn't take is
// refused in the receipt. A request id that the server has seen is success.
func (p *Provider) Remove(ctx context.Context, r autoscale.Remove) (autoscale.Receipt, error) {
	request := NodeManagementRequest{RequestID: string(r.Request)}
	for i := range r.Nodes {
		request.IDs = append(request.IDs, string(r.Nodes[i].ID))
	}
	result, err := p.removal(r.Removal)(ctx, p.options.Cluster, request)
	if _, seen := seenBefore(err); seen {
		return autoscale.Receipt{Message: "seen before"}, nil
	}
	if errors.Is(err, ErrInvalidInput) && len(request.IDs) > 0 {
		// Perhaps only since the nodes are gone: then all is well.
		if left, listErr := p.stillThere(ctx, r.Removal, request.IDs); listErr == nil && len(left) == 0 {
			return autoscale.Receipt{Message: "gone already"}, nil
		}
	}
	if err != nil {
		return autoscale.Receipt{}, p.translateAct("remove", err)
	}
	refused := p.refused(request.IDs, result, func(suspects []string) ([]string, error) {
		return p.stillThere(ctx, r.Removal, suspects)
	})
	return autoscale.Receipt{CloudID: result.OperationID, Refused: refused}, nil
}

// removal is the call that makes nodes go so.
func (p *Provider) removal(how autoscale.Removal) func(context.Context, string, NodeManagementRequest) (NodeManagementResult, error) {
	switch how {
	case autoscale.RemovalShutdown:
		return p.options.Client.ShutdownNodes
	case autoscale.RemovalDeallocate:
		return p.options.Client.DeallocateNodes
	case autoscale.RemovalRemove:
		return p.options.Client.RemoveNodes
	}
	return p.options.Client.TerminateNodes
}

// refused are the nodes that the server didn't take, with its words, but for those
// that have come as far all the same: untouched finds the others. If the server
// can't be asked, its first word stands.
func (p *Provider) refused(asked []string, result NodeManagementResult, untouched func([]string) ([]string, error)) map[autoscale.NodeID]string {
	words := make(map[string]string, len(asked))
	for _, id := range asked {
		words[id] = "the server's answer doesn't mention it"
	}
	for _, n := range result.Nodes {
		if n.OK() {
			delete(words, n.ID)
		} else if n.Error != "" {
			words[n.ID] = n.Error
		}
	}
	if len(words) == 0 {
		return nil
	}
	suspects := make([]string, 0, len(words))
	for id := range words {
		suspects = append(suspects, id)
	}
	if left, err := untouched(suspects); err == nil {
		suspects = left
	}
	refused := make(map[autoscale.NodeID]string, len(suspects))
	for _, id := range suspects {
		refused[autoscale.NodeID(id)] = words[id]
	}
	return refused
}

// stillThere returns those of the ids whose nodes don't show that they go so.
func (p *Provider) stillThere(ctx context.Context, how autoscale.Removal, ids []string) ([]string, error) {
	return p.nodesThat(ctx, ids, func(phase autoscale.Phase) bool { return !how.Touches(phase) })
}

// nodesThat returns those of the ids whose nodes are there and in such a phase.
func (p *Provider) nodesThat(ctx context.Context, ids []string, want func(autoscale.Phase) bool) ([]string, error) {
	list, err := p.options.Client.Nodes(ctx, p.options.Cluster, NodeQuery{})
	if err != nil {
		return nil, err
	}
	there := make(map[string]bool, len(list.Nodes))
	for i := range list.Nodes {
		there[list.Nodes[i].NodeID] = want(phaseOf(&list.Nodes[i]))
	}
	var left []string
	for _, id := range ids {
		if there[id] {
			left = append(left, id)
		}
	}
	return left, nil
}
