package gitlabtest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// project has jobs.
type project struct {
	id    int64
	path  string // with its groups: acme/widgets
	group int64
}

// Job is a CI job. Its Status is GitLab's word.
type Job struct {
	ID      int64
	Project string
	Tags    []string
	Status  string
	Created time.Time
	Runner  int64 // 0: none
}

// AddProject makes a project, and its group where there is none yet.
func (s *Server) AddProject(path string) (id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name, _, _ := strings.Cut(path, "/")
	if s.groups[name] == 0 {
		s.groups[name] = s.next()
	}
	p := &project{id: s.next(), path: path, group: s.groups[name]}
	s.projects[p.id] = p
	return p.id
}

// Group is the id of a group.
func (s *Server) Group(name string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.groups[name]
}

// Queue makes a job that waits for a runner.
func (s *Server) Queue(path string, tags ...string) (id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	j := &Job{ID: s.next(), Project: path, Tags: tags, Status: "pending", Created: s.cfg.Now().UTC()}
	if j.Tags == nil {
		j.Tags = []string{}
	}
	s.jobs[j.ID] = j
	return j.ID
}

// Finish ends a job with a status, such as success or canceled.
func (s *Server) Finish(id int64, status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.jobs[id].Status = status
}

// Cancel ends a job as people do.
func (s *Server) Cancel(id int64) { s.Finish(id, "canceled") }

// Job tells of a job.
func (s *Server) Job(id int64) Job {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *s.jobs[id]
}

// RunningOn lists the jobs that run on a runner, as GitLab's books have them.
func (s *Server) RunningOn(runner int64) (ids []int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, j := range s.jobs {
		if j.Runner == runner && (j.Status == "running" || j.Status == "canceling") {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// sees tells whether the token may see a project.
func (s *Server) sees(path string) bool {
	return s.rights.Admin || s.rights.Projects == nil || slices.Contains(s.rights.Projects, path)
}

// find finds the project that a path of the API names, by id or by full path.
func (s *Server) find(name string) *project {
	for _, p := range s.projects {
		if (strconv.FormatInt(p.id, 10) == name || p.path == name) && s.sees(p.path) {
			return p
		}
	}
	return nil
}

func (s *Server) showProject(c call) *answer {
	p := s.find(c.PathValue("id"))
	if p == nil {
		return refuse(http.StatusNotFound, "Project Not Found")
	}
	return give(http.StatusOK, map[string]any{"id": p.id, "path_with_namespace": p.path})
}

func (s *Server) projectJobs(c call) *answer {
	p := s.find(c.PathValue("id"))
	if p == nil {
		return refuse(http.StatusNotFound, "Project Not Found")
	}
	scope := c.URL.Query()["scope[]"]
	return s.page(c, s.jobsWhere(func(j *Job) bool { return j.Project == p.path && slices.Contains(scope, j.Status) }))
}

// jobsWhere lists jobs, the latest first.
func (s *Server) jobsWhere(ok func(*Job) bool) (list []*Job) {
	for _, j := range s.jobs {
		if ok(j) {
			list = append(list, j)
		}
	}
	slices.SortFunc(list, func(a, b *Job) int { return cmp.Compare(b.ID, a.ID) })
	return list
}

// page gives one page of jobs: with the keyset that a cursor begins, or by number.
func (s *Server) page(c call, jobs []*Job) *answer {
	query := c.URL.Query()
	size, err := strconv.Atoi(cmp.Or(query.Get("per_page"), "20"))
	if err != nil || size < 1 {
		return refuse(http.StatusBadRequest, "per_page is invalid")
	}
	size = min(size, 100)
	if cursor, err := strconv.ParseInt(query.Get("cursor"), 10, 64); err == nil {
		jobs = slices.DeleteFunc(jobs, func(j *Job) bool { return j.ID >= cursor })
	}
	header := http.Header{}
	if len(jobs) > size && query.Get("pagination") == "keyset" {
		jobs = jobs[:size]
		query.Set("cursor", strconv.FormatInt(jobs[size-1].ID, 10))
		header.Set("Link", linkTo(c.URL, query))
	}
	entries := []map[string]any{}
	for _, j := range jobs[:min(size, len(jobs))] {
		entries = append(entries, s.entry(j))
	}
	a := give(http.StatusOK, entries)
	a.header = header
	return a
}

func linkTo(u *url.URL, query url.Values) string {
	return fmt.Sprintf(`<https://elsewhere.test%s?%s>; rel="next"`, u.EscapedPath(), query.Encode())
}

// entry is how lists show a job.
func (s *Server) entry(j *Job) map[string]any {
	e := map[string]any{
		"id": j.ID, "status": j.Status, "stage": "test", "name": "test", "tag_list": j.Tags,
		"created_at": j.Created.Format("2006-01-02T15:04:05.000Z07:00"), "started_at": nil, "runner": nil,
		"queued_duration": s.cfg.Now().Sub(j.Created).Seconds(), "pipeline": map[string]any{"id": 1, "status": "running"},
	}
	if r := s.runners[j.Runner]; r != nil {
		e["runner"] = s.shortEntry(r)
	}
	return e
}

// graphql answers the one query there is: the instance's jobs, in pages of a hundred.
func (s *Server) graphql(c call) *answer {
	var asked struct {
		Query     string `json:"query"`
		Variables struct {
			After *string `json:"after"`
		} `json:"variables"`
	}
	if json.Unmarshal(c.body, &asked) != nil || !strings.Contains(asked.Query, "jobs(statuses: [PENDING, RUNNING]") {
		return give(http.StatusOK, map[string]any{"errors": []map[string]string{{"message": "Parse error on query"}}})
	}
	jobs := []*Job{}
	if s.rights.Admin {
		jobs = s.jobsWhere(func(j *Job) bool { return j.Status == "pending" || j.Status == "running" })
	}
	if asked.Variables.After != nil {
		cursor, _ := strconv.ParseInt(*asked.Variables.After, 10, 64)
		jobs = slices.DeleteFunc(jobs, func(j *Job) bool { return j.ID >= cursor })
	}
	more := len(jobs) > 100
	nodes, end := []map[string]any{}, ""
	for _, j := range jobs[:min(100, len(jobs))] {
		nodes, end = append(nodes, s.node(j)), strconv.FormatInt(j.ID, 10)
	}
	return give(http.StatusOK, map[string]any{"data": map[string]any{"jobs": map[string]any{
		"nodes": nodes, "pageInfo": map[string]any{"hasNextPage": more, "endCursor": end},
	}}})
}

func (s *Server) node(j *Job) map[string]any {
	n := map[string]any{
		"id": fmt.Sprintf("gid://gitlab/Ci::Build/%d", j.ID), "status": strings.ToUpper(j.Status), "tags": j.Tags,
		"createdAt": j.Created.Format(time.RFC3339), "runner": nil,
	}
	if s.runners[j.Runner] != nil {
		n["runner"] = map[string]any{"id": fmt.Sprintf("gid://gitlab/Ci::Runner/%d", j.Runner)}
	}
	return n
}
