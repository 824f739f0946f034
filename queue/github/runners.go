package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"autoscaled/internal/rest"
)

const (
	runnersPath = "/_apis/distributedtask/pools/0/agents"
	runnerRoute = runnersPath + "/{runner}"
)

// Runner is the record of a runner, which exists before its VM does and goes
// after one job.
type Runner struct {
	ID    int64  `json:"id"`
	Name  string `json:"name"`
	SetID int    `json:"runnerScaleSetId"` // 0: the service didn't say, or it is of no set
	// Status, Busy and Ephemeral are not always told; nil: unknown.
	Status    string `json:"status"`
	Busy      *bool  `json:"busy"`
	Ephemeral *bool  `json:"ephemeral"`
}

func (r *Runner) check() error {
	if r.ID <= 0 || r.Name == "" {
		return errors.New("a runner without id or name")
	}
	return nil
}

// Removal is what became of an attempt to take a runner out of service.
type Removal int

// The outcomes. Only RunnerDeleted allows its VM to be ended.
const (
	// RunnerDeleted: the record is gone and the runner takes no job any more. By
	// an ADR of GitHub a record that never was gives the same answer.
	RunnerDeleted Removal = iota + 1
	// RunnerBusy: it runs a job.
	RunnerBusy
	// RunnerUnknown: there is no such record, which proves nothing: records were
	// pruned seconds before their runner took a job.
	RunnerUnknown
)

// String names the outcome.
func (r Removal) String() string {
	switch r {
	case RunnerDeleted:
		return "deleted"
	case RunnerBusy:
		return "busy"
	case RunnerUnknown:
		return "unknown"
	}
	return "Removal(" + strconv.Itoa(int(r)) + ")"
}

// GenerateJITConfig registers a runner of a set and returns the configuration
// that lets a process be it. workFolder may be "". ErrRunnerExists: the name is
// taken. An error that is ErrUncertain leaves it open whether the record exists:
// find it by name and delete it before another attempt.
func (c *Client) GenerateJITConfig(ctx context.Context, set int, name, workFolder string) (Runner, JITConfig, error) {
	body := struct {
		Name       string `json:"name"`
		WorkFolder string `json:"workFolder"`
	}{name, workFolder}
	type answer struct {
		Runner Runner `json:"runner"`
		Config string `json:"encodedJITConfig"`
	}
	var got answer
	_, err := c.call(ctx, rest.Call{
		Method: http.MethodPost, Path: setPath(set) + "/generatejitconfig", Route: setRoute + "/generatejitconfig", Body: body,
		Into: into(&got, func(a *answer) error {
			if a.Config == "" {
				return errors.New("encodedJITConfig is missing")
			}
			return a.Runner.check()
		}),
	})
	if err != nil {
		return Runner{}, JITConfig{}, fmt.Errorf("register runner %q of scale set %d: %w", name, set, err)
	}
	return got.Runner, JITConfig{&got.Config}, nil
}

// Runner reads a runner's record, or is ErrRunnerNotFound.
func (c *Client) Runner(ctx context.Context, id int64) (Runner, error) {
	var r Runner
	_, err := c.call(ctx, rest.Call{
		Method: http.MethodGet, Path: runnerPath(id), Route: runnerRoute, Into: into(&r, (*Runner).check),
	})
	if err != nil {
		return Runner{}, fmt.Errorf("read runner %d: %w", id, err)
	}
	return r, nil
}

func runnerPath(id int64) string { return runnersPath + "/" + strconv.FormatInt(id, 10) }

// FindRunner finds a runner by its name, or is ErrRunnerNotFound.
func (c *Client) FindRunner(ctx context.Context, name string) (Runner, error) {
	runners, err := c.runners(ctx, url.Values{"agentName": {name}})
	if err != nil {
		return Runner{}, fmt.Errorf("find runner %q: %w", name, err)
	}
	runner, n := named(runners, name, func(r Runner) string { return r.Name })
	return runner, oneOf(n, "runner", name, ErrRunnerNotFound)
}

// Runners lists the owner's runners, those of other sets too. Whether the service
// pages this list is nowhere documented; a list that says it isn't whole is an
// error.
func (c *Client) Runners(ctx context.Context) ([]Runner, error) {
	runners, err := c.runners(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("list runners: %w", err)
	}
	return runners, nil
}

func (c *Client) runners(ctx context.Context, query url.Values) (runners []Runner, err error) {
	_, err = c.call(ctx, rest.Call{
		Method: http.MethodGet, Path: runnersPath, Query: query, Into: intoList(&runners, (*Runner).check),
	})
	return runners, err
}

// RemoveRunner deletes a runner's record. That is how a runner is drained without
// a race: once it is RunnerDeleted the runner takes no job, and its VM may go.
// An error leaves it as it is, or in doubt (ErrUncertain): ask again.
func (c *Client) RemoveRunner(ctx context.Context, id int64) (Removal, error) {
	_, err := c.call(ctx, deletion(runnerPath(id), runnerRoute))
	switch {
	case err == nil:
		return RunnerDeleted, nil
	case deletionRefused(err, http.StatusUnprocessableEntity), errors.Is(err, ErrRunnerBusy):
		return RunnerBusy, nil
	case deletionRefused(err, http.StatusNotFound), errors.Is(err, ErrRunnerNotFound):
		return RunnerUnknown, nil
	}
	return 0, fmt.Errorf("remove runner %d: %w", id, err)
}

// deletionRefused tells a deletion that was refused with that status, apart from
// a step of the chain before it. 422 is how GitHub's REST API says busy.
func deletionRefused(err error, status int) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Method == http.MethodDelete && e.Status == status
}
