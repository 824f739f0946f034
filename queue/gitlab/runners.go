package gitlab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"autoscaled/internal/rest"
)

// RunnerType says for whom a runner works.
type RunnerType string

// The types of runners.
const (
	InstanceRunner RunnerType = "instance_type" // for every project; an administrator makes it
	GroupRunner    RunnerType = "group_type"    // for a group's projects; an Owner makes it
	ProjectRunner  RunnerType = "project_type"  // for one project; a Maintainer makes it
)

// Scope is whose runners are meant.
type Scope struct {
	Type RunnerType
	// ID is the group's or the project's. 0 for the instance.
	ID int64
}

func (s Scope) check() error {
	switch {
	case s.Type == InstanceRunner && s.ID == 0:
	case (s.Type == GroupRunner || s.Type == ProjectRunner) && s.ID > 0:
	default:
		return fmt.Errorf("%w: runners are of %s, or with an id of %s or %s; not %q with id %d",
			ErrConfig, InstanceRunner, GroupRunner, ProjectRunner, s.Type, s.ID)
	}
	return nil
}

// list is where the runners of a scope are listed.
func (s Scope) list() (path, route string) {
	switch s.Type {
	case GroupRunner:
		return fmt.Sprintf("/api/v4/groups/%d/runners", s.ID), "/groups/{id}/runners"
	case ProjectRunner:
		return fmt.Sprintf("/api/v4/projects/%d/runners", s.ID), "/projects/{id}/runners"
	}
	return "/api/v4/runners/all", "/runners/all"
}

// Runner is the record of a runner.
type Runner struct {
	ID          int64
	Description string
	// Paused: it is given no jobs.
	Paused bool
	// Contacted: it has asked GitLab for something. Lists tell of the last months.
	Contacted bool
	// Active: it has a job, of whatever project. GitLab tells since 18.4; before that
	// it is false.
	Active bool
}

type wireRunner struct {
	ID          int64      `json:"id"`
	Description *string    `json:"description"`
	Paused      *bool      `json:"paused"`
	Contacted   *time.Time `json:"contacted_at"`
	Online      *bool      `json:"online"`
	Status      string     `json:"status"`
	Execution   string     `json:"job_execution_status"`
}

func (w *wireRunner) check() error {
	switch {
	case w.ID <= 0:
		return errors.New("a runner without an id")
	case w.Paused == nil:
		return fmt.Errorf("runner %d does not tell whether it is paused", w.ID)
	}
	return nil
}

func (w *wireRunner) runner() Runner {
	r := Runner{ID: w.ID, Paused: *w.Paused, Active: w.Execution == "active"}
	r.Contacted = w.Contacted != nil && !w.Contacted.IsZero() || w.Online != nil && *w.Online || w.Status == "online" || w.Status == "offline"
	if w.Description != nil {
		r.Description = *w.Description
	}
	return r
}

func runnerPath(id int64) string { return "/api/v4/runners/" + strconv.FormatInt(id, 10) }

// Runner reads a runner's record: GET /runners/:id. It needs manage_runner or read_api.
func (c *Client) Runner(ctx context.Context, id int64) (Runner, error) {
	return c.runner(ctx, rest.Call{Method: http.MethodGet, Path: runnerPath(id)}, id, true)
}

// Pause makes a runner take no more jobs, or take jobs again: PUT /runners/:id. It needs
// manage_runner or api.
func (c *Client) Pause(ctx context.Context, id int64, paused bool) (Runner, error) {
	call := rest.Call{Method: http.MethodPut, Path: runnerPath(id), Body: map[string]bool{"paused": paused}}
	r, err := c.runner(ctx, call, id, false)
	if err == nil && r.Paused != paused {
		return r, &Error{Method: call.Method, Path: call.Path, Kind: ErrMalformed, Words: fmt.Sprintf("the answer says paused is %t", r.Paused)}
	}
	return r, err
}

func (c *Client) runner(ctx context.Context, call rest.Call, id int64, read bool) (Runner, error) {
	var w wireRunner
	call.Route = "/runners/{id}"
	call.Into = into(&w, func(w *wireRunner) error {
		if err := w.check(); err != nil {
			return err
		}
		if w.ID != id {
			return fmt.Errorf("it is of runner %d", w.ID)
		}
		return nil
	})
	if _, err := c.do(ctx, call, read); err != nil {
		return Runner{}, err
	}
	return w.runner(), nil
}

// Runners lists the runners of a scope: GET /runners/all, /groups/:id/runners or
// /projects/:id/runners. It needs read_api.
func (c *Client) Runners(ctx context.Context, of Scope) ([]Runner, error) {
	path, route := of.list()
	all, err := pages(ctx, c, rest.Call{
		Method: http.MethodGet, Path: path, Route: route,
		Query: url.Values{"type": {string(of.Type)}, "per_page": {strconv.Itoa(perPage)}},
	}, (*wireRunner).check)
	runners := make([]Runner, len(all))
	for i := range all {
		runners[i] = all[i].runner()
	}
	return runners, err
}

// NewRunner is a runner to be made. It takes no jobs without tags, and a project's is
// locked to it.
type NewRunner struct {
	Scope       Scope
	Description string
	Tags        []string
	// Note is shown to administrators.
	Note string
}

// CreateRunner makes the record of a runner: POST /user/runners, of GitLab 16.0 or later.
// It needs create_runner. An error that is ErrUncertain may have made one.
func (c *Client) CreateRunner(ctx context.Context, n NewRunner) (id int64, token RunnerToken, err error) {
	body := map[string]any{
		"runner_type": n.Scope.Type, "description": n.Description, "tag_list": strings.Join(n.Tags, ","),
		"run_untagged": false, "locked": true, "paused": false, "maintenance_note": n.Note,
	}
	switch n.Scope.Type {
	case GroupRunner:
		body["group_id"] = n.Scope.ID
	case ProjectRunner:
		body["project_id"] = n.Scope.ID
	}
	var w wireCreated
	_, err = c.do(ctx, rest.Call{
		Method: http.MethodPost, Path: "/api/v4/user/runners", Route: "/user/runners", Body: body, Into: into(&w, (*wireCreated).check),
	}, false)
	if err != nil {
		return 0, RunnerToken{}, err
	}
	return w.ID, RunnerToken{&w.Token}, nil
}

type wireCreated struct {
	ID    int64  `json:"id"`
	Token string `json:"token"`
}

func (w *wireCreated) check() error {
	if w.ID <= 0 || w.Token == "" {
		return errors.New("a new runner without id or token")
	}
	return nil
}

// DeleteRunner deletes a runner's record: DELETE /runners/:id. It needs manage_runner or
// api. GitLab deletes the record of a runner at work, too. Only 204 says that it is done.
func (c *Client) DeleteRunner(ctx context.Context, id int64) error {
	_, err := c.do(ctx, rest.Call{
		Method: http.MethodDelete, Path: runnerPath(id), Route: "/runners/{id}", Empty: []int{http.StatusNoContent},
		Into: func(io.Reader) error { return errors.New("an answer where there should be none (204)") },
	}, false)
	return err
}

// ProbeAdmin succeeds only for an administrator: GET /runners/all.
func (c *Client) ProbeAdmin(ctx context.Context) error {
	var first []wireRunner
	_, err := c.do(ctx, rest.Call{
		Method: http.MethodGet, Path: "/api/v4/runners/all", Route: "/runners/all", Query: url.Values{"per_page": {"1"}},
		Into: intoList(&first, (*wireRunner).check),
	}, true)
	return err
}

// ProbeProject succeeds only if the token may see the project: GET /projects/:id.
func (c *Client) ProbeProject(ctx context.Context, project string) error {
	var w wireProject
	_, err := c.do(ctx, rest.Call{
		Method: http.MethodGet, Path: "/api/v4/projects/" + url.PathEscape(project), Route: "/projects/{id}",
		Into: into(&w, (*wireProject).check),
	}, true)
	return err
}

type wireProject struct {
	ID int64 `json:"id"`
}

func (w *wireProject) check() error {
	if w.ID <= 0 {
		return errors.New("a project without an id")
	}
	return nil
}
