package loop

import (
	"context"
	"time"

	"autoscaled/autoscale"
)

// Cloud is what the loop needs of a vendor. Errors are those of package
// autoscale, by meaning: a Create, Start or Remove whose outcome is not known wraps
// autoscale.ErrUncertain, and only that one is resolved by Resolve.
type Cloud interface {
	// Observe reads pools, limits and nodes in one consistent read.
	Observe(ctx context.Context) (autoscale.Supply, error)
	// Create is sent once per call, under g.Request. A request id that the
	// cloud has seen before is success.
	Create(ctx context.Context, g autoscale.Grow) (autoscale.Receipt, error)
	// Start is sent once per call, under s.Request. A node that runs already,
	// and a request id that the cloud has seen before, is success.
	Start(ctx context.Context, s autoscale.Start) (autoscale.Receipt, error)
	// Remove is sent once per call, under r.Request. A node that is gone
	// already is success.
	Remove(ctx context.Context, r autoscale.Remove) (autoscale.Receipt, error)
	// Resolve asks what became of a request.
	Resolve(ctx context.Context, id autoscale.RequestID) (autoscale.Resolution, error)
}

// HealthReporter is a Cloud that can be told that a node's machine is unhealthy. A
// report that was made before is success.
type HealthReporter interface {
	ReportHealth(ctx context.Context, r autoscale.HealthReport) error
}

// Queue is where demand comes from.
type Queue interface {
	Demand(ctx context.Context) (autoscale.Demand, error)
}

// Drainer is a Queue that can mark hosts to take no new work. It answers one
// error per node, in order, nil where it went well.
type Drainer interface {
	Drain(ctx context.Context, nodes []autoscale.Node, reason string) []error
	Undrain(ctx context.Context, nodes []autoscale.Node) []error
}

// Keeper is a Queue that has a record of each host, made before the host is, such as a
// CI service's of a runner.
type Keeper interface {
	// Keep is called after a tick has acted. It deletes the records of attempts that
	// have no node in the supply and whose request is not among the open ones, and of
	// nodes that are gone: nothing will ever use them. A record that the queue will not
	// give up, as of a host at work, stays and is no error.
	Keep(ctx context.Context, supply autoscale.Supply, open []autoscale.RequestID) error
}

// Reporter is a Queue that can tell its users why they wait.
type Reporter interface {
	// Report is called after a tick has acted, with what the plan was made of. It tells
	// what has changed since it told last, and does what the queue needs for jobs to go
	// elsewhere.
	Report(ctx context.Context, s autoscale.State, p autoscale.Plan) error
}

// Tender is a Cloud with work of its own between the daemon's decisions, such as
// bringing images to machines before they are needed.
type Tender interface {
	// Tend is called after a tick has acted. It does the next steps and waits for none.
	Tend(ctx context.Context) error
}

// Mover is a Cloud or Queue that remembers times by the daemon's clock.
type Mover interface {
	// Moved is called when the clock is set, forward by that much. What is remembered
	// moves along, so that nothing ages by it. It must not block.
	Moved(by time.Duration)
}

// Journal is the durable record of operations and memory.
type Journal interface {
	// Operations that are not final, in the order in which they were intended.
	Operations(ctx context.Context) ([]autoscale.Operation, error)
	// Get returns one operation, finished or not, and whether it is on record.
	Get(ctx context.Context, id autoscale.RequestID) (autoscale.Operation, bool, error)
	// Put writes operations durably before it returns, all or none.
	Put(ctx context.Context, ops ...autoscale.Operation) error
	// Memory returns what Save wrote last, or the zero Memory.
	Memory(ctx context.Context) (autoscale.Memory, error)
	// Save writes the memory durably.
	Save(ctx context.Context, m autoscale.Memory) error
	// Move makes every time on record so much later, or earlier, durably and all at once.
	Move(ctx context.Context, by time.Duration) error
}
