package githubtest

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// job is one that waits or runs in a set.
type job struct {
	id      string
	request int64
	state   string // "available", "assigned", "running"
	queued  time.Time
	runner  *Runner
}

// event is a job's entry in a message.
func (s *Server) event(x *set, j *job, kind string, more map[string]any) {
	e := map[string]any{
		"messageType": kind, "runnerRequestId": j.request, "jobId": j.id, "repositoryName": "widgets", "ownerName": "acme",
		"jobWorkflowRef": "acme/widgets/.github/workflows/ci.yml@refs/heads/main", "jobDisplayName": "build",
		"workflowRunId": 4711, "eventName": "push", "requestLabels": []string{x.name},
		"queueTime": j.queued, "scaleSetAssignTime": s.clock.Now(), "runnerAssignTime": time.Time{}, "finishTime": time.Time{},
	}
	for name, value := range more {
		e[name] = value
	}
	x.events = append(x.events, e)
	s.wake()
}

// Queue queues n jobs for a set and returns their ids.
func (s *Server) Queue(name string, n int) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.named(name)
	var ids []string
	for range n {
		serial := s.next()
		j := &job{id: fmt.Sprintf("job-%d", serial), queued: s.clock.Now(), state: "assigned"}
		if s.cfg.RequestIDs || s.cfg.Acquire {
			j.request = serial
		}
		x.jobs = append(x.jobs, j)
		ids = append(ids, j.id)
		if s.cfg.Acquire {
			j.state = "available"
			s.event(x, j, "JobAvailable", map[string]any{"acquireJobUrl": "https://example.com/acquire"})
		} else {
			s.event(x, j, "JobAssigned", nil)
		}
	}
	return ids
}

// RequeueAll tells once more of all jobs that are assigned, as GitHub does with
// jobs that no runner took in time: each is completed as canceled first.
func (s *Server) RequeueAll(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.named(name)
	for _, j := range x.jobs {
		if j.state == "assigned" {
			s.completed(x, j, "canceled")
			s.event(x, j, "JobAssigned", nil)
		}
	}
}

func (s *Server) completed(x *set, j *job, result string) {
	more := map[string]any{"result": result, "runnerId": 0, "runnerName": "", "finishTime": s.clock.Now()}
	if j.runner != nil {
		more["runnerId"], more["runnerName"] = j.runner.ID, j.runner.Name
	}
	s.event(x, j, "JobCompleted", more)
}

// Cancel ends a job that may or may not run. Its runner's record stays behind,
// as was seen on GitHub.
func (s *Server) Cancel(name, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.named(name)
	for i, j := range x.jobs {
		if j.id == id {
			s.completed(x, j, "canceled")
			if j.runner != nil {
				j.runner.Busy = false
			}
			x.jobs = slices.Delete(x.jobs, i, i+1)
			return nil
		}
	}
	return fmt.Errorf("githubtest: no job %s in %s", id, name)
}

// statistics counts what is in a set.
func (s *Server) statistics(x *set) map[string]int {
	n := map[string]int{
		"totalAvailableJobs": 0, "totalAcquiredJobs": 0, "totalAssignedJobs": 0, "totalRunningJobs": 0,
		"totalRegisteredRunners": 0, "totalBusyRunners": 0, "totalIdleRunners": 0,
	}
	for _, j := range x.jobs {
		switch j.state {
		case "available":
			n["totalAvailableJobs"]++
		case "running":
			n["totalRunningJobs"]++
			n["totalAssignedJobs"]++
		case "assigned":
			n["totalAssignedJobs"]++
		}
	}
	for _, r := range s.runners {
		switch {
		case r.SetID != x.id:
			continue
		case r.Busy:
			n["totalBusyRunners"]++
		case r.Status == "online":
			n["totalIdleRunners"]++
		}
		n["totalRegisteredRunners"]++
	}
	return n
}

// acquire takes jobs for a set; it wants the queue's token.
func (s *Server) acquire(c call, x *set) *answer {
	g, ok := s.valid(c.Request, "Bearer", "queue")
	if !ok || g.set != x.id {
		return nothing(http.StatusUnauthorized)
	}
	var asked []int64
	if !c.decode(&asked) {
		return refuse(http.StatusBadRequest, "ArgumentException", "no list of ids")
	}
	got := []int64{}
	for _, j := range x.jobs {
		if j.state == "available" && slices.Contains(asked, j.request) {
			j.state = "assigned"
			got = append(got, j.request)
			s.event(x, j, "JobAssigned", nil)
		}
	}
	return listOf(got)
}

func (s *Server) acquirable(_ call, x *set) *answer {
	var found []map[string]any
	for _, j := range x.jobs {
		if j.state == "available" {
			found = append(found, map[string]any{
				"messageType": "JobAvailable", "acquireJobUrl": "https://example.com/acquire", "runnerRequestId": j.request,
				"repositoryName": "widgets", "ownerName": "acme", "requestLabels": []string{x.name}, "eventName": "push",
			})
		}
	}
	if len(found) == 0 {
		return nothing(http.StatusNoContent)
	}
	return listOf(found)
}
