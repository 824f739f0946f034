package gitlab

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// listFrom is from how many runners on they are looked at by their list, not one by
	// one. Our own choice.
	listFrom = 3
	// idleFor is how long the jobs of a runner are not read again that had none, as long
	// as no list shows it at work: one that took a job and ended it meanwhile is seen to
	// be done so much later. Before a runner is deleted its jobs are read in any case. Our
	// own choice.
	idleFor = 30 * time.Second
)

// listed reads our runners by their list, where that is fewer calls than one by one. nil:
// it isn't, or the token may not.
func (s *Source) listed(ctx context.Context, records []record) (map[int64]Runner, error) {
	s.mu.Lock()
	pages := s.pages
	s.mu.Unlock()
	if len(records) < listFrom || len(records) <= pages {
		return nil, nil
	}
	runners, err := s.Client.Runners(ctx, s.Runner.Scope)
	switch {
	case errors.Is(err, ErrUnauthorized), errors.Is(err, ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, translateRead("list runners", err)
	}
	byID := make(map[int64]Runner, len(runners))
	for _, r := range runners {
		byID[r.ID] = r
	}
	s.mu.Lock()
	s.pages = len(runners)/perPage + 1
	s.mu.Unlock()
	return byID, nil
}

// look is what was read of one runner of ours.
type look struct {
	gone   bool // GitLab has no such runner
	heard  bool
	paused bool
	active bool // it has a job, though perhaps none that we may see
	jobs   []int64
	ended  []int64 // the jobs that it had
	read   bool    // its jobs were read
}

func (l *look) idle() bool { return !l.gone && !l.active && len(l.jobs) == 0 }

// look reads our runners one by one. Those of which the list of jobs shows that they
// work need no further look.
func (s *Source) look(ctx context.Context, records []record, jobs []Job) (map[string]look, error) {
	at := make(map[int64][]int64)
	for i := range jobs {
		if j := &jobs[i]; j.Runner > 0 && !j.Ended() && !slices.Contains(at[j.Runner], j.ID) {
			at[j.Runner] = append(at[j.Runner], j.ID)
		}
	}
	listed, err := s.listed(ctx, records)
	if err != nil {
		return nil, err
	}
	found := make([]look, len(records))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i := range records {
		r := &records[i]
		if works := at[r.Runner]; len(works) > 0 && !r.Draining {
			found[i] = look{heard: true, jobs: works}
			continue
		}
		group.Go(func() (err error) {
			found[i], err = s.lookAt(ctx, r, listed, len(at[r.Runner]) > 0)
			for _, id := range at[r.Runner] {
				if err == nil && !found[i].gone && !slices.Contains(found[i].jobs, id) && !slices.Contains(found[i].ended, id) {
					found[i].jobs = append(found[i].jobs, id)
				}
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	looks := make(map[string]look, len(records))
	for i := range records {
		looks[records[i].key()] = found[i]
	}
	return looks, nil
}

// lookAt reads one runner. Where that fails all demand is unknown: a host of which the
// queue says nothing might be ended while it boots, and one that it calls busy is no
// supply, so that another would be started for its job.
func (s *Source) lookAt(ctx context.Context, r *record, listed map[int64]Runner, works bool) (l look, err error) {
	runner, has := listed[r.Runner]
	if !has { // which proves nothing: it may have moved from page to page
		runner, err = s.Client.Runner(ctx, r.Runner)
	}
	if err == nil {
		l, err = s.inspectJobs(ctx, r, runner, !works && s.Now().Sub(r.idle) < idleFor)
	}
	switch {
	case errors.Is(err, ErrNotFound):
		return look{gone: true}, nil
	case err != nil:
		return look{}, translateRead("look at runner "+r.Host, needs(err, grantManage))
	}
	return l, nil
}

const grantManage = "the scope manage_runner (or api), and for its owner the right to manage the runners of their group or project"

// inspect reads a runner's record and its jobs.
func (s *Source) inspect(ctx context.Context, r *record) (l look, err error) {
	runner, err := s.Client.Runner(ctx, r.Runner)
	if err != nil {
		return l, err
	}
	return s.inspectJobs(ctx, r, runner, false)
}

// inspectJobs reads the jobs of a runner, unless it never asked for any, or was idle
// lately and nothing shows that it has one.
func (s *Source) inspectJobs(ctx context.Context, r *record, runner Runner, lately bool) (l look, err error) {
	l = look{heard: runner.Contacted || r.Heard, paused: runner.Paused, active: runner.Active}
	if !l.active && (lately || !l.heard && !r.Draining) {
		return l, nil
	}
	jobs, err := s.Client.RunnerJobs(ctx, r.Runner)
	if err != nil {
		return l, err
	}
	l.read = true
	for i := range jobs {
		if jobs[i].Ended() {
			l.ended = append(l.ended, jobs[i].ID)
		} else {
			l.jobs = append(l.jobs, jobs[i].ID)
		}
	}
	l.heard = l.heard || len(jobs) > 0
	return l, nil
}
