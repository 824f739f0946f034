package pbstest

import (
	"slices"
	"strings"
)

// pbsnodes lists or marks vnodes.
func (s *Server) pbsnodes(args []string) Answer {
	var names []string
	mark, comment, commented := "", "", false
	for i := 0; i < len(args); i++ {
		switch args[i] {
		case "-F":
			i++
		case "-C":
			i++
			comment, commented = args[i], true
		case "-o", "-r", "-a":
			mark = args[i]
		default:
			names = append(names, args[i])
		}
	}
	if mark == "-a" {
		if len(s.vnodes) == 0 {
			return refuse("pbsnodes: Server has no node list")
		}
		return s.listVnodes(slices.Contains(args, "json"))
	}
	s.calls = append(s.calls, "pbsnodes "+strings.Join(args, " "))
	for _, name := range names {
		v := s.vnodes[strings.ToLower(name)]
		if v == nil {
			return refuse("pbsnodes: Unknown node  %s", name)
		}
		v.Offline = mark == "-o"
		if commented {
			v.Comment = comment
		}
	}
	return Answer{}
}

// qmgr does one directive.
func (s *Server) qmgr(args []string) Answer {
	if len(args) != 2 || args[0] != "-c" {
		return refuse("usage: qmgr -c directive")
	}
	if args[1] == "list hook autoscale" {
		if s.hook == "" {
			return refuse("qmgr obj=autoscale svr=default: hook not found")
		}
		return Answer{Out: "Hook autoscale\n    type = site\n    enabled = " + s.hook + "\n    event = periodic\n    freq = 15\n\n"}
	}
	s.calls = append(s.calls, "qmgr "+args[1])
	words := strings.SplitN(args[1], " ", 4)
	if len(words) < 3 {
		return refuse("qmgr: Syntax error")
	}
	name := strings.ToLower(words[2])
	switch words[0] + " " + words[1] {
	case "create resource":
		s.resources = append(s.resources, words[2])
		return Answer{}
	case "create node":
		if s.vnodes[name] != nil {
			return refuse("qmgr obj=%s svr=default: Node name already exists", name)
		}
		s.vnodes[name] = &Vnode{Name: words[2], Available: map[string]string{"host": words[2], "vnode": words[2], "ncpus": "1"}, used: map[string]int64{}, unheard: true}
		return Answer{}
	case "set node", "delete node":
		v := s.vnodes[name]
		if v == nil {
			return refuse("qmgr obj=%s svr=default: Unknown node", name)
		}
		if words[0] == "set" && len(words) == 4 {
			return s.setVnode(v, words[3])
		}
		if len(v.Jobs) > 0 {
			return refuse("qmgr obj=%s svr=default: Object busy", name)
		}
		delete(s.vnodes, name)
		return Answer{}
	}
	return refuse("qmgr: Illegal operation")
}

// setVnode sets all of the listed attributes, or none.
func (s *Server) setVnode(v *Vnode, list string) Answer {
	sets := map[string]string{}
	for part := range strings.SplitSeq(list, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		resource, ok := strings.CutPrefix(strings.TrimSpace(name), "resources_available.")
		if !ok || !slices.Contains(s.resources, resource) {
			return refuse("qmgr obj=%s svr=default: Unknown resource %s", v.Name, name)
		}
		sets[resource] = strings.Trim(strings.TrimSpace(value), `"`)
	}
	for resource, value := range sets {
		v.Available[resource] = value
	}
	return Answer{}
}

// qrls releases jobs.
func (s *Server) qrls(args []string) Answer {
	for _, j := range s.jobs {
		if slices.Contains(args, j.ID) && j.State == "H" {
			j.State = "Q"
		}
	}
	return Answer{}
}
