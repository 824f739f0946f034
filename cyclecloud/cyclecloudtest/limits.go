package cyclecloudtest

import (
	"fmt"
	"math"
	"strings"
)

// tally counts nodes in two ways: active ones belong to their bucket; held ones draw on limits,
// which those on their way out do until they are gone.
type tally struct{ active, held size }

func (t *tally) add(n *node) {
	one := size{1, n.machine.limitCores()}
	if n.active() {
		t.active.nodes += one.nodes
		t.active.cores += one.cores
	}
	t.held.nodes += one.nodes
	t.held.cores += one.cores
}

type groupKey struct {
	bucket *bucket
	name   string
}

// familyKey names a quota; quotas are found without regard to case.
type familyKey struct{ region, family string }

func newFamilyKey(region string, m MachineType) familyKey {
	return familyKey{strings.ToLower(region), strings.ToLower(m.Family)}
}

// census is one count of all nodes that draw on limits.
type census struct {
	clusters map[*cluster]*tally
	arrays   map[*nodearray]*tally
	buckets  map[*bucket]*tally
	groups   map[groupKey]*tally
	families map[familyKey]*tally
	regular  map[string]*tally // by region
	spot     map[string]*tally // by region
}

// at returns the tally of a key, made on demand.
func at[K comparable](m map[K]*tally, key K) *tally {
	t := m[key]
	if t == nil {
		t = &tally{}
		m[key] = t
	}
	return t
}

func (w *world) census() census {
	c := census{
		map[*cluster]*tally{}, map[*nodearray]*tally{}, map[*bucket]*tally{}, map[groupKey]*tally{},
		map[familyKey]*tally{}, map[string]*tally{}, map[string]*tally{},
	}
	for _, cluster := range w.clusters {
		for _, n := range cluster.nodes {
			if n.holds() {
				c.add(n)
			}
		}
	}
	return c
}

func (c census) add(n *node) {
	if n.spot {
		at(c.spot, n.quota.region).add(n)
	} else {
		at(c.regular, n.quota.region).add(n)
		at(c.families, n.quota).add(n)
	}
	if n.isHead() {
		return
	}
	at(c.clusters, n.cluster).add(n)
	at(c.arrays, n.bucket.array).add(n)
	at(c.buckets, n.bucket).add(n)
	if n.group != "" {
		at(c.groups, groupKey{n.bucket, n.group}).add(n)
	}
}

// limit is one ceiling that a node of a bucket draws on, in nodes or in cores.
type limit struct {
	name   string
	max    int
	held   int // used, nodes on their way out included
	active int // used, without those
	each   int // what one more node takes
}

func (l limit) room(early bool) int {
	used := l.held
	if early {
		used = l.active
	}
	return max(0, l.max-used) / l.each
}

// limitsOf lists every ceiling that a node of the bucket draws on, in group if one is named.
func (w *world) limitsOf(b *bucket, group string, c census) []limit {
	a := b.array
	var limits []limit
	both := func(what string, max size, t *tally) {
		limits = append(limits,
			limit{name: what + " maxCount", max: max.nodes, held: t.held.nodes, active: t.active.nodes, each: 1},
			limit{name: what + " maxCoreCount", max: max.cores, held: t.held.cores, active: t.active.cores, each: b.machine.limitCores()})
	}
	both("bucket "+b.machine.Name, b.limit, at(c.buckets, b))
	both("nodearray "+a.cfg.Name, a.limit, at(c.arrays, a))
	both("cluster "+a.cluster.name, a.cluster.limit, at(c.clusters, a.cluster))
	limits = append(limits, w.quotasOf(a.region, a.cfg.Spot, b.machine, c)...)
	if group != "" {
		t := at(c.groups, groupKey{b, group})
		limits = append(limits, limit{name: "placement group " + group, max: b.groupSize, held: t.held.nodes, active: t.held.nodes, each: 1})
	}
	return limits
}

// quotasOf lists the cloud's own ceilings: a VM uses its quota until it is gone, so nodes on their
// way out always count. Spot nodes draw on the region's spot quota and on no family.
func (w *world) quotasOf(regionName string, spot bool, m MachineType, c census) []limit {
	key := newFamilyKey(regionName, m)
	r := w.region(regionName)
	one := func(name string, q quota, t *tally) limit {
		used := q.used + t.held.cores
		return limit{name: name, max: q.cores, held: used, active: used, each: m.limitCores()}
	}
	if spot {
		return []limit{one("spot quota of region "+regionName, r.spot, at(c.spot, key.region))}
	}
	return []limit{
		one("quota of family "+m.Family, r.family(m.Family), at(c.families, key)),
		one("quota of region "+regionName, r.regular, at(c.regular, key.region)),
	}
}

// tightest is how many more nodes the limits allow, and which one allows the fewest.
func tightest(limits []limit, early bool) (int, limit) {
	room, by := math.MaxInt, limit{}
	for _, l := range limits {
		if r := l.room(early); r < room {
			room, by = r, l
		}
	}
	return room, by
}

// most is how many nodes the bucket could hold if nothing else were there.
func most(limits []limit) int {
	nodes := math.MaxInt
	for _, l := range limits {
		nodes = min(nodes, l.max/l.each)
	}
	return nodes
}

// checkLimits writes every limit that is exceeded into the books. It runs after each change; that
// it never finds anything is this server's own invariant.
func (w *world) checkLimits() {
	c := w.census()
	w.books.peaks(c)
	for _, cluster := range w.clusters {
		for _, a := range cluster.arrays {
			for _, b := range a.buckets {
				w.checkBucket(b, c)
			}
		}
	}
}

func (w *world) checkBucket(b *bucket, c census) {
	limits := w.limitsOf(b, "", c)
	for key, t := range c.groups {
		if key.bucket == b {
			limits = append(limits, limit{name: "placement group " + key.name, max: b.groupSize, held: t.held.nodes})
		}
	}
	for _, l := range limits {
		if l.held > l.max {
			w.books.violate(Violation{At: w.now, Kind: ViolationLimit, Cluster: b.array.cluster.name,
				Text: fmt.Sprintf("%s: %d of %d", l.name, l.held, l.max)})
		}
	}
}
