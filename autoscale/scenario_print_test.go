package autoscale

import (
	"fmt"
	"strings"
)

// printPlan renders a plan for people to compare: actions, then jobs as ranges,
// then nodes.
func printPlan(p Plan, d Demand) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	printActions(line, p)
	if p.Empty() {
		line("nothing to do")
	}
	if p.holdsAll() {
		line("hold    everything [%s] %s", p.Hold.Code, p.Hold)
	}
	for _, o := range p.Outcomes {
		members := d.Classes[o.Class].Members
		name := string(members[o.From].ID)
		if o.To-o.From > 1 {
			name += " to " + string(members[o.To-1].ID)
		}
		line("job     %s [%s]%s: %s", name, o.Reason.Code, printServed(p, o), o.Reason)
	}
	for _, v := range p.Nodes {
		line("node    %s [%s] %s", v.Node, v.Reason.Code, v.Reason)
	}
	for _, v := range p.Pools {
		held := ""
		if v.Held {
			held = " held back"
		}
		line("pool    %s [%s]%s: %s", v.Pool, v.Reason.Code, held, v.Reason)
	}
	return b.String()
}

func printActions(line func(format string, args ...any), p Plan) {
	in := func(group string) string {
		if group == "" {
			return ""
		}
		return " in group " + group
	}
	for _, s := range p.Start {
		for _, n := range s.Nodes {
			line("start   %s%s: %s", n.ID, in(s.Group), s.Reason)
		}
	}
	for _, g := range p.Grow {
		as := ""
		if g.Names != nil {
			as = " as " + strings.Join(g.Names, ", ")
		}
		line("create  %d of %s%s%s: %s", g.Count, g.Pool, in(g.Group), as, g.Reason)
	}
	for _, r := range p.Retry {
		line("retry   %s of %s: %s", r.Operation.Kind, r.Operation.Request, r.Reason)
	}
	for _, x := range p.Undrain {
		line("undrain %s: %s", x.Node.ID, x.Reason)
	}
	for _, x := range p.Drain {
		line("drain   %s: %s", x.Node.ID, x.Reason)
	}
	for _, r := range p.Report {
		line("report  %s as %s: %s", r.Node.ID, r.Category, r.Reason)
	}
	for _, r := range p.Remove {
		for _, n := range r.Nodes {
			line("remove  %s%s: %s", n.ID, by(r.Removal), r.Reason)
		}
	}
}

func printServed(p Plan, o Outcome) string {
	var parts []string
	for _, s := range o.Served {
		switch {
		case s.Nodes != nil:
			parts = append(parts, fmt.Sprintf("%v", s.Nodes))
		case s.Request != "":
			parts = append(parts, fmt.Sprintf("%d of request %s", s.Count, s.Request))
		default:
			parts = append(parts, fmt.Sprintf("%d new of %s", s.Count, s.Pool))
		}
	}
	if parts == nil {
		return ""
	}
	return " on " + strings.Join(parts, " + ")
}

// by is the way in which nodes go, where it is not the usual one.
func by(how Removal) string {
	if how == RemovalTerminate {
		return ""
	}
	return " (" + string(how) + ")"
}
