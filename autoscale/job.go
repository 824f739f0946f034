package autoscale

import (
	"strings"
	"time"
)

// JobID is the queue's own name for a job.
type JobID string

// Exclusive says whom a task shares its node with.
type Exclusive int

const (
	// Shared tasks run beside tasks of any job.
	Shared Exclusive = iota
	// ExclusiveJob tasks share a node only with tasks of their own job
	// (Slurm's --exclusive with several tasks a node).
	ExclusiveJob
	// ExclusiveTask tasks take a whole node each: a job that asks N whole
	// nodes is N such tasks, each asking for what its node must have.
	ExclusiveTask
)

// Grouping says how a job stands to placement groups.
type Grouping int

const (
	// AnyPlace: the job runs on grouped and on ungrouped nodes.
	AnyPlace Grouping = iota
	// Coupled: all tasks of the job run in one placement group.
	Coupled
	// Ungrouped: no task of the job runs in a placement group.
	Ungrouped
)

// GangMode says how much of a job must be had at once.
type GangMode int

const (
	// GangDefault is GangAll for coupled jobs and GangBestEffort for others.
	GangDefault GangMode = iota
	// GangAll: all tasks or none.
	GangAll
	// GangAtLeast: at least Shape.AtLeast tasks or none.
	GangAtLeast
	// GangBestEffort: each task for itself, as in an array job.
	GangBestEffort
)

// Job is demand: a number of identical tasks.
type Job struct {
	ID JobID
	// Priority orders jobs, the highest first. Equal ones go by Submitted,
	// then by ID.
	Priority  int64
	Submitted time.Time
	Shape
}

// Shape is everything about a job but its identity. Jobs of equal shape are
// planned together.
type Shape struct {
	// Tasks is how many tasks the job runs, at least 1.
	Tasks   int
	PerTask Resources
	// TasksPerNode is the most tasks of this job on one node; 0 means as
	// many as fit.
	TasksPerNode int
	Exclusive    Exclusive
	Selector     Selector
	Grouping     Grouping
	Gang         GangMode
	// AtLeast is the least number of tasks worth starting, for GangAtLeast.
	AtLeast int
	// Names are the nodes that the job waits for, where the queue has chosen
	// them, as Slurm's power saving does: whole nodes, one task each, Tasks
	// being their number. The selector says of which pool they are, and Group
	// their placement group; empty: none. Nothing else about them is chosen or
	// checked: a named node is never exchanged for another.
	Names []string
	Group string
	// EarliestStart: before this time the job is no demand. Zero: at once.
	EarliestStart time.Time
	// ExpectedRuntime is the queue's estimate or time limit. Zero: unknown.
	ExpectedRuntime time.Duration
	// Held is the queue's own reason why the job may not start, such as
	// "JobHeldUser". A held job is explained but is no demand.
	Held string
	// DependsOn names jobs that must end first. While it is not empty the
	// job is explained but is no demand: the queue removes what has ended.
	DependsOn []JobID
	// Draws is what the job, once running, takes of limits that are not
	// bound to nodes, such as licence tokens.
	Draws []Draw
}

// Mode returns the gang mode with GangDefault resolved.
func (s Shape) Mode() GangMode {
	switch {
	case s.Gang != GangDefault:
		return s.Gang
	case s.Grouping == Coupled:
		return GangAll
	default:
		return GangBestEffort
	}
}

// Required is the least number of tasks that must be had at once.
func (s Shape) Required() int {
	switch s.Mode() {
	case GangAll:
		return s.Tasks
	case GangAtLeast:
		return min(max(s.AtLeast, 1), s.Tasks)
	default:
		return 1
	}
}

// ShapeKey is a hash of a shape. Shapes that mean the same have the same key.
type ShapeKey uint64

// Class is all jobs of one shape.
type Class struct {
	Shape
	// Key identifies the shape over time. 0: not known.
	Key ShapeKey
	// Members are ordered as they are to be served: highest priority, then
	// earliest submitted, then least ID.
	Members []Member
}

// Member is one job of a class.
type Member struct {
	ID        JobID
	Priority  int64
	Submitted time.Time
}

// Demand is a snapshot of a queue.
type Demand struct {
	// Classes are the jobs that do not run yet.
	Classes []Class
	// Use is what runs on which host, by host name in lower case.
	Use map[string]HostUse
	// Vouched tells that Use is complete: a host it does not list runs
	// nothing. Without it the queue vouches for no host, and none that was
	// ever ready may be removed.
	Vouched bool
	// Releases tells that the queue alone says when a host goes, as Slurm's power saving
	// does: one whose use is DrainDone goes at once, and every other stays however idle
	// it is. A managed node that the queue does not list is of no use to it, and goes too.
	Releases bool
	// Rest is how long the queue asks for nothing of an offering that fell short, at the
	// least: it keeps its nodes out of service meanwhile.
	Rest time.Duration
	// Partial is why only the jobs that hosts wait for are known, though the hosts are:
	// the queue's list of jobs could not be read. Empty: all are known.
	Partial string
	// Names are what users call jobs whose id is another, by id, as Slurm's task 7_1 that
	// has a number of its own.
	Names map[JobID]string
}

// Called is what users call a job: its name, or its id where it has none beside that. A
// part of a job ("8/2") is a part of what the whole is called.
func (d *Demand) Called(id JobID) JobID {
	if d.Names == nil {
		return id
	}
	whole, part, isPart := strings.Cut(string(id), "/")
	name, named := d.Names[JobID(whole)]
	switch {
	case !named:
		return id
	case isPart:
		return JobID(name + "/" + part)
	}
	return JobID(name)
}

// Jobs counts the pending jobs.
func (d Demand) Jobs() int {
	n := 0
	for i := range d.Classes {
		n += len(d.Classes[i].Members)
	}
	return n
}

// HostUse is what a queue runs on one host.
type HostUse struct {
	Jobs []JobID
	Used Resources
	// Whole tells that nothing else fits: a job runs there exclusively, or
	// the queue does not say how much it uses.
	Whole bool
	// Drain is the queue's drain mark on this host, the only truth about
	// draining. Empty: not draining.
	Drain Drain
	// Settling: its drain mark keeps new work away, but work that was on its way before
	// the mark may yet arrive. The host does not go before that is over.
	Settling bool
	// Node is the cloud's id of the node that this host is, where the host tells it, as
	// by PBS's resource ccnodeid. Empty: it does not.
	Node NodeID
	// Missing: the queue expects this host and has not heard of it yet, as of a CI
	// runner that is registered and has not connected.
	Missing bool
	// Outdated is why a new node of the pool would be another to the queue ("Slurm has it
	// with 4 cores, and a new one with 8"), as [Node].Outdated is of the cloud. Empty: it
	// would not.
	Outdated string
}

// Busy tells whether anything runs there.
func (u HostUse) Busy() bool { return len(u.Jobs) > 0 || u.Whole || !u.Used.IsZero() }

// Drain is a queue's mark that a host takes no new work.
type Drain string

const (
	// NotDraining hosts take work.
	NotDraining Drain = ""
	// DrainOurs marks carry our tag and may be withdrawn by us.
	DrainOurs Drain = "ours"
	// DrainForeign marks are an administrator's: the host is no supply and
	// is never touched.
	DrainForeign Drain = "foreign"
	// DrainDone hosts take no work ever again, and no mark can be withdrawn: a CI
	// runner that had its one job, or whose record was deleted. Once nothing runs
	// there the node goes.
	DrainDone Drain = "done"
)
