package autoscale

import "maps"

// ResourceRule says what nodes of the pools that it matches offer to jobs, where
// that is not what the cloud says they have. It may leave any resource open.
type ResourceRule struct {
	Match Selector
	// CoresFrom says how cores are counted. Empty: open.
	CoresFrom CoresFrom
	// Cores is their number, for CoresFixed.
	Cores int
	// Reserve is what of the memory is kept from jobs. nil: open.
	Reserve *Reserve
	// GPUs is their number. nil: open.
	GPUs *int
	// Custom is the number of each countable resource that is named; others are open.
	Custom map[string]int64
}

// CoresFrom is how the cores of a node are counted.
type CoresFrom string

// The ways of counting cores.
const (
	CoresVCPU CoresFrom = "vcpu" // the VM's virtual CPUs
	// CoresPCPU counts the VM's physical cores. Where the cloud does not tell
	// them it leaves cores open.
	CoresPCPU  CoresFrom = "pcpu"
	CoresFixed CoresFrom = "fixed"
)

// Reserve is memory of a node that jobs don't get: the greater of both, as Slurm
// on CycleCloud has it.
type Reserve struct {
	Bytes   Bytes
	Percent float64 // of the VM's memory, 0 to 100
}

// of is the reserve of a node with so much memory, at most all of it.
func (r Reserve) of(memory Bytes) Bytes {
	share := Bytes(float64(memory) * max(0, min(r.Percent, 100)) / 100)
	return min(memory, max(r.Bytes, share))
}

// Manages tells whether the policy names the pool: nodes of others are never touched.
func (p *Policy) Manages(pool *Pool) bool { return policyOf(pool, p) >= 0 }

// Offer is what an empty node of the pool offers to jobs: what the cloud says its VM
// has, but for each resource that a rule sets. Of the rules that match and don't
// leave a resource open the first holds for it.
func (p *Policy) Offer(pool *Pool) Resources {
	if len(p.Resources) == 0 {
		return pool.Node
	}
	o := ruling{Resources: pool.Node, pool: pool, custom: make(map[string]bool)}
	o.Custom = maps.Clone(pool.Node.Custom)
	for i := range p.Resources {
		if _, ok := p.Resources[i].Match.Match(pool.Labels); ok {
			o.apply(&p.Resources[i])
		}
	}
	return o.Resources
}

// offersOf are the offers of pools, each at its pool's place.
func offersOf(pools []Pool, p *Policy) []Resources {
	offers := make([]Resources, len(pools))
	for i := range pools {
		offers[i] = p.Offer(&pools[i])
	}
	return offers
}

// ruling is an offer in the making: what a rule has set stays.
type ruling struct {
	Resources
	pool                *Pool
	cores, memory, gpus bool
	custom              map[string]bool
}

func (o *ruling) apply(r *ResourceRule) {
	if cores, known := r.cores(o.pool); known && !o.cores {
		o.Cores, o.cores = cores, true
	}
	if r.Reserve != nil && !o.memory {
		o.Memory, o.memory = o.pool.Node.Memory-r.Reserve.of(o.pool.Node.Memory), true
	}
	if r.GPUs != nil && !o.gpus {
		o.GPUs, o.gpus = *r.GPUs, true
	}
	for name, n := range r.Custom {
		if o.custom[name] {
			continue
		}
		if o.Custom == nil {
			o.Custom = make(map[string]int64)
		}
		o.Custom[name], o.custom[name] = n, true
	}
}

// cores is how many cores the rule gives a node of the pool, if it says.
func (r *ResourceRule) cores(pool *Pool) (n int, known bool) {
	switch r.CoresFrom {
	case CoresVCPU:
		return pool.Node.Cores, true
	case CoresPCPU:
		return pool.PCPUs, pool.PCPUs > 0
	case CoresFixed:
		return r.Cores, true
	}
	return 0, false
}
