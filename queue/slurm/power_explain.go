package slurm

import (
	"strconv"
	"strings"
)

// unallocatedBecause is why Slurm gave a job no nodes: its word, what that means, and which
// nodes that the job might have had are out by our mark.
func (r *reckoner) unallocatedBecause(j *Job) string {
	if held := heldBy(j); held != "" {
		return held
	}
	why := Explain(j.Reason)
	text := why.Reason + ": " + why.Words
	switch after := dependencies(j.Dependency); {
	case j.Reason == "Dependency":
		return text + " (" + string(after[0]) + more(len(after)-1) + ")"
	case j.Reason == "BeginTime" && !j.Eligible.IsZero():
		text = why.Reason + ": may start from " + j.Eligible.UTC().Format("15:04:05 UTC") + " on"
	}
	for partition := range strings.SplitSeq(j.Partition, ",") {
		if out := r.out[partition]; out != "" {
			return text + "; out of service: " + out
		}
	}
	return text + "; Slurm powers up no nodes for it as yet"
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
