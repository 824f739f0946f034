package pbs

import (
	"io"
	"strings"
)

// Node is one vnode.
type Node struct {
	Name string
	// Host is the host that it is of, and NodeID CycleCloud's id of it; empty: not set.
	Host, NodeID string
	// State is one or several words with commas between: "down,offline".
	State string
	// Comment says why it is offline, or whatever somebody wrote.
	Comment string
	// Jobs are those that run there, each once.
	Jobs []string
	// Available and Assigned are its resources, and what of them jobs have.
	Available, Assigned []Amount
}

// Is tells whether a word of its state is this one.
func (n *Node) Is(state string) bool {
	for word := range strings.SplitSeq(n.State, ",") {
		if strings.TrimSpace(word) == state {
			return true
		}
	}
	return false
}

// nodeIDResource is what tells which of CycleCloud's nodes a vnode is on. CycleCloud's own
// autoscaler for PBS uses the same.
const nodeIDResource = "ccnodeid"

// readNodes reads what pbsnodes -a prints, as JSON or as text.
func readNodes(r io.Reader, f form) ([]Node, error) {
	var list []Node
	at := make(map[string]int)
	w := make(words)
	err := listOfNodes.read(r, f, func(object, attribute, resource, value []byte) {
		i, known := at[string(object)]
		if !known {
			i = len(list)
			list = append(list, Node{Name: string(object), Host: string(object)})
			at[list[i].Name] = i
		}
		list[i].take(w, attribute, resource, value)
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

func (n *Node) take(w words, attribute, resource, value []byte) {
	switch string(attribute) {
	case "state":
		n.State = w.text(value)
	case "comment":
		n.Comment = w.text(value)
	case "jobs":
		n.run(string(value))
	case "resources_available":
		switch string(resource) {
		case "host":
			n.Host = string(value)
		case nodeIDResource:
			n.NodeID = string(value)
		}
		n.Available = append(n.Available, Amount{w.text(resource), w.text(value)})
	case "resources_assigned":
		n.Assigned = append(n.Assigned, Amount{w.text(resource), w.text(value)})
	}
}

// run adds jobs: one in JSON, and in text all, each with the number of its place after a
// slash ("1.server/0, 1.server/1").
func (n *Node) run(jobs string) {
	for job := range strings.SplitSeq(jobs, ",") {
		job, _, _ = strings.Cut(strings.TrimSpace(job), "/")
		if job == "" || len(n.Jobs) > 0 && n.Jobs[len(n.Jobs)-1] == job {
			continue
		}
		for _, other := range n.Jobs {
			if other == job {
				job = ""
			}
		}
		if job != "" {
			n.Jobs = append(n.Jobs, job)
		}
	}
}
