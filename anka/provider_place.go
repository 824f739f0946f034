package anka

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"autoscaled/autoscale"
)

// place is where, and with what tag, some of the instances of a start are to run.
type place struct {
	mark  mark // with the node that is named; none: the controller picks it
	tag   string
	count int
}

// reservation is a place of a start that left, or is about to: until the controller
// lists its instances nobody else is to have it.
type reservation struct {
	node  string // empty: none was named
	image imageKey
	size  PoolOptions
	count int
	at    time.Time
	// answered: what came of it is listed by any read that began after that.
	answered bool
}

// unlisted are the reservations of which a reading shows no instance, and pulls that were
// asked for. Those that were in doubt and have settled are forgotten.
func (p *Provider) unlisted(r *reading) (list []reservation) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reservations(r)
}

// reservations is unlisted for who holds the lock.
func (p *Provider) reservations(r *reading) (list []reservation) {
	list = p.awaited()
	listed := make(map[string]bool, len(r.instances))
	for i := range r.instances {
		listed[r.instances[i].ExternalID] = true
	}
	for id, x := range p.reserved {
		switch {
		case !x.answered && p.options.Now().Sub(x.at) >= p.options.Settle:
			delete(p.reserved, id)
		case !listed[id]:
			list = append(list, x)
		}
	}
	return list
}

// dropAnswered forgets the reservations that the read which follows will show.
func (p *Provider) dropAnswered() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, x := range p.reserved {
		if x.answered {
			delete(p.reserved, id)
		}
	}
}

// answered notes what became of a place: its start was answered, is in doubt, or was
// never carried out.
func (p *Provider) answered(l *place, err error, uncertain bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id := l.mark.externalID()
	x, known := p.reserved[id]
	switch {
	case !known || uncertain:
	case err != nil:
		delete(p.reserved, id)
	default:
		x.answered = true
		p.reserved[id] = x
	}
}

// places finds where the instances of a start are to run, and reserves it. Without a
// bound on pulls and without a previous tag that is left to the controller. Otherwise
// the Macs that hold the tag come first, then those that hold the previous one, then
// those that may be made to pull. Fewer than asked for, or none: that is all there is,
// and why tells it.
func (p *Provider) places(ctx context.Context, pool *PoolOptions, g *autoscale.Grow, instances []Instance) (list []place, why string, err error) {
	if p.options.PullingPercent == 0 && pool.PreviousTag == "" {
		return []place{{newMark(p.options.Owner, g), pool.Tag, g.Count}}, "", nil
	}
	r, err := p.fresh(ctx, instances)
	if err != nil {
		return nil, "", err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.options
	o.Pools, r.reserved = r.pools, p.reservations(&r)
	s := newSurvey(&o, r)
	at := slices.IndexFunc(s.pools, func(x *poolSurvey) bool { return x.options.Name == pool.Name })
	if at < 0 {
		return nil, "its pool was replaced", nil
	}
	for range g.Count {
		if !s.place(s.pools[at], g, &list) {
			why = s.whyFull(s.pools[at])
			break
		}
	}
	for i := range list {
		l := &list[i]
		p.reserved[l.mark.externalID()] = reservation{
			node: l.mark.node, image: imageKey{pool.TemplateID, l.tag}, size: *pool, count: l.count, at: p.options.Now(),
		}
	}
	return list, why, nil
}

// fresh is the last reading with these instances and with the nodes as they are now.
func (p *Provider) fresh(ctx context.Context, instances []Instance) (reading, error) {
	p.mu.Lock()
	last := p.last
	p.mu.Unlock()
	if last == nil {
		return p.read(ctx)
	}
	r := *last
	nodes, err := p.options.Client.Nodes(ctx)
	r.at, r.instances, r.nodes = p.options.Now(), instances, nodes
	return r, err
}

// place finds one more place for a pool's instance; false: there is none.
func (s *survey) place(p *poolSurvey, g *autoscale.Grow, list *[]place) bool {
	k, how := s.best(p)
	if how == unusable || how == mayPull && !s.pulls.allow() {
		if s.pulls.bound == 0 && p.Invalid == "" { // it waits, as the controller lets it
			s.add(g, "", p.image.tag, list)
			return true
		}
		return false
	}
	m, tag, node := s.macs[k], p.image.tag, ""
	if how == holdsPrevious {
		tag = p.image.previous
	}
	if s.pulls.bound > 0 || how == holdsPrevious {
		node = m.ID
	}
	m.slots--
	m.expect(imageKey{p.image.template, tag}, p.options, 1)
	if how == mayPull {
		s.pulls.now++
	}
	s.add(g, node, tag, list)
	return true
}

// add notes one more instance, beside those of the same node and tag.
func (s *survey) add(g *autoscale.Grow, node, tag string, list *[]place) {
	for i := range *list {
		if l := &(*list)[i]; l.mark.node == node && l.tag == tag {
			l.count++
			return
		}
	}
	m := newMark(s.options.Owner, g)
	m.node = node
	*list = append(*list, place{m, tag, 1})
}

// best is the Mac that a pool's next instance is best on, and how: of those that are as
// good as each other the one that the fewest pools can use, then, for a pull, one that
// has another tag to build on, then the emptiest.
func (s *survey) best(p *poolSurvey) (best int, how lot) {
	rank := func(k int) [4]int {
		m := s.macs[k]
		_, another, _ := p.image.on(m.Node)
		whole := 1
		if another {
			whole = 0
		}
		return [4]int{int(s.lotOf(p, k)), len(m.users), whole, m.taken()}
	}
	how = unusable
	var least [4]int
	for k := range s.macs {
		if s.lotOf(p, k) == unusable {
			continue
		}
		if r := rank(k); how == unusable || cmp.Or(slices.Compare(r[:], least[:]), cmp.Compare(s.macs[k].ID, s.macs[best].ID)) < 0 {
			best, how, least = k, lot(r[0]), r
		}
	}
	return best, how
}

// outdated tells why an instance of ours is to be replaced: it has another tag than its
// pool starts now, and one with the pool's tag could be had. Empty: it is not.
func (s *survey) outdated(o *PoolOptions, i *Instance) string {
	if o == nil || i.Tag == "" || i.Tag == o.Tag || i.TemplateID != o.TemplateID {
		return ""
	}
	if phase := phaseOf(i.State); phase != autoscale.PhaseStarting && phase != autoscale.PhaseReady {
		return ""
	}
	at := slices.IndexFunc(s.pools, func(p *poolSurvey) bool { return p.options == o })
	if at < 0 || s.pools[at].Invalid != "" || !s.hasRoom(s.pools[at], i) {
		return ""
	}
	return fmt.Sprintf("it has tag %s, and the pool has %s", i.Tag, o.Tag)
}

// hasRoom tells whether an instance with a pool's tag could run in place of, or beside,
// one with another: on the same Mac, on another that holds the tag, or, if that one
// is not of the previous tag, on one that is to pull it.
func (s *survey) hasRoom(p *poolSurvey, i *Instance) bool {
	former := p.image.previous == "" || i.Tag != p.image.previous
	for k, m := range s.macs {
		switch {
		case m.ID == i.NodeID && m.has(p.image.template, p.image.tag):
			return true
		case s.lotOf(p, k) == holdsTag:
			return true
		case former && s.lotOf(p, k) == mayPull && s.pulls.allow():
			return true
		case former && s.pulls.bound == 0 && p.able.Bit(k) == 1:
			return true
		}
	}
	return false
}
