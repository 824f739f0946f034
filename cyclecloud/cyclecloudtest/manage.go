package cyclecloudtest

import "fmt"

type manageResult struct {
	OperationID string       `json:"operationId"`
	Nodes       []nodeResult `json:"nodes"`
}

type nodeResult struct {
	ID     string `json:"id,omitempty"`
	Name   string `json:"name,omitempty"`
	Status string `json:"status"`
	Error  string `json:"error,omitempty"`
}

// actions are the calls that act on existing nodes, by the last part of their path. Each answers ""
// or why it cannot be done to this node.
var actions = map[string]func(*world, *node) string{
	"terminate":  func(w *world, n *node) string { return w.askToLeave(n, false) },
	"remove":     func(w *world, n *node) string { return w.askToLeave(n, true) },
	"deallocate": (*world).askToDeallocate,
	"shutdown":   (*world).askToShutDown,
	"start":      (*world).askToStart,
	"restart":    (*world).askToRestart,
	"reimage":    (*world).askToReimage,
}

// manage applies an action to each selected node; one that is unknown or unwilling does not fail
// the others.
func (w *world) manage(c *cluster, action string, r manageRequest, f filter) (manageResult, *refusal) {
	op, no := w.begin(c, action, r.RequestID)
	if no != nil {
		return manageResult{}, no
	}
	result := manageResult{OperationID: op.id, Nodes: []nodeResult{}}
	chosen, missing := c.choose(r, f)
	entry := ManageRecord{At: w.now, Cluster: c.name, Action: action, RequestID: r.RequestID, OperationID: op.id}
	for _, n := range chosen {
		answer := nodeResult{ID: n.id, Name: n.name, Status: "OK"}
		if why := actions[action](w, n); why != "" {
			answer.Status, answer.Error = "Error", why
		} else {
			op.nodes = append(op.nodes, n)
			entry.Nodes = append(entry.Nodes, n.id)
		}
		result.Nodes = append(result.Nodes, answer)
	}
	result.Nodes = append(result.Nodes, missing...)
	w.books.Manages = append(w.books.Manages, entry)
	w.checkLimits()
	return result, nil
}

// choose resolves a request to nodes, each once, in the order asked; the filter's come last.
func (c *cluster) choose(r manageRequest, f filter) (chosen []*node, missing []nodeResult) {
	taken := map[*node]bool{}
	take := func(n *node, absent nodeResult) {
		switch {
		case n == nil:
			absent.Status = "Error"
			missing = append(missing, absent)
		case !taken[n]:
			taken[n] = true
			chosen = append(chosen, n)
		}
	}
	for _, id := range r.IDs {
		take(c.byID[id], nodeResult{ID: id, Error: "No node with id " + id})
	}
	for _, name := range r.Names {
		take(c.byName[name], nodeResult{Name: name, Error: "No node named " + name})
	}
	for _, host := range r.Hostnames {
		take(c.find(func(n *node) bool { return host != "" && n.host == host }), nodeResult{Error: "No node with hostname " + host})
	}
	for _, ip := range r.IPAddresses {
		take(c.find(func(n *node) bool { return ip != "" && n.ip == ip }), nodeResult{Error: "No node with address " + ip})
	}
	if f != nil {
		for _, n := range c.nodes {
			if truth(f.eval(n.fields())) {
				take(n, nodeResult{})
			}
		}
	}
	return chosen, missing
}

func (c *cluster) find(is func(*node) bool) *node {
	for _, n := range c.nodes {
		if is(n) {
			return n
		}
	}
	return nil
}

// askToLeave is terminate and remove. A node with KeepAlive stays, and that somebody tried is
// written into the books, as is the removal of a node that was marked busy.
func (w *world) askToLeave(n *node, remove bool) string {
	if n.keepAlive {
		w.violateBy(n, ViolationKeepAlive, "removal of a node with KeepAlive")
		return fmt.Sprintf("Node %s has KeepAlive set", n.name)
	}
	leaving := n.status == statusTerminating || n.status == statusTerminated || n.status == statusOff
	if !leaving {
		w.noteRemoval(n)
	}
	w.terminate(n, remove)
	return ""
}

func (w *world) noteRemoval(n *node) {
	if n.busy {
		w.violateBy(n, ViolationBusy, "removal of a busy node")
	}
	if n.isHead() {
		w.violateBy(n, ViolationHead, "removal of a head node")
	}
}

func (w *world) violateBy(n *node, kind ViolationKind, text string) {
	w.books.violate(Violation{At: w.now, Kind: kind, Cluster: n.cluster.name, Node: n.name, NodeID: n.id, Text: text})
}

func (w *world) askToDeallocate(n *node) string {
	if n.keepAlive {
		w.violateBy(n, ViolationKeepAlive, "deallocation of a node with KeepAlive")
		return fmt.Sprintf("Node %s has KeepAlive set", n.name)
	}
	switch n.status {
	case statusDeallocating, statusDeallocated:
		return ""
	case statusReady, statusPreparing, statusFailed, statusRestarting, statusReimaging:
		w.noteRemoval(n)
		w.books.Deallocations++
		w.deallocate(n)
		return ""
	}
	return fmt.Sprintf("Node %s is %s and cannot be deallocated", n.name, n.status)
}

// askToShutDown follows the node's ShutdownPolicy.
func (w *world) askToShutDown(n *node) string {
	if n.policy == policyDeallocate {
		return w.askToDeallocate(n)
	}
	return w.askToLeave(n, false)
}

// askToStart starts what is deallocated or terminated; what is started already stays so.
func (w *world) askToStart(n *node) string {
	switch n.status {
	case statusDeallocated:
		w.books.Starts++
		w.launch(n)
	case statusTerminated, statusOff:
		if why := w.noRoomFor(n); why != "" {
			return why
		}
		w.books.Starts++
		w.launch(n)
	case statusTerminating, statusDeallocating:
		return fmt.Sprintf("Node %s is %s and cannot be started", n.name, n.status)
	}
	return ""
}

// noRoomFor checks the limits for a record that held nothing so far; a head node draws on quotas
// alone.
func (w *world) noRoomFor(n *node) string {
	var room int
	var why string
	if n.isHead() {
		var by limit
		room, by = tightest(w.quotasOf(n.region, false, n.machine, w.census()), false)
		why = by.name
	} else {
		room, why = w.roomIn(n.bucket, n.group, w.census())
	}
	if room < 1 {
		return "No room for node " + n.name + ": " + why
	}
	return ""
}

func (w *world) askToRestart(n *node) string {
	if n.status != statusReady {
		return fmt.Sprintf("Node %s is %s and cannot be restarted", n.name, n.status)
	}
	w.restart(n)
	return ""
}

func (w *world) askToReimage(n *node) string {
	if n.status != statusReady && n.status != statusFailed {
		return fmt.Sprintf("Node %s is %s and cannot be reimaged", n.name, n.status)
	}
	w.reimage(n)
	return ""
}
