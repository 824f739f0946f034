package cyclecloud

import (
	"context"
	"errors"

	"autoscaled/autoscale"
)

// Remove terminates nodes, once, under r.Request. A node that is gone already,
// or on its way, is success; one that the server doesn't take is refused in the
// receipt. A request id that the server has seen is success.
func (p *Provider) Remove(ctx context.Context, r autoscale.Remove) (autoscale.Receipt, error) {
	request := NodeManagementRequest{RequestID: string(r.Request)}
	for i := range r.Nodes {
		request.IDs = append(request.IDs, string(r.Nodes[i].ID))
	}
	result, err := p.options.Client.TerminateNodes(ctx, p.options.Cluster, request)
	if _, seen := seenBefore(err); seen {
		return autoscale.Receipt{Message: "seen before"}, nil
	}
	if errors.Is(err, ErrInvalidInput) && len(request.IDs) > 0 {
		// Perhaps only since the nodes are gone: then all is well.
		if left, listErr := p.stillThere(ctx, request.IDs); listErr == nil && len(left) == 0 {
			return autoscale.Receipt{Message: "gone already"}, nil
		}
	}
	if err != nil {
		return autoscale.Receipt{}, p.translateAct("remove", err)
	}
	return autoscale.Receipt{CloudID: result.OperationID, Refused: p.refused(ctx, request.IDs, result)}, nil
}

// refused are the nodes that the server didn't take and that still are there,
// with its words. If it can't be asked what is there, its first word stands.
func (p *Provider) refused(ctx context.Context, asked []string, result NodeManagementResult) map[autoscale.NodeID]string {
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
	if left, err := p.stillThere(ctx, suspects); err == nil {
		suspects = left
	}
	refused := make(map[autoscale.NodeID]string, len(suspects))
	for _, id := range suspects {
		refused[autoscale.NodeID(id)] = words[id]
	}
	return refused
}

// stillThere returns those of the ids whose nodes are neither gone nor leaving.
func (p *Provider) stillThere(ctx context.Context, ids []string) ([]string, error) {
	list, err := p.options.Client.Nodes(ctx, p.options.Cluster, NodeQuery{})
	if err != nil {
		return nil, err
	}
	there := make(map[string]bool, len(list.Nodes))
	for i := range list.Nodes {
		phase := phaseOf(&list.Nodes[i])
		there[list.Nodes[i].NodeID] = phase != autoscale.PhaseGone && phase != autoscale.PhaseStopping
	}
	var left []string
	for _, id := range ids {
		if there[id] {
			left = append(left, id)
		}
	}
	return left, nil
}
