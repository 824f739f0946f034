package slurm

import (
	"slices"
	"strconv"
	"strings"

	"autoscaled/autoscale"
)

// AuditDynamic tells what keeps nodes that are added to a cluster from working there. The
// snapshot has nodes in state FUTURE too: by those that stand for pools, Slurm says which
// partitions a pool's nodes are of. most is how many nodes there may be at once, those that stand
// for pools included and those of slurm.conf not.
func AuditDynamic(s *Settings, now Snapshot, pools []*autoscale.Pool, m *Mapping, most int) []Finding {
	a := &settingsAuditor{Settings: s}
	a.nodeCount(now.Nodes, most)
	if strings.Contains(a.TopologyPlugin, "tree") || strings.Contains(a.TopologyPlugin, "block") {
		a.find(true, "TopologyPlugin", "is %s: nodes can be added with topology/none (24.11: topology/default) only", a.TopologyPlugin)
	}
	if width, err := strconv.Atoi(a.All["TreeWidth"]); err == nil && width < most {
		a.find(false, "TreeWidth", "is %d, and there may be %d nodes: nodes hand messages on to others whose addresses they must know (DNS)", width, most)
	}
	for _, pool := range pools {
		a.partitions(pool, now, m)
	}
	return a.findings
}

// nodeCount holds MaxNodeCount against what may be there. Slurm's default is the number of
// nodes in slurm.conf.
func (a *settingsAuditor) nodeCount(nodes []Node, most int) {
	for i := range nodes {
		if !dynamic(&nodes[i]) {
			most++
		}
	}
	count, err := strconv.Atoi(a.All["MaxNodeCount"])
	switch {
	case err != nil:
		a.find(true, "MaxNodeCount", "is not set: Slurm takes no nodes beside those of slurm.conf")
	case count < most:
		a.find(true, "MaxNodeCount", "is %d, and with all that the policy's max allows there may be %d nodes: of those beyond it Slurm knows nothing, and their VMs are of no use", count, most)
	}
}

// partitions compares the partitions that a pool's nodes are of with those that get its nodes
// by the mapping.
func (a *settingsAuditor) partitions(pool *autoscale.Pool, now Snapshot, m *Mapping) {
	i := slices.IndexFunc(now.Nodes, func(n Node) bool {
		id, announces := announced(&n)
		return announces && id == pool.ID
	})
	subject := "pool " + string(pool.ID)
	if i < 0 {
		a.find(false, subject, "Slurm has no node that stands for it, by which its partitions could be told: start the daemon, with queue.slurm.dynamic.announce of 1 or more, and check again")
		return
	}
	n, any := &now.Nodes[i], false
	for _, p := range now.Partitions {
		has := hasWord(n.Partitions, ",", p.Name)
		where, known := m.Partition(p.Name)
		_, meant := where.Match(pool.Labels)
		meant = meant && known
		any = any || has || meant
		switch {
		case meant && !has:
			a.find(true, subject, "partition %s is to have its nodes, by queue.slurm.partitions or its name, and no NodeSet of it has one of their features (%s): jobs wait there beside nodes that are idle", p.Name, n.Features)
		case has && !meant:
			a.find(false, subject, "partition %s has its nodes, and not by queue.slurm.partitions or its name: no nodes of it are made for its jobs", p.Name)
		}
	}
	if !any {
		a.find(false, subject, "no partition has its nodes; their features are %s", n.Features)
	}
}
