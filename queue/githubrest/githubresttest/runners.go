package githubresttest

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Runner is a runner that a JIT config registered.
type Runner struct {
	ID     int64
	Name   string
	Labels []string
	Online bool
	job    int64
}

// Busy tells whether it has a job.
func (r Runner) Busy() bool { return r.job != 0 }

func (s *Server) register(c call) *answer {
	var body struct {
		Name   string   `json:"name"`
		Group  int64    `json:"runner_group_id"`
		Labels []string `json:"labels"`
	}
	if err := json.NewDecoder(c.Body).Decode(&body); err != nil {
		return refuse(http.StatusBadRequest, "Problems parsing JSON")
	}
	if body.Name == "" || body.Group == 0 || len(body.Labels) == 0 || len(body.Labels) > 100 {
		return refuse(http.StatusUnprocessableEntity, "Invalid input: object is missing required key")
	}
	if s.named(body.Name) != nil {
		return refuse(http.StatusConflict, "Already exists - A runner with the name %s already exists.", body.Name)
	}
	r := &Runner{ID: s.next(), Name: body.Name, Labels: body.Labels}
	s.runners[r.ID] = r
	config := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{".runner":"SECRET of %s"}`, r.Name))
	a := succeed(map[string]any{"runner": r.wire(), "encoded_jit_config": config})
	a.status = http.StatusCreated
	return a
}

// wire is a runner as GitHub writes it.
func (r *Runner) wire() map[string]any {
	status := "offline"
	if r.Online {
		status = "online"
	}
	labels := []map[string]any{}
	for i, l := range r.Labels {
		labels = append(labels, map[string]any{"id": i + 1, "name": l, "type": "custom"})
	}
	return map[string]any{"id": r.ID, "name": r.Name, "os": "macOS", "status": status, "busy": r.Busy(), "ephemeral": true, "labels": labels}
}

func (s *Server) listRunners(c call) *answer {
	list := []map[string]any{}
	for _, r := range s.sorted() {
		if name := c.URL.Query().Get("name"); name == "" || strings.EqualFold(name, r.Name) {
			list = append(list, r.wire())
		}
	}
	return paged(s, c.Request, nil, "runners", list, len(list))
}

func (s *Server) sorted() (list []*Runner) {
	for _, r := range s.runners {
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b *Runner) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

func (s *Server) remove(c call) *answer {
	id, err := strconv.ParseInt(c.PathValue("runner"), 10, 64)
	r := s.runners[id]
	switch {
	case err != nil || r == nil:
		return refuse(http.StatusNotFound, "Not Found")
	case r.Busy():
		return refuse(http.StatusUnprocessableEntity, "Bad request - Runner %q is still running a job", r.Name)
	}
	delete(s.runners, id)
	return &answer{status: http.StatusNoContent, header: http.Header{}}
}

// named finds a runner; the caller holds the lock.
func (s *Server) named(name string) *Runner {
	for _, r := range s.runners {
		if strings.EqualFold(r.Name, name) {
			return r
		}
	}
	return nil
}

// Runners lists copies of the runners that are registered, by id.
func (s *Server) Runners() (list []Runner) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.sorted() {
		list = append(list, *r)
	}
	return list
}

// Connect lets the machine of a runner come up. false: it is not registered.
func (s *Server) Connect(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.named(name)
	if r != nil {
		r.Online = true
	}
	return r != nil
}

// Start gives the oldest queued job that a runner can have to it. 0: there is none, or
// the runner is not there to take one.
func (s *Server) Start(name string) (job int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.named(name)
	if r == nil {
		r = s.ghosts[strings.ToLower(name)]
	}
	if r == nil || !r.Online || r.Busy() {
		return 0
	}
	var best *Job
	for _, repo := range s.repos {
		for _, j := range repo.jobs {
			if j.Status == "queued" && r.has(j.Labels) && (best == nil || j.ID < best.ID) {
				best = j
			}
		}
	}
	if best == nil {
		return 0
	}
	best.Status, best.Runner, best.RunnerName = "in_progress", r.ID, r.Name
	r.job = best.ID
	return best.ID
}

func (r *Runner) has(labels []string) bool {
	for _, l := range labels {
		if !slices.ContainsFunc(r.Labels, func(own string) bool { return strings.EqualFold(own, l) }) {
			return false
		}
	}
	return true
}

// Prune removes the registration of a runner, as GitHub does of those long silent. It
// goes on with its job, or may yet be given one: that was seen.
func (s *Server) Prune(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.named(name); r != nil {
		delete(s.runners, r.ID)
		s.ghosts[strings.ToLower(name)] = r
	}
}

// Working tells whether a runner of that name runs a job, or could be given one: the
// truth that a machine may be ended by.
func (s *Server) Working(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.named(name) != nil || s.ghosts[strings.ToLower(name)] != nil
}
