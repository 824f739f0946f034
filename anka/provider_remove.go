package anka

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"autoscaled/autoscale"
)

// removalsAtOnce bounds the calls that are under way together.
const removalsAtOnce = 4

// Remove terminates instances, each by a call of its own. One that is gone already is
// success; one that the controller refuses, or that isn't ours, is refused in the
// receipt. If a call fails otherwise the outcome is unknown, unless it failed so for
// all of them: to terminate again does no harm.
func (p *Provider) Remove(ctx context.Context, r autoscale.Remove) (autoscale.Receipt, error) {
	if r.Removal == autoscale.RemovalDeallocate {
		return autoscale.Receipt{}, translateAct("remove", refuse("Anka can't deallocate instances, only terminate them"))
	}
	outcomes := make([]error, len(r.Nodes))
	var calls errgroup.Group
	calls.SetLimit(removalsAtOnce)
	for i := range r.Nodes {
		calls.Go(func() error {
			outcomes[i] = p.remove(ctx, &r.Nodes[i])
			return nil
		})
	}
	_ = calls.Wait()
	return removed(r.Nodes, outcomes)
}

// remove terminates one instance, unless it was seen to be somebody else's.
func (p *Provider) remove(ctx context.Context, n *autoscale.Node) error {
	if n.Protected != "" {
		return refuse("it must not be touched: %s", n.Protected)
	}
	err := p.options.Client.TerminateInstance(ctx, string(n.ID))
	if errors.Is(err, ErrInstanceNotFound) && !errors.Is(err, ErrUncertain) {
		return nil
	}
	return err
}

// removed sums up what became of each call.
func removed(nodes []autoscale.Node, outcomes []error) (autoscale.Receipt, error) {
	var receipt autoscale.Receipt
	var failed autoscale.Failure
	failures := 0
	for i, err := range outcomes {
		if err == nil {
			continue
		}
		e := translateAct(fmt.Sprintf("remove instance %s", nodes[i].ID), err)
		if e.Meaning == autoscale.ErrRejected && !e.Uncertain {
			if receipt.Refused == nil {
				receipt.Refused = make(map[autoscale.NodeID]string)
			}
			receipt.Refused[nodes[i].ID] = err.Error()
			continue
		}
		if failures++; failures == 1 || e.Uncertain {
			failed = e
		}
	}
	if failures == 0 {
		return receipt, nil
	}
	failed.Uncertain = failed.Uncertain || failures < len(nodes)
	return autoscale.Receipt{}, failed
}

// Start is refused: an instance that was stopped keeps nothing that is worth starting,
// so that Observe shows none that could be.
func (p *Provider) Start(context.Context, autoscale.Start) (autoscale.Receipt, error) {
	return autoscale.Receipt{}, translateAct("start", refuse("Anka has no deallocated instances: new ones are created"))
}
