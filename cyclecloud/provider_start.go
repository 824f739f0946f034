package cyclecloud

import (
	"context"
	"errors"

	"autoscaled/autoscale"
)

// Start starts deallocated nodes, once, under s.Request. A node that is not deallocated
// any more is success; one that the server doesn't take is refused in the receipt. A
// request id that the server has seen is success.
func (p *Provider) Start(ctx context.Context, s autoscale.Start) (autoscale.Receipt, error) {
	request := NodeManagementRequest{RequestID: string(s.Request)}
	for i := range s.Nodes {
		request.IDs = append(request.IDs, string(s.Nodes[i].ID))
	}
	result, err := p.options.Client.StartNodes(ctx, p.options.Cluster, request)
	if _, seen := seenBefore(err); seen {
		return autoscale.Receipt{Message: "seen before"}, nil
	}
	if errors.Is(err, ErrInvalidInput) && len(request.IDs) > 0 {
		if left, listErr := p.asleep(ctx, request.IDs); listErr == nil && len(left) == 0 {
			return autoscale.Receipt{Message: "started already"}, nil
		}
	}
	if err != nil {
		return autoscale.Receipt{}, p.translateAct("start", err)
	}
	refused := p.refused(request.IDs, result, func(suspects []string) ([]string, error) {
		return p.asleep(ctx, suspects)
	})
	return autoscale.Receipt{CloudID: result.OperationID, Refused: refused}, nil
}

// asleep returns those of the ids whose nodes are deallocated.
func (p *Provider) asleep(ctx context.Context, ids []string) ([]string, error) {
	return p.nodesThat(ctx, ids, func(phase autoscale.Phase) bool { return phase == autoscale.PhaseDeallocated })
}
