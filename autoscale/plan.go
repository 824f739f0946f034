package autoscale

import "time"

// Plan is what to do now, and why. Actions of each kind stand in the order in
// which they are to be done.
type Plan struct {
	At      time.Time
	Grow    []Grow
	Start   []Start
	Drain   []Drained
	Undrain []Drained
	// Report is what the cloud is to be told of failed nodes.
	Report []HealthReport
	Remove []Remove
	Retry  []Retry
	// Hold is why nothing could be planned at all. Zero: it was planned.
	Hold Reason
	// Limits are the cloud's and the policy's, with what is used of them once
	// the plan is carried out.
	Limits []Limit
	// Promises are whom the nodes of open requests are for.
	Promises map[RequestID]Promise
	// First is the first job in order that limits keep waiting, and Blocked the first
	// gang that found no room; empty: none.
	First, Blocked JobID
	// Outcomes explain every pending job, as ranges over the members of its class.
	Outcomes []Outcome
	// Nodes explain every managed node that stays or goes.
	Nodes []NodeVerdict
	// Pools explain every pool of the cloud, in the policy's order; those that
	// no policy names come last.
	Pools []PoolVerdict
}

// Empty tells whether the plan changes nothing.
func (p Plan) Empty() bool {
	return len(p.Grow)+len(p.Start)+len(p.Drain)+len(p.Undrain)+len(p.Report)+len(p.Remove)+len(p.Retry) == 0
}

// holdsAll tells whether nothing could be planned at all.
func (p Plan) holdsAll() bool { return p.Hold.Code != "" }

// Grow asks for Count equal nodes in one set, or, where they are Single, one by one.
type Grow struct {
	// Request is filled in by the loop, right after it was decided; Singly makes more of
	// a Grow that is Single.
	Request RequestID
	// Requests are those of the nodes of a Grow that is Single, filled in likewise.
	Requests []RequestID
	Single   bool
	Pool     PoolID
	Group    string
	Count    int
	// Names are those that the nodes are to have, in counting order; none: the
	// cloud names them. They differ by one number only, which rises by one.
	Names []string
	// Draws is what one node takes of the cloud's limits.
	Draws []Draw
	// Jobs are some of the jobs it serves; JobCount is how many in all.
	Jobs     []JobID
	JobCount int
	// Priority is the highest of the jobs it serves. 0 also: it serves none.
	Priority int64
	// For is whom the nodes are for.
	For    []Wish
	Reason Reason
}

// Start starts deallocated nodes of one pool and placement group.
type Start struct {
	// Request is filled in by the loop, right after it was decided.
	Request RequestID
	Pool    PoolID
	Group   string
	Nodes   []Node
	// Draws is what starting one of them takes of limits.
	Draws []Draw
	// Jobs are some of the jobs it serves; JobCount is how many in all.
	Jobs     []JobID
	JobCount int
	Reason   Reason
}

// Drained is a node to mark, or unmark, for drain in the queue.
type Drained struct {
	Node   Node
	Reason Reason
	// Before is how often the mark was sent before, and the queue does not show it.
	Before int
}

// HealthReport tells the cloud that a node's machine is thought unhealthy, and why.
type HealthReport struct {
	Node Node
	// Category is what kind of trouble it is, in the cloud's words.
	Category string
	Reason   Reason
}

// Remove ends nodes of one pool, in one way, for one reason.
type Remove struct {
	// Request is filled in by the loop, right after it was decided.
	Request RequestID
	Pool    PoolID
	Nodes   []Node
	// Removal is how they go.
	Removal Removal
	Reason  Reason
}

// Retry sends an operation again, under its own request id.
type Retry struct {
	Operation Operation
	Reason    Reason
}

// Outcome is what becomes of the members From to To (exclusive) of a class.
type Outcome struct {
	Class    int
	From, To int
	// Served are the nodes that will run these jobs, in the order in which
	// the jobs take them. Empty: they wait, for Reason.
	Served []Serving
	// Pool is, of demand that waits, the pool that it tries first. Empty: none would do.
	Pool PoolID
	// Tasks is how many tasks each job of the range got; fewer than its
	// shape's Tasks is a part or a downgrade, which Reason explains.
	Tasks  int
	Reason Reason
}

// Serving is a number of equal nodes, each taking PerNode tasks.
type Serving struct {
	// Nodes that exist. Empty: nodes on their way, by Request, or to be
	// created, by Grow.
	Nodes []NodeID
	// Request is the operation that will bring the nodes; empty: none yet.
	Request RequestID
	// Start tells that this plan starts the nodes.
	Start bool
	// Grow is the index in Plan.Grow; -1: none.
	Grow    int
	Pool    PoolID
	Group   string
	Count   int
	PerNode int
	// Tasks is how many tasks these nodes take of the range; the last node may
	// get fewer than PerNode.
	Tasks int
	// Skip is how many tasks of the first node belong to jobs before From.
	Skip int

	source source
	start  int // index in Plan.Start, if Start
}

// NodeVerdict is why a node stays or goes.
type NodeVerdict struct {
	Node NodeID
	// For is whom the plan gives it to, if anybody.
	For []Tenant
	// Held is since when it has been kept for a gang; zero: it is not.
	Held time.Time
	// Goes: it is to go, now or as soon as it may.
	Goes   bool
	Reason Reason
}

// PoolVerdict is what the plan does in a pool, or what stopped it.
type PoolVerdict struct {
	Pool PoolID
	// Offers is what an empty node of it offers to jobs.
	Offers Resources
	// Held: nodes were wanted of it that it can't give, for Reason. It may give
	// others, which Plan.Grow tells.
	Held   bool
	Reason Reason
}
