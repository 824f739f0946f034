package githubrest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"autoscaled/autoscale"
)

// repository is one of those listed, and what was last read of it.
type repository struct {
	name   string
	source *Source
	kick   chan struct{} // something happened there

	// Under the source's lock:
	shot     snapshot
	problem  error // why the last reading failed; nil: it didn't
	failures int   // in a row
}

// snapshot is the jobs of a repository whose runs are not over.
type snapshot struct {
	began time.Time // of the reading; zero: there is none
	jobs  []job
	calls int64 // that the reading cost, for estimates
}

// maxRuns is where GitHub's filtered lists of runs stop.
const maxRuns = 1000

// follow reads the repository again and again until the context ends.
func (r *repository) follow(ctx context.Context) {
	t := r.source.options.Timings
	for ctx.Err() == nil {
		started := time.Now()
		err := r.look(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			pause(ctx, r.backoff())
			continue
		}
		r.rest(ctx, t.Interval-min(time.Since(started), t.Interval-t.Gap))
	}
}

// rest waits for the next reading, at least as long as the gap if something happens.
func (r *repository) rest(ctx context.Context, d time.Duration) {
	gap := min(r.source.options.Timings.Gap, d)
	pause(ctx, gap)
	timer := time.NewTimer(d - gap)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.kick:
	case <-ctx.Done():
	}
}

// backoff is how long to wait after a failure.
func (r *repository) backoff() time.Duration {
	r.source.mu.Lock()
	defer r.source.mu.Unlock()
	t := r.source.options.Timings
	return min(t.Retry<<min(r.failures-1, 16), t.RetryMax)
}

// look reads the repository once and learns from it.
func (r *repository) look(ctx context.Context) error {
	s := r.source
	s.mu.Lock()
	err := s.book.Load(ctx)
	s.mu.Unlock()
	var serial int64
	shot := snapshot{}
	if err == nil {
		who := &reader{who: r.name, first: func() { serial, shot.began = s.moment() }}
		shot.jobs, shot.calls, err = r.read(ctx, who)
	}
	if err == nil {
		err = s.learn(ctx, r.name, shot, serial)
	}
	if err == nil {
		err = s.askEnds(ctx, r.name, shot)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s.mu.Lock()
	changed := (err == nil) != (r.problem == nil) || err == nil && !sameJobs(r.shot.jobs, shot.jobs)
	r.problem = err
	if err == nil {
		r.shot, r.failures = shot, 0
		s.remember(shot.jobs)
	} else {
		r.failures++
	}
	first := r.failures == 1
	s.mu.Unlock()
	if first {
		s.report(fmt.Errorf("repository %s: %w", r.name, err))
	}
	s.heard()
	if changed {
		s.wake()
	}
	return err
}

func sameJobs(a, b []job) bool {
	was := make(map[int64]string, len(a))
	for _, j := range a {
		was[j.ID] = j.Status
	}
	for _, j := range b {
		if was[j.ID] != j.Status {
			return false
		}
	}
	return len(a) == len(b)
}

// read reads the jobs of all runs that are not over. Queued jobs hide in runs that are
// in progress, and these are read last: a run that gets from one to the other
// meanwhile is in the second list.
func (r *repository) read(ctx context.Context, who *reader) (jobs []job, calls int64, err error) {
	c := r.source.client
	before := c.budget.costs(r.name)
	seen := map[int64]bool{}
	for _, status := range []string{statusQueued, statusInProgress} {
		runs, err := c.runs(ctx, who, r.name, status)
		if err != nil {
			return nil, 0, fmt.Errorf("list runs that are %s: %w", status, hidden(err))
		}
		for _, run := range runs {
			if seen[run.ID] {
				continue
			}
			seen[run.ID] = true
			of, err := c.jobs(ctx, who, r.name, run.ID)
			if err != nil {
				return nil, 0, fmt.Errorf("list jobs of run %d: %w", run.ID, err)
			}
			jobs = append(jobs, of...)
		}
	}
	return jobs, c.budget.costs(r.name) - before, nil
}

// runs lists the runs of a repository with a status.
func (c *client) runs(ctx context.Context, who *reader, repo, status string) ([]workflowRun, error) {
	most := 0
	runs, err := all[workflowRun, runPage](ctx, c, who, "/repos/{owner}/{repo}/actions/runs", "/repos/"+repo+"/actions/runs?"+perPage+"&status="+status,
		func(p runPage) ([]workflowRun, int) {
			most = max(most, *p.Total)
			return *p.Runs, min(*p.Total, maxRuns)
		}, func(r *workflowRun) int64 { return r.ID })
	if most >= maxRuns {
		return nil, fmt.Errorf("%w: GitHub lists no more than %d runs of a status and there are %d or more, so jobs would be overlooked", ErrUnavailable, maxRuns, most)
	}
	return runs, err
}

// jobs lists the jobs of the latest attempt of a run; none, if the run was deleted
// since it was listed.
func (c *client) jobs(ctx context.Context, who *reader, repo string, run int64) ([]job, error) {
	jobs, err := all[job, jobPage](ctx, c, who, "/repos/{owner}/{repo}/actions/runs/{run}/jobs", fmt.Sprintf("/repos/%s/actions/runs/%d/jobs?%s&filter=latest", repo, run, perPage),
		func(p jobPage) ([]job, int) { return *p.Jobs, *p.Total }, func(j *job) int64 { return j.ID })
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return jobs, err
}

// job reads one job.
func (c *client) job(ctx context.Context, who *reader, repo string, id int64) (job, error) {
	j, _, err := get[job](ctx, c, who, "/repos/{owner}/{repo}/actions/jobs/{job}", fmt.Sprintf("/repos/%s/actions/jobs/%d", repo, id))
	return j, err
}

// running tells whether a job, asked about at once, is not over. One that is not there
// was deleted with its run.
func (c *client) running(ctx context.Context, repo string, id int64) (bool, error) {
	j, err := c.job(ctx, &reader{}, repo, id)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil && j.Status != statusCompleted, err
}

// learn takes to the records what jobs tell of our runners. serial is of the moment
// before the jobs were read: of what changed later they know nothing.
func (s *Source) learn(ctx context.Context, repo string, shot snapshot, serial int64) error {
	return s.commit(ctx, func(records map[string]record) {
		for _, j := range shot.jobs {
			host := strings.ToLower(j.RunnerName)
			r, known := records[host]
			if host == "" || !known || j.RunnerID != 0 && r.Runner != 0 && j.RunnerID != r.Runner {
				continue
			}
			r.learn(repo, j, r.changed > serial, s.now())
			records[host] = r
		}
	})
}

// learn takes a job of the runner to its record. An end that was seen stays one; what
// was only inferred gives way to a job that runs after all, unless it changed while
// the job was read.
func (r *record) learn(repo string, j job, late bool, at time.Time) {
	switch j.Status {
	case statusCompleted:
		r.start(at)
		r.end(at)
	case statusInProgress:
		if r.done() && (late || r.Job != 0) {
			return
		}
		r.start(at)
		r.Ended, r.Deleted, r.Over = false, false, time.Time{}
	default:
		return
	}
	r.Job, r.Repository = j.ID, repo
	if r.Runner == 0 {
		r.Runner = j.RunnerID
	}
}

// askEnds asks about the jobs that our runners have and whose runs are listed no more:
// they are over, as a rule.
func (s *Source) askEnds(ctx context.Context, repo string, shot snapshot) error {
	listed := map[int64]bool{}
	for _, j := range shot.jobs {
		listed[j.ID] = true
	}
	hosts := s.hosts(func(r *record) bool {
		return r.busy() && r.Job != 0 && strings.EqualFold(r.Repository, repo) && !listed[r.Job]
	})
	for _, host := range hosts {
		r, _ := s.record(host)
		j, err := s.client.job(ctx, &reader{who: repo}, repo, r.Job)
		if errors.Is(err, ErrNotFound) {
			continue // its run was deleted, perhaps: the runner will tell
		}
		if err != nil {
			return fmt.Errorf("read job %d of runner %q: %w", r.Job, host, err)
		}
		if j.Status != statusCompleted || !strings.EqualFold(j.RunnerName, r.Host) {
			continue
		}
		err = s.commit(ctx, func(records map[string]record) {
			if now, known := records[host]; known && now.Job == j.ID {
				now.end(s.now())
				records[host] = now
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// jobID is what a job is called outside.
func jobID(repo string, id int64) autoscale.JobID {
	return autoscale.JobID(fmt.Sprintf("%s#%d", repo, id))
}
