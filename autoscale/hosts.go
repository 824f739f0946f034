package autoscale

import "strings"

// hosts finds what the queue says of a node's host. One side may call a host by
// its full name ("ip-0a000004.internal.cloudapp.net") and the other by its short
// one: a node that was not recognised would count as idle while it works.
type hosts struct {
	demand *Demand
	// full are the full names in use, by their short ones.
	full map[string]string
}

func newHosts(d *Demand) hosts {
	h := hosts{demand: d, full: make(map[string]string)}
	for name, use := range d.Use {
		short := shortName(name)
		if short == name {
			continue
		}
		// Of two hosts with one short name the busy one counts, else the first by name.
		other, twice := h.full[short]
		if !twice || use.Busy() && !d.Use[other].Busy() || use.Busy() == d.Use[other].Busy() && name < other {
			h.full[short] = name
		}
	}
	return h
}

// useOf is what the queue runs on a node, and whether the queue vouches for it. A
// node is found by its host name, its name, or its address, and where those are not
// listed by its short host name.
func (h hosts) useOf(node *Node) (use HostUse, known bool) {
	if use, listed := h.listed(node); listed {
		return use, true
	}
	return HostUse{}, h.demand.Vouched
}

// listed is what the queue runs on a node that it lists.
func (h hosts) listed(node *Node) (use HostUse, listed bool) {
	host := strings.ToLower(node.Host)
	for _, name := range [...]string{host, strings.ToLower(node.Name), strings.ToLower(node.Address)} {
		if use, listed := h.demand.Use[name]; listed && name != "" {
			return use, true
		}
	}
	for _, name := range [...]string{shortName(host), h.full[host]} {
		if use, listed := h.demand.Use[name]; listed && name != "" {
			return use, true
		}
	}
	return HostUse{}, false
}

// shortName is a host name without its domain. An address has none.
func shortName(host string) string {
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
