package autoscale

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
)

// With a policy's FairShare, jobs of equal priority are not served strictly as they were
// submitted: groups of them take turns, so that a thousand jobs for one kind of node don't
// keep one for another kind waiting until they are through. A group is the jobs whose
// first choice is pools of one policy, and its share the nodes of these pools that run
// something, and those that this plan gave it. The group with the smallest share is next,
// of equal ones that of the job that would be served first without. What a job takes
// counts at once, so jobs that get nothing cost their group no turn; and from one plan to
// the next a share stays the same when a job that was given a node begins to run there.
//
// Turns matter only where something is scarce: with plenty for all, all are served.

// turns hands out runs of jobs in the order in which they are served.
type turns struct {
	groups []turnGroup
	// at is the group whose run was handed out last.
	at int
}

// turnGroup is the jobs that share a turn, in strict order.
type turnGroup struct {
	*merge
	// share is how many nodes the group has; nil: there is but one group.
	share *int
}

// everyGroup stands for all of them.
const everyGroup = -1

// newTurns is the order of service: strict, or by turns.
func (b *board) newTurns(strict bool) *turns {
	if strict {
		return &turns{groups: []turnGroup{{merge: newMerge(b.classes, everyGroup)}}}
	}
	t := new(turns)
	for p := range b.shares {
		t.groups = append(t.groups, turnGroup{newMerge(b.classes, p), &b.shares[p]})
	}
	return t
}

// next returns the next run, as merge.next does.
func (t *turns) next() (c *classState, to int, ok bool) {
	t.groups = slices.DeleteFunc(t.groups, func(g turnGroup) bool { return len(g.heap) == 0 })
	if len(t.groups) == 0 {
		return nil, 0, false
	}
	t.at = 0
	second := -1
	for i := 1; i < len(t.groups); i++ {
		switch {
		case compareTurns(&t.groups[i], &t.groups[t.at]) < 0:
			t.at, second = i, t.at
		case second < 0 || compareTurns(&t.groups[i], &t.groups[second]) < 0:
			second = i
		}
	}
	c, to, ok = t.groups[t.at].next()
	if second >= 0 {
		to = t.groups[t.at].turnEnds(c, to, &t.groups[second])
	}
	return c, to, ok
}

func (t *turns) advance(c *classState, to int) { t.groups[t.at].advance(c, to) }

func (t *turns) drop() { t.groups[t.at].drop() }

// compareTurns puts the group first whose next job is served first.
func compareTurns(x, y *turnGroup) int {
	return cmp.Or(
		cmp.Compare(y.heap[0].priority, x.heap[0].priority),
		cmp.Compare(*x.share, *y.share),
		compareHeads(&x.heap[0], &y.heap[0]))
}

// turnEnds shortens a run to jobs of one priority, and to as many as come before the
// next group for certain: no job takes more nodes than it has tasks.
func (g *turnGroup) turnEnds(c *classState, to int, other *turnGroup) int {
	run, priority := c.Members[c.next:to], c.Members[c.next].Priority
	n := sort.Search(len(run), func(i int) bool { return run[i].Priority != priority })
	if other.heap[0].priority == priority {
		n = min(n, 1+max(0, *other.share-*g.share-1)/max(1, c.Tasks))
	}
	return c.next + n
}

// addShares finds the groups that take turns, and what each has in use. Where the policy
// asks for none, or there is but one, there are no shares.
func (b *board) addShares() {
	if !b.policy.FairShare || len(b.classes) == 0 {
		return
	}
	for i := range b.classes {
		b.classes[i].group = b.pools[b.classes[i].order[0]].policy
	}
	if !slices.ContainsFunc(b.classes, func(c classState) bool { return c.group != b.classes[0].group }) {
		return
	}
	b.shares = make([]int, len(b.policy.Pools))
	for i := range b.nodes {
		if n := &b.nodes[i]; n.pool >= 0 && n.use.Busy() && n.node.Phase != PhaseGone {
			b.shares[b.pools[n.pool].policy]++
		}
	}
}

// fair tells whether groups take turns.
func (b *board) fair() bool { return b.shares != nil }

// give counts nodes that the plan gives to a class to the share of its group.
func (b *board) give(c *classState, nodes int) {
	if b.fair() {
		b.shares[c.group] += nodes
	}
}

// tellTurn adds to the limit that keeps a job waiting what its turn depends on.
func (b *board) tellTurn(c *classState, why Reason) Reason {
	if b.fair() && why.Code == ReasonLimit {
		why.Detail = fmt.Sprintf("pool %s has a share of %d, and smaller shares come first", b.policy.Pools[c.group].Name, b.shares[c.group])
	}
	return why
}
