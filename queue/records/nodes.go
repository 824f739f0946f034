package records

import (
	"strings"

	"autoscaled/autoscale"
)

// NodesByHost finds nodes that are not gone by the hosts that records may have of them, in
// lower case: a node's name, and the host name that it has come to have.
func NodesByHost(supply autoscale.Supply) map[string]*autoscale.Node {
	nodes := map[string]*autoscale.Node{}
	for i := range supply.Nodes {
		n := &supply.Nodes[i]
		for _, name := range []string{n.Name, n.Host} {
			if name != "" && n.Phase != autoscale.PhaseGone {
				nodes[strings.ToLower(name)] = n
			}
		}
	}
	return nodes
}
