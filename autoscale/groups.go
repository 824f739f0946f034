package autoscale

// addGroups lists the placement groups that may have more nodes, and enters how
// many groups with nodes the pools of each policy may have. Those that exist, even too many, count.
func (b *board) addGroups() {
	b.groupLimit = make([]int, len(b.policy.Pools))
	for i, p := range b.policy.Pools {
		b.groupLimit[i] = -1
		if p.MaxGroups > 0 {
			b.groupLimit[i] = b.ledger.add(Limit{ID: LimitID("groups/" + p.Name), Kind: LimitGroups, Name: p.Name, Unit: UnitGroups, Max: int64(p.MaxGroups)})
		}
	}
	for i := range b.pools {
		pool := &b.pools[i]
		pool.groups = newGroupRoom(pool.GroupSize, pool.groupActive)
		for _, active := range pool.groupActive {
			if active > 0 {
				b.ledger.take(b.groupClaims(i), 1)
			}
		}
	}
}

// groupClaims are what one more placement group of a pool draws on.
func (b *board) groupClaims(pool int) []claim {
	policy := b.pools[pool].policy
	if policy < 0 || b.groupLimit[policy] < 0 {
		return nil
	}
	return []claim{{limit: b.groupLimit[policy], amount: 1}}
}

// opens tells whether nodes at a place would be the first of their group.
func (b *board) opens(at place) bool {
	return at.group != "" && b.pools[at.pool].groupActive[at.group] == 0
}

// tooManyGroups tells whether a group may get no nodes: it would be one too many,
// or there are too many already, since the limit was lowered.
func (b *board) tooManyGroups(at place) bool {
	claims := b.groupClaims(at.pool)
	return b.ledger.exceeded(claims) || b.opens(at) && b.ledger.room(claims) == 0
}

// enterGroup counts nodes that this plan adds to a placement group.
func (b *board) enterGroup(at place, nodes int) {
	if at.group == "" {
		return
	}
	if b.opens(at) {
		b.ledger.take(b.groupClaims(at.pool), 1)
	}
	pool := &b.pools[at.pool]
	pool.groups.enter(at.group, pool.groupActive[at.group], nodes)
	pool.groupActive[at.group] += nodes
}
