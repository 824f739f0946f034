package autoscale

import (
	"maps"
	"math"
	"slices"
	"time"
)

// Boots are how long nodes of an offering took lately, from being asked for to ready.
type Boots struct {
	// Count is how many have come up since this is counted.
	Count int `json:"count"`
	// Recent are the latest, in whole seconds and in the order in which they came:
	// bootsKept at most, so that what is learnt follows a new image or size.
	Recent []int `json:"recent"`
	// Up is when the node was asked for that was asked for last of those that came up,
	// and Joined that of those which the queue heard of.
	Up     time.Time `json:"up,omitzero"`
	Joined time.Time `json:"joined,omitzero"`
}

// bootsKept is how many boot times of an offering are remembered: enough for a 95th
// percentile, at a few bytes each.
const bootsKept = 64

// Percentile is the boot time that p percent of the latest nodes did not exceed, by
// nearest rank. Zero: none is known.
func (b Boots) Percentile(p int) time.Duration {
	if len(b.Recent) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(b.Recent))
	rank := (len(sorted)*min(max(p, 0), 100) + 99) / 100
	return time.Duration(sorted[max(rank, 1)-1]) * time.Second
}

// add notes one more boot time.
func (b Boots) add(took time.Duration) Boots {
	seconds := int(min(math.Round(took.Seconds()), math.MaxInt32))
	recent := append(slices.Clip(b.Recent), seconds)
	b.Count, b.Recent = b.Count+1, recent[max(0, len(recent)-bootsKept):]
	return b
}

// booted tells whether a node of ours has come up by this observation, in a time that
// is known: one that was ready when it was first seen tells nothing.
func booted(before, now *NodeMemory) bool {
	return before.Ready.IsZero() && now.Ready.After(now.Asked) && now.Ours
}

// BootsOf is what is known of a pool's nodes, of those that stand in placement groups
// or of the others.
func (m Memory) BootsOf(pool PoolID, grouped bool) Boots { return m.Boots[offeringOf(pool, grouped)] }

// joined tells likewise whether the queue has heard of a node of ours.
func joined(before, now *NodeMemory) bool {
	return before.Joined.IsZero() && !now.Joined.IsZero() && now.Ours
}

// learnBoots adds the boot times of nodes that have come up to those of their
// offerings, and when nodes were asked for that came up or joined. What was remembered
// is not changed.
func learnBoots(before map[OfferingID]Boots, nodes map[NodeID]NodeMemory, up, in []NodeID) map[OfferingID]Boots {
	if len(up)+len(in) == 0 {
		return before
	}
	next := maps.Clone(before)
	if next == nil {
		next = make(map[OfferingID]Boots)
	}
	for _, node := range up {
		n := nodes[node]
		id := offeringOf(n.Pool, n.Grouped)
		b := next[id].add(n.Ready.Sub(n.Asked))
		b.Up = later(b.Up, n.Asked)
		next[id] = b
	}
	for _, node := range in {
		n := nodes[node]
		id := offeringOf(n.Pool, n.Grouped)
		b := next[id]
		b.Joined = later(b.Joined, n.Asked)
		next[id] = b
	}
	return next
}

// provesOthers tells whether a node that failed tells of itself and not of its offering:
// another that was asked for no earlier has come as far as this one should have.
func (b Boots) provesOthers(failed *NodeMemory) bool {
	if failed.Unjoined {
		return !b.Joined.Before(failed.Asked)
	}
	return !b.Up.Before(failed.Asked)
}
