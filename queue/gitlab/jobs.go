package gitlab

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"autoscaled/internal/rest"
)

// Job is a CI job that waits or had a runner.
type Job struct {
	ID int64
	// Status is GitLab's word; Ended and Pending tell what it means here.
	Status  string
	Tags    []string
	Created time.Time
	// Runner is the id of the runner that it was given to. 0: none yet.
	Runner int64
}

// Pending: it waits for a runner.
func (j *Job) Pending() bool { return j.Status == "pending" && j.Runner == 0 }

// Ended: it runs no more, and never will again. A word that we don't know is not taken
// for an end; "canceling" is none, for the job's last script runs yet.
func (j *Job) Ended() bool {
	switch j.Status {
	case "success", "failed", "canceled", "skipped":
		return true
	}
	return false
}

// Pages of lists: GitLab gives at most a hundred entries a page. More than maxPages is
// taken for a list that doesn't end.
const (
	perPage  = 100
	maxPages = 200
)

type wireJob struct {
	ID      int64     `json:"id"`
	Status  string    `json:"status"`
	Created time.Time `json:"created_at"`
	Tags    *[]string `json:"tag_list"`
	Runner  *struct {
		ID int64 `json:"id"`
	} `json:"runner"`
}

func (w *wireJob) check() error {
	switch {
	case w.ID <= 0:
		return errors.New("a job without an id")
	case w.Status == "":
		return fmt.Errorf("job %d has no status", w.ID)
	case w.Runner != nil && w.Runner.ID <= 0:
		return fmt.Errorf("the runner of job %d has no id", w.ID)
	}
	return nil
}

// checkQueued is check for jobs of which we must know what they want.
func (w *wireJob) checkQueued() error {
	if err := w.check(); err != nil {
		return err
	}
	switch {
	case w.Tags == nil:
		return fmt.Errorf("job %d has no tag_list", w.ID)
	case w.Created.IsZero():
		return fmt.Errorf("job %d has no created_at", w.ID)
	}
	return nil
}

func (w *wireJob) job() Job {
	j := Job{ID: w.ID, Status: w.Status, Created: w.Created}
	if w.Tags != nil {
		j.Tags = *w.Tags
	}
	if w.Runner != nil {
		j.Runner = w.Runner.ID
	}
	return j
}

// ProjectJobs lists the jobs of a project, by id or full path, that wait or run:
// GET /projects/:id/jobs, with keyset pages. It needs read_api.
func (c *Client) ProjectJobs(ctx context.Context, project string) ([]Job, error) {
	call := rest.Call{
		Method: http.MethodGet, Route: "/projects/{id}/jobs", Path: "/api/v4/projects/" + url.PathEscape(project) + "/jobs",
		Query: url.Values{
			"scope[]": {"pending", "running"}, "per_page": {strconv.Itoa(perPage)},
			"pagination": {"keyset"}, "order_by": {"id"}, "sort": {"desc"},
		},
	}
	return listJobs(ctx, c, call, (*wireJob).checkQueued)
}

// RunnerJobs lists the jobs that a runner has or had, the latest first, as many as one
// page holds: GET /runners/:id/jobs. It needs manage_runner or read_api. GitLab leaves
// out jobs of projects in which the token's owner isn't at least a Reporter.
func (c *Client) RunnerJobs(ctx context.Context, runner int64) ([]Job, error) {
	var page []wireJob
	_, err := c.do(ctx, rest.Call{
		Method: http.MethodGet, Route: "/runners/{id}/jobs", Path: runnerPath(runner) + "/jobs",
		Query: url.Values{"per_page": {strconv.Itoa(perPage)}, "order_by": {"id"}, "sort": {"desc"}},
		Into:  intoList(&page, (*wireJob).check),
	}, true)
	return jobsOf(page), err
}

func jobsOf(page []wireJob) []Job {
	jobs := make([]Job, len(page))
	for i := range page {
		jobs[i] = page[i].job()
	}
	return jobs
}

func listJobs(ctx context.Context, c *Client, call rest.Call, check func(*wireJob) error) ([]Job, error) {
	all, err := pages(ctx, c, call, check)
	return jobsOf(all), err
}

// pages reads a whole list, following the links from page to page. Where one page
// can't be read the list is not known.
func pages[T any](ctx context.Context, c *Client, call rest.Call, check func(*T) error) ([]T, error) {
	all := []T{}
	for range maxPages {
		var page []T
		call.Into = intoList(&page, check)
		answer, err := c.do(ctx, call, true)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		next, err := nextPage(answer.Header.Get("Link"))
		if err == nil && next != nil && next.Encode() == call.Query.Encode() {
			err = errors.New("a page names itself as the next")
		}
		switch {
		case err != nil:
			return nil, &Error{Method: call.Method, Path: call.Path, Kind: ErrMalformed, Words: err.Error(), Err: err}
		case next == nil:
			return all, nil
		}
		call.Query = next
	}
	return nil, &Error{Method: call.Method, Path: call.Path, Kind: ErrTooLarge, Words: fmt.Sprintf("more than %d pages of %d", maxPages, perPage)}
}
