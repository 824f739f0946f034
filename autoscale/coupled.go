package autoscale

import (
	"cmp"
	"strconv"
	"strings"
)

// newGroup stands for a placement group that has no name yet.
const newGroup = "*"

// option is one placement group that could hold a coupled job.
type option struct {
	place
	rank     int // of its pool for this class
	have     int // tasks that its existing nodes take
	own      int // of these, on nodes that an earlier plan gave to this class
	newNodes int // that the rest of the job would need there
	tasks    int // that can be had in all
}

// findCoupled finds the one placement group for a coupled job: one whose nodes
// have room for all of it, else one that can grow, else a new one; where the job
// may be smaller, the one that gives it the most.
func (b *board) findCoupled(c *classState) (takes []take, left int) {
	best, found := b.bestOption(c)
	if !found {
		return nil, c.Tasks
	}
	for _, pool := range c.order[:best.rank] {
		if b.perNode(c, pool) > 0 {
			b.passOver(c, place{pool, newGroup}, c.Tasks)
		}
	}
	if best.group == "" {
		best.group = b.freshGroup(best.pool)
	}
	takes, left = b.find(c, c.Tasks, &best.place)
	return b.drawNew(c, takes, left, best.place, min(best.newNodes, b.roomInGroup(c, best.place)))
}

// bestOption compares all groups, in any order: no two options are equal.
func (b *board) bestOption(c *classState) (best option, found bool) {
	have := b.roomInGroups(c)
	for rank, pool := range c.order {
		consider := func(group string) {
			o := b.option(c, place{pool, group}, rank, have)
			if o.tasks > 0 && (!found || compareOptions(o, best) < 0) {
				best, found = o, true
			}
		}
		consider("") // a new group
		for group, active := range b.pools[pool].groupActive {
			if active > 0 || !b.groupInUse(group) {
				consider(group)
			}
		}
	}
	return best, found
}

// roomInGroups is how many tasks of the class the existing nodes of each group take.
func (b *board) roomInGroups(c *classState) map[place]option {
	have := make(map[place]option)
	for s := sourceReady; s < sources; s++ {
		for _, pool := range c.order {
			for i := b.lots.head[b.lots.list(s, grouped, pool)]; i >= 0; i = b.lots.all[i].next {
				x := &b.lots.all[i]
				if x.full {
					continue
				}
				if fit := b.fit(c, x, nil); fit > 0 {
					o := have[place{x.pool, x.group}]
					o.have += fit * x.count
					if turnOf(x, c.Key) >= 0 {
						o.own += fit * x.count
					}
					have[place{x.pool, x.group}] = o
				}
			}
		}
	}
	return have
}

func (b *board) option(c *classState, at place, rank int, have map[place]option) option {
	o := option{place: at, rank: rank}
	if at.group != "" {
		o.have, o.own = have[at].have, min(have[at].own, c.Tasks)
	}
	perNode := b.perNode(c, at.pool)
	o.newNodes = min(ceilDiv(max(0, c.Tasks-o.have), perNode), b.roomInGroup(c, at))
	o.tasks = min(c.Tasks, o.have+o.newNodes*perNode)
	return o
}

// roomInGroup is how many new nodes a group, or a new group, can have.
func (b *board) roomInGroup(c *classState, at place) int {
	pool := &b.pools[at.pool]
	active := 0
	if at.group != "" {
		active = pool.groupActive[at.group]
	}
	if at.group == "" {
		at.group = newGroup
	}
	if b.tooManyGroups(at) {
		return 0
	}
	return max(0, min(pool.GroupSize-active, b.roomFor(c, at)))
}

// compareOptions: the most tasks, then no new nodes, then the group that an
// earlier plan gave to this class, then the pool's order, then
// the fewest new nodes, then existing groups by name before a new one.
func compareOptions(x, y option) int {
	return cmp.Or(
		cmp.Compare(y.tasks, x.tasks),
		cmp.Compare(min(x.newNodes, 1), min(y.newNodes, 1)),
		cmp.Compare(y.own, x.own),
		cmp.Compare(x.rank, y.rank),
		cmp.Compare(x.newNodes, y.newNodes),
		cmp.Compare(boolRank(x.group == ""), boolRank(y.group == "")),
		cmp.Compare(x.group, y.group))
}

// freshGroup names a new placement group after the policy's template. Names of
// groups that have nodes, in any pool, are not used again; those of groups that
// became empty are.
func (b *board) freshGroup(pool int) string {
	template := cmp.Or(b.policy.GroupName, DefaultGroupName)
	labels := b.pools[pool].Labels
	template = strings.NewReplacer("{nodearray}", labels[LabelNodearray], "{machine_type}", labels[LabelMachineType]).Replace(template)
	if !strings.Contains(template, "{n}") {
		template += "_{n}"
	}
	for n := b.nextGroup[template]; ; n++ {
		name := groupName(strings.ReplaceAll(template, "{n}", strconv.Itoa(n)))
		if !b.groupInUse(name) {
			b.nextGroup[template] = n + 1
			return name
		}
	}
}

func (b *board) groupInUse(name string) bool {
	for i := range b.pools {
		if b.pools[i].groupActive[name] > 0 {
			return true
		}
	}
	return false
}

// groupName replaces what CycleCloud does not take in a placement group's id:
// all but letters, digits, "_" and "-".
func groupName(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '-':
			return r
		}
		return '_'
	}, s)
}
