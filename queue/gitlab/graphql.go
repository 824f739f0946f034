package gitlab

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"autoscaled/internal/rest"
)

// jobsQuery asks for the jobs of the whole instance that wait or run. Only an
// administrator gets any: to others the list is empty, without an error.
const jobsQuery = `query($after: String) { jobs(statuses: [PENDING, RUNNING], first: 100, after: $after) {
 nodes { id status tags createdAt runner { id } } pageInfo { hasNextPage endCursor } } }`

type wireConnection struct {
	Errors []struct {
		Message string `json:"message"`
	} `json:"errors"`
	Data *struct {
		Jobs *struct {
			Nodes    *[]wireNode `json:"nodes"`
			PageInfo *struct {
				HasNextPage *bool  `json:"hasNextPage"`
				EndCursor   string `json:"endCursor"`
			} `json:"pageInfo"`
		} `json:"jobs"`
	} `json:"data"`
}

type wireNode struct {
	ID      string    `json:"id"`
	Status  string    `json:"status"`
	Tags    *[]string `json:"tags"`
	Created time.Time `json:"createdAt"`
	Runner  *struct {
		ID string `json:"id"`
	} `json:"runner"`
}

// job reads a node. Bridges, which trigger other pipelines, are no jobs for a runner.
func (w *wireNode) job() (j Job, bridge bool, err error) {
	kind, id, err := globalID(w.ID)
	if err != nil {
		return j, false, err
	}
	if kind == "Ci::Bridge" {
		return j, true, nil
	}
	as := wireJob{ID: id, Status: strings.ToLower(w.Status), Created: w.Created, Tags: w.Tags}
	if err := as.checkQueued(); err != nil {
		return j, false, err
	}
	j = as.job()
	if w.Runner != nil {
		_, j.Runner, err = globalID(w.Runner.ID)
	}
	return j, false, err
}

// answer is one page of jobs.
type answer struct {
	jobs  []Job
	after string // "": the last page
}

func (w *wireConnection) page() (a answer, err error) {
	switch {
	case len(w.Errors) > 0:
		return a, refusal(w.Errors[0].Message)
	case w.Data == nil:
		return a, errors.New("neither data nor errors")
	case w.Data.Jobs == nil:
		return a, &rest.Refusal{Kind: ErrUnauthorized, Words: "jobs is null: the token may not see the instance's jobs"}
	case w.Data.Jobs.Nodes == nil, w.Data.Jobs.PageInfo == nil, w.Data.Jobs.PageInfo.HasNextPage == nil:
		return a, errors.New("a page without nodes or pageInfo")
	}
	for i := range *w.Data.Jobs.Nodes {
		j, bridge, err := (*w.Data.Jobs.Nodes)[i].job()
		switch {
		case err != nil:
			return a, fmt.Errorf("node %d: %w", i, err)
		case !bridge:
			a.jobs = append(a.jobs, j)
		}
	}
	if *w.Data.Jobs.PageInfo.HasNextPage {
		if a.after = w.Data.Jobs.PageInfo.EndCursor; a.after == "" {
			return a, errors.New("there is a next page, and no cursor to it")
		}
	}
	return a, nil
}

// refusal is an error among GraphQL's, which come with status 200. GitLab says it in
// words only.
func refusal(words string) error {
	lower := strings.ToLower(words)
	for _, sign := range []string{"permission", "not authorized", "unauthorized", "insufficient_scope", "token"} {
		if strings.Contains(lower, sign) {
			return &rest.Refusal{Kind: ErrUnauthorized, Words: words}
		}
	}
	if strings.Contains(lower, "timeout") || strings.Contains(lower, "internal server error") {
		return &rest.Refusal{Kind: ErrUnavailable, Words: words}
	}
	return &rest.Refusal{Kind: ErrInvalidInput, Words: words}
}

// intoPage decodes one page of jobs.
func intoPage(a *answer) func(*wireConnection) error {
	return func(w *wireConnection) (err error) {
		*a, err = w.page()
		return err
	}
}

// AllJobs lists the instance's jobs that wait or run: POST /api/graphql. An empty list
// means nothing unless [Client.ProbeAdmin] succeeds. It needs read_api and an
// administrator.
func (c *Client) AllJobs(ctx context.Context) ([]Job, error) {
	jobs, after := []Job{}, ""
	for range maxPages {
		var (
			w wireConnection
			a answer
		)
		variables := map[string]any{"after": nil}
		if after != "" {
			variables["after"] = after
		}
		call := rest.Call{
			Method: http.MethodPost, Route: "/graphql", Path: "/api/graphql",
			Body: map[string]any{"query": jobsQuery, "variables": variables},
			Into: into(&w, intoPage(&a)),
		}
		if _, err := c.do(ctx, call, true); err != nil {
			return nil, err
		}
		jobs = append(jobs, a.jobs...)
		switch a.after {
		case "":
			return jobs, nil
		case after:
			return nil, &Error{Method: call.Method, Path: call.Path, Kind: ErrMalformed, Words: "a page names itself as the next"}
		}
		after = a.after
	}
	return nil, &Error{Method: http.MethodPost, Path: "/api/graphql", Kind: ErrTooLarge, Words: fmt.Sprintf("more than %d pages", maxPages)}
}
