package anka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"autoscaled/autoscale"
)

// Create asks for g.Count instances by one call, under a mark that no other attempt
// has: POST /vm knows no idempotency key, so the instances are searched for g.Request
// before anything is started, and what is found is success. While an earlier
// attempt of this request may still arrive nothing is started and the outcome stays
// unknown. Fewer than asked is success with a message.
//
// That a first attempt arrives after a second has left can't be ruled out. Both then
// carry the request's id, and Observe tells which of the instances are too many.
func (p *Provider) Create(ctx context.Context, g autoscale.Grow) (autoscale.Receipt, error) {
	pool, err := p.orderable(&g)
	if err != nil {
		return autoscale.Receipt{}, translateAct("create", err)
	}
	found, err := p.find(ctx, g.Request)
	if err != nil {
		return autoscale.Receipt{}, translateLook("look before create", err)
	}
	if len(found) > 0 {
		p.believe(g.Request)
		return receipt(&g, found[0].ExternalID, len(found), fmt.Sprintf("seen before, with %d instances", len(found))), nil
	}
	if wait := p.unsettled(g.Request); wait > 0 {
		return autoscale.Receipt{}, translateAct("create", fmt.Errorf("%w: an attempt is in doubt for %s more: %w", ErrUnavailable, wait, ErrUncertain))
	}
	m := newMark(p.options.Owner, &g)
	start := pool.start(m)
	if err := p.script(ctx, pool, m, &start); err != nil {
		return autoscale.Receipt{}, err
	}
	ids, err := p.options.Client.StartInstances(ctx, start)
	if err != nil {
		if errors.Is(err, ErrUncertain) {
			p.doubt(g.Request)
		}
		return autoscale.Receipt{}, translateAct("create", err)
	}
	return receipt(&g, m.externalID(), len(ids), ""), nil
}

// receipt is the answer to a create that brought so many instances.
func receipt(g *autoscale.Grow, externalID string, added int, message string) autoscale.Receipt {
	r := autoscale.Receipt{CloudID: externalID, Added: added, Message: message}
	if added < g.Count {
		r.Class = autoscale.ErrorCapacity
		if message == "" {
			r.Message = fmt.Sprintf("the controller made %d of %d instances", added, g.Count)
		}
	}
	return r
}

// orderable finds the pool of what is asked for, and refuses what Anka doesn't have.
func (p *Provider) orderable(g *autoscale.Grow) (*PoolOptions, error) {
	pool := p.poolNamed(string(g.Pool))
	switch _, readable := parseExternalID(newMark(p.options.Owner, g).externalID()); {
	case pool == nil:
		return nil, refuse("there is no pool %s", g.Pool)
	case pool.TemplateID == "" || pool.Group != "" && pool.GroupID == "":
		return nil, fmt.Errorf("%w: the ids of what pool %s starts are not known: %s", ErrUnavailable, g.Pool, first(pool.problem, "nothing was read yet"))
	case g.Count < 1:
		return nil, refuse("%d instances", g.Count)
	case pool.Startup != nil && g.Count != 1:
		return nil, refuse("%d instances of pool %s, whose hosts are named before they are made: each takes a request of its own", g.Count, g.Pool)
	case g.Group != "":
		return nil, refuse("Anka has no placement groups, and one was asked for: %s", g.Group)
	case len(g.Names) > 0:
		return nil, refuse("Anka gives all instances of a start one name, and %d were asked for", len(g.Names))
	case !readable:
		return nil, refuse("request id %q can't be written into an external id", string(g.Request))
	}
	return pool, nil
}

// start is the call that makes instances under a mark.
func (p *PoolOptions) start(m mark) StartRequest {
	r := StartRequest{
		TemplateID: p.TemplateID, Tag: p.Tag, GroupID: p.GroupID, Count: m.count,
		Name: m.name(), ExternalID: m.externalID(), Metadata: m.metadata(),
	}
	if p.Override {
		r.VCPU, r.VRAM = p.VCPU, p.VRAM
	}
	return r
}

// Resolve asks what became of a start. That nothing is seen of it counts as absent
// only once it has settled: after ProviderOptions.Settle from the attempt, or, if
// another process made it or it is not known, from when this provider was made. Until
// then it is unknown. A removal leaves no trace that could be found: it is absent
// likewise, and can be repeated at will.
func (p *Provider) Resolve(ctx context.Context, id autoscale.RequestID) (autoscale.Resolution, error) {
	found, err := p.find(ctx, id)
	if err != nil {
		return autoscale.Resolution{State: autoscale.ResolvedUnknown}, translate("resolve", err)
	}
	if len(found) == 0 {
		if p.unsettled(id) > 0 || p.options.Now().Sub(p.born) < p.options.Settle {
			return autoscale.Resolution{State: autoscale.ResolvedUnknown}, nil
		}
		return autoscale.Resolution{State: autoscale.ResolvedAbsent}, nil
	}
	p.believe(id)
	r := autoscale.Resolution{State: autoscale.ResolvedArrived, CloudID: found[0].ExternalID}
	for i := range found {
		r.Nodes = append(r.Nodes, autoscale.NodeID(found[i].ID))
	}
	return r, nil
}

// find lists the instances of all attempts of a request.
func (p *Provider) find(ctx context.Context, id autoscale.RequestID) ([]Instance, error) {
	all, err := p.options.Client.Instances(ctx)
	if err != nil {
		return nil, err
	}
	var found []Instance
	for i := range all {
		if m, _, ok := markOf(&all[i]); ok && m.owner == p.options.Owner && m.request == id {
			found = append(found, all[i])
		}
	}
	return found, nil
}

// doubt notes that an attempt has left and its answer was lost, and forgets those that
// have settled.
func (p *Provider) doubt(id autoscale.RequestID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.options.Now()
	for other, at := range p.doubts {
		if now.Sub(at) >= p.options.Settle {
			delete(p.doubts, other)
		}
	}
	p.doubts[id] = now
}

// believe ends the doubt about a request: its instances were seen.
func (p *Provider) believe(id autoscale.RequestID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.doubts, id)
}

// unsettled is for how long an attempt of the request may still arrive. 0: there is
// none that could.
func (p *Provider) unsettled(id autoscale.RequestID) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, doubted := p.doubts[id]
	if !doubted {
		return 0
	}
	return max(0, p.options.Settle-p.options.Now().Sub(at))
}
