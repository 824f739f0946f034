package cyclecloud

import (
	"encoding/json"
	"math"
	"strings"
	"time"

	"autoscaled/autoscale"
)

// survey turns one status into supply: first pools, one per bucket, then nodes,
// which may show pools that no bucket offers any more, then limits, which need
// the count of both.
type survey struct {
	options  ProviderOptions
	status   *ClusterStatus
	pools    []*pool
	byKey    map[poolKey]*pool
	arrays   map[string]*Nodearray // by name, in lower case
	nodes    []autoscale.Node
	ceilings ceilings
}

// poolKey tells pools apart: machine types and names are compared without case.
type poolKey struct {
	nodearray, machineType string // in lower case
	spot                   bool
}

// pool is a pool in the making.
type pool struct {
	autoscale.Pool
	key        poolKey
	array      *Nodearray
	definition Definition
	bucket     *Bucket // nil: no bucket offers it any more
	region     string
	cores      int // of one node, as limits in cores count them
	// held counts the nodes that draw on limits, those on their way out included.
	held int
	// running are those of held that have, or wait for, a VM.
	running int
	// groups counts the held nodes of each placement group.
	groups map[string]int
}

func newSurvey(o ProviderOptions, status *ClusterStatus) *survey {
	s := &survey{
		options: o, status: status,
		byKey:  make(map[poolKey]*pool),
		arrays: make(map[string]*Nodearray, len(status.Nodearrays)),
	}
	now := o.Now()
	for i := range status.Nodearrays {
		array := &status.Nodearrays[i]
		s.arrays[strings.ToLower(array.Name)] = array
		for j := range array.Buckets {
			s.addBucket(array, &array.Buckets[j], now)
		}
	}
	s.addNodes()
	s.addGroups()
	s.addLimits()
	return s
}

// supply is the result. Pools and nodes stand in the server's order.
func (s *survey) supply() autoscale.Supply {
	supply := autoscale.Supply{Nodes: s.nodes, Limits: s.ceilings.sorted(), Stopped: s.stopped()}
	for _, p := range s.pools {
		supply.Pools = append(supply.Pools, p.Pool)
	}
	return supply
}

// origins are the pools that nodes can be made in.
func (s *survey) origins() map[autoscale.PoolID]origin {
	origins := make(map[autoscale.PoolID]origin, len(s.pools))
	for _, p := range s.pools {
		if p.bucket != nil {
			origins[p.ID] = origin{nodearray: p.array.Name, definition: p.definition}
		}
	}
	return origins
}

// stopped is why nothing may be asked of the cluster: it isn't started, or is
// not meant to be for long.
func (s *survey) stopped() string {
	name := "cluster " + s.options.Cluster
	switch state, target := s.status.State, s.status.TargetState; {
	case state == "":
		return name + " was never started"
	case !strings.EqualFold(state, "Started"):
		return name + " is " + state + ", not Started"
	case target != "" && !strings.EqualFold(target, "Started"):
		return name + " is to become " + target
	}
	return ""
}

// addBucket makes a bucket's pool. Where a nodearray lists a machine type twice
// the first counts: nodes can't be told apart.
func (s *survey) addBucket(array *Nodearray, b *Bucket, now time.Time) {
	key := poolKey{strings.ToLower(array.Name), strings.ToLower(b.Definition.MachineType), array.Record.Interruptible}
	if s.byKey[key] != nil || key.machineType == "" {
		return
	}
	p := s.addPool(key, array, b.Definition, array.Record.Region)
	p.bucket = b
	p.cores = b.VirtualMachine.QuotaCores()
	p.Node = autoscale.Resources{
		Cores:  b.VirtualMachine.VCPUCount,
		Memory: gigabytes(b.VirtualMachine.Memory),
		GPUs:   b.VirtualMachine.GPUCount,
		Custom: customResources(&array.Record),
	}
	p.PCPUs = max(0, b.VirtualMachine.PCPUCount)
	p.Invalid = invalidity(array, b)
	p.GroupSize = groupSize(b)
	if age := b.LastCapacityFailure; age != nil && *age >= 0 {
		p.CapacityFailed = now.Add(-seconds(*age))
	}
}

func (s *survey) addPool(key poolKey, array *Nodearray, d Definition, region string) *pool {
	p := &pool{key: key, array: array, definition: d, region: strings.ToLower(region), groups: make(map[string]int)}
	p.ID = autoscale.PoolID(array.Name + "/" + d.MachineType)
	spot := "false"
	if key.spot {
		p.ID += "/spot"
		spot = "true"
	}
	p.Labels = map[string]string{
		autoscale.LabelNodearray:   array.Name,
		autoscale.LabelMachineType: d.MachineType,
		autoscale.LabelRegion:      region,
		autoscale.LabelSpot:        spot,
	}
	s.pools = append(s.pools, p)
	s.byKey[key] = p
	return p
}

// invalidity is why the bucket makes no new nodes. A nodearray may forbid
// autoscaling in its own configuration.
func invalidity(array *Nodearray, b *Bucket) string {
	switch {
	case b.Valid != nil && !*b.Valid && b.InvalidReason == "":
		return "not valid"
	case b.Valid != nil && !*b.Valid:
		return b.InvalidReason
	case forbidden(&array.Record):
		return autoscaleSetting + " is false"
	case b.VirtualMachine.VCPUCount <= 0:
		return "the server doesn't tell what a VM has"
	}
	return ""
}

const autoscaleSetting = "Configuration.autoscale.enabled"

// forbidden tells whether a record's own configuration forbids autoscaling.
func forbidden(record *Node) bool {
	if !record.mayDisable() {
		return false
	}
	value, found := record.Lookup(autoscaleSetting)
	return found && (string(value) == "false" || strings.EqualFold(string(value), `"false"`))
}

// customResources are the whole numbers of Configuration.autoscale.resources:
// countable things that a nodearray's author says its nodes have.
func customResources(record *Node) map[string]int64 {
	raw, found := record.Lookup("Configuration.autoscale.resources")
	if !found {
		return nil
	}
	var listed map[string]any
	if json.Unmarshal(raw, &listed) != nil {
		return nil
	}
	custom := make(map[string]int64)
	for name, value := range listed {
		if n, ok := value.(float64); ok && n == math.Trunc(n) && n >= 0 && n <= maxCount {
			custom[name] = int64(n)
		}
	}
	if len(custom) == 0 {
		return nil
	}
	return custom
}

// defaultGroupSize is the server's default for the largest placement group, for
// servers that don't tell.
const defaultGroupSize = 100

func groupSize(b *Bucket) int {
	size := defaultGroupSize
	if b.MaxPlacementGroupSize != nil {
		size = max(*b.MaxPlacementGroupSize, 0)
	}
	if c := b.MaxPlacementGroupCoreSize; c != nil && *c > 0 && b.VirtualMachine.VCPUCount > 0 {
		size = min(size, *c/b.VirtualMachine.VCPUCount)
	}
	return size
}

// gigabytes converts the server's GB, which are 2^30 bytes.
func gigabytes(gb float64) autoscale.Bytes {
	if gb <= 0 || gb > maxCount/float64(autoscale.GiB) {
		return 0
	}
	return autoscale.Bytes(gb * float64(autoscale.GiB))
}

// seconds converts an age; one beyond a century is cut to it.
func seconds(s float64) time.Duration {
	const century = 100 * 365 * 24 * 3600
	return time.Duration(min(s, century) * float64(time.Second))
}
