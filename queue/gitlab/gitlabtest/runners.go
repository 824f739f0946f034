package gitlabtest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Runner is the record of a runner.
type Runner struct {
	ID          int64
	Type        string
	Scope       int64 // the group's or the project's id
	Description string
	Tags        []string
	Untagged    bool // it takes jobs without tags
	Locked      bool
	Paused      bool
	Contacted   time.Time // zero: never
	token       string
}

// Runners lists the records there are, by id.
func (s *Server) Runners() (list []Runner) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.sorted() {
		list = append(list, *r)
	}
	return list
}

func (s *Server) sorted() (list []*Runner) {
	for _, r := range s.runners {
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b *Runner) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// Forget deletes a runner's record, as an administrator does.
func (s *Server) Forget(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.runners, id)
}

// PauseRunner pauses a runner, or ends its pause, as an administrator does.
func (s *Server) PauseRunner(id int64, paused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runners[id].Paused = paused
}

// holder finds the runner of a token.
func (s *Server) holder(token string) *Runner {
	for _, r := range s.runners {
		if r.token == token {
			return r
		}
	}
	return nil
}

// Holder tells which runner has a token; false: none.
func (s *Server) Holder(token string) (r Runner, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if holder := s.holder(token); holder != nil {
		return *holder, true
	}
	return r, false
}

// Contact is a runner's first word after it has started. false: its token is worth nothing.
func (s *Server) Contact(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.holder(token)
	if r != nil {
		r.Contacted = s.cfg.Now()
	}
	return r != nil
}

// Take asks for a job, as a runner does. 0: there is none for it.
func (s *Server) Take(token string) (job int64) {
	if answer := s.Begin(token); answer != nil {
		return answer()
	}
	return 0
}

// Begin asks for a job: GitLab lets the runner in now, by its record as it is, and
// answers when the result is called. nil: it is not let in, or paused.
func (s *Server) Begin(token string) (answer func() (job int64)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.holder(token)
	if r == nil {
		return nil
	}
	r.Contacted = s.cfg.Now()
	if r.Paused {
		return nil
	}
	as := *r
	return func() int64 {
		s.mu.Lock()
		defer s.mu.Unlock()
		waiting := s.jobsWhere(func(j *Job) bool { return j.Status == "pending" && s.may(&as, j) })
		if len(waiting) == 0 {
			return 0
		}
		j := waiting[len(waiting)-1] // the oldest
		j.Status, j.Runner = "running", as.ID
		return j.ID
	}
}

// may tells whether a runner's tags and scope allow it a job.
func (s *Server) may(r *Runner, j *Job) bool {
	if len(j.Tags) == 0 && !r.Untagged {
		return false
	}
	for _, tag := range j.Tags {
		if !slices.Contains(r.Tags, tag) {
			return false
		}
	}
	for _, p := range s.projects {
		if p.path == j.Project {
			return r.Type == "instance_type" || r.Type == "group_type" && r.Scope == p.group || r.Type == "project_type" && r.Scope == p.id
		}
	}
	return false
}

// shortEntry is how lists show a runner.
func (s *Server) shortEntry(r *Runner) map[string]any {
	status := "online"
	if r.Contacted.IsZero() {
		status = "never_contacted"
	}
	e := map[string]any{
		"id": r.ID, "description": r.Description, "active": !r.Paused, "paused": r.Paused, "runner_type": r.Type,
		"is_shared": r.Type == "instance_type", "name": nil, "ip_address": nil, "online": !r.Contacted.IsZero(), "status": status,
	}
	if !s.cfg.Old {
		e["job_execution_status"] = "idle"
		for _, j := range s.jobs {
			if j.Runner == r.ID && j.Status == "running" {
				e["job_execution_status"] = "active"
			}
		}
	}
	return e
}

func (s *Server) listRunners(kind string) handling {
	return func(c call) *answer {
		scope := int64(0)
		if kind != "instance_type" {
			scope = c.number("id")
		} else if !s.rights.Admin {
			return refuse(http.StatusForbidden, "Forbidden")
		}
		size, _ := strconv.Atoi(cmp.Or(c.URL.Query().Get("per_page"), "20"))
		page, _ := strconv.Atoi(cmp.Or(c.URL.Query().Get("page"), "1"))
		entries := []map[string]any{}
		for _, r := range s.sorted() {
			if r.Type == kind && r.Scope == scope {
				entries = append(entries, s.shortEntry(r))
			}
		}
		from := min(len(entries), (page-1)*size)
		to := min(len(entries), from+size)
		a := give(http.StatusOK, entries[from:to])
		if to < len(entries) {
			query := c.URL.Query()
			query.Set("page", strconv.Itoa(page+1))
			a.header = http.Header{"Link": {`<https://x.test/?page=1>; rel="first", ` + linkTo(c.URL, query)}}
		}
		return a
	}
}

func (s *Server) onRunner(h func(c call, r *Runner) *answer) handling {
	return func(c call) *answer {
		r := s.runners[c.number("id")]
		if r == nil {
			return refuse(http.StatusNotFound, "Runner Not Found")
		}
		return h(c, r)
	}
}

func (s *Server) showRunner(_ call, r *Runner) *answer {
	e := s.shortEntry(r)
	e["tag_list"], e["run_untagged"], e["locked"], e["contacted_at"] = r.Tags, r.Untagged, r.Locked, nil
	if !r.Contacted.IsZero() {
		e["contacted_at"] = r.Contacted.UTC().Format(time.RFC3339Nano)
	}
	return give(http.StatusOK, e)
}

func (s *Server) updateRunner(c call, r *Runner) *answer {
	var change struct {
		Paused *bool `json:"paused"`
	}
	if json.Unmarshal(c.body, &change) != nil || change.Paused == nil {
		return refuse(http.StatusBadRequest, "paused is missing")
	}
	r.Paused = *change.Paused
	return s.showRunner(c, r)
}

func (s *Server) deleteRunner(_ call, r *Runner) *answer {
	delete(s.runners, r.ID)
	return &answer{status: http.StatusNoContent}
}

// runnerJobs leaves out jobs of projects that the token does not see.
func (s *Server) runnerJobs(c call, r *Runner) *answer {
	return s.page(c, s.jobsWhere(func(j *Job) bool { return j.Runner == r.ID && s.sees(j.Project) }))
}

func (s *Server) createRunner(c call) *answer {
	var asked struct {
		Type        string `json:"runner_type"`
		GroupID     int64  `json:"group_id"`
		ProjectID   int64  `json:"project_id"`
		Description string `json:"description"`
		Tags        string `json:"tag_list"`
		Untagged    *bool  `json:"run_untagged"`
		Locked      bool   `json:"locked"`
		Paused      bool   `json:"paused"`
	}
	if json.Unmarshal(c.body, &asked) != nil {
		return refuse(http.StatusBadRequest, "the body is no JSON")
	}
	r := &Runner{
		Type: asked.Type, Scope: asked.GroupID + asked.ProjectID, Description: asked.Description,
		Untagged: asked.Untagged == nil || *asked.Untagged, Locked: asked.Locked, Paused: asked.Paused,
	}
	if asked.Tags != "" {
		r.Tags = strings.Split(asked.Tags, ",")
	}
	switch {
	case r.Type == "instance_type" && !s.rights.Admin:
		return refuse(http.StatusForbidden, "Forbidden - Insufficient permissions")
	case len(r.Tags) == 0 && !r.Untagged:
		return refuse(http.StatusBadRequest, "Tags list can not be empty when runner is not allowed to pick untagged jobs")
	}
	r.ID = s.next()
	r.token = fmt.Sprintf("glrt-t%d_secrettokenofarunner", r.ID)
	s.runners[r.ID] = r
	return give(http.StatusCreated, map[string]any{"id": r.ID, "token": r.token, "token_expires_at": nil})
}
