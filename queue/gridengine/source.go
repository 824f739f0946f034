package gridengine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"autoscaled/autoscale"
)

// HostPlan is what the hosts of a node's pool are to Grid Engine.
type HostPlan struct {
	// Offer is what the host has for jobs: its cores are the slots of its queue instances.
	Offer autoscale.Resources
	// Groups are the host groups that it is a member of.
	Groups []string
	// Values are what it has of resources that tell hosts apart, such as slot_type=gpu.
	Values []Request
}

// SourceOptions say whose jobs are served. Run, Mapping.Pool and Hosts are required.
type SourceOptions struct {
	Run     Runner
	Mapping Mapping
	// Hosts says what the host of a node is to be. false: the node's pool is none of ours.
	Hosts func(n *autoscale.Node, pools []autoscale.Pool) (HostPlan, bool)
	// Queues are the cluster queues whose instances on our hosts get as many slots as the
	// host offers cores. None: their slots are left as the queues have them.
	Queues []string
	// Ours and Drained are our host groups: of the hosts that we keep, and of those that we
	// disabled. Empty: DefaultOurs, DefaultDrained.
	Ours, Drained string
	// SubmitHosts: hosts may submit jobs too.
	SubmitHosts bool
	// Silent: jobs are not told why they wait.
	Silent bool
}

// Names of our host groups.
const (
	DefaultOurs    = "@autoscaled"
	DefaultDrained = "@autoscaled_drained"
)

// Source turns a Grid Engine into what the loop asks of a queue. See the package's
// documentation for what it concludes from what. It remembers nothing that matters: all
// marks are Grid Engine's.
type Source struct {
	SourceOptions
	// told is what jobs were told, by their ids; empty: another daemon told it.
	told map[int64]string
}

// NewSource checks the options, with errors that are ErrConfig. Nothing is run.
func NewSource(o SourceOptions) (*Source, error) {
	o.Ours, o.Drained = cmp.Or(o.Ours, DefaultOurs), cmp.Or(o.Drained, DefaultDrained)
	switch {
	case o.Run == nil || o.Hosts == nil || o.Mapping.Pool == nil:
		return nil, fmt.Errorf("queue of Grid Engine: %w: a way to run its programs, what hosts are, and pools are needed", ErrConfig)
	case !strings.HasPrefix(o.Ours, "@") || !strings.HasPrefix(o.Drained, "@") || o.Ours == o.Drained:
		return nil, fmt.Errorf("queue of Grid Engine: %w: two host groups are needed, whose names begin with @", ErrConfig)
	}
	return &Source{SourceOptions: o, told: make(map[int64]string)}, nil
}

// Demand reads jobs and hosts.
func (s *Source) Demand(ctx context.Context) (autoscale.Demand, error) {
	r, err := s.read(ctx)
	if err != nil {
		return autoscale.Demand{}, err
	}
	s.recall(r.Details)
	return Demand(r, &s.Mapping), nil
}

// read asks for hosts last: a job that starts meanwhile is then seen to run.
func (s *Source) read(ctx context.Context) (*Reading, error) {
	r := &Reading{}
	text, err := s.Run(ctx, "qstat", qstatArguments()...)
	if err != nil {
		return nil, err
	}
	if r.Jobs, err = ReadJobs(text); err != nil {
		return nil, err
	}
	if err := s.readDetails(ctx, r); err != nil {
		return nil, err
	}
	if err := s.readPEs(ctx, r); err != nil {
		return nil, err
	}
	if text, err = s.Run(ctx, "qconf", "-sc"); err != nil {
		return nil, err
	}
	if r.Complexes, err = ReadComplexes(text); err != nil {
		return nil, err
	}
	if r.Marked, err = s.members(ctx, s.Drained); err != nil {
		return nil, err
	}
	r.Hosts, err = s.hosts(ctx)
	return r, err
}

func (s *Source) hosts(ctx context.Context) ([]Host, error) {
	text, err := s.Run(ctx, "qhost", qhostArguments()...)
	if err != nil {
		return nil, err
	}
	return ReadHosts(text)
}

// members are the hosts of a group, in small letters. One that is not there has none.
func (s *Source) members(ctx context.Context, group string) (map[string]bool, error) {
	text, err := s.Run(ctx, "qconf", "-shgrp_resolved", group)
	switch {
	case errors.Is(err, autoscale.ErrNotFound):
		return map[string]bool{}, nil
	case err != nil:
		return nil, err
	}
	return ReadMembers(text)
}

// A job's details are half a kilobyte to several, its environment among them. Of jobs that
// might start at once those that come first are looked at, since the scheduler looks at
// them first too; our own choice.
const (
	maxDetailed    = 500
	detailsAtATime = 200
)

// detailed are the jobs whose details matter: arrays, for their -tc limit; those without
// a priority, for their begin time; and the first of the others, for the scheduler's reasons.
func detailed(jobs []Job) []int64 {
	var must, may []*Job
	for i := range jobs {
		switch j := &jobs[i]; {
		case !j.Pending || j.Is('h') || j.Is('E') || j.Is('d'):
		case j.Tasks != "" || j.Priority == 0:
			must = append(must, j)
		default:
			may = append(may, j)
		}
	}
	slices.SortStableFunc(may, func(a, b *Job) int { return cmp.Or(cmp.Compare(b.Priority, a.Priority), cmp.Compare(a.ID, b.ID)) })
	ids := make([]int64, 0, len(must)+min(len(may), maxDetailed))
	for _, j := range append(must, may[:min(len(may), maxDetailed)]...) {
		ids = append(ids, j.ID)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func (s *Source) readDetails(ctx context.Context, r *Reading) error {
	r.Details, r.Asked = make(map[int64]Detail), make(map[int64]bool)
	for part := range slices.Chunk(detailed(r.Jobs), detailsAtATime) {
		list := make([]string, len(part))
		for i, id := range part {
			list[i], r.Asked[id] = strconv.FormatInt(id, 10), true
		}
		text, err := s.Run(ctx, "qstat", "-xml", "-j", strings.Join(list, ","))
		if err != nil {
			return err
		}
		details, err := ReadDetails(text)
		if err != nil {
			return err
		}
		maps.Copy(r.Details, details)
	}
	return nil
}

// readPEs reads the parallel environments that pending jobs may have.
func (s *Source) readPEs(ctx context.Context, r *Reading) error {
	r.PEs = make(map[string]PE)
	patterns := make(map[string]bool)
	for i := range r.Jobs {
		if j := &r.Jobs[i]; j.Pending && j.PE != "" {
			patterns[j.PE] = true
		}
	}
	if len(patterns) == 0 {
		return nil
	}
	text, err := s.Run(ctx, "qconf", "-spl")
	if err != nil && !said(err, "no parallel environment") {
		return err
	}
	for name := range strings.FieldsSeq(string(text)) {
		wanted := false
		for pattern := range patterns {
			wanted = wanted || matches(pattern, name)
		}
		if !wanted {
			continue
		}
		text, err := s.Run(ctx, "qconf", "-sp", name)
		if err != nil {
			return err
		}
		pe, err := ReadPE(text)
		if err != nil {
			return err
		}
		r.PEs[pe.Name] = pe
	}
	return nil
}
