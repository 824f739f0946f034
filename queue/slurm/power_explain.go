package slurm

import (
	"strconv"
	"strings"
)

// unallocatedBecause is why Slurm gave a job no nodes: its word, what that means, and which
// nodes that the job might have had are out by our mark.
func (r *reckoner) unallocatedBecause(j *Job) string {
	free := *j
	free.RequiredNodes = ""
	if held := heldBy(&free); held != "" {
		return held
	}
	why := Explain(j.Reason)
	text := why.Reason + ": " + why.Words
	switch after := dependencies(j.Dependency); {
	case j.Reason == "JobArrayTaskLimit":
		return text
	case j.Reason == "Dependency":
		return text + " (" + string(after[0]) + more(len(after)-1) + ")"
	case j.Reason == "BeginTime" && !j.Eligible.IsZero():
		text = why.Reason + ": may start from " + j.Eligible.UTC().Format("2006-01-02 15:04:05 UTC") + " on"
	case j.RequiredNodes != "":
		return why.Reason + ": " + forCertain(j) + r.whatOf(j.RequiredNodes)
	}
	for partition := range strings.SplitSeq(j.Partition, ",") {
		if out := r.out[partition]; out != "" {
			return text + "; out of service: " + out
		}
	}
	return text + "; Slurm powers up no nodes for it as yet"
}

// whatOf tells of the nodes that a job names what keeps the first of them from it; empty:
// nothing that is seen does.
func (r *reckoner) whatOf(list string) string {
	names, _ := Expand(list) // a list that makes no sense was shown
	for _, name := range names {
		switch n := r.states[name]; {
		case n == nil:
			return "; Slurm has no node " + name
		case n.Is("DOWN"), n.Is("DRAIN"), n.Is("FAIL"):
			return "; " + name + " is out of service: " + orNothing(strings.TrimPrefix(n.Reason, Mark))
		case works(n):
			return "; " + name + " is in use"
		}
	}
	return ""
}

func orNothing(reason string) string {
	if reason == "" {
		return "no reason is given"
	}
	return reason
}

// outOf tells, by partition, of the nodes that we set DOWN, and why the first of them is.
func outOf(nodes []Node) map[string]string {
	first, others := make(map[string]*Node), make(map[string]int)
	for i := range nodes {
		n := &nodes[i]
		if !n.Is("DOWN") || !strings.HasPrefix(n.Reason, Mark) {
			continue
		}
		for partition := range strings.SplitSeq(n.Partitions, ",") {
			if first[partition] == nil {
				first[partition] = n
			} else {
				others[partition]++
			}
		}
	}
	out := make(map[string]string, len(first))
	for partition, n := range first {
		out[partition] = n.Name + more(others[partition]) + ": " + strings.TrimPrefix(n.Reason, Mark)
	}
	return out
}

// more tells of what is not named.
func more(count int) string {
	if count == 0 {
		return ""
	}
	return " and " + strconv.Itoa(count) + " more"
}
