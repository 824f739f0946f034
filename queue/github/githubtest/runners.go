package githubtest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Runner is a runner's record.
type Runner struct {
	ID        int64  `json:"id"`
	Name      string `json:"name"`
	SetID     int    `json:"runnerScaleSetId"`
	Status    string `json:"status"` // "offline" until it connects, then "online"
	Busy      bool   `json:"busy"`
	Ephemeral bool   `json:"ephemeral"`

	took bool // it has, or had, its one job
}

// terse is a runner's record where the service tells no more.
type terse struct {
	ID    int64  `json:"id"`
	Name  string `json:"name"`
	SetID int    `json:"runnerScaleSetId"`
}

// Runners returns the records there are, by id.
func (s *Server) Runners() []Runner {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.records(func(*Runner) bool { return true })
}

func (s *Server) records(keep func(*Runner) bool) []Runner {
	all := []Runner{}
	for _, r := range s.runners {
		if keep(r) {
			all = append(all, *r)
		}
	}
	slices.SortFunc(all, func(a, b Runner) int { return int(a.ID - b.ID) })
	return all
}

func (s *Server) runner(name string) *Runner {
	for _, r := range s.runners {
		if strings.EqualFold(r.Name, name) {
			return r
		}
	}
	return nil
}

// generate registers a runner.
func (s *Server) generate(c call, x *set) *answer {
	var asked struct {
		Name string `json:"name"`
	}
	if !c.decode(&asked) || asked.Name == "" {
		return refuse(http.StatusBadRequest, "ArgumentException", "no name")
	}
	if s.runner(asked.Name) != nil {
		return refuse(http.StatusConflict, "AgentExistsException", "runner %s exists", asked.Name)
	}
	r := &Runner{ID: s.next(), Name: asked.Name, SetID: x.id, Status: "offline", Ephemeral: true}
	s.runners[r.ID] = r
	return succeed(map[string]any{
		"runner":           map[string]any{"id": r.ID, "name": r.Name, "runnerScaleSetId": r.SetID},
		"encodedJITConfig": encodeJIT(r.Name),
	})
}

func encodeJIT(name string) string {
	files, err := json.Marshal(map[string]string{".runner": base64.StdEncoding.EncodeToString([]byte(name))})
	if err != nil {
		panic("githubtest: serialise: " + err.Error())
	}
	return base64.StdEncoding.EncodeToString(files)
}

// Connect lets the runner of a JIT config come up: its record is online.
func (s *Server) Connect(config string) (name string, err error) {
	var files map[string][]byte
	text, err := base64.StdEncoding.DecodeString(config)
	if err != nil || json.Unmarshal(text, &files) != nil {
		return "", fmt.Errorf("githubtest: this is no JIT config")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.process(string(files[".runner"]))
	if r == nil {
		return "", fmt.Errorf("githubtest: the runner of this JIT config isn't registered")
	}
	r.Status = "online"
	s.wake()
	return r.Name, nil
}

// Disconnect lets a runner be gone without a word: its record is offline, and what it
// ran counts as running until GitHub is told otherwise.
func (s *Server) Disconnect(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.process(name); r != nil {
		r.Status = "offline"
	}
}

// Start lets a connected runner take the oldest job that is assigned to its set,
// and returns the job's id.
func (s *Server) Start(name string) (string, error) {
	job, tell, err := s.StartUnheard(name)
	if err == nil {
		tell()
	}
	return job, err
}

// StartUnheard is Start whose message is late: it enters the queue when tell is called.
// Statistics and records know of the job at once.
func (s *Server) StartUnheard(name string) (id string, tell func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.process(name)
	if r == nil || r.took || r.Status != "online" {
		return "", nil, fmt.Errorf("githubtest: runner %s is not waiting for a job", name)
	}
	x := s.sets[r.SetID]
	if x == nil {
		return "", nil, fmt.Errorf("githubtest: the set of %s is gone", name)
	}
	i := slices.IndexFunc(x.jobs, func(j *job) bool { return j.state == "assigned" })
	if i < 0 {
		return "", nil, fmt.Errorf("githubtest: no job is assigned to the set of %s", name)
	}
	j := x.jobs[i]
	j.state, j.runner, r.Busy, r.took = "running", r, true, true
	news := map[string]any{"runnerId": r.ID, "runnerName": r.Name, "runnerAssignTime": s.clock.Now()}
	return j.id, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.event(x, j, "JobStarted", news)
	}, nil
}

// Finish ends the job of a runner; its record goes with it.
func (s *Server) Finish(name, result string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.process(name)
	if r == nil || !r.Busy {
		return fmt.Errorf("githubtest: runner %s runs no job", name)
	}
	x := s.sets[r.SetID]
	i := slices.IndexFunc(x.jobs, func(j *job) bool { return j.runner == r })
	s.completed(x, x.jobs[i], result)
	x.jobs = slices.Delete(x.jobs, i, i+1)
	r.Busy = false
	delete(s.runners, r.ID)
	return nil
}

// process finds the runner of a name that may do something: one whose record was
// pruned doesn't know.
func (s *Server) process(name string) *Runner {
	for _, r := range s.pruned {
		if strings.EqualFold(r.Name, name) {
			return r
		}
	}
	return s.runner(name)
}

// Prune takes a runner's record away, as was seen on GitHub seconds before the
// runner took a job: it still may.
func (s *Server) Prune(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.runner(name)
	if r == nil {
		return fmt.Errorf("githubtest: no runner %s", name)
	}
	delete(s.runners, r.ID)
	s.pruned = append(s.pruned, r)
	return nil
}

// Working tells whether a runner runs a job.
func (s *Server) Working(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.process(name)
	return r != nil && r.Busy
}

// MayWork tells whether a runner runs a job or could still take one.
func (s *Server) MayWork(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.process(name)
	return r != nil && (r.Busy || !r.took)
}

func (s *Server) listRunners(c call) *answer {
	name := c.URL.Query().Get("agentName")
	all := s.records(func(r *Runner) bool { return name == "" || strings.EqualFold(r.Name, name) })
	if !s.cfg.Terse {
		return listOf(all)
	}
	short := []terse{}
	for _, r := range all {
		short = append(short, terse{r.ID, r.Name, r.SetID})
	}
	return listOf(short)
}

func (s *Server) showRunner(c call) *answer {
	id, err := strconv.ParseInt(c.PathValue("runner"), 10, 64)
	if r := s.runners[id]; err == nil && r != nil {
		return succeed(r)
	}
	return refuse(http.StatusNotFound, "AgentNotFoundException", "no runner %s", c.PathValue("runner"))
}

// deleteRunner refuses a busy one; one that isn't there is as good as deleted.
func (s *Server) deleteRunner(c call) *answer {
	id, err := strconv.ParseInt(c.PathValue("runner"), 10, 64)
	if err != nil {
		return nothing(http.StatusBadRequest)
	}
	if s.runners[id] == nil && s.cfg.UnknownIs404 {
		return refuse(http.StatusNotFound, "AgentNotFoundException", "no runner %d", id)
	}
	if r := s.runners[id]; r != nil && r.Busy {
		return refuse(http.StatusBadRequest, "JobStillRunningException", "runner %s runs a job", r.Name)
	}
	delete(s.runners, id)
	s.wake()
	return nothing(http.StatusNoContent)
}
