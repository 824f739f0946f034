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
	room     int // what its size leaves for new nodes
	starts   int // deallocated nodes that would be started
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
	takes, left = b.drawStart(c, takes, left, best.place)
	return b.drawNew(c, takes, left, best.place, min(best.newNodes, b.roomInGroup(c, best.place)))
}

// bestOption compares, of each pool, the groups whose nodes have room for the class,
// the tightest of the other groups that could grow, an empty one, and a new one. No
// two options are equal, so it does not matter in which order.
func (b *board) bestOption(c *classState) (best option, found bool) {
	consider := func(o option) {
		if o.tasks > 0 && (!found || compareOptions(o, best) < 0) {
			best, found = o, true
		}
	}
	have := b.roomInGroups(c)
	rank := make([]int, len(b.pools))
	for n, pool := range c.order {
		rank[pool] = n
		needed := min(ceilDiv(c.Tasks, b.perNode(c, pool)), b.roomFor(c, place{pool, newGroup}))
		if name, ok := b.pools[pool].groups.tightest(needed); ok {
			at := place{pool, name}
			consider(b.option(c, at, n, have[at]))
		}
		if name, ok := b.emptyGroup(pool); ok {
			consider(b.option(c, place{pool, name}, n, groupUse{}))
		}
		consider(b.option(c, place{pool, ""}, n, groupUse{}))
	}
	for n, pool := range c.order {
		for i := range b.pools[pool].stock {
			if s := &b.pools[pool].stock[i]; s.group != "" && s.count > 0 {
				at := place{pool, s.group}
				consider(b.option(c, at, n, have[at]))
			}
		}
	}
	for at, use := range have {
		consider(b.option(c, at, rank[at.pool], use))
	}
	return best, found
}

// groupUse is how many tasks of a class the existing nodes of a group take, and how
// many of these on nodes that an earlier plan gave to the class.
type groupUse struct{ have, own int }

// roomInGroups is what the existing nodes of each group have room for. Lots that are
// full are passed once, and then taken off.
func (b *board) roomInGroups(c *classState) map[place]groupUse {
	var rooms map[place]groupUse
	l := &b.lots
	for s := sourceReady; s < sources; s++ {
		for n := 0; l.any[s][grouped] && n < len(c.order); n++ {
			list, prev := l.list(s, grouped, c.order[n]), -1
			for i := l.head[list]; i >= 0; i = l.all[i].next {
				x := &l.all[i]
				if x.full && i != l.tail[list] {
					l.unlink(list, prev, i)
					continue
				}
				prev = i
				if fit := b.fit(c, x, nil); fit > 0 && !x.full {
					if rooms == nil {
						rooms = make(map[place]groupUse)
					}
					use := rooms[place{x.pool, x.group}]
					use.have += fit * x.count
					if turnOf(x, c.Key) >= 0 {
						use.own += fit * x.count
					}
					rooms[place{x.pool, x.group}] = use
				}
			}
		}
	}
	return rooms
}

func (b *board) option(c *classState, at place, rank int, use groupUse) option {
	o := option{place: at, rank: rank, have: use.have, own: min(use.own, c.Tasks)}
	perNode := b.perNode(c, at.pool)
	o.room = b.pools[at.pool].GroupSize - b.pools[at.pool].groupActive[at.group]
	lack := ceilDiv(max(0, c.Tasks-o.have), perNode)
	s := b.stockAt(at)
	if at.group != "" && s != nil {
		o.starts = max(0, min(lack, b.startRoom(c, at, s)))
	}
	o.newNodes = min(lack-o.starts, b.roomBeside(c, at, s, o.starts))
	o.tasks = min(c.Tasks, o.have+(o.starts+o.newNodes)*perNode)
	return o
}

// roomBeside is how many new nodes a group can have once so many of its
// deallocated ones are started.
func (b *board) roomBeside(c *classState, at place, s *stock, starts int) int {
	if starts == 0 {
		return b.roomInGroup(c, at)
	}
	before := len(b.probing)
	t := b.takeStock(c, at, s, starts)
	room := b.roomInGroup(c, at)
	b.returnStock(t)
	b.probing = b.probing[:before]
	return room
}

// roomInGroup is how many new nodes a group, or a new group, can have.
func (b *board) roomInGroup(c *classState, at place) int {
	pool := &b.pools[at.pool]
	left := pool.GroupSize - pool.groupActive[at.group]
	if at.group == "" {
		at.group = newGroup
	}
	if b.tooManyGroups(at) {
		return 0
	}
	return max(0, min(left, b.roomFor(c, at)))
}

// effort is whether an option needs nodes to be started or even created.
func (o option) effort() int {
	switch {
	case o.newNodes > 0:
		return 2
	case o.starts > 0:
		return 1
	}
	return 0
}

// compareOptions: the most tasks, then the least effort, then the group that an
// earlier plan gave to this class, then the pool's order, then the fewest new
// nodes and the fewest to start, then the group that leaves the least room, then
// existing groups by name before a new one.
func compareOptions(x, y option) int {
	return cmp.Or(
		cmp.Compare(y.tasks, x.tasks),
		cmp.Compare(x.effort(), y.effort()),
		cmp.Compare(y.own, x.own),
		cmp.Compare(x.rank, y.rank),
		cmp.Compare(x.newNodes, y.newNodes),
		cmp.Compare(x.starts, y.starts),
		cmp.Compare(x.room, y.room),
		cmp.Compare(boolRank(x.group == ""), boolRank(y.group == "")),
		cmp.Compare(x.group, y.group))
}

// emptyGroup is the first by name of a pool's groups that have no nodes anywhere.
func (b *board) emptyGroup(pool int) (name string, ok bool) {
	for _, name := range b.pools[pool].groups.empty {
		if !b.groupInUse(name) {
			return name, true
		}
	}
	return "", false
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
