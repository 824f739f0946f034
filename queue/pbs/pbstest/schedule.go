package pbstest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// schedule starts what can be started, oldest first.
func (s *Server) schedule() {
	for name, v := range s.vnodes {
		v.Up = s.up[strings.ToLower(name)] && !v.unheard
	}
	for _, j := range slices.Clone(s.jobs) {
		for j.array && len(j.Indices) > 0 {
			sub := &Job{
				ID: strings.Replace(j.ID, "[]", "["+strconv.Itoa(j.Indices[0])+"]", 1), User: j.User, Queue: j.Queue, Select: j.Select, Place: j.Place, State: "Q", parent: j,
			}
			if !s.start(sub) {
				break
			}
			j.State, j.Indices = "B", j.Indices[1:]
			s.jobs = append(s.jobs, sub)
		}
		if !j.array && j.State == "Q" && !s.start(j) {
			j.Comment = "Not Running: Not enough free nodes available"
		}
	}
}

// start starts a job on the first vnodes that will do.
func (s *Server) start(j *Job) bool {
	group := ""
	for word := range strings.SplitSeq(j.Place, ":") {
		if g, ok := strings.CutPrefix(word, "group="); ok {
			group = g
		}
	}
	values := map[string]bool{"": true}
	if group != "" {
		values = map[string]bool{}
		for _, v := range s.vnodes {
			values[v.Available[group]] = true
		}
	}
	for _, value := range slices.Sorted(maps.Keys(values)) {
		if has := s.place(j, group, value); has != nil {
			s.occupy(j, has)
			return true
		}
	}
	return false
}

// place finds vnodes for all chunks of a job; nil: there are too few.
func (s *Server) place(j *Job, group, value string) map[string]map[string]int64 {
	has := map[string]map[string]int64{}
	for chunk := range strings.SplitSeq(j.Select, "+") {
		count, wants := chunkOf(chunk)
		for range count {
			if !s.placeOne(j, wants, group, value, has) {
				return nil
			}
		}
	}
	return has
}

func (s *Server) placeOne(j *Job, wants map[string]string, group, value string, has map[string]map[string]int64) bool {
	scattered, packed := strings.Contains(j.Place, "scatter"), strings.Contains(j.Place, "pack")
	for _, name := range slices.Sorted(maps.Keys(s.vnodes)) {
		v := s.vnodes[name]
		switch {
		case !v.Up || v.Offline || v.excl || group != "" && v.Available[group] != value:
		case scattered && has[name] != nil || packed && len(has) > 0 && has[name] == nil:
		case strings.Contains(j.Place, "excl") && len(v.Jobs) > 0:
		case !v.fits(wants, has[name]):
		default:
			if has[name] == nil {
				has[name] = map[string]int64{}
			}
			for resource, amount := range wants {
				if n, ok := amountOf(amount); ok {
					has[name][resource] += n
				}
			}
			return true
		}
	}
	return false
}

// fits tells whether a vnode has what a chunk wants, beside what it has promised already.
func (v *Vnode) fits(wants map[string]string, promised map[string]int64) bool {
	for resource, amount := range wants {
		if resource == "mpiprocs" {
			continue
		}
		n, counted := amountOf(amount)
		have, _ := amountOf(v.Available[resource])
		if counted && n > have-v.used[resource]-promised[resource] || !counted && v.Available[resource] != amount {
			return false
		}
	}
	return true
}

func (s *Server) occupy(j *Job, has map[string]map[string]int64) {
	j.State, j.Comment, j.has = "R", "", has
	for _, name := range slices.Sorted(maps.Keys(has)) {
		v := s.vnodes[name]
		v.Jobs = append(v.Jobs, j.ID)
		v.excl = strings.Contains(j.Place, "excl")
		for resource, n := range has[name] {
			v.used[resource] += n
		}
		j.On = append(j.On, fmt.Sprintf("(%s:ncpus=%d)", name, has[name]["ncpus"]))
	}
}

// chunkOf reads "2:ncpus=4:mem=8gb".
func chunkOf(text string) (count int, wants map[string]string) {
	count, wants = 1, map[string]string{}
	for word := range strings.SplitSeq(text, ":") {
		name, value, ok := strings.Cut(word, "=")
		if n, err := strconv.Atoi(word); err == nil && !ok {
			count = n
			continue
		}
		wants[name] = value
	}
	return count, wants
}

// amountOf reads a number, or a size in kilobytes.
func amountOf(text string) (int64, bool) {
	for unit, scale := range map[string]int64{"kb": 1, "mb": 1 << 10, "gb": 1 << 20} {
		if digits, ok := strings.CutSuffix(text, unit); ok {
			n, err := strconv.ParseInt(digits, 10, 64)
			return n * scale, err == nil
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}
