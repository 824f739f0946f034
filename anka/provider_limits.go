package anka

import (
	"cmp"
	"math/big"
	"slices"
	"strings"

	"autoscaled/autoscale"
)

// A start names no Mac: the controller picks one. So what pools may ask for together
// is told by limits over sets of Macs. For each set that some pool may use, and for each
// union of such sets that overlap, the pools that can use nothing outside of it may
// have no more VMs than it has slots. By Hall's theorem these limits are exactly what
// lets every VM find a slot; that the controller, which places VMs one by one and
// never moves them, finds it too is certain only where the sets are disjoint or within
// each other, as groups with fallbacks make them.

// maxUnions bounds the limits. Pools that overlap in more ways share no Mac: each
// Mac is counted for the smallest set that it is in, which promises less.
const maxUnions = 256

// addLimits makes the limits and lets the pools draw on them.
func (s *survey) addLimits() {
	sets := s.sets()
	unions, ok := unionsOf(sets)
	reach := make(map[*poolSurvey]*big.Int, len(s.pools))
	for _, p := range s.pools {
		reach[p] = &p.reach
	}
	if !ok {
		unions = partsOf(sets, len(s.macs))
		for _, p := range s.pools {
			if i := slices.IndexFunc(sets, func(x *big.Int) bool { return x.Cmp(&p.reach) == 0 }); i >= 0 {
				reach[p] = unions[i]
			}
		}
	}
	waiting := s.waiting()
	for _, u := range unions {
		s.addLimit(u, reach, waiting)
	}
	for _, p := range s.pools {
		if p.Invalid == "" && len(p.Draws) == 0 { // all that could run it are taken
			s.draw(autoscale.Limit{ID: limitID([]*poolSurvey{p})}, []*poolSurvey{p})
		}
	}
	slices.SortFunc(s.limits, func(a, b autoscale.Limit) int { return cmp.Compare(a.ID, b.ID) })
}

// sets are the different sets of Macs that pools may use.
func (s *survey) sets() (sets []*big.Int) {
	for _, p := range s.pools {
		if p.reach.BitLen() > 0 && !slices.ContainsFunc(sets, func(x *big.Int) bool { return x.Cmp(&p.reach) == 0 }) {
			sets = append(sets, &p.reach)
		}
	}
	return sets
}

// addLimit makes the limit of a set of Macs, on which the pools draw that can use
// nothing outside of it. What waits and may land in it uses it too: it may land elsewhere,
// but nobody can make it.
func (s *survey) addLimit(set *big.Int, reach map[*poolSurvey]*big.Int, waiting []*big.Int) {
	var limit autoscale.Limit
	for i, m := range s.macs {
		if set.Bit(i) == 1 {
			limit.Used += int64(m.taken())
			limit.Max += int64(m.taken() + m.slots)
		}
	}
	for _, w := range waiting {
		if overlap(w, set) {
			limit.Used++
		}
	}
	var pools []*poolSurvey
	for _, p := range s.pools {
		if r := reach[p]; p.Invalid == "" && r.BitLen() > 0 && within(r, set) {
			pools = append(pools, p)
		}
	}
	if len(pools) > 0 {
		limit.ID = limitID(pools)
		s.draw(limit, pools)
	}
}

func (s *survey) draw(limit autoscale.Limit, pools []*poolSurvey) {
	limit.Kind, limit.Unit = autoscale.LimitMacs, autoscale.UnitNodes
	limit.Name = "Macs of " + strings.TrimPrefix(string(limit.ID), limitPrefix)
	s.limits = append(s.limits, limit)
	for _, p := range pools {
		p.Draws = append(p.Draws, autoscale.Draw{Limit: limit.ID, Amount: 1})
	}
}

const limitPrefix = "macs/"

// limitID names a limit by the pools that draw on it, which are others for every set.
func limitID(pools []*poolSurvey) autoscale.LimitID {
	names := make([]string, len(pools))
	for i, p := range pools {
		names[i] = p.options.Name
	}
	slices.Sort(names)
	return autoscale.LimitID(limitPrefix + strings.Join(names, "+"))
}

// within tells whether all Macs of one set are in another.
func within(inner, outer *big.Int) bool { return new(big.Int).AndNot(inner, outer).BitLen() == 0 }

func overlap(a, b *big.Int) bool { return new(big.Int).And(a, b).BitLen() > 0 }

// unionsOf are the sets and all unions of such as overlap; false: they are too many.
func unionsOf(sets []*big.Int) (unions []*big.Int, ok bool) {
	seen := make(map[string]bool)
	add := func(x *big.Int) {
		if key := string(x.Bytes()); !seen[key] {
			seen[key] = true
			unions = append(unions, x)
		}
	}
	for _, x := range sets {
		add(x)
	}
	for i := 0; i < len(unions); i++ {
		for _, x := range sets {
			if overlap(unions[i], x) {
				add(new(big.Int).Or(unions[i], x))
			}
		}
		if len(unions) > maxUnions {
			return nil, false
		}
	}
	return unions, true
}

// partsOf gives each Mac to the smallest of the sets that it is in, the first of
// equals; the parts stand in the order of the sets.
func partsOf(sets []*big.Int, macs int) []*big.Int {
	parts := make([]*big.Int, len(sets))
	for i := range parts {
		parts[i] = new(big.Int)
	}
	for m := range macs {
		smallest := -1
		for i, x := range sets {
			if x.Bit(m) == 1 && (smallest < 0 || size(x) < size(sets[smallest])) {
				smallest = i
			}
		}
		if smallest >= 0 {
			parts[smallest].SetBit(parts[smallest], m, 1)
		}
	}
	return parts
}

// size is the number of Macs of a set.
func size(x *big.Int) (n int) {
	for i := range x.BitLen() {
		n += int(x.Bit(i))
	}
	return n
}
