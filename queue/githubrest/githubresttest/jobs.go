package githubresttest

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Job is a job, the only one of its run but where several were queued together.
type Job struct {
	ID         int64
	Run        int64
	Repository string
	Status     string // queued, in_progress, completed, or as it was set
	Labels     []string
	Created    time.Time
	Runner     int64 // 0: none
	RunnerName string
	Result     string
}

type repository struct {
	id   int64
	name string
	jobs map[int64]*Job
}

// Queue adds a run with one job for each list of labels, and returns the jobs' ids.
func (s *Server) Queue(repo string, labels ...[]string) []int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	run := s.next()
	var ids []int64
	for _, l := range labels {
		j := &Job{ID: s.next(), Run: run, Repository: repo, Status: "queued", Labels: l, Created: s.now()}
		s.repos[repo].jobs[j.ID] = j
		ids = append(ids, j.ID)
	}
	return ids
}

// SetStatus gives a job a status of which the server knows no more, such as waiting.
func (s *Server) SetStatus(id int64, status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if j := s.find(id); j != nil {
		j.Status = status
	}
}

// find finds a job; the caller holds the lock.
func (s *Server) find(id int64) *Job {
	for _, r := range s.repos {
		if j := r.jobs[id]; j != nil {
			return j
		}
	}
	return nil
}

// Job returns a copy of a job.
func (s *Server) Job(id int64) Job {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *s.find(id)
}

// Cancel ends a job, wherever it is. A runner that had it is freed as at its end.
func (s *Server) Cancel(id int64) { s.end(id, "cancelled") }

// Finish ends a job that runs.
func (s *Server) Finish(id int64) { s.end(id, "success") }

func (s *Server) end(id int64, result string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	j := s.find(id)
	if j == nil || j.Status == "completed" {
		return
	}
	j.Status, j.Result = "completed", result
	if j.Runner != 0 { // it was for this job only
		delete(s.runners, j.Runner)
		delete(s.ghosts, strings.ToLower(j.RunnerName))
	}
}

// runs are the statuses of all runs, by their jobs: queued while none has begun.
func (r *repository) runs() map[int64]string {
	statuses := map[int64]string{}
	for _, j := range r.jobs {
		now, seen := statuses[j.Run]
		switch {
		case !seen && (j.Status == "queued" || j.Status == "completed"):
			statuses[j.Run] = j.Status
		case now != j.Status:
			statuses[j.Run] = "in_progress"
		}
	}
	return statuses
}

// filteredMost is where GitHub's filtered lists of runs stop.
const filteredMost = 1000

func (s *Server) listRuns(c call) *answer {
	status := c.URL.Query().Get("status")
	type run struct {
		ID     int64  `json:"id"`
		Status string `json:"status"`
	}
	list := []run{}
	for id, now := range c.repo.runs() {
		if now == status {
			list = append(list, run{id, status})
		}
	}
	slices.SortFunc(list, func(a, b run) int { return cmp.Compare(b.ID, a.ID) })
	total := len(list)
	return paged(s, c.Request, c.repo, "workflow_runs", list[:min(total, filteredMost)], total)
}

func (s *Server) listJobs(c call) *answer {
	id, err := strconv.ParseInt(c.PathValue("run"), 10, 64)
	if err != nil {
		return refuse(http.StatusNotFound, "Not Found")
	}
	list := []map[string]any{}
	for _, at := range slices.Sorted(maps.Keys(c.repo.jobs)) {
		if j := c.repo.jobs[at]; j.Run == id {
			list = append(list, j.wire())
		}
	}
	if len(list) == 0 {
		return refuse(http.StatusNotFound, "Not Found")
	}
	return paged(s, c.Request, c.repo, "jobs", list, len(list))
}

func (s *Server) getJob(c call) *answer {
	id, err := strconv.ParseInt(c.PathValue("job"), 10, 64)
	if j := c.repo.jobs[id]; err == nil && j != nil {
		return succeed(j.wire())
	}
	return refuse(http.StatusNotFound, "Not Found")
}

// wire is a job as GitHub writes it: what is not known is null.
func (j *Job) wire() map[string]any {
	m := map[string]any{
		"id": j.ID, "run_id": j.Run, "run_attempt": 1, "status": j.Status, "conclusion": nil, "name": "build",
		"labels": j.Labels, "created_at": j.Created.UTC().Format(time.RFC3339), "started_at": nil, "completed_at": nil,
		"runner_id": nil, "runner_name": nil, "runner_group_id": nil, "steps": []any{},
	}
	if j.Result != "" {
		m["conclusion"] = j.Result
	}
	if j.Runner != 0 {
		m["runner_id"], m["runner_name"], m["runner_group_id"] = j.Runner, j.RunnerName, 1
	}
	return m
}
