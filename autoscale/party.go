package autoscale

import (
	"cmp"
	"time"
)

// party is nodes that go together or not at all: one, or all of a placement group.
type party struct {
	members []leaver
	// since is from when all of them wait to go.
	since time.Time
	// dead: it is a node that failed or is late.
	dead bool
}

// compareParties puts first who goes first: the dead, then who waits longest.
func compareParties(x, y party) int {
	return cmp.Or(cmp.Compare(boolRank(y.dead), boolRank(x.dead)), x.since.Compare(y.since))
}

// parties forms them. Members of a group of which a node stays are told so.
func (b *board) parties(going []leaver, anchors map[place]Reason) []party {
	parties := make([]party, 0, len(going))
	groups := make(map[place]int)
	for _, x := range going {
		at := place{x.pool, x.node.Group}
		if !x.supply || !b.goesWhole(x.nodeState) {
			parties = append(parties, party{members: []leaver{x}, since: x.since(), dead: x.dead()})
			continue
		}
		if why, anchored := anchors[at]; anchored {
			b.stay(x, why)
			continue
		}
		i, known := groups[at]
		if !known {
			i = len(parties)
			groups[at] = i
			parties = append(parties, party{})
		}
		p := &parties[i]
		p.members = append(p.members, x)
		if x.since().After(p.since) {
			p.since = x.since()
		}
	}
	return parties
}

// goesWhole tells whether a node is of a placement group that goes only whole.
func (b *board) goesWhole(n *nodeState) bool {
	return n.pool >= 0 && n.node.Group != "" && b.poolPolicy(n.pool).RemoveGroupsWhole
}

// anchor notes the first node that stays of a group that goes only whole. One that
// is deallocated or on its way out holds nobody.
func (b *board) anchor(n *nodeState, reason Reason, anchors map[place]Reason) {
	if !b.goesWhole(n) || n.leaving || n.node.Phase == PhaseDeallocated {
		return
	}
	at := place{n.pool, n.node.Group}
	if _, noted := anchors[at]; !noted {
		anchors[at] = Reason{Code: ReasonGroupStays, Subject: n.node.Group, Detail: string(n.node.ID) + ": " + reason.String()}
	}
}

// since is from when the node waits to go: the longest waiting goes first.
func (x leaver) since() time.Time {
	if x.node.Phase == PhaseDeallocated {
		return x.memory.Deallocated
	}
	return x.memory.IdleSince()
}

// dead tells whether the node failed, did not come up in time or is of no use any more.
func (x leaver) dead() bool {
	switch x.reason.Code {
	case ReasonFailed, ReasonBootTimeout, ReasonJoinTimeout, ReasonDone, ReasonMisnamed, ReasonMaxBusy:
		return true
	}
	return false
}
