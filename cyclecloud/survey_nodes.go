package cyclecloud

import (
	"maps"
	"slices"
	"strings"

	"autoscaled/autoscale"
)

// addNodes translates the records and counts them into their pools.
func (s *survey) addNodes() {
	s.nodes = make([]autoscale.Node, 0, len(s.status.Nodes))
	for i := range s.status.Nodes {
		record := &s.status.Nodes[i]
		node := autoscale.Node{
			ID:        nodeID(record),
			Name:      record.Name,
			Host:      record.Hostname,
			Address:   record.PrivateIP,
			QueueHost: record.QueueHost,
			Group:     record.PlacementGroupID,
			Phase:     phaseOf(record),
			State:     record.Status,
			Request:   autoscale.RequestID(record.RequestID),
			Owned:     record.Owner == s.options.Owner,
			KeepAlive: record.KeepAlive,
			Message:   record.StatusMessage,
		}
		node.Class = classOfNode(node.Phase, node.Message)
		array := s.arrays[strings.ToLower(record.Template)]
		node.Protected = protection(record, array)
		if array != nil {
			p := s.poolOf(record, array)
			node.Pool = p.ID
			p.count(&node)
		}
		s.nodes = append(s.nodes, node)
	}
}

// nodeID is the node's own id. A record without one is told by its name, so
// that two such records stay two; it is protected, for nothing can be asked of it.
func nodeID(record *Node) autoscale.NodeID {
	if record.NodeID == "" {
		return autoscale.NodeID("name:" + record.Name)
	}
	return autoscale.NodeID(record.NodeID)
}

// protection is why the node must not be touched; empty: it may be.
func protection(record *Node, array *Nodearray) string {
	switch {
	case array == nil:
		return "head node: it belongs to no nodearray"
	case record.NodeID == "":
		return "its record has no NodeId"
	case len(record.Odd) > 0:
		return "its record is odd: " + strings.Join(record.Odd, ", ")
	case forbidden(&array.Record):
		return "its nodearray's " + autoscaleSetting + " is false"
	case forbidden(record):
		return autoscaleSetting + " is false"
	}
	return ""
}

// poolOf finds the node's pool. One that no bucket offers any more is made up
// from the node: its nodes must be seen and may go, but none can be added.
func (s *survey) poolOf(record *Node, array *Nodearray) *pool {
	key := poolKey{strings.ToLower(array.Name), strings.ToLower(record.MachineType), record.Interruptible}
	if p := s.byKey[key]; p != nil {
		return p
	}
	region := record.Region
	if region == "" {
		region = array.Record.Region
	}
	p := s.addPool(key, array, Definition{MachineType: record.MachineType}, region)
	p.Invalid = "nodearray " + array.Name + " no longer offers it"
	p.cores = record.CoreCount
	p.Node = autoscale.Resources{
		Cores: record.CoreCount, Memory: gigabytes(record.Memory), Custom: customResources(&array.Record),
	}
	other := key
	other.spot = !key.spot
	if twin := s.byKey[other]; twin != nil {
		p.cores, p.Node, p.PCPUs, p.GroupSize = twin.cores, twin.Node, twin.PCPUs, twin.GroupSize
	}
	return p
}

// count enters a node that draws on limits: every one but those that are gone.
func (p *pool) count(n *autoscale.Node) {
	if n.Phase == autoscale.PhaseGone {
		return
	}
	p.held++
	if n.Phase != autoscale.PhaseDeallocated {
		p.running++
	}
	if n.Group != "" {
		p.groups[n.Group]++
	}
}

// addGroups lists each pool's placement groups: those that the server names and
// those that its nodes are in, with whichever count is higher.
func (s *survey) addGroups() {
	for _, p := range s.pools {
		if p.bucket != nil {
			for _, g := range p.bucket.PlacementGroups {
				p.groups[g.Name] = max(p.groups[g.Name], g.ActiveCount)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(p.groups)) {
			p.Groups = append(p.Groups, autoscale.Group{Name: name, Active: p.groups[name]})
		}
	}
}
