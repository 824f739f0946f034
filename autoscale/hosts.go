package autoscale

import (
	"slices"
	"strings"
)

// hosts finds what the queue says of a node's host. The queue may know a node by one of
// several names: a node that was not recognised would count as idle while it works.
//
// The names are tried in the order of how surely they mean this node:
//
//  1. Node.QueueHost, what the node's record says that the queue calls it,
//  2. Node.Name, by which schedulers are told of a node before it has a VM,
//  3. HostUse.Node, the cloud's id of the node where the host tells it,
//  4. Node.Host, the VM's own name: a stand-alone DNS makes them of addresses, and it may
//     equal another node's Name,
//  5. Node.Address,
//  6. host names where one side has a domain and the other has none.
//
// A host that means another node more surely counts for this one only where no name of
// its own is listed, or before: two nodes may then count as busy where one is, but no
// doubt makes a busy node idle.
type hosts struct {
	demand *Demand
	// full are the full names in use, by their short ones.
	full map[string]string
	// byNode are the hosts that tell whose they are.
	byNode map[NodeID]string
	// claims are the surest kinds of name by which some node is meant, by host. Nil where
	// all nodes are found by one kind.
	claims map[string]int
}

// newHosts reads what the queue lists. The nodes are all that the cloud shows.
func newHosts(d *Demand, nodes []Node) hosts {
	h := hosts{demand: d, full: make(map[string]string), byNode: make(map[NodeID]string)}
	for name, use := range d.Use {
		if short := ShortHost(name); short != name {
			h.full[short] = h.safer(h.full[short], name)
		}
		if use.Node != "" {
			h.byNode[use.Node] = h.safer(h.byNode[use.Node], name)
		}
	}
	h.claim(nodes)
	return h
}

// claim finds by which kind of name each host is meant most surely.
func (h *hosts) claim(nodes []Node) {
	first, last := len(h.names(&Node{})), 0
	h.claimed(nodes, func(_ string, kind int) { first, last = min(first, kind), max(last, kind) })
	if first >= last {
		return
	}
	h.claims = make(map[string]int)
	h.claimed(nodes, func(name string, kind int) {
		if surest, known := h.claims[name]; !known || kind < surest {
			h.claims[name] = kind
		}
	})
}

// claimed tells the hosts that nodes may be, each of a node once, by the surest kind of
// name. A record that outlived its VM is none.
func (h *hosts) claimed(nodes []Node, tell func(name string, kind int)) {
	for i := range nodes {
		if nodes[i].Phase == PhaseGone {
			continue
		}
		names := h.names(&nodes[i])
		for kind, name := range names {
			if _, listed := h.demand.Use[name]; listed && name != "" && !slices.Contains(names[:kind], name) {
				tell(name, kind)
			}
		}
	}
}

// safer is, of two hosts that may be meant, the one that forbids more; else the first by
// name. Empty is none.
func (h hosts) safer(a, b string) string {
	m, n := h.demand.Use[a].forbids(), h.demand.Use[b].forbids()
	if a == "" || n > m || n == m && b != "" && b < a {
		return b
	}
	return a
}

// forbids ranks uses by how much they keep us from touching the host.
func (u HostUse) forbids() int {
	switch {
	case u.Busy():
		return 2
	case u.Drain == DrainForeign:
		return 1
	}
	return 0
}

// names are what the queue may call a node, the surest first. Some are empty.
func (h hosts) names(n *Node) [7]string {
	host := strings.ToLower(n.Host)
	return [...]string{
		strings.ToLower(n.QueueHost), strings.ToLower(n.Name), h.byNode[n.ID], host, strings.ToLower(n.Address),
		ShortHost(host), h.full[host],
	}
}

// useOf is what the queue runs on a node, and whether the queue vouches for it.
func (h hosts) useOf(node *Node) (use HostUse, known bool) {
	if use, listed := h.listed(node); listed {
		return use, true
	}
	return HostUse{}, h.demand.Vouched
}

// listed is what the queue runs on a node that it lists.
func (h hosts) listed(node *Node) (use HostUse, listed bool) {
	name, listed := h.find(node)
	return h.demand.Use[name], listed
}

// find is the host that a node is listed as.
func (h hosts) find(node *Node) (found string, listed bool) {
	own := false // a name is listed that means no other node more surely
	for kind, name := range h.names(node) {
		use, there := h.demand.Use[name]
		if name == "" || !there {
			continue
		}
		surest, claimed := h.claims[name]
		doubtful := claimed && surest < kind
		if doubtful && own {
			continue
		}
		more, less := use.forbids(), h.demand.Use[found].forbids()
		if !listed || more > less || more == less && !doubtful && !own {
			found = name
		}
		listed, own = true, own || !doubtful
	}
	return found, listed
}

// QueueHosts are the hosts as which a queue lists nodes, by node id. A node that it does
// not list has none.
func QueueHosts(d *Demand, nodes []Node) map[NodeID]string {
	h, found := newHosts(d, nodes), make(map[NodeID]string)
	for i := range nodes {
		if name, listed := h.find(&nodes[i]); listed {
			found[nodes[i].ID] = name
		}
	}
	return found
}

// ShortHost is a host name without its domain. An address has none.
func ShortHost(host string) string {
	label, _, dotted := strings.Cut(host, ".")
	if !dotted || strings.Trim(label, "0123456789") == "" {
		return host
	}
	return label
}

// heardOf tells whether a node has reported for work: the queue lists it, and does not
// miss it. One that was taken out of service before it did never has.
func (h hosts) heardOf(node *Node) bool {
	use, listed := h.listed(node)
	return listed && (use.Busy() || !use.Missing && use.Drain != DrainDone)
}
