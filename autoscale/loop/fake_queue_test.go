package loop

import (
	"context"
	"fmt"
	"sync"
	"time"

	"autoscaled/autoscale"
)

// fakeQueue runs jobs of one whole node each, first come, first served.
type fakeQueue struct {
	mu      sync.Mutex
	pending []autoscale.Job
	running map[string]fakeRun // by host
	done    int
	err     error
	slow    time.Duration
	tasks   int
	missing bool // it waits for execute-1 to report
	partial string
}

type fakeRun struct {
	job  autoscale.JobID
	node autoscale.NodeID
	ends time.Time
}

func newFakeQueue() *fakeQueue { return &fakeQueue{running: make(map[string]fakeRun)} }

// submit adds n jobs of one whole node each.
func (q *fakeQueue) submit(at time.Time, n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for range n {
		q.tasks++
		q.pending = append(q.pending, autoscale.Job{
			ID: autoscale.JobID(fmt.Sprintf("job-%03d", q.tasks)), Submitted: at,
			Shape: autoscale.Shape{Tasks: 1, PerTask: autoscale.Resources{Cores: 4}, Exclusive: autoscale.ExclusiveTask},
		})
	}
}

func (q *fakeQueue) Demand(ctx context.Context) (autoscale.Demand, error) {
	if err := pause(ctx, q.slow); err != nil {
		return autoscale.Demand{}, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return autoscale.Demand{}, q.err
	}
	d := autoscale.Demand{Classes: autoscale.Intern(q.pending), Vouched: true, Partial: q.partial, Use: make(map[string]autoscale.HostUse)}
	if q.missing {
		d.Use["execute-1"] = autoscale.HostUse{Missing: true}
	}
	for host, run := range q.running {
		d.Use[host] = autoscale.HostUse{Jobs: []autoscale.JobID{run.job}, Whole: true}
	}
	return d, nil
}

// schedule ends and starts jobs on the nodes that are ready.
func (q *fakeQueue) schedule(at time.Time, nodes []autoscale.Node, runtime time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for host, run := range q.running {
		if !run.ends.After(at) {
			delete(q.running, host)
			q.done++
		}
	}
	for _, n := range nodes {
		if _, taken := q.running[n.Host]; taken || n.Phase != autoscale.PhaseReady || len(q.pending) == 0 {
			continue
		}
		q.running[n.Host] = fakeRun{q.pending[0].ID, n.ID, at.Add(runtime)}
		q.pending = q.pending[1:]
	}
}

func (q *fakeQueue) clear() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pending = nil
}

func (q *fakeQueue) runs(id autoscale.NodeID) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, run := range q.running {
		if run.node == id {
			return true
		}
	}
	return false
}
