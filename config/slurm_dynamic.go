package config

import (
	"fmt"
	"strings"
)

// SlurmDynamic says how nodes are added to a dynamic Slurm cluster.
type SlurmDynamic struct {
	Register bool               `key:"register" default:"true" help:"Add each node to Slurm once it has an address (scontrol create, state FUTURE); slurmd -Z on the VM, with -N and the node's name, then takes that up. false: VMs add themselves, and say themselves what they are (slurmd -Z --conf). What Slurm is told beforehand by announce is then to be the same: nodearray and machine type as features, and those of nodes."`
	Announce int                `key:"announce" default:"1" help:"How many nodes in state FUTURE to keep for each pool. They run nothing, and tell Slurm what nodes there can be: jobs that no node which is there could run wait instead of being refused. Slurm 24.11 also refuses jobs of more nodes than it knows: there the size of the largest job. They count for MaxNodeCount. 0: none."`
	Gres     []string           `key:"gres" default:"" help:"Names of custom resources that Slurm has as generic resources (GresTypes), beside gpu."`
	Nodes    []SlurmDynamicNode `key:"nodes" help:"What nodes have in Slurm beside their nodearray and machine type, which are features of each. All entries count that a node matches; of weights the first."`
}

// SlurmDynamicNode says what some nodes have in Slurm.
type SlurmDynamicNode struct {
	Nodearray    string   `key:"nodearray" default:"" help:"Nodearray of the nodes. Empty: any."`
	MachineTypes []string `key:"machine_types" default:"" help:"Their machine types. Empty: any."`
	Features     []string `key:"features" default:"" help:"Features that they have, such as those of NodeSets."`
	Weight       int      `key:"weight" default:"0" help:"Slurm's weight: nodes of less get jobs first. 0: Slurm's default."`
}

// maxWeight bounds a node's Weight: Slurm keeps 32 bits, of which the highest values have
// meanings of their own.
const maxWeight = 4_000_000_000

// maxAnnounced bounds how many nodes stand for a pool: far more than any job has. Our own
// choice.
const maxAnnounced = 10_000

func (s *source) slurmDynamic(d *SlurmDynamic, at string) {
	if d.Announce < 0 || d.Announce > maxAnnounced {
		s.add(at+".announce", fmt.Sprintf("%d is not from 0 to %d", d.Announce, maxAnnounced))
	}
	for i, name := range d.Gres {
		if key := fmt.Sprintf("%s.gres[%d]", at, i); name == "gpu" {
			s.add(key, "has no effect: GPUs are told by themselves")
		} else if !slurmWord(name) {
			s.add(key, fmt.Sprintf("%q is no name of a generic resource", shown(name)))
		}
	}
	for i := range d.Nodes {
		n, key := &d.Nodes[i], fmt.Sprintf("%s.nodes[%d]", at, i)
		if len(n.Features) == 0 && n.Weight == 0 && !s.within(key+".") {
			s.add(key, "sets nothing; set features or weight")
		}
		if n.Weight != 0 && !d.Register {
			s.add(key+".weight", "has no effect with register: false: slurmd says it (slurmd -Z --conf)")
		} else if n.Weight < 0 || n.Weight > maxWeight {
			s.add(key+".weight", fmt.Sprintf("%d is not from 0 to %d", n.Weight, maxWeight))
		}
		for j, feature := range n.Features {
			if !slurmWord(feature) {
				s.add(fmt.Sprintf("%s.features[%d]", key, j), fmt.Sprintf("%q is no name of a feature", shown(feature)))
			}
		}
	}
}

// slurmWord tells whether a text can be one name in a list of Slurm's.
func slurmWord(text string) bool {
	return text != "" && !strings.ContainsAny(text, " \t\n,:;&|*?()[]{}<>=!\"'\\")
}

// MatchesNode tells whether the entry is for nodes of a nodearray and machine type.
func (n *SlurmDynamicNode) MatchesNode(nodearray, machineType string) bool {
	if n.Nodearray != "" && !strings.EqualFold(n.Nodearray, nodearray) {
		return false
	}
	for _, t := range n.MachineTypes {
		if strings.EqualFold(t, machineType) {
			return true
		}
	}
	return len(n.MachineTypes) == 0
}
