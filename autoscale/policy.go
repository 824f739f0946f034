package autoscale

import (
	"cmp"
	"maps"
	"time"
)

// Order says which pool is tried first for a job, after the job's own
// preferences and the pools' priorities.
type Order string

// The orders of pools.
const (
	// AsListed: as the policy lists them.
	AsListed Order = "as_listed"
	// Cheapest: the lowest price for the whole job; unpriced pools last.
	Cheapest Order = "cheapest"
	// LeastWaste: the smallest share of cores left unused.
	LeastWaste Order = "least_waste"
)

// SpotPreference says whether spot pools are tried before or after regular ones.
type SpotPreference string

// The preferences. Either way the others are the fallback.
const (
	SpotFirst SpotPreference = "first"
	SpotLast  SpotPreference = "last"
)

// rank puts pools in the order of the preference.
func (s SpotPreference) rank(pool *Pool) int {
	switch s {
	case SpotFirst:
		return boolRank(!isSpot(pool.Labels))
	case SpotLast:
		return boolRank(isSpot(pool.Labels))
	}
	return 0
}

// Policy is what the operator allows and wants.
type Policy struct {
	// Revision tells policies apart in the journal: equal ones have the same. Nothing
	// is decided by it. Empty: not known.
	Revision string
	// Pools, in the operator's order. A pool of the cloud follows the first
	// that matches it; one that none matches is left alone altogether.
	Pools []PoolPolicy
	Order Order
	// Spot says which of spot and regular pools is tried first, after
	// priorities and before Order. Empty: neither.
	Spot SpotPreference
	// FairShare lets jobs of equal priority that would have nodes of different
	// PoolPolicies first take turns, where nodes are scarce: the next to be served is
	// of those whose pools have the fewest nodes in use. Otherwise all go by Submitted.
	FairShare bool
	// Max is the most nodes over all pools. 0: no such limit.
	Max int
	// Limits are ceilings from the config, such as licences. Their Used is
	// what the config or the queue says; draws of jobs come on top.
	Limits []Limit
	// Resources say what nodes offer, in order: the first rule that matches and
	// says holds for each resource.
	Resources []ResourceRule
	// Prices are those of the price file. A pool's own price wins over them.
	Prices Prices
	// Budget bounds what nodes cost.
	Budget Budget
	// GroupName is the template of new placement groups' names: {nodearray},
	// {machine_type} and {n} are filled in. Empty: DefaultGroupName.
	GroupName string
	// GangPatience is how long the first job in order, and the first gang, waits until
	// room is kept for it and idle nodes make way for it. 0: for ever.
	GangPatience time.Duration
	// RemovalsPerTick and RemovalsPerHour are the most nodes that are removed
	// in one plan and within an hour, for whatever reason. 0: no such limit.
	RemovalsPerTick int
	RemovalsPerHour int
	// CreatesPerTick and CreatesPerHour are the most nodes that are created or
	// started in one plan and within an hour. A job that needs more at once gets
	// them once nothing else went within that time. 0: no such limit.
	CreatesPerTick int
	CreatesPerHour int
	// Adopt says which nodes that no record tells of are ours. Empty: AdoptOwned.
	Adopt Adoption
	// DemandJump is by which factor the work that waits may grow from one read of
	// the queue to the next. Beyond it nothing grows until a second read agrees.
	// 0: by any.
	DemandJump int
	// GangHold is how long nodes are kept that were asked for a gang which lacks
	// the rest. Then others may have them, or they go at once. 0: they are not kept.
	GangHold time.Duration
	// AbsentFor is how long a request that the cloud does not know is
	// watched before it is given up. It must be longer than a request's time-out.
	AbsentFor time.Duration
}

// PoolPolicy is the policy of the pools it matches, taken together.
type PoolPolicy struct {
	Name  string
	Match Selector
	// Labels are of the operator's own, for jobs to choose by. They don't change
	// those that the cloud gives.
	Labels map[string]string
	// Priority: the highest is tried first.
	Priority int
	// Min and Max bound the nodes over all pools it matches. Max 0: no such limit.
	Min int
	Max int
	// MaxGroups is the most placement groups with nodes, over all pools it
	// matches. 0: no such limit.
	MaxGroups int
	// IdleTime is how long a node is kept that nobody wants.
	IdleTime time.Duration
	// BootTimeout is how long a node may take from being asked for to ready.
	BootTimeout time.Duration
	// JoinTimeout is how long a node that is up may take until the queue has heard of it,
	// where the queue tells that of hosts that it expects (HostUse.Missing). 0: for ever.
	JoinTimeout time.Duration
	// DrainTimeout is how long a node may be marked for drain, or the queue may take to
	// show the mark, until it is given up for a while and takes work again. 0: any time.
	DrainTimeout time.Duration
	// Removal is how nodes that nobody wants go. Failed and late ones, and
	// those that never came up, are never deallocated. Empty: RemovalTerminate.
	Removal Removal
	// KeepDeallocated is how many deallocated nodes stay that nobody wants,
	// over all pools it matches; those deallocated longest are terminated.
	// 0: all stay.
	KeepDeallocated int
	// KeepFailed is how many failed nodes stay for somebody to look at, over all pools
	// it matches: those that were asked for, up or busy last. They are no supply, and
	// draw on limits as any. 0: none.
	KeepFailed int
	// ReportFailed is the category of the health report that is made of a failed node
	// before it goes. Empty: none is made.
	ReportFailed string
	// PricePerHour of one node, in the operator's currency, up to MostPerHour. 0:
	// not known, so the price file is asked.
	PricePerHour float64
	// SpotPricePerHour holds instead for spot nodes. 0: they cost as others.
	SpotPricePerHour float64
	// Schedules change Min, Max and IdleTime at times. Of open ones the last
	// that sets a value wins. Where they leave a Min above Max, Max holds.
	Schedules []Schedule
	// Buffer is how many nodes are kept beyond those that jobs use, and
	// BufferPercent the share of those, rounded up; the larger counts. 0: none.
	Buffer        int
	BufferPercent int
	// MaxBusy is how long a node may run something without a break until it goes,
	// though it works: the only thing that ends what runs. 0: any time.
	MaxBusy time.Duration
	// MaxAge is how long after it was asked for a node is replaced. 0: never.
	MaxAge time.Duration
	// RemoveGroupsWhole: nodes of a placement group go only when all may go, and
	// then together. Failed and late ones go by themselves.
	RemoveGroupsWhole bool

	set setBy
}

// labelled is a pool's labels with the policy's own.
func (p *PoolPolicy) labelled(labels map[string]string) map[string]string {
	if len(p.Labels) == 0 {
		return labels
	}
	all := maps.Clone(p.Labels)
	maps.Copy(all, labels)
	return all
}

func (p *PoolPolicy) bootTimeout() time.Duration { return cmp.Or(p.BootTimeout, DefaultBootTimeout) }

// drainTimeout is that of the policy; of a pool that none names, none.
func (p *PoolPolicy) drainTimeout() time.Duration {
	if p == nil {
		return 0
	}
	return p.DrainTimeout
}

// Defaults that operators of CycleCloud know (cyclecloud-scalelib's).
const (
	DefaultIdleTime     = 300 * time.Second
	DefaultBootTimeout  = 1800 * time.Second
	DefaultAbsentFor    = 10 * time.Minute
	DefaultGangPatience = 15 * time.Minute
	DefaultGangHold     = 10 * time.Minute
	DefaultDrainTimeout = 24 * time.Hour // longer than most jobs run
	DefaultGroupName    = "{machine_type}_pg{n}"
)

// Defaults that bound what one wrong answer can do, and that no usual cluster meets.
const (
	DefaultChangesPerTick = 200  // nodes created, and nodes removed
	DefaultChangesPerHour = 2000 // likewise
	DefaultDemandJump     = 10   // times
)
