package anka

import (
	"context"

	"autoscaled/autoscale"
)

// PoolMacs tells people which Macs a pool can use.
type PoolMacs struct {
	Pool string
	// Problem is why it can't start anything; empty: it can.
	Problem string
	// Macs are those of its group and of the groups that it falls back to, Able the
	// names of those among them that can run its VMs, and Holding is how many of
	// these hold its tag.
	Macs    int
	Able    []string
	Holding int
	// Room is how many more of its VMs fit now, if no other pool takes any.
	Room int
}

// Look is Observe that tells the Macs of each pool too, in the order of the pools, for
// people who set up a pool.
func (p *Provider) Look(ctx context.Context) (autoscale.Supply, []PoolMacs, error) {
	r, err := p.read(ctx)
	if err != nil {
		return autoscale.Supply{}, nil, translate("look", err)
	}
	s := p.survey(r)
	supply := s.supply()
	list := make([]PoolMacs, len(s.pools))
	for i, pool := range s.pools {
		list[i] = s.macsOf(pool)
		list[i].Room = room(&pool.Pool, supply.Limits)
	}
	return supply, list, nil
}

func (s *survey) macsOf(p *poolSurvey) PoolMacs {
	o := PoolMacs{Pool: p.options.Name, Problem: p.Invalid}
	if p.image.problem == "" {
		o.Macs = len(s.members(p.options.GroupID))
	}
	for i, m := range s.macs {
		if p.able.Bit(i) == 0 {
			continue
		}
		o.Able = append(o.Able, first(m.Name, m.ID))
		if held, _, _ := p.image.on(m.Node); held {
			o.Holding++
		}
	}
	return o
}

// room is the smallest that is left of the limits that a pool draws on.
func room(p *autoscale.Pool, limits []autoscale.Limit) int {
	left := -1
	for _, d := range p.Draws {
		for i := range limits {
			if l := &limits[i]; l.ID == d.Limit && (left < 0 || int(l.Max-l.Used) < left) {
				left = int(max(0, l.Max-l.Used))
			}
		}
	}
	return max(0, left)
}
