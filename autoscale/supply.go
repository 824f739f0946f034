package autoscale

import "time"

type (
	// PoolID names a place that nodes come from, such as
	// "execute/Standard_F4s_v2" or "execute/Standard_F4s_v2/spot".
	PoolID string
	// NodeID is the cloud's identifier of a node. It outlives the node's name.
	NodeID string
	// RequestID is the id under which the cloud was asked for something: a
	// UUID that the loop makes when it writes the intent.
	RequestID string
	// LimitID names a limit, such as "family/FSv2/cores" or "nodearray/execute/nodes".
	LimitID string
)

// Supply is what a cloud has and can give, from one consistent read.
type Supply struct {
	Pools  []Pool
	Limits []Limit
	Nodes  []Node
	// Stopped is why nothing may be asked of this cloud at all, in words for
	// the operator ("cluster demo is Terminated, not Started"). Empty: go on.
	Stopped string
}

// Pool is a place that nodes come from: on CycleCloud a bucket (nodearray ×
// machine type × spot), on Anka template × tag × group.
type Pool struct {
	ID     PoolID
	Labels map[string]string
	// Node is what one node of the pool has: all of its VM, its cores being
	// vCPUs. Policy.Offer tells what of it jobs get.
	Node Resources
	// PCPUs are the physical cores of one node. 0: not known.
	PCPUs int
	// Single: each node is asked for by a request of its own, for its host is named
	// before it is made, and serves one job.
	Single bool
	// Invalid is why the cloud makes no new nodes here ("DisabledMachineType").
	// Empty: it does.
	Invalid string
	// Draws is what one node takes of limits.
	Draws []Draw
	// StartDraws is what starting a deallocated node takes of limits, beyond
	// what it takes while deallocated.
	StartDraws []Draw
	// GroupSize is the most nodes of one placement group. 0: the pool has no
	// placement groups.
	GroupSize int
	// Groups are the placement groups that exist, empty ones included.
	Groups []Group
	// CapacityFailed is when the cloud last ran out of this pool, by its own
	// word. Zero: never.
	CapacityFailed time.Time
}

// Group is a placement group of a pool.
type Group struct {
	Name string
	// Active is the number of nodes in it, those that are on their way included.
	Active int
}

// Draw is an amount taken of a limit, in the limit's unit.
type Draw struct {
	Limit  LimitID `json:"limit"`
	Amount int64   `json:"amount"`
}

// LimitKind says what a ceiling is set by; it tells the operator where to look.
type LimitKind string

// The kinds of limits. See the CycleCloud API reference, cluster status.
const (
	LimitCluster   LimitKind = "cluster"   // the cluster's maxCount or maxCoreCount
	LimitNodearray LimitKind = "nodearray" // the nodearray's
	LimitFamily    LimitKind = "family"    // the VM family's quota in the region
	LimitRegion    LimitKind = "region"    // the regional quota, or for spot nodes the regional spot quota
	LimitBucket    LimitKind = "bucket"    // what the bucket itself says it has
	LimitMacs      LimitKind = "macs"      // the Macs that an Anka controller's pools may use, in free slots
	LimitPulls     LimitKind = "pulls"     // slots on Macs that hold the image, and Macs that may pull it
	LimitPool      LimitKind = "pool"      // the pool's own max, from the config
	LimitTotal     LimitKind = "total"     // all pools' own max, from the config
	LimitLicence   LimitKind = "licence"   // tokens, from the config
	LimitGroups    LimitKind = "groups"    // the pool's own number of placement groups, from the config
	LimitBudget    LimitKind = "budget"    // money an hour or a month, from the config
	LimitCapacity  LimitKind = "capacity"  // what is risked on an offering that ran out lately
	LimitRate      LimitKind = "rate"      // nodes asked for in a plan or an hour, from the config
	LimitBreaker   LimitKind = "breaker"   // what is risked on a cloud that the breaker stopped
)

// Unit is what a limit counts.
type Unit string

// The units of limits.
const (
	UnitNodes  Unit = "nodes"
	UnitCores  Unit = "cores"
	UnitTokens Unit = "tokens"
	UnitGroups Unit = "placement groups"
	UnitMoney  Unit = "money" // in millionths, see Money
)

// Limit is a ceiling and what is used of it, both in Unit.
type Limit struct {
	ID   LimitID
	Kind LimitKind
	// Name is what the ceiling is set on: a nodearray, a family, a region.
	Name string
	Unit Unit
	Max  int64
	Used int64
	// SetBy is the schedule that set the ceiling, where one did.
	SetBy string
}

// Phase is where a node is in its life.
type Phase string

// The phases of a node, each with the CycleCloud Status words it stands for.
const (
	PhaseUnknown     Phase = "unknown"     // a status no document names, or no TargetState: not gone, not usable
	PhaseStarting    Phase = "starting"    // Acquiring, Preparing, and Ready without an address
	PhaseReady       Phase = "ready"       // Ready or Started, with instance, address and host name
	PhaseStopping    Phase = "stopping"    // Terminating, Deallocating, Stopping
	PhaseDeallocated Phase = "deallocated" // Deallocated
	PhaseFailed      Phase = "failed"      // Failed, Error, Unavailable
	PhaseGone        Phase = "gone"        // Off, Terminated
)

// Node is one VM.
type Node struct {
	ID      NodeID
	Name    string
	Host    string // the VM's host name; empty until known
	Address string // private address; empty until known
	// QueueHost is what the queue calls it, where the cloud's record of the node says so.
	// Empty: it may be by its name, host name or address.
	QueueHost string
	Pool      PoolID
	Group     string // placement group; empty: none
	Phase     Phase
	Request   RequestID // the request that made it; empty: not known
	// Owned: it carries our owner mark.
	Owned bool
	// KeepAlive: an operator forbade its removal, on the server.
	KeepAlive bool
	// Protected is why the node must never be touched and is no supply
	// ("head node"). Empty: it may be managed.
	Protected string
	// Outdated is why a new node of its pool would be another ("it has tag v1, and the
	// pool has v2"): it takes no more work and is replaced, as one that is too old.
	// Empty: it would not.
	Outdated string
	// State is the cloud's own name of the state that Phase stands for, such as Pulling.
	// Empty: not told.
	State string
	// Message is the cloud's own word on its state, and Class what kind of trouble
	// it tells of. Empty: none, or not known.
	Message string
	Class   ErrorClass
}
