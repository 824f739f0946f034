package pbstest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// attribute is one of an object's, or with several values a list of resources.
type attribute struct {
	name, value string
	list        []attribute
}

type object struct {
	name       string
	attributes []attribute
}

const head = "    \"timestamp\":1669000000,\n    \"pbs_version\":\"22.05.11\",\n    \"pbs_server\":\"pbs1\""

// asJSON prints as OpenPBS does: values that look like numbers without quotes, and none of
// a text's own quotes escaped.
func asJSON(key string, objects []object) string {
	if len(objects) == 0 {
		return "{\n" + head + "\n}\n"
	}
	var parts []string
	for _, o := range objects {
		parts = append(parts, "        \""+o.name+"\":{\n"+members(o.attributes, "            ")+"\n        }")
	}
	return "{\n" + head + ",\n    \"" + key + "\":{\n" + strings.Join(parts, ",\n") + "\n    }\n}\n"
}

func members(list []attribute, indent string) string {
	var lines []string
	for _, a := range list {
		switch {
		case a.list != nil && len(a.list) == 0:
			lines = append(lines, indent+`"`+a.name+`":{}`)
		case a.name == "jobs":
			lines = append(lines, indent+`"jobs":["`+strings.ReplaceAll(a.value, ", ", `","`)+`"]`)
		case a.list != nil:
			lines = append(lines, indent+`"`+a.name+"\":{\n"+members(a.list, indent+"    ")+"\n"+indent+"}")
		case strings.Trim(a.value, "0123456789.") == "" && a.value != "":
			lines = append(lines, indent+`"`+a.name+`":`+a.value)
		default:
			lines = append(lines, indent+`"`+a.name+`":"`+a.value+`"`)
		}
	}
	return strings.Join(lines, ",\n")
}

func asText(header string, objects []object) string {
	var b strings.Builder
	for _, o := range objects {
		fmt.Fprintf(&b, "%s%s\n", header, o.name)
		for _, a := range o.attributes {
			if a.list == nil {
				fmt.Fprintf(&b, "    %s = %s\n", a.name, a.value)
			}
			for _, r := range a.list {
				fmt.Fprintf(&b, "    %s.%s = %s\n", a.name, r.name, r.value)
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

func sorted(m map[string]string) []attribute {
	list := []attribute{}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		list = append(list, attribute{name: name, value: m[name]})
	}
	return list
}

func (s *Server) listVnodes(json bool) Answer {
	var objects []object
	for _, name := range slices.Sorted(maps.Keys(s.vnodes)) {
		v := s.vnodes[name]
		assigned := []attribute{}
		for _, resource := range slices.Sorted(maps.Keys(v.used)) {
			switch n := v.used[resource]; {
			case n > 0 && resource == "mem":
				assigned = append(assigned, attribute{name: resource, value: fmt.Sprintf("%dkb", n)})
			case n > 0:
				assigned = append(assigned, attribute{name: resource, value: fmt.Sprint(n)})
			}
		}
		list := []attribute{{name: "Mom", value: v.Name}, {name: "ntype", value: "PBS"}, {name: "state", value: v.state()}}
		if len(v.Jobs) > 0 {
			list = append(list, attribute{name: "jobs", value: strings.Join(v.Jobs, ", ")})
		}
		if v.Comment != "" {
			list = append(list, attribute{name: "comment", value: v.Comment})
		}
		list = append(list, attribute{name: "resources_available", list: sorted(v.Available)}, attribute{name: "resources_assigned", list: assigned})
		objects = append(objects, object{v.Name, list})
	}
	if json {
		return Answer{Out: asJSON("nodes", objects)}
	}
	return Answer{Out: asText("", objects)}
}

func (v *Vnode) state() string {
	var words []string
	if !v.Up {
		words = append(words, "state-unknown", "down")
	}
	if v.Offline {
		words = append(words, "offline")
	}
	if v.excl {
		words = append(words, "job-exclusive")
	}
	if len(words) == 0 {
		return "free"
	}
	return strings.Join(words, ",")
}

// qstat lists jobs, queues or the server.
func (s *Server) qstat(args []string) Answer {
	json := slices.Contains(args, "json")
	print := func(key, header string, objects []object) Answer {
		if json {
			return Answer{Out: asJSON(key, objects)}
		}
		return Answer{Out: asText(header, objects)}
	}
	switch {
	case slices.Contains(args, "-Q"):
		var queues []object
		for _, name := range slices.Sorted(maps.Keys(s.queues)) {
			queues = append(queues, object{name, sorted(s.queues[name])})
		}
		return print("Queue", "Queue: ", queues)
	case slices.Contains(args, "-B"):
		return print("Server", "Server: ", []object{{"pbs1", []attribute{{name: "server_state", value: "Active"}, {name: "scheduling", value: "True"}}}})
	}
	return print("Jobs", "Job Id: ", s.listJobs(slices.Contains(args, "-t")))
}

// listJobs leaves out what is over, and subjobs unless they are asked for.
func (s *Server) listJobs(subjobs bool) (objects []object) {
	for _, j := range s.jobs {
		if j.State == "F" || j.parent != nil && !subjobs || j.array && s.over(j) {
			continue
		}
		list := []attribute{
			{name: "Job_Name", value: "005"}, {name: "Job_Owner", value: j.User + "@login"}, {name: "job_state", value: j.State}, {name: "queue", value: j.Queue},
			{name: "ctime", value: "Mon Nov 21 10:00:00 2022"}, {name: "Hold_Types", value: map[bool]string{true: "u", false: "n"}[j.State == "H"]},
			{name: "Resource_List", list: []attribute{{name: "place", value: j.Place}, {name: "select", value: j.Select}}},
			{name: "schedselect", value: j.Select},
			{name: "Variable_List", list: []attribute{{name: "GREETING", value: `say "hi", "job_state":"X"`}, {name: "PBS_O_HOME", value: `C:\`}}},
		}
		if j.Comment != "" {
			list = append(list, attribute{name: "comment", value: j.Comment})
		}
		if len(j.On) > 0 {
			list = append(list, attribute{name: "exec_vnode", value: strings.Join(j.On, "+")})
		}
		if j.array {
			list = append(list, attribute{name: "array", value: "True"}, attribute{name: "array_indices_remaining", value: indices(j.Indices)})
		}
		objects = append(objects, object{j.ID, list})
	}
	return objects
}

// over tells whether all subjobs of an array are.
func (s *Server) over(array *Job) bool {
	return len(array.Indices) == 0 && !slices.ContainsFunc(s.jobs, func(j *Job) bool { return j.parent == array && j.State != "F" })
}

func indices(list []int) string {
	if len(list) == 0 {
		return "-"
	}
	return fmt.Sprintf("%d-%d", list[0], list[len(list)-1])
}
