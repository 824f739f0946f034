package autoscale

import "maps"

// Adoption says which of the nodes that no record tells of are taken for ours.
type Adoption string

// The adoptions. What is not ours is reported, and never touched.
const (
	// AdoptOwned takes those that carry our owner mark. Empty means the same.
	AdoptOwned Adoption = "owned"
	// AdoptAll takes all nodes of managed pools, whoever made them.
	AdoptAll Adoption = "all"
	// AdoptNone takes none but those of requests on record.
	AdoptNone Adoption = "none"
)

// adopts tells whether a node that no record tells of is taken for ours. The mark alone
// is not enough: another daemon may work on other pools of the same cluster.
func (p *Policy) adopts(n *Node, managed bool) bool {
	switch p.Adopt {
	case AdoptNone:
		return false
	case AdoptAll:
		return managed && (n.Owned || n.Protected == "")
	}
	return managed && n.Owned
}

// ours tells whether the daemon may do with a node as the policy says.
func (b *board) ours(n *nodeState) bool {
	return n.memory.Ours || b.policy.adopts(n.node, n.pool >= 0)
}

// Orphans are what nobody accounts for.
type Orphans struct {
	// Nodes of managed pools that are not ours.
	Nodes []Node
	// Operations that are open, and of whose nodes none is there.
	Operations []Operation
}

// FindOrphans lists them, in the order of observation and of operations. An unreadable
// cloud tells of none.
func FindOrphans(o Observation, operations []Operation, m Memory, p Policy) (found Orphans) {
	if o.SupplyProblem != "" {
		return found
	}
	managed := make(map[PoolID]bool, len(o.Supply.Pools))
	for i := range o.Supply.Pools {
		managed[o.Supply.Pools[i].ID] = policyOf(&o.Supply.Pools[i], &p) >= 0
	}
	there, asked := make(map[NodeID]bool, len(o.Supply.Nodes)), make(map[RequestID]bool)
	for i := range o.Supply.Nodes {
		n := &o.Supply.Nodes[i]
		if n.Phase == PhaseGone {
			continue
		}
		there[n.ID], asked[n.Request] = true, true
		if managed[n.Pool] && n.Protected == "" && !m.Nodes[n.ID].Ours {
			found.Nodes = append(found.Nodes, *n)
		}
	}
	for i := range operations {
		if op := &operations[i]; !op.Phase.Final() && !op.shows(there, asked) {
			found.Operations = append(found.Operations, *op)
		}
	}
	return found
}

// WithOurs is the memory in which these nodes are ours. Those that it does not remember
// are left out.
func (m Memory) WithOurs(ids ...NodeID) Memory {
	m.Nodes = maps.Clone(m.Nodes)
	for _, id := range ids {
		if n, known := m.Nodes[id]; known {
			n.Ours = true
			m.Nodes[id] = n
		}
	}
	return m
}

// shows tells whether any node of an operation is there.
func (o *Operation) shows(there map[NodeID]bool, asked map[RequestID]bool) bool {
	if o.Kind == OperationCreate && asked[o.Request] {
		return true
	}
	for _, id := range o.Nodes {
		if there[id] {
			return true
		}
	}
	return false
}
