package slurm

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

// auditMapping maps htc-1 to nodearray htc and its machine type, and nodes of hpc into
// one placement group.
func auditMapping(types map[string]string) *Mapping {
	return &Mapping{Node: func(n *Node) (autoscale.Selector, string, bool) {
		array := strings.TrimRight(n.Name, "-0123456789")
		where := autoscale.HasLabel(autoscale.LabelNodearray, array)
		if t := types[array]; t != "" {
			where = autoscale.Selector{All: []autoscale.Selector{where, autoscale.HasLabel(autoscale.LabelMachineType, t)}}
		}
		group := ""
		if array == "hpc" {
			group = "pg0"
		}
		return where, group, array != "stray"
	}}
}

func bucket(array, machineType string, cores, pcpus, memory, gpus, group int) autoscale.Pool {
	return autoscale.Pool{
		ID: autoscale.PoolID(array + "/" + machineType), PCPUs: pcpus, GroupSize: group,
		Labels: map[string]string{autoscale.LabelNodearray: array, autoscale.LabelMachineType: machineType},
		Node:   autoscale.Resources{Cores: cores, Memory: autoscale.Bytes(memory) * autoscale.GiB, GPUs: gpus},
		Draws:  []autoscale.Draw{{Limit: "cores", Amount: int64(cores)}},
	}
}

func TestAudit(t *testing.T) {
	supply := &autoscale.Supply{
		Limits: []autoscale.Limit{{ID: "cores", Kind: "family", Name: "standardFamily", Max: 1000}},
		Pools: []autoscale.Pool{
			bucket("htc", "F4", 4, 2, 16, 0, 100), bucket("hpc", "HB", 120, 120, 456, 0, 3), bucket("gpu", "NC", 24, 24, 440, 4, 100),
			bucket("two", "A", 4, 4, 16, 0, 0), bucket("two", "B", 4, 4, 16, 0, 0),
		},
	}
	supply.Pools[4].Invalid = "DisabledMachineType"
	types := map[string]string{"old": "F4", "bad": "F9", "gone": "B"}
	node := func(name string, cpus, memory int64, gpus string) Node {
		return Node{Name: name, State: "IDLE+CLOUD+POWERED_DOWN", CPUs: cpus, Memory: memory, Gres: gpus}
	}
	for what, c := range map[string]struct {
		nodes []Node
		want  string // with ! where it is wrong
	}{
		"all is well":        {[]Node{node("htc-1", 4, 15360, ""), node("htc-2", 4, 15360, ""), node("htc-3", 2, 15000, "")}, ""},
		"not in the cloud":   {[]Node{{Name: "login1", State: "IDLE", CPUs: 400}}, ""},
		"no entry":           {[]Node{node("stray1", 1, 1, "")}, "! stray1: no entry of queue.slurm.nodes"},
		"no nodearray":       {[]Node{node("viz-1", 1, 1, "")}, "! viz-1: the cloud has no bucket for them: there is no nodearray viz; there are gpu, hpc, htc, two"},
		"cores":              {[]Node{node("htc-1", 8, 15360, "")}, "! htc-1: CPUs=8, and a VM of htc/F4 has 4"},
		"few cores":          {[]Node{node("htc-1", 3, 15360, "")}, "htc-1: CPUs=3, and a VM of htc/F4 has 4"},
		"memory":             {[]Node{node("htc-1", 4, 16385, "")}, "! htc-1: RealMemory=16385, and a VM of htc/F4 has 16384"},
		"tight memory":       {[]Node{node("htc-1", 4, 15361, "")}, "htc-1: RealMemory=15361 leaves a VM of htc/F4 little for itself; up to 15360 is safe"},
		"no GPUs":            {[]Node{node("gpu-1", 24, 400000, "")}, "! gpu-1: a VM of gpu/NC has 4 GPUs, and Slurm knows of 0"},
		"too many GPUs":      {[]Node{node("gpu-1", 24, 400000, "gpu:a100:8(S:0-1)")}, "! gpu-1: Gres=gpu:8, and a VM of gpu/NC has 4 GPUs"},
		"GPUs":               {[]Node{node("gpu-1", 24, 400000, "gpu:4")}, ""},
		"several":            {[]Node{node("two-1", 4, 15000, "")}, "two-1: 2 buckets are theirs (two/A, two/B), and the first with room is taken; name a machine_type in queue.slurm.nodes"},
		"no number":          {[]Node{node("htc-", 4, 15360, "")}, "! htc-: no node can be called htc-: the cloud counts names through"},
		"group":              {[]Node{node("hpc-1", 120, 400000, ""), node("hpc-2", 120, 400000, ""), node("hpc-3", 120, 400000, "")}, ""},
		"too large a group":  {[]Node{node("hpc-1", 120, 400000, ""), node("hpc-2", 120, 400000, ""), node("hpc-3", 120, 400000, ""), node("hpc-4", 100, 400000, "")}, "! hpc-[1-4]: placement group pg0 of bucket hpc/HB has 4 nodes in Slurm, and one holds at most 3"},
		"nodes beyond quota": {manyNodes(251), "htc-[1-251]: Slurm has 251 of them, and family standardFamily allows 250"},
	} {
		rows, findings := Audit(c.nodes, supply, auditMapping(nil))
		var wrong []string
		for _, f := range findings {
			if what == "too large a group" && strings.HasPrefix(f.What, "CPUs=") {
				continue
			}
			wrong = append(wrong, shown(f))
		}
		if c.want == "" {
			require.Empty(t, wrong, what)
			continue
		}
		require.Len(t, wrong, 1, what)
		require.True(t, strings.HasPrefix(wrong[0], c.want), "%s: %s", what, wrong[0])
		require.Equal(t, strings.HasPrefix(c.want, "!"), rows[0].Wrong, what)
	}

	nodes := []Node{node("bad-1", 4, 1, "")}
	mapping := auditMapping(types)
	supply.Pools = append(supply.Pools, bucket("bad", "F4", 4, 4, 16, 0, 0), bucket("gone", "B", 4, 4, 16, 0, 0))
	supply.Pools[6].Invalid = "DisabledMachineType"
	_, findings := Audit(nodes, supply, mapping)
	require.Len(t, findings, 1)
	require.Contains(t, shown(findings[0]), "! bad-1: the cloud has no bucket for them: there is no machine type F9; there are F4")
	_, findings = Audit([]Node{node("gone-1", 4, 15000, "")}, supply, mapping)
	require.Len(t, findings, 1)
	require.Contains(t, shown(findings[0]), "! gone-1: bucket gone/B makes no new nodes: DisabledMachineType")
}

func manyNodes(n int) []Node {
	list := make([]Node, n)
	for i := range list {
		list[i] = Node{Name: fmt.Sprintf("htc-%d", i+1), State: "IDLE+CLOUD", CPUs: 4, Memory: 15360}
	}
	return list
}

func shown(f Finding) string {
	text := f.Subject + ": " + f.What
	if f.Wrong {
		text = "! " + text
	}
	return text
}

// A node of a pool without placement groups can be in none.
func TestAuditOfAGroupThatCanNotBe(t *testing.T) {
	supply := &autoscale.Supply{Pools: []autoscale.Pool{bucket("hpc", "HB", 120, 120, 456, 0, 0)}}
	rows, findings := Audit([]Node{{Name: "hpc-1", State: "DOWN+CLOUD", CPUs: 120, Memory: 400000}}, supply, auditMapping(nil))
	require.Equal(t, "! hpc-1: placement group pg0: bucket hpc/HB has no placement groups", shown(findings[0]))
	require.Equal(t, Audited{Names: "hpc-1", Count: 1, Pool: "hpc/HB", Group: "pg0", CPUs: 120, Memory: 400000, VM: supply.Pools[0].Node, Wrong: true}, rows[0])
}

func TestAuditSettings(t *testing.T) {
	well := func() *Settings {
		return &Settings{
			ResumeProgram: "/usr/local/sbin/autoscaled-slurm-resume", SuspendProgram: "/usr/local/sbin/autoscaled-slurm-suspend",
			ResumeFailProgram: "/usr/local/sbin/autoscaled-slurm-resume-fail",
			SuspendTime:       5 * time.Minute, SuspendTimeout: 10 * time.Minute, ResumeTimeout: 30 * time.Minute,
			All: map[string]string{
				"PrivateData": "cloud", "TreeWidth": "16", "ReturnToService": "2", "SlurmctldParameters": "cloud_reg_addrs,idle_on_node_suspend",
				"ResumeRate": "0 nodes/min", "SuspendRate": "0 nodes/min",
			},
		}
	}
	require.Empty(t, AuditSettings(well(), 16))
	for want, change := range map[string]func(*Settings){
		"! ResumeProgram: is not set":                                        func(s *Settings) { s.ResumeProgram = "" },
		"! SuspendProgram: is /opt/azurehpc/slurm/suspend_program.sh, which": func(s *Settings) { s.SuspendProgram = "/opt/azurehpc/slurm/suspend_program.sh" },
		"ResumeFailProgram: is not set":                                      func(s *Settings) { s.ResumeFailProgram = "" },
		"! SuspendTime: is never":                                            func(s *Settings) { s.SuspendTime = -1 },
		"SuspendTime: is 30s":                                                func(s *Settings) { s.SuspendTime = 30 * time.Second },
		"! ResumeTimeout: is 1m0s":                                           func(s *Settings) { s.ResumeTimeout = time.Minute },
		"SuspendTimeout: is 30s":                                             func(s *Settings) { s.SuspendTimeout = 30 * time.Second },
		"ResumeRate: is 300":                                                 func(s *Settings) { s.All["ResumeRate"] = "300 nodes/min" },
		"! PrivateData: has no cloud":                                        func(s *Settings) { s.All["PrivateData"] = "none" },
		"PrivateData: has jobs":                                              func(s *Settings) { s.All["PrivateData"] = "jobs,cloud" },
		"TreeWidth: is 15, and there are 16":                                 func(s *Settings) { s.All["TreeWidth"] = "15" },
		"ReturnToService: is 0":                                              func(s *Settings) { s.All["ReturnToService"] = "0" },
		"SlurmctldParameters: has no idle_on_node_suspend":                   func(s *Settings) { s.All["SlurmctldParameters"] = "cloud_reg_addrs" },
		"SlurmctldParameters: has neither cloud_reg_addrs":                   func(s *Settings) { s.All["SlurmctldParameters"] = "idle_on_node_suspend" },
		"SuspendExcNodes: htc-[1-2] are never":                               func(s *Settings) { s.SuspendExcNodes = "htc-[1-2]" },
		"SuspendExcParts: nodes of viz are never":                            func(s *Settings) { s.All["SuspendExcParts"] = "viz" },
	} {
		s := well()
		change(s)
		findings := AuditSettings(s, 16)
		require.Len(t, findings, 1, want)
		require.True(t, strings.HasPrefix(shown(findings[0]), want), "%s: %s", want, shown(findings[0]))
	}
	s := well()
	s.All["TreeWidth"], s.All["SlurmctldParameters"] = "1", "cloud_dns,idle_on_node_suspend"
	require.Empty(t, AuditSettings(s, 1000), "names are in DNS")
}
