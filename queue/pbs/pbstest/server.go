package pbstest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Vnode is one vnode, as the server knows it.
type Vnode struct {
	Name    string
	Offline bool
	// Up tells that its MoM answers.
	Up        bool
	Comment   string
	Available map[string]string
	// Jobs run there.
	Jobs []string
	used map[string]int64
	excl bool
	// unheard: the server has yet to hear of a new vnode's MoM.
	unheard bool
}

// Job is a job or a subjob.
type Job struct {
	ID, User, Queue, Select, Place string
	// State is its letter.
	State, Comment string
	// Indices are an array's subjobs that are still to start.
	Indices []int
	// On are the vnodes that it has, with what, as in exec_vnode.
	On     []string
	array  bool
	has    map[string]map[string]int64
	parent *Job
}

// Server is the PBS. It is safe for concurrent use.
type Server struct {
	mu        sync.Mutex
	next      int
	jobs      []*Job
	vnodes    map[string]*Vnode
	resources []string
	queues    map[string]map[string]string
	up        map[string]bool
	lost      bool
	hook      string
	calls     []string
}

// New makes a server with the queue workq, and the resources that CycleCloud's clusters
// have but for ccnodeid.
func New() *Server {
	return &Server{
		vnodes: map[string]*Vnode{}, up: map[string]bool{},
		resources: []string{"ncpus", "mem", "ngpus", "host", "vnode", "arch", "slot_type", "vm_size", "nodearray", "group_id", "ungrouped"},
		queues:    map[string]map[string]string{"workq": {"queue_type": "Execution", "enabled": "True", "started": "True"}},
	}
}

// Submit adds a job and returns its id.
func (s *Server) Submit(user, selects, place string) string {
	return s.add(&Job{User: user, Queue: "workq", Select: selects, Place: place, State: "Q"}, "")
}

// SubmitArray adds an array of so many subjobs.
func (s *Server) SubmitArray(user, selects, place string, subjobs int) string {
	j := &Job{User: user, Queue: "workq", Select: selects, Place: place, State: "Q", array: true}
	for i := range subjobs {
		j.Indices = append(j.Indices, i)
	}
	return s.add(j, "[]")
}

// SubmitHeld adds a job that its user holds.
func (s *Server) SubmitHeld(user, selects string) string {
	return s.add(&Job{User: user, Queue: "workq", Select: selects, Place: "free", State: "H"}, "")
}

func (s *Server) add(j *Job, suffix string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	j.ID = strconv.Itoa(s.next) + suffix + ".pbs1"
	s.next++
	s.jobs = append(s.jobs, j)
	s.schedule()
	return j.ID
}

// SetQueue sets an attribute of workq.
func (s *Server) SetQueue(attribute, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queues["workq"][attribute] = value
}

// MoM tells which hosts are up: those that are listed, and no others. Of a vnode whose host
// goes, the jobs stay on it until Requeue.
func (s *Server) MoM(hosts ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.up = map[string]bool{}
	for _, host := range hosts {
		s.up[strings.ToLower(host)] = true
	}
	for _, v := range s.vnodes {
		v.unheard = false
	}
	s.schedule()
}

// Lose makes the server one that can't be reached, or no longer one.
func (s *Server) Lose(lost bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost = lost
}

// SetHook makes the hook autoscale one that is enabled ("true"), or not ("false").
func (s *Server) SetHook(enabled string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook = enabled
}

// Requeue puts the jobs of vnodes that are down back into the queue, as PBS does after
// node_fail_requeue.
func (s *Server) Requeue() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range s.jobs {
		if j.State == "R" && slices.ContainsFunc(slices.Collect(maps.Keys(j.has)), func(name string) bool { return !s.vnodes[name].Up }) {
			s.release(j)
			j.State = "Q"
		}
	}
	s.schedule()
}

// Finish ends jobs that run.
func (s *Server) Finish(ids ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range s.jobs {
		if j.State == "R" && slices.Contains(ids, j.ID) {
			s.release(j)
			j.State = "F"
		}
	}
	s.schedule()
}

// release takes a job off its vnodes.
func (s *Server) release(j *Job) {
	for name, amounts := range j.has {
		v := s.vnodes[name]
		v.Jobs = slices.DeleteFunc(v.Jobs, func(id string) bool { return id == j.ID })
		for resource, n := range amounts {
			v.used[resource] -= n
		}
		v.excl = v.excl && len(v.Jobs) > 0
	}
	j.has, j.On = nil, nil
}

// Jobs lists the jobs in a state, in the order in which they came.
func (s *Server) Jobs(state string) (ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range s.jobs {
		if j.State == state && !j.array {
			ids = append(ids, j.ID)
		}
	}
	return ids
}

// Waiting counts the jobs and subjobs that are still to start.
func (s *Server) Waiting() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range s.jobs {
		if n += len(j.Indices); j.State == "Q" && !j.array {
			n++
		}
	}
	return n
}

// Vnodes lists the vnodes by name, as copies.
func (s *Server) Vnodes() (list []Vnode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(s.vnodes)) {
		v := *s.vnodes[name]
		v.Available, v.Jobs = maps.Clone(v.Available), slices.Clone(v.Jobs)
		list = append(list, v)
	}
	return list
}

// Calls are the commands that changed something, in their order.
func (s *Server) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Run answers a command.
func (s *Server) Run(program string, args ...string) Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost {
		return Answer{Out: "{\n    \"timestamp\":1669000000,\n    \"pbs_version\":\"22.05.11\",\n    \"pbs_server\":\"pbs1\"\n}\n", Err: "cannot connect to server pbs1 (errno=15010)\n", Code: 255}
	}
	defer s.schedule()
	switch program {
	case "qstat":
		return s.qstat(args)
	case "pbsnodes":
		return s.pbsnodes(args)
	case "qmgr":
		return s.qmgr(args)
	}
	return s.qrls(args)
}

func refuse(format string, args ...any) Answer {
	return Answer{Err: fmt.Sprintf(format, args...) + "\n", Code: 1}
}
