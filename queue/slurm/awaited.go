package slurm

import (
	"context"
	"slices"
	"strings"
	"time"

	"autoscaled/autoscale"
)

// Awaited is a node that Slurm has powered up and that has not registered yet.
type Awaited struct {
	Node string
	// Since is when its hook ran or, without one, when it was first seen to wake.
	Since time.Time
	// Until is when Slurm gives it up, by ResumeTimeout. A partition's own is not known.
	Until time.Time
	// Jobs are those that wait for it, as users call them.
	Jobs []string
}

// awaited remembers since when Slurm waits for nodes.
type awaited map[string]time.Time

// follow takes a reading into account, and the hooks that came with it.
func (a awaited) follow(nodes []Node, hooks []Hook, at time.Time) {
	waking := make(map[string]bool)
	for i := range nodes {
		if resumed(&nodes[i]) {
			waking[nodes[i].Name] = true
		}
	}
	for name := range a {
		if !waking[name] {
			delete(a, name)
		}
	}
	for name := range waking {
		if _, known := a[name]; !known {
			a[name] = at
		}
	}
	fresh := make(map[string]bool)
	for i := range hooks { // in order: the last one counts
		if hooks[i].Kind != HookResume {
			continue
		}
		names, _ := Expand(hooks[i].Nodes) // answer tells of a bad one
		for _, name := range names {
			if waking[name] && (!fresh[name] || hooks[i].At.After(a[name])) {
				a[name], fresh[name] = hooks[i].At, true
			}
		}
	}
}

// Awaited lists the nodes of the last reading that Slurm waits for, those first that it
// gives up first. It asks Slurm how long it waits.
func (p *PowerSaving) Awaited(ctx context.Context) ([]Awaited, error) {
	settings, err := p.Cluster.Settings(ctx)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	jobs, called := make(map[string][]string), autoscale.Demand{Names: namesOf(p.jobs)}
	for _, j := range slices.Concat(jobsOnWaking(p.jobs), p.told) {
		names, _ := Expand(j.Nodes) // one that makes no sense waits for no node
		id := string(called.Called(j.id()))
		for _, name := range names {
			if !slices.Contains(jobs[name], id) {
				jobs[name] = append(jobs[name], id)
			}
		}
	}
	list := make([]Awaited, 0, len(p.awaited))
	for name, since := range p.awaited {
		list = append(list, Awaited{Node: name, Since: since, Until: since.Add(settings.ResumeTimeout), Jobs: jobs[name]})
	}
	slices.SortFunc(list, func(a, b Awaited) int {
		if c := a.Until.Compare(b.Until); c != 0 {
			return c
		}
		return strings.Compare(a.Node, b.Node)
	})
	return list, nil
}
