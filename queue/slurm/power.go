package slurm

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"autoscaled/autoscale"
)

// Hooks are the runs of Slurm's power saving programs that are not answered for yet.
type Hooks interface {
	// List tells them, the oldest first.
	List() ([]Hook, error)
	// Remove forgets them. One that is not there is success.
	Remove(hooks []Hook) error
}

// PowerSavingOptions are those of [NewPowerSaving]. Cluster, Mapping and Now are needed.
type PowerSavingOptions struct {
	Cluster Cluster
	Mapping Mapping
	// Hooks are hints: what they miss is seen by polling. nil: there are none.
	Hooks Hooks
	// KeepAlive is where KeepAlive is mirrored to. nil: nowhere.
	KeepAlive *KeepAlive
	// Details are of jobs. nil: no comment is written, and no node taken out of service.
	Details Detailer
	Now     func() time.Time
	// Observe is told what is worth a line in the log. nil: nobody is.
	Observe func(Note)
	// DryRun changes nothing, and leaves the hooks where they are.
	DryRun bool
}

// NoteEvent is what a note tells of.
type NoteEvent string

// The events.
const (
	// NoteHookDropped is a hook that the live state of its nodes no longer supports.
	NoteHookDropped NoteEvent = "hook_dropped"
	// NoteHookMissed is a resume that no hook told of, and that was seen by polling.
	NoteHookMissed NoteEvent = "hook_missed"
	// NoteStale is a VM that Slurm suspended, and whose name it resumed since.
	NoteStale NoteEvent = "vm_stale"
	// NoteOut are nodes that are set DOWN, for they can't be had, and NoteBack those
	// that are returned.
	NoteOut  NoteEvent = "nodes_out"
	NoteBack NoteEvent = "nodes_back"
)

// Note is one thing that happened.
type Note struct {
	Event NoteEvent
	// Nodes are Slurm's names.
	Nodes  []string
	Detail string
}

// PowerSaving is a Slurm cluster that powers its CLOUD nodes up and down. The live state
// of a node says what is wanted: see [PowerDemand]. Its methods may be called by several.
type PowerSaving struct {
	PowerSavingOptions

	mu sync.Mutex // guards what follows
	// jobs are those of the last reading that went well, and nodes those of the last.
	jobs  []Job
	nodes []Node
	// jobsProblem is why jobs are older than nodes; nil: they are not.
	jobsProblem error
	// told are the jobs that hooks named for nodes which are waking.
	told []Job
	hooked
	shadows
	lapses
	awaited awaited
	telling // of Report alone, which no other call may overlap
}

// NewPowerSaving makes the source. Nothing is asked yet.
func NewPowerSaving(o PowerSavingOptions) (*PowerSaving, error) {
	if o.Cluster == nil || o.Now == nil || o.Mapping.Node == nil || o.Mapping.Partition == nil || o.Mapping.Feature == nil {
		return nil, errors.New("power saving needs a cluster, a mapping and a clock")
	}
	if o.Observe == nil {
		o.Observe = func(Note) {}
	}
	return &PowerSaving{PowerSavingOptions: o, awaited: make(awaited)}, nil
}

// Demand reads jobs and nodes. Jobs that can't be read don't hide which nodes are waking:
// these are demand all the same, and of jobs that the last reading or a hook told of they
// stay whole. Nodes that can't be read are an error, and so is a list without any: whoever
// may not see nodes (PrivateData) is told of none, and all VMs would seem to be of no use.
func (p *PowerSaving) Demand(ctx context.Context) (autoscale.Demand, error) {
	hooks, err := p.hooks()
	if err != nil {
		return autoscale.Demand{}, err
	}
	jobs, jobsErr := p.Cluster.Jobs(ctx) // before the nodes, whose word counts
	nodes, err := p.Cluster.Nodes(ctx)
	if err != nil {
		return autoscale.Demand{}, err
	}
	if len(nodes) == 0 {
		return autoscale.Demand{}, fmt.Errorf("read slurm's nodes: %w: it lists none, and power saving is of nodes that are always listed", autoscale.ErrUnavailable)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if jobsErr != nil {
		jobs = jobsOnWaking(p.jobs)
	} else {
		p.jobs = jobs
	}
	p.nodes, p.jobsProblem = nodes, jobsErr
	states := statesOf(nodes)
	p.answer(hooks, states)
	p.awaited.follow(nodes, hooks, p.Now())
	p.lapses.follow(nodes, hooks, p.Now())
	p.noteMissed(nodes)
	p.noteSuspended(nodes, p.lapsed)
	d := powerDemand(jobs, p.told, nodes, &p.Mapping)
	p.keepLapsed(d.Use, nodes)
	p.markStale(d.Use, states)
	if jobsErr != nil {
		d.Partial = jobsErr.Error()
	}
	return d, nil
}

// jobsOnWaking are of jobs that may be over those that wait for nodes: the nodes tell
// which of them still do.
func jobsOnWaking(jobs []Job) (list []Job) {
	for i := range jobs {
		if jobs[i].Is("CONFIGURING") {
			list = append(list, jobs[i])
		}
	}
	return list
}

func statesOf(nodes []Node) map[string]*Node {
	states := make(map[string]*Node, len(nodes))
	for i := range nodes {
		states[nodes[i].Name] = &nodes[i]
	}
	return states
}
