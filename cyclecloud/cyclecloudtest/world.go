package cyclecloudtest

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// world is the state behind the API. It knows no HTTP and no lock: Server holds the lock and brings
// the world forward to the present before each use.
type world struct {
	cfg  Config
	seed uint64
	now  time.Time

	clusters []*cluster
	regions  map[string]*region
	nodes    []*node // every node ever, in order of creation
	events   eventQueue
	births   []birthOrder

	operations  []*operation
	byOperation map[string]*operation
	byRequest   map[string]*operation
	reports     map[reportKey]healthReport
	paddings    map[int]json.RawMessage // by size in bytes

	books Books
}

type cluster struct {
	name      string
	state     string // "" before the first start
	limit     size
	headNodes []HeadNodeConfig
	region    string
	arrays    []*nodearray
	nodes     []*node // those that have a record, in order of creation
	byID      map[string]*node
	byName    map[string]*node
	told      map[bool]toldStatus // the last status, without nodes and with them
}

// size is a ceiling or a sum in nodes and in cores.
type size struct{ nodes, cores int }

type nodearray struct {
	cfg     NodearrayConfig
	cluster *cluster
	region  string
	limit   size
	buckets []*bucket
}

type bucket struct {
	id            string
	array         *nodearray
	machine       MachineType
	limit         size
	groupSize     int
	stock         int // VMs that the cloud has for this bucket; negative: plenty
	invalidReason string
	score         string
	failedAt      time.Time // last capacity failure; zero: never
}

// region holds quotas in cores and what others use of them.
type region struct {
	regular, spot quota
	families      map[string]quota
}

type quota struct{ cores, used int }

func newWorld(cfg Config, seed uint64, now time.Time) *world {
	w := &world{
		cfg: cfg, seed: seed, now: now,
		regions:     map[string]*region{},
		byOperation: map[string]*operation{},
		byRequest:   map[string]*operation{},
		reports:     map[reportKey]healthReport{},
		paddings:    map[int]json.RawMessage{},
		books:       newBooks(),
	}
	for _, r := range cfg.Regions {
		w.regions[strings.ToLower(r.Name)] = newRegion(r)
	}
	for _, c := range cfg.Clusters {
		w.addCluster(c)
	}
	return w
}

func newRegion(cfg RegionConfig) *region {
	r := &region{
		regular:  quota{orDefault(cfg.Cores, defaultMaxCores), cfg.UsedCores},
		spot:     quota{orDefault(cfg.SpotCores, defaultMaxCores), cfg.UsedSpot},
		families: map[string]quota{},
	}
	for _, f := range cfg.Families {
		r.families[strings.ToLower(f.Name)] = quota{orDefault(f.Cores, defaultMaxCores), f.UsedCores}
	}
	return r
}

func (r *region) family(name string) quota {
	if q, ok := r.families[strings.ToLower(name)]; ok {
		return q
	}
	return quota{cores: defaultMaxCores}
}

func (w *world) region(name string) *region {
	key := strings.ToLower(name)
	if w.regions[key] == nil {
		w.regions[key] = newRegion(RegionConfig{Name: name})
	}
	return w.regions[key]
}

func (w *world) addCluster(cfg ClusterConfig) {
	c := &cluster{
		name:      cfg.Name,
		state:     orDefault(cfg.State, clusterStarted),
		limit:     newLimit(cfg.MaxCount, cfg.MaxCores),
		region:    orDefault(cfg.Region, defaultRegion),
		headNodes: cfg.HeadNodes,
		byID:      map[string]*node{},
		byName:    map[string]*node{},
		told:      map[bool]toldStatus{},
	}
	if cfg.NeverStarted {
		c.state = ""
	}
	if c.headNodes == nil {
		c.headNodes = []HeadNodeConfig{{Name: "scheduler"}}
	}
	for _, a := range cfg.Nodearrays {
		c.arrays = append(c.arrays, w.newArray(c, a))
	}
	w.clusters = append(w.clusters, c)
	for _, h := range c.headNodes {
		w.addHeadNode(c, h)
	}
}

func (w *world) newArray(c *cluster, cfg NodearrayConfig) *nodearray {
	cfg.MaxGroupSize = orDefault(cfg.MaxGroupSize, defaultGroupSize)
	cfg.ThrottleTime = orDefault(cfg.ThrottleTime, defaultThrottle)
	cfg.ShutdownPolicy = orDefault(cfg.ShutdownPolicy, policyTerminate)
	a := &nodearray{cfg: cfg, cluster: c, region: orDefault(cfg.Region, c.region), limit: newLimit(cfg.MaxCount, cfg.MaxCores)}
	for _, b := range cfg.Buckets {
		machine, _ := w.cfg.machine(b.MachineType)
		stock := -1
		if b.Stock != nil {
			stock = *b.Stock
		}
		a.buckets = append(a.buckets, &bucket{
			id: identifier(w.seed, "bucket", c.name, cfg.Name, machine.Name), array: a, machine: machine,
			limit: newLimit(b.MaxCount, b.MaxCores), groupSize: orDefault(b.MaxGroupSize, cfg.MaxGroupSize),
			stock: stock, invalidReason: b.InvalidReason, score: b.PlacementScore,
		})
	}
	return a
}

func newLimit(nodes, cores int) size {
	return size{orDefault(nodes, defaultMaxCount), orDefault(cores, defaultMaxCores)}
}

// orDefault replaces the zero value, which in a config means "not said".
func orDefault[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

func (w *world) cluster(name string) *cluster {
	i := slices.IndexFunc(w.clusters, func(c *cluster) bool { return c.name == name })
	if i < 0 {
		return nil
	}
	return w.clusters[i]
}

func (c *cluster) array(name string) *nodearray {
	i := slices.IndexFunc(c.arrays, func(a *nodearray) bool { return a.cfg.Name == name })
	if i < 0 {
		return nil
	}
	return c.arrays[i]
}

// bucket finds a machine type without regard to case.
func (a *nodearray) bucket(machineType string) *bucket {
	i := slices.IndexFunc(a.buckets, func(b *bucket) bool { return strings.EqualFold(b.machine.Name, machineType) })
	if i < 0 {
		return nil
	}
	return a.buckets[i]
}

// throttled tells whether the nodearray hides its buckets' capacity after a failure.
func (b *bucket) throttled(now time.Time) bool {
	return b.array.cfg.ThrottleCapacity && !b.failedAt.IsZero() && now.Sub(b.failedAt) < b.array.cfg.ThrottleTime
}

func validGroupName(name string) bool {
	for _, r := range name {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-'
		if !letter {
			return false
		}
	}
	return name != ""
}
