package githubtest

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// label is what a job's runs-on names.
type label struct {
	Type string `json:"type"`
	Name string `json:"name"`
}

// set is a scale set and what happens in it.
type set struct {
	id      int
	name    string
	group   int
	labels  []label
	created time.Time

	session  *session
	jobs     []*job
	events   []map[string]any // not yet in a message
	messages []*message       // not yet acknowledged
}

// groups are fixed: the default one and one called "macs".
func (s *Server) groups(c call) *answer {
	var found []map[string]any
	for i, name := range []string{"default", "macs"} {
		if asked := c.URL.Query().Get("groupName"); asked == "" || asked == name {
			found = append(found, map[string]any{"id": i + 1, "name": name, "size": 0, "isDefaultGroup": i == 0})
		}
	}
	return listOf(found)
}

func (x *set) wire(statistics any) map[string]any {
	return map[string]any{
		"id": x.id, "name": x.name, "runnerGroupId": x.group, "runnerGroupName": "default", "labels": x.labels,
		"RunnerSetting": map[string]bool{"disableUpdate": true}, "createdOn": x.created,
		"runnerJitConfigUrl": "https://example.com/jit", "statistics": statistics,
	}
}

func (s *Server) listSets(c call) *answer {
	q := c.URL.Query()
	var found []map[string]any
	for id := 1; id <= int(s.serial); id++ {
		x := s.sets[id]
		if x == nil || q.Has("name") && q.Get("name") != x.name || q.Has("runnerGroupId") && q.Get("runnerGroupId") != strconv.Itoa(x.group) {
			continue
		}
		found = append(found, x.wire(nil))
	}
	return listOf(found)
}

// wireSet is what may be asked of a set.
type wireSet struct {
	Name   string  `json:"name"`
	Group  int     `json:"runnerGroupId"`
	Labels []label `json:"labels"`
}

func (s *Server) createSet(c call) *answer {
	var asked wireSet
	if !c.decode(&asked) || asked.Name == "" {
		return refuse(http.StatusBadRequest, "ArgumentException", "no name")
	}
	for _, x := range s.sets {
		if strings.EqualFold(x.name, asked.Name) && x.group == asked.Group {
			return refuse(http.StatusBadRequest, "RunnerScaleSetExistsException", "scale set %s exists", asked.Name)
		}
	}
	return succeed(s.addSet(asked).wire(nil))
}

func (s *Server) addSet(asked wireSet) *set {
	s.dropLabels(&asked)
	if len(asked.Labels) == 0 {
		asked.Labels = []label{{"System", asked.Name}}
	}
	x := &set{id: int(s.next()), name: asked.Name, group: asked.Group, labels: asked.Labels, created: s.clock.Now()}
	s.sets[x.id] = x
	return x
}

// AddSet makes a scale set of the default group, whose one label is its name.
func (s *Server) AddSet(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addSet(wireSet{Name: name, Group: 1})
}

func (s *Server) dropLabels(asked *wireSet) {
	if s.cfg.OneLabel && len(asked.Labels) > 1 {
		asked.Labels = asked.Labels[:1]
	}
}

// onSet finds the set that a path names.
func (s *Server) onSet(h func(c call, x *set) *answer) handling {
	return func(c call) *answer {
		id, err := strconv.Atoi(c.PathValue("set"))
		if x := s.sets[id]; err == nil && x != nil {
			return h(c, x)
		}
		return refuse(http.StatusNotFound, "RunnerScaleSetNotFoundException", "no scale set %s", c.PathValue("set"))
	}
}

func (s *Server) showSet(_ call, x *set) *answer { return succeed(x.wire(s.statistics(x))) }

func (s *Server) updateSet(c call, x *set) *answer {
	var asked wireSet
	if !c.decode(&asked) {
		return refuse(http.StatusBadRequest, "ArgumentException", "no set")
	}
	s.dropLabels(&asked)
	if asked.Name != "" {
		x.name = asked.Name
	}
	if asked.Group != 0 {
		x.group = asked.Group
	}
	if len(asked.Labels) > 0 {
		x.labels = asked.Labels
	}
	return succeed(x.wire(nil))
}

func (s *Server) deleteSet(_ call, x *set) *answer {
	for _, j := range x.jobs {
		if j.runner != nil {
			return refuse(http.StatusBadRequest, "JobStillRunningException", "a runner has a job")
		}
	}
	for id, r := range s.runners {
		if r.SetID == x.id {
			delete(s.runners, id)
		}
	}
	delete(s.sets, x.id)
	return nothing(http.StatusNoContent)
}
