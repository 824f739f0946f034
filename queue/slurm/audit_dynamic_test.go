package slurm

import (
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

func TestAuditDynamic(t *testing.T) {
	pool := bucket("htc", "F4", 4, 2, 16, 0, 100)
	mapping := &Mapping{Partition: func(name string) (autoscale.Selector, bool) {
		if name == "any" {
			return autoscale.HasLabel(autoscale.LabelNodearray, "htc", "hpc"), true
		}
		return autoscale.HasLabel(autoscale.LabelNodearray, name), name != "none"
	}}
	for want, change := range map[string]func(*Settings, *Snapshot){
		"":                               func(*Settings, *Snapshot) {},
		"! MaxNodeCount: is 11, and":     func(s *Settings, _ *Snapshot) { s.All["MaxNodeCount"] = "11" },
		"! MaxNodeCount: is not set":     func(s *Settings, _ *Snapshot) { delete(s.All, "MaxNodeCount") },
		"! TopologyPlugin: is topology/": func(s *Settings, _ *Snapshot) { s.TopologyPlugin = "topology/tree" },
		"TreeWidth: is 9, and":           func(s *Settings, _ *Snapshot) { s.All["TreeWidth"] = "9" },
		"pool htc/F4: Slurm has no node that stands": func(_ *Settings, now *Snapshot) { now.Nodes = now.Nodes[1:] },
		"! pool htc/F4: partition any is to have its nodes, by queue.slurm.partitions or its name, and no NodeSet of it has one of their features (htc,F4)": func(_ *Settings, now *Snapshot) {
			now.Nodes[0].Partitions = "htc"
		},
		"pool htc/F4: partition viz has its nodes, and not": func(_ *Settings, now *Snapshot) { now.Nodes[0].Partitions = "any,viz,htc" },
		"pool htc/F4: no partition has its nodes": func(_ *Settings, now *Snapshot) {
			now.Nodes[0].Partitions, now.Partitions = "", []Partition{{Name: "viz"}, {Name: "none"}}
		},
	} {
		s := &Settings{TopologyPlugin: "topology/none", All: map[string]string{"MaxNodeCount": "12", "TreeWidth": "65533"}}
		now := Snapshot{
			Nodes: []Node{
				{Name: "pool-htc-f4-1", State: "FUTURE+DYNAMIC_NORM", Comment: "autoscaled: pool htc/F4", Features: "htc,F4", Partitions: "any,htc"},
				{Name: "login1", State: "IDLE"}, {Name: "htc-1", State: "IDLE+DYNAMIC_NORM"},
			},
			Partitions: []Partition{{Name: "any"}, {Name: "htc"}, {Name: "viz"}},
		}
		change(s, &now)
		findings := AuditDynamic(s, now, []*autoscale.Pool{&pool}, mapping, 11)
		if want == "" {
			require.Empty(t, findings)
			continue
		}
		require.Len(t, findings, 1, want)
		require.Contains(t, shown(findings[0]), want)
		require.Equal(t, want[0] == '!', findings[0].Wrong)
	}
}
