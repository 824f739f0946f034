package anka

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"autoscaled/autoscale"
)

// pulls is how many Macs may be made to pull.
type pulls struct {
	// bound is the most Macs that may pull at a time. 0: there is none.
	bound int
	// now are the Macs that pull or will, for starts and distributions that were asked
	// for, and one for each start of ours that named no Mac and finds none that holds
	// its tag.
	now int
}

// left is how many more Macs may be made to pull.
func (p *pulls) left() int { return max(0, p.bound-p.now) }

// allow tells whether another Mac may be made to pull.
func (p *pulls) allow() bool { return p.bound == 0 || p.left() > 0 }

// pullWait is for how long a node's part of a distribution that has not begun is
// reckoned with. One that waits longer has no room for it, or isn't heard. The length
// is our own choice.
const pullWait = 10 * time.Minute

// addDistributions notes which nodes pull for a distribution, or will.
func (s *survey) addDistributions(nodes map[string]*mac) {
	for _, d := range s.distributions {
		for id, share := range d.Nodes {
			m := nodes[id]
			if m == nil || share.Done || share.Error != "" || !m.heard() {
				continue
			}
			if share.Progress > 0 || s.at.Sub(d.Requested) <= pullWait {
				m.pulling = true
			}
		}
	}
}

// boundPulls counts the Macs that pools may use and those of them that pull. While
// nobody tells of distributions, no other Mac may be made to pull.
func (s *survey) boundPulls() {
	if s.options.PullingPercent == 0 {
		return
	}
	all := make(map[int]bool)
	for _, p := range s.pools {
		for _, k := range s.members(p.options.GroupID) {
			all[k] = true
		}
	}
	s.pulls.bound = max(1, len(all)*s.options.PullingPercent/100)
	for k := range all {
		if s.macs[k].pulling {
			s.pulls.now++
		}
	}
	for i := range s.instances {
		x := &s.instances[i]
		if s.poolOf(x) != nil && waitOf(x) == forMac && s.nodeFor(x) == "" && !s.warm(x) {
			s.pulls.now++
		}
	}
	if s.untold != nil {
		s.pulls.now = max(s.pulls.now, s.pulls.bound)
	}
}

// warm tells whether a Mac that holds its tag can take a waiting instance of ours.
func (s *survey) warm(i *Instance) bool {
	reach := s.landing(i)
	for k, m := range s.macs {
		if reach.Bit(k) == 1 && m.slots > 0 && !m.pulling && m.has(i.TemplateID, i.Tag) {
			return true
		}
	}
	return false
}

// lot is how a pool can use a Mac now.
type lot int

// The ways to use a Mac, the best first.
const (
	holdsTag lot = iota
	holdsPrevious
	mayPull
	unusable
)

// lotOf tells how a pool can use a Mac now. While it pulls it takes nothing else.
func (s *survey) lotOf(p *poolSurvey, k int) lot {
	m := s.macs[k]
	switch {
	case p.reach.Bit(k) == 0 || m.slots <= 0 || m.pulling:
		return unusable
	case m.has(p.image.template, p.image.tag):
		return holdsTag
	case p.image.previous != "" && m.has(p.image.template, p.image.previous):
		return holdsPrevious
	case m.cannotPull(&p.image) != "":
		return unusable
	}
	return mayPull
}

// ways are pools that can use the same Macs in the same ways: those that need no pull,
// and those that do, a bit each.
type ways struct {
	pools       []*poolSurvey
	holds, cold big.Int
}

func (s *survey) waysOf(p *poolSurvey) *ways {
	w := &ways{pools: []*poolSurvey{p}}
	for k := range s.macs {
		switch s.lotOf(p, k) {
		case holdsTag, holdsPrevious:
			w.holds.SetBit(&w.holds, k, 1)
		case mayPull:
			w.cold.SetBit(&w.cold, k, 1)
		}
	}
	return w
}

// maxWays bounds the limits of pulls: of so many kinds of pools each set has one. Where
// there are more, each kind has its own limit, and all together have one.
const maxWays = 6

// addPullLimits makes the limits that hold pulls to their bound. A set of pools may have
// as many VMs as there are slots on Macs that hold what one of them starts, and one for
// each Mac that may be made to pull: a Mac that pulls takes nothing else. That another
// pool's pull takes a Mac from those that hold something is not seen here, but by Create.
func (s *survey) addPullLimits() {
	if s.pulls.bound == 0 {
		return
	}
	var kinds []*ways
	for _, p := range s.pools {
		if p.Invalid != "" {
			continue
		}
		w := s.waysOf(p)
		same := slices.IndexFunc(kinds, func(k *ways) bool { return k.holds.Cmp(&w.holds) == 0 && k.cold.Cmp(&w.cold) == 0 })
		if same >= 0 {
			kinds[same].pools = append(kinds[same].pools, p)
		} else {
			kinds = append(kinds, w)
		}
	}
	for _, set := range setsOf(len(kinds)) {
		s.addPullLimit(kinds, set)
	}
	slices.SortFunc(s.limits, func(a, b autoscale.Limit) int { return strings.Compare(string(a.ID), string(b.ID)) })
}

// setsOf are the sets of so many kinds, by index, that have a limit: all that there are of
// a few kinds, and of more those of one and that of all.
func setsOf(kinds int) (sets [][]int) {
	if kinds <= maxWays {
		for set := 1; set < 1<<kinds; set++ {
			var list []int
			for i := range kinds {
				if set>>i&1 == 1 {
					list = append(list, i)
				}
			}
			sets = append(sets, list)
		}
		return sets
	}
	all := make([]int, kinds)
	for i := range all {
		all[i] = i
		sets = append(sets, all[i:i+1])
	}
	return append(sets, all)
}

// addPullLimit makes the limit of a set of kinds, unless their own limits say the same.
func (s *survey) addPullLimit(kinds []*ways, set []int) {
	var all ways
	apart := 0
	for _, i := range set {
		k := kinds[i]
		all.pools = append(all.pools, k.pools...)
		all.holds.Or(&all.holds, &k.holds)
		all.cold.Or(&all.cold, &k.cold)
		apart += s.room(k)
	}
	all.cold.AndNot(&all.cold, &all.holds)
	room := s.room(&all)
	if len(set) > 1 && room == apart {
		return
	}
	names := strings.TrimPrefix(string(limitID(all.pools)), limitPrefix)
	limit := autoscale.Limit{
		ID: autoscale.LimitID("pulls/" + names), Kind: autoscale.LimitPulls, Unit: autoscale.UnitNodes,
		Name: fmt.Sprintf("Macs that hold the image of %s, and %d that may pull at a time", names, s.pulls.bound),
		Used: int64(s.pulls.now), Max: int64(s.pulls.now + room),
	}
	s.limits = append(s.limits, limit)
	for _, p := range all.pools {
		p.Draws = append(p.Draws, autoscale.Draw{Limit: limit.ID, Amount: 1})
	}
}

// room is how many VMs pools can have on the Macs that hold what they start, and by as
// many pulls as are left.
func (s *survey) room(w *ways) int {
	n := min(size(&w.cold), s.pulls.left())
	for k, m := range s.macs {
		if w.holds.Bit(k) == 1 {
			n += m.slots
		}
	}
	return n
}
