package githubrest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"
)

// workflowRun is a run, as lists of them have it.
type workflowRun struct {
	ID     int64  `json:"id"`
	Status string `json:"status"`
}

// job is a job of a run.
type job struct {
	ID         int64     `json:"id"`
	RunID      int64     `json:"run_id"`
	Status     string    `json:"status"`
	Name       string    `json:"name"`
	Labels     []string  `json:"labels"`
	Created    time.Time `json:"created_at"`
	RunnerID   int64     `json:"runner_id"`
	RunnerName string    `json:"runner_name"`
}

// The statuses of jobs that mean something here. Others, such as waiting, pending and
// requested, are of jobs that no runner may have yet.
const (
	statusQueued     = "queued"
	statusInProgress = "in_progress"
	statusCompleted  = "completed"
)

// runner is the record that GitHub has of a runner.
type runner struct {
	ID     int64         `json:"id"`
	Name   string        `json:"name"`
	Status string        `json:"status"`
	Busy   *bool         `json:"busy"`
	Labels []runnerLabel `json:"labels"`
}

type runnerLabel struct {
	Name string `json:"name"`
}

func (r *runner) labels() (names []string) {
	for _, l := range r.Labels {
		names = append(names, l.Name)
	}
	return names
}

// Lists, as their pages have them. A list that is missing is no empty list.
type (
	runPage struct {
		Total *int           `json:"total_count"`
		Runs  *[]workflowRun `json:"workflow_runs"`
	}
	jobPage struct {
		Total *int   `json:"total_count"`
		Jobs  *[]job `json:"jobs"`
	}
	runnerPage struct {
		Total   *int      `json:"total_count"`
		Runners *[]runner `json:"runners"`
	}
)

func (p *runPage) check() error {
	if err := checkTotal(p.Total, p.Runs == nil); err != nil {
		return err
	}
	for _, r := range *p.Runs {
		if r.ID <= 0 || r.Status == "" {
			return errors.New("a run without id or status")
		}
	}
	return nil
}

func (p *jobPage) check() error {
	if err := checkTotal(p.Total, p.Jobs == nil); err != nil {
		return err
	}
	for i := range *p.Jobs {
		if err := (*p.Jobs)[i].check(); err != nil {
			return err
		}
	}
	return nil
}

func (j *job) check() error {
	if j.ID <= 0 || j.Status == "" {
		return errors.New("a job without id or status")
	}
	return nil
}

func (p *runnerPage) check() error {
	if err := checkTotal(p.Total, p.Runners == nil); err != nil {
		return err
	}
	for i := range *p.Runners {
		if err := (*p.Runners)[i].check(); err != nil {
			return err
		}
	}
	return nil
}

func (r *runner) check() error {
	if r.ID <= 0 || r.Name == "" || r.Busy == nil {
		return errors.New("a runner without id, name or busy")
	}
	return nil
}

func checkTotal(total *int, missing bool) error {
	if total == nil || *total < 0 || missing {
		return errors.New("total_count or the list is missing")
	}
	return nil
}

// registered is the answer to a registration.
type registered struct {
	Runner runner `json:"runner"`
	Config string `json:"encoded_jit_config"`
}

func (r *registered) check() error {
	if r.Config == "" || r.Runner.ID <= 0 || r.Runner.Name == "" {
		return errors.New("encoded_jit_config, or the runner's id or name, is missing")
	}
	return nil
}

// checker is what can be decoded: it tells what is wrong with it.
type checker[T any] interface {
	*T
	check() error
}

// decode reads one JSON value and nothing after it. Members we don't know are ignored.
func decode[T any, P checker[T]](text []byte) (T, error) {
	var fresh, none T
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	if len(bytes.TrimSpace(text)) == 0 {
		return none, errors.New("the answer is empty")
	}
	if err := json.Unmarshal(text, &fresh); err != nil {
		return none, fmt.Errorf("not what was expected: %w", err)
	}
	if err := P(&fresh).check(); err != nil {
		return none, err
	}
	return fresh, nil
}

// into decodes an answer to v.
func into[T any, P checker[T]](v *T) func(io.Reader) error {
	return func(r io.Reader) error {
		text, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		*v, err = decode[T, P](text)
		return err
	}
}

// nextPage finds the address of the next page in a Link header, as it stands below the
// API's base. GitHub may call what was asked for by another path, such as
// /repositories/17; a token goes to no other server.
func nextPage(link, base string) (string, error) {
	for _, part := range strings.Split(link, ",") {
		target, params, _ := strings.Cut(part, ";")
		target = strings.TrimSpace(target)
		if !isNext(params) || !strings.HasPrefix(target, "<") || !strings.HasSuffix(target, ">") {
			continue
		}
		u, err := url.Parse(target[1 : len(target)-1])
		if err != nil {
			return "", fmt.Errorf("%w: the address of the next page is none", ErrMalformed)
		}
		of, err := url.Parse(base)
		if err != nil {
			return "", fmt.Errorf("%w: the address of the API", ErrConfig)
		}
		path, below := strings.CutPrefix(u.EscapedPath(), strings.TrimSuffix(of.EscapedPath(), "/"))
		if u.Scheme != of.Scheme || !strings.EqualFold(u.Host, of.Host) || u.User != nil || !below || !strings.HasPrefix(path, "/") {
			return "", fmt.Errorf("%w: the next page is said to be at %s://%s%s, another place", ErrMalformed, u.Scheme, u.Host, u.Path)
		}
		if u.RawQuery != "" {
			path += "?" + u.RawQuery
		}
		return path, nil
	}
	return "", nil
}

func isNext(params string) bool {
	for _, p := range strings.Split(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if strings.EqualFold(name, "rel") && strings.EqualFold(strings.Trim(value, `"`), "next") {
			return true
		}
	}
	return false
}
