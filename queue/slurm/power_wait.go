package slurm

import (
	"slices"
	"strings"

	"autoscaled/autoscale"
)

// A job that Slurm gave no nodes waits for what Slurm says, most often for others to end.
// It waits for the cloud where too few of its nodes are free, and some are out by our mark.

// prospects are the nodes that jobs may use which ask for the same ones.
type prospects struct {
	// some tells that there are any, free how many of them Slurm could give now, and out
	// why the first of those that we took out of service is; empty: none is.
	some bool
	free int64
	out  string
}

// wanted is what says which nodes a job may use.
type wanted struct{ partition, features, required, excluded string }

// addPending adds the pending jobs that wait for nodes which are out by our mark, and leaves
// out those that Slurm has nodes for after all, whatever they wait for: the configuration need
// not know their partitions and features by pools.
func (p *PowerSaving) addPending(v *view) {
	nodes, some := p.outlooks(v)
	seen := make(map[wanted]prospects)
	for i := range v.jobs {
		j := &v.jobs[i]
		_, waits := v.waits[j.ID]
		awaits := v.awaitsNodes(j)
		if !j.Is("PENDING") || !waits && (!some || !awaits) {
			continue
		}
		key := wanted{j.Partition, j.Features, j.RequiredNodes, j.ExcludedNodes}
		could, known := seen[key]
		if !known {
			could = prospectsOf(v, key, nodes)
			seen[key] = could
		}
		switch {
		case awaits && could.out != "" && could.free < needOf(j).least:
			v.waits[j.ID] = wait{text: could.out}
		case could.some:
			delete(v.waits, j.ID)
		}
	}
}

// awaitsNodes tells whether nodes are what a pending job waits for.
func (v *view) awaitsNodes(j *Job) bool {
	free := *j
	free.RequiredNodes = ""
	return Explain(j.Reason).Demand && j.Reason != "JobArrayTaskLimit" && !v.later(j) && heldBy(&free) == ""
}

// later tells whether a job's begin time lies ahead.
func (v *view) later(j *Job) bool {
	return j.Reason == "BeginTime" && (j.Eligible.IsZero() || j.Eligible.After(v.state.At)) // which it says until Slurm looks again
}

func prospectsOf(v *view, w wanted, nodes []outlook) (could prospects) {
	partitions := strings.Split(w.partition, ",")
	required, excluded := nameSet(w.required), nameSet(w.excluded)
	features, err := featureSelector(w.features, featureLabel)
	for i := range v.nodes {
		n := &v.nodes[i]
		in := slices.ContainsFunc(partitions, func(name string) bool { return hasWord(n.Partitions, ",", name) })
		if !in || len(required) > 0 && !required[n.Name] || excluded[n.Name] {
			continue
		}
		if w.features != "" && err == nil {
			if _, ok := features.Match(featureLabels(n)); !ok {
				continue
			}
		}
		could.some = true
		switch {
		case nodes[i].out != "" && could.out == "":
			could.out = nodes[i].out
		case nodes[i].free:
			could.free++
		}
	}
	return could
}

// gives tells whether Slurm could give a node to a job now. The one that was returned as
// the probe of an offering is somebody's soon.
func (p *PowerSaving) gives(n *Node) bool {
	for _, first := range p.probes {
		if first.node == n.Name {
			return false
		}
	}
	return !n.Is("DOWN") && !n.Is("DRAIN") && !n.Is("FAIL") && !works(n)
}

// outlook is what is the same of a node for all jobs: there may be thousands of nodes, and
// of jobs that each name others.
type outlook struct {
	// out is why it is out by our mark, or about to be; empty: it is not. free tells that
	// Slurm could give it now.
	out  string
	free bool
}

// outlooks are those of the view's nodes. some tells that any is out.
func (p *PowerSaving) outlooks(v *view) (nodes []outlook, some bool) {
	nodes = make([]outlook, len(v.nodes))
	for i := range v.nodes {
		out := p.outBecause(v, &v.nodes[i])
		nodes[i] = outlook{out, out == "" && p.gives(&v.nodes[i])}
		some = some || out != ""
	}
	return nodes, some
}

// outBecause is why a node is out by our mark, or about to be, with the time of the latest
// failure's next try; empty: it is not.
func (p *PowerSaving) outBecause(v *view, n *Node) string {
	marked := n.Is("DOWN") && strings.HasPrefix(n.Reason, Mark)
	if !marked && (len(p.held) == 0 || !spare(n)) {
		return ""
	}
	if id, text, out := p.troubleOf(v, n); out && !p.held[id].failed.IsZero() {
		return text
	}
	if !marked {
		return ""
	}
	return strings.TrimPrefix(n.Reason, Mark)
}

func nameSet(list string) map[string]bool {
	names, _ := Expand(list) // one that makes no sense names none
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}

// featureLabel and featureLabels let a selector be of a node's own features.
func featureLabel(name string) autoscale.Selector { return autoscale.HasLabel(name, "yes") }

func featureLabels(n *Node) map[string]string {
	labels := make(map[string]string)
	for name := range strings.SplitSeq(n.Features, ",") {
		labels[name] = "yes"
	}
	return labels
}
