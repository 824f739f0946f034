package sim

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"autoscaled/autoscale"
)

// Demand is the queue as the daemon reads it: the waiting jobs and what runs on
// which host. It vouches for every host: one that it does not list is idle.
func (s *Scheduler) Demand(context.Context) (autoscale.Demand, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	jobs := make([]autoscale.Job, len(s.waiting))
	for i, e := range s.waiting {
		jobs[i] = e.Job.Job
	}
	d := autoscale.Demand{Classes: autoscale.Intern(jobs), Use: make(map[string]autoscale.HostUse), Vouched: true}
	for name, h := range s.byName {
		if len(h.jobs) > 0 || h.drain != autoscale.NotDraining {
			d.Use[name] = h.use()
		}
	}
	return d, nil
}

func (h *host) use() autoscale.HostUse {
	use := autoscale.HostUse{Whole: h.whole, Drain: h.drain}
	for _, e := range h.jobs {
		use.Jobs = append(use.Jobs, e.ID)
		for _, p := range e.on {
			if p.host == h {
				use.Used = use.Used.Plus(scaled(taskNeeds(e), p.tasks))
			}
		}
	}
	slices.Sort(use.Jobs)
	return use
}

// Drain marks hosts, with our tag, to take no new work; what runs there goes
// on. It answers one error per node: one that has not joined can't be marked.
func (s *Scheduler) Drain(_ context.Context, nodes []autoscale.Node, _ string) []error {
	return s.mark("drain", nodes, autoscale.DrainOurs)
}

// Undrain takes the mark off again, and answers as Drain does.
func (s *Scheduler) Undrain(_ context.Context, nodes []autoscale.Node) []error {
	return s.mark("undrain", nodes, autoscale.NotDraining)
}

func (s *Scheduler) mark(what string, nodes []autoscale.Node, d autoscale.Drain) []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	answers := make([]error, len(nodes))
	for i := range nodes {
		h := s.byName[strings.ToLower(nodes[i].Host)]
		if h == nil {
			answers[i] = fmt.Errorf("%s node %s: host %q has not joined", what, nodes[i].Name, nodes[i].Host)
			continue
		}
		h.drain = d
	}
	s.settle()
	return answers
}

// Busy tells whether anything runs on a host now.
func (s *Scheduler) Busy(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.byName[strings.ToLower(name)]
	return h != nil && len(h.jobs) > 0
}
