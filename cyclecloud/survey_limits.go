package cyclecloud

import (
	"maps"
	"slices"
	"strings"

	"autoscaled/autoscale"
)

// ceilings are the limits found. What several buckets say of one limit is held
// together on the safe side: the least maximum, the most use.
type ceilings map[autoscale.LimitID]*autoscale.Limit

// hold enters a limit, or what another bucket says of it.
func (c ceilings) hold(l autoscale.Limit) {
	l.Max, l.Used = max(l.Max, 0), max(l.Used, 0)
	if known := c[l.ID]; known != nil {
		known.Max, known.Used = min(known.Max, l.Max), max(known.Used, l.Used)
		return
	}
	c[l.ID] = &l
}

// add enters a limit and lets the pool draw amount of it per node.
func (c ceilings) add(p *pool, l autoscale.Limit, amount int64) {
	c.hold(l)
	p.draw(l.ID, amount)
}

func (p *pool) draw(id autoscale.LimitID, amount int64) {
	p.Draws = append(p.Draws, autoscale.Draw{Limit: id, Amount: amount})
}

func (c ceilings) sorted() []autoscale.Limit {
	list := make([]autoscale.Limit, 0, len(c))
	for _, id := range slices.Sorted(maps.Keys(c)) {
		list = append(list, *c[id])
	}
	return list
}

// tally is what nodes take of a limit.
type tally struct {
	nodes, cores int64
	asleep       int64 // cores of deallocated nodes, which cores leaves out
}

func (t *tally) add(nodes, cores int) {
	t.nodes += int64(nodes)
	t.cores += int64(nodes) * int64(cores)
}

// addVMs counts a pool's nodes by whether they have, or wait for, a VM.
func (t *tally) addVMs(p *pool) {
	t.add(p.running, p.cores)
	t.asleep += int64(p.held-p.running) * int64(p.cores)
}

// startDraw lets a node that is started draw on a quota, unless what the server tells
// of its use covers our deallocated nodes too, as Azure counts them.
func (p *pool) startDraw(id autoscale.LimitID, consumed int64, t *tally) {
	if consumed < t.cores+t.asleep {
		p.StartDraws = append(p.StartDraws, autoscale.Draw{Limit: id, Amount: int64(p.cores)})
	}
}

// census is our own count of what our nodes take. The server's counts may leave
// out nodes on their way out, and they lag; so each limit's use is the greater
// of both.
type census struct {
	cluster  tally
	arrays   map[string]*tally
	families map[string]*tally
	regions  map[regionKey]*tally
}

type regionKey struct {
	name string
	spot bool
}

func (s *survey) census(families map[*pool]string) census {
	c := census{arrays: map[string]*tally{}, families: map[string]*tally{}, regions: map[regionKey]*tally{}}
	told := map[string]*tally{} // by nodearray, what its buckets say
	for _, p := range s.pools {
		tallyAt(c.arrays, p.key.nodearray).add(p.held, p.cores)
		tallyAt(c.regions, regionKey{p.region, p.key.spot}).addVMs(p)
		if family, ok := families[p]; ok {
			tallyAt(c.families, family).addVMs(p)
		}
		if p.bucket != nil {
			t := tallyAt(told, p.key.nodearray)
			t.nodes += int64(p.bucket.ActiveCount)
			t.cores += int64(p.bucket.ActiveCoreCount)
		}
	}
	for name, t := range told {
		own := c.arrays[name]
		own.nodes, own.cores = max(own.nodes, t.nodes), max(own.cores, t.cores)
	}
	for _, t := range c.arrays {
		c.cluster.nodes += t.nodes
		c.cluster.cores += t.cores
	}
	return c
}

// addLimits enters every ceiling that the nodes of each pool draw on.
func (s *survey) addLimits() {
	s.ceilings = make(ceilings)
	families := familiesOf(s.pools)
	c := s.census(families)
	for _, p := range s.pools {
		s.addOwnCeilings(p, c)
		if p.bucket == nil {
			continue
		}
		if family, ok := families[p]; ok {
			s.addFamilyCeiling(p, family, c)
		}
		s.addRegionCeiling(p, c)
		s.addBucketCeiling(p) // last: of equal ceilings the first is blamed, and this one explains least
	}
}

// addOwnCeilings enters the cluster's and the nodearray's.
func (s *survey) addOwnCeilings(p *pool, c census) {
	array := c.arrays[p.key.nodearray]
	for _, l := range []struct {
		max    *int
		used   int64
		amount int64
		limit  autoscale.Limit
	}{
		{s.status.MaxCount, c.cluster.nodes, 1,
			autoscale.Limit{ID: "cluster/nodes", Kind: autoscale.LimitCluster, Name: s.options.Cluster, Unit: autoscale.UnitNodes}},
		{s.status.MaxCoreCount, c.cluster.cores, int64(p.cores),
			autoscale.Limit{ID: "cluster/cores", Kind: autoscale.LimitCluster, Name: s.options.Cluster, Unit: autoscale.UnitCores}},
		{p.array.MaxCount, array.nodes, 1,
			autoscale.Limit{ID: limitID("nodearray", p.array.Name, "nodes"), Kind: autoscale.LimitNodearray, Name: p.array.Name, Unit: autoscale.UnitNodes}},
		{p.array.MaxCoreCount, array.cores, int64(p.cores),
			autoscale.Limit{ID: limitID("nodearray", p.array.Name, "cores"), Kind: autoscale.LimitNodearray, Name: p.array.Name, Unit: autoscale.UnitCores}},
	} {
		if l.max != nil {
			l.limit.Max, l.limit.Used = int64(*l.max), l.used
			s.ceilings.add(p, l.limit, l.amount)
		}
	}
}

func limitID(parts ...string) autoscale.LimitID { return autoscale.LimitID(strings.Join(parts, "/")) }

// addBucketCeiling enters what the bucket itself says it still has. That leaves
// nodes on their way out of the count early, so the bucket's own maximum is held
// against all nodes that are there.
func (s *survey) addBucketCeiling(p *pool) {
	b, used := p.bucket, max(p.held, p.bucket.ActiveCount)
	room, told := availability(b, p.cores)
	if b.MaxCount != nil {
		left := max(0, *b.MaxCount-used)
		if !told || left < room {
			room, told = left, true
		}
	}
	if !told {
		return
	}
	s.ceilings.add(p, autoscale.Limit{
		ID: limitID("bucket", string(p.ID), "nodes"), Kind: autoscale.LimitBucket, Name: string(p.ID),
		Unit: autoscale.UnitNodes, Max: int64(used + room), Used: int64(used),
	}, 1)
}

// availability is how many more nodes the bucket says it can make, if it does.
func availability(b *Bucket, cores int) (nodes int, told bool) {
	if b.AvailableCount != nil {
		nodes, told = max(*b.AvailableCount, 0), true
	}
	if b.AvailableCoreCount != nil && cores > 0 {
		byCores := max(*b.AvailableCoreCount, 0) / cores
		if !told || byCores < nodes {
			nodes, told = byCores, true
		}
	}
	return nodes, told
}

// addFamilyCeiling enters the family's quota in the region.
func (s *survey) addFamilyCeiling(p *pool, family string, c census) {
	quota, consumed, told := familyFigures(p.bucket)
	if !told {
		return
	}
	id := limitID("family", p.region, family, "cores")
	s.ceilings.add(p, autoscale.Limit{
		ID: id, Kind: autoscale.LimitFamily, Name: family + " in " + p.region,
		Unit: autoscale.UnitCores, Max: int64(quota), Used: max(int64(consumed), tallyAt(c.families, family).cores),
	}, int64(p.cores))
	p.startDraw(id, int64(consumed), tallyAt(c.families, family))
}

// addRegionCeiling enters the region's quota, of spot nodes its spot quota.
func (s *survey) addRegionCeiling(p *pool, c census) {
	key := regionKey{p.region, p.key.spot}
	told, room, most := false, int64(0), int64(0)
	used := tallyAt(c.regions, key).cores
	for _, other := range s.pools {
		if other.bucket == nil || (regionKey{other.region, other.key.spot}) != key {
			continue
		}
		if quota, consumed, ok := regionFigures(other); ok {
			told, most = true, max(most, consumed)
			s.ceilings.hold(regionLimit(key, quota, max(used, consumed)))
		}
		if nodes, ok := availability(other.bucket, other.cores); ok {
			room = max(room, int64(nodes)*int64(other.cores))
		}
	}
	id := regionLimit(key, 0, 0).ID
	if told {
		p.startDraw(id, most, tallyAt(c.regions, key))
	}
	if !told && room > 0 {
		// The server doesn't tell the quota. What is left of it is at least what any
		// one of the buckets has available, so together they are asked for no more
		// than that at a time. The next observation shows whether there is more.
		s.ceilings.hold(regionLimit(key, used+room, used))
		told = true
	}
	if told {
		p.draw(id, int64(p.cores))
	}
}

// regionFigures are the region's quota and use in cores, if the bucket tells
// them. An older server tells those of spot in the family's fields.
func regionFigures(p *pool) (quota, consumed int64, told bool) {
	q, c := p.bucket.RegionalQuotaCoreCount, p.bucket.RegionalConsumedCoreCount
	if q == nil && p.key.spot {
		q, c = p.bucket.QuotaCoreCount, p.bucket.ConsumedCoreCount
	}
	if q == nil {
		return 0, 0, false
	}
	if c != nil {
		consumed = int64(*c)
	}
	return int64(*q), consumed, true
}

func regionLimit(key regionKey, quota, used int64) autoscale.Limit {
	l := autoscale.Limit{
		ID: limitID("region", key.name, "cores"), Kind: autoscale.LimitRegion, Name: key.name,
		Unit: autoscale.UnitCores, Max: quota, Used: used,
	}
	if key.spot {
		l.ID, l.Name = limitID("region", key.name, "spot", "cores"), key.name+" (spot)"
	}
	return l
}

// tallyAt returns the value of a key, made on demand.
func tallyAt[K comparable](m map[K]*tally, key K) *tally {
	t := m[key]
	if t == nil {
		t = &tally{}
		m[key] = t
	}
	return t
}
