package anka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"autoscaled/autoscale"
)

// Create asks for g.Count instances by one call, or one for each Mac where it names Macs,
// under marks that no other attempt has: POST /vm knows no idempotency key, so the instances are searched for g.Request
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
	all, err := p.options.Client.Instances(ctx)
	if err != nil {
		return autoscale.Receipt{}, translateLook("look before create", err)
	}
	if found := p.of(g.Request, all); len(found) > 0 {
		p.believe(g.Request)
		return receipt(&g, found[0].ExternalID, len(found), fmt.Sprintf("seen before, with %d instances", len(found))), nil
	}
	if wait := p.unsettled(g.Request); wait > 0 {
		return autoscale.Receipt{}, translateAct("create", fmt.Errorf("%w: an attempt is in doubt for %s more: %w", ErrUnavailable, wait, ErrUncertain))
	}
	places, why, err := p.places(ctx, pool, &g, all)
	if err != nil {
		return autoscale.Receipt{}, translateLook("look before create", err)
	}
	return p.startAt(ctx, pool, &g, places, why)
}

// startAt starts instances at their places. Where one of several fails, what was started
// before it is what came of the request.
func (p *Provider) startAt(ctx context.Context, pool *PoolOptions, g *autoscale.Grow, places []place, why string) (autoscale.Receipt, error) {
	r := receipt(g, "", 0, why)
	for i := range places {
		l := &places[i]
		added, err := p.startOne(ctx, pool, g, l)
		uncertain := errors.Is(err, autoscale.ErrUncertain)
		p.answered(l, err, uncertain)
		if err != nil {
			for k := range places[i+1:] {
				p.answered(&places[i+1+k], err, false)
			}
			if uncertain {
				p.doubt(g.Request)
			}
			if uncertain || r.Added == 0 {
				return autoscale.Receipt{}, err
			}
			return receipt(g, r.CloudID, r.Added, err.Error()), nil
		}
		r = receipt(g, first(r.CloudID, l.mark.externalID()), r.Added+added, why)
	}
	return r, nil
}

// startOne starts the instances of one place by one call. Its error is autoscale's.
func (p *Provider) startOne(ctx context.Context, pool *PoolOptions, g *autoscale.Grow, l *place) (int, error) {
	r := pool.start(l)
	if p.options.Priority {
		r.Priority = Priority(g.Priority)
	}
	if err := p.script(ctx, pool, l.mark, &r); err != nil {
		return 0, err
	}
	ids, err := p.options.Client.StartInstances(ctx, r)
	if err != nil {
		return 0, translateAct("create", err)
	}
	return len(ids), nil
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

// start is the call that makes the instances of a place, under its mark. A group says
// nothing where the node is named, which may be one of a group that it falls back to.
func (p *PoolOptions) start(l *place) StartRequest {
	r := StartRequest{
		TemplateID: p.TemplateID, Tag: l.tag, GroupID: p.GroupID, Group: p.PermissionGroup, Count: l.count,
		Name: l.mark.name(), ExternalID: l.mark.externalID(), Metadata: l.mark.metadata(),
	}
	if l.mark.node != "" {
		r.NodeID, r.GroupID = l.mark.node, ""
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
		if p.unsettled(id) > 0 || p.age() < p.options.Settle {
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

// age is how long the provider has been there.
func (p *Provider) age() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.options.Now().Sub(p.born)
}

// find lists the instances of all attempts of a request.
func (p *Provider) find(ctx context.Context, id autoscale.RequestID) ([]Instance, error) {
	all, err := p.options.Client.Instances(ctx)
	if err != nil {
		return nil, err
	}
	return p.of(id, all), nil
}

// of picks those of a request from among all instances.
func (p *Provider) of(id autoscale.RequestID, all []Instance) (found []Instance) {
	for i := range all {
		if m, _, ok := markOf(&all[i]); ok && m.owner == p.options.Owner && m.request == id {
			found = append(found, all[i])
		}
	}
	return found
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
