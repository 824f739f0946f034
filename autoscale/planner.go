package autoscale

import (
	"cmp"
	"slices"
)

// Planner plans again and again. It keeps from one plan to the next what it needs
// only while it makes one, so that the garbage of a plan does not grow with nodes.
// The zero Planner is ready; it is not for concurrent use.
type Planner struct {
	order []*Node
	nodes []nodeState
}

// room is for what a plan makes of nodes, in the order of their ids. It is good
// until the next call.
func (p *Planner) room(nodes []Node) []nodeState {
	p.order = p.order[:0]
	for i := range nodes {
		p.order = append(p.order, &nodes[i])
	}
	slices.SortFunc(p.order, func(x, y *Node) int { return cmp.Compare(x.ID, y.ID) })
	clear(p.nodes)
	p.nodes = slices.Grow(p.nodes[:0], len(nodes))[:len(nodes)]
	for i, node := range p.order {
		p.nodes[i].node = node
	}
	return p.nodes
}

// forget lets go of the state that was planned for.
func (p *Planner) forget() {
	clear(p.order)
	clear(p.nodes)
	p.order, p.nodes = p.order[:0], p.nodes[:0] // clean already for the next plan
}
