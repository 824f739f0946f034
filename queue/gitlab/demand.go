package gitlab

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"autoscaled/autoscale"
)

// atOnce bounds how many calls are under way together, and probeEvery how old may be
// what is known of a project's visibility. Both are our own choice.
const (
	atOnce     = 8
	probeEvery = 10 * time.Minute
)

// maxExamples bounds Seen.Tags.
const maxExamples = 5

// jobID names a job to the planner.
func jobID(id int64) autoscale.JobID {
	return autoscale.JobID("gitlab/" + strconv.FormatInt(id, 10))
}

// Demand reads which jobs wait for runners of ours, and what runs on those. An error is
// unknown demand. Vouched is never set: of a host without a record here GitLab tells
// nothing.
func (s *Source) Demand(ctx context.Context) (autoscale.Demand, error) {
	records, err := s.where(ctx, (*record).open)
	if err != nil {
		return autoscale.Demand{}, err
	}
	jobs, err := s.jobs(ctx)
	if err != nil {
		return autoscale.Demand{}, err
	}
	looks, err := s.look(ctx, records, jobs)
	if err != nil {
		return autoscale.Demand{}, err
	}
	if err := s.learn(ctx, looks); err != nil {
		return autoscale.Demand{}, err
	}
	all, err := s.where(ctx, every)
	if err != nil {
		return autoscale.Demand{}, err
	}
	d := autoscale.Demand{Classes: autoscale.Intern(s.pending(jobs, looks)), Use: map[string]autoscale.HostUse{}}
	for i := range all {
		if use, known := use(&all[i], looks); known {
			d.Use[all[i].key()] = use
		}
	}
	return d, nil
}

// jobs reads all jobs that wait or run, where the token may see them at all.
func (s *Source) jobs(ctx context.Context) ([]Job, error) {
	if s.All {
		return s.allJobs(ctx)
	}
	lists := make([][]Job, len(s.Projects))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, project := range s.Projects {
		group.Go(func() (err error) {
			lists[i], err = s.projectJobs(ctx, project)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return slices.Concat(lists...), nil
}

func (s *Source) projectJobs(ctx context.Context, project string) ([]Job, error) {
	const grant = "the scope read_api, and for its owner the role Reporter in the project"
	s.mu.Lock()
	fresh := s.Now().Sub(s.probed[project]) < probeEvery && !s.probed[project].IsZero()
	s.mu.Unlock()
	if !fresh {
		if err := s.Client.ProbeProject(ctx, project); err != nil {
			return nil, translateRead("see project "+project, needs(err, grant))
		}
		s.mu.Lock()
		s.probed[project] = s.Now()
		s.mu.Unlock()
	}
	jobs, err := s.Client.ProjectJobs(ctx, project)
	if err != nil {
		return nil, translateRead("list the jobs of project "+project, needs(err, grant))
	}
	return jobs, nil
}

// allJobs asks whether the token is an administrator's once the jobs are read, for to
// others the list is empty, and that is no error.
func (s *Source) allJobs(ctx context.Context) ([]Job, error) {
	const grant = "the scope read_api, with Admin Mode also admin_mode, and an administrator as its owner"
	jobs, err := s.Client.AllJobs(ctx)
	if err == nil {
		err = s.Client.ProbeAdmin(ctx)
	}
	if err != nil {
		return nil, translateRead("list the jobs of the instance", needs(err, grant))
	}
	return jobs, nil
}

// learn keeps what the looks tell for good.
func (s *Source) learn(ctx context.Context, looks map[string]look) error {
	now := s.Now()
	return s.commit(ctx, func(records map[string]record) (durable bool) {
		for host, l := range looks {
			r, known := records[host]
			if !known {
				continue
			}
			before := r
			switch {
			case !l.idle():
				r.idle = time.Time{}
			case l.read:
				r.idle = now
			}
			r.Heard = r.Heard || l.heard
			r.Ended = r.Ended || l.idle() && len(l.ended) >= s.MaxJobs
			if l.gone && r.Deleting { // our deletion was handled, and its answer lost
				r.Deleting, r.Deleted = false, true
			}
			switch {
			case !l.paused:
				r.paused = time.Time{}
			case r.paused.IsZero():
				r.paused = now
			}
			records[host] = r
			durable = durable || r.Heard != before.Heard || r.Ended != before.Ended || r.Deleted != before.Deleted
		}
		return durable
	})
}

// use is what the queue says of a runner's host; false: nothing.
func use(r *record, looks map[string]look) (autoscale.HostUse, bool) {
	if r.Deleted || r.Ended {
		return autoscale.HostUse{Drain: autoscale.DrainDone}, true
	}
	l, looked := looks[r.key()]
	switch {
	case !looked:
		return autoscale.HostUse{}, false
	case l.gone: // somebody else deleted it: what it does nobody knows
		return autoscale.HostUse{Whole: true}, true
	}
	use := autoscale.HostUse{Whole: !l.idle(), Missing: !r.Heard}
	for _, id := range l.jobs {
		use.Jobs = append(use.Jobs, jobID(id))
	}
	switch {
	case l.paused && r.Draining: // until its record is deleted it may yet turn out to have a job
		use.Drain, use.Settling = autoscale.DrainOurs, true
	case l.paused:
		use.Drain = autoscale.DrainForeign
	}
	return use, true
}

// pending are the jobs that wait for runners of ours. One that a look showed at work has
// been taken since the list was read.
func (s *Source) pending(jobs []Job, looks map[string]look) (list []autoscale.Job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen, listed, foreign := Seen{At: s.Now()}, map[int64]bool{}, map[string]bool{}
	for _, l := range looks {
		seen.Running += len(l.jobs)
		for _, id := range l.jobs {
			listed[id] = true
		}
	}
	for i := range jobs {
		j := &jobs[i]
		if !j.Pending() || listed[j.ID] {
			continue
		}
		listed[j.ID] = true
		match, ok := s.Rules.Match(j.Tags)
		if !ok {
			seen.Foreign++
			if tags := strings.Join(j.Tags, " "); len(foreign) < maxExamples && !foreign[tags] {
				foreign[tags] = true
				seen.Tags = append(seen.Tags, tags)
			}
			continue
		}
		seen.Pending++
		job := autoscale.Job{ID: jobID(j.ID), Submitted: j.Created, Shape: autoscale.Shape{
			Tasks: 1, PerTask: s.PerTask, Exclusive: autoscale.ExclusiveTask, Selector: match.Selector(),
		}}
		if job.Held = s.untaken(s.pools, job.Selector, j.Tags); job.Held != "" {
			seen.Untaken++
			job.Held = fmt.Sprintf("it is for %s, and %s", match.Name, job.Held)
		}
		list = append(list, job)
	}
	s.seen = seen
	return list
}
