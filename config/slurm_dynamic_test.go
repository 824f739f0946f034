package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDynamicSlurmMistakes(t *testing.T) {
	text, err := os.ReadFile("../examples/slurm-dynamic.yaml")
	require.NoError(t, err)
	const nodes = "{nodearray: execute, features: [cheap], weight: 10}"
	for _, c := range []struct{ old, new, want string }{
		{nodes, "{nodearray: execute}", "queue.slurm.dynamic.nodes[0]: sets nothing; set features or weight"},
		{nodes, `{features: ["a,b"]}`, `queue.slurm.dynamic.nodes[0].features[0]: "a,b" is no name of a feature`},
		{nodes, "{weight: -1}", "queue.slurm.dynamic.nodes[0].weight"},
		{"dynamic:\n", "dynamic:\n          register: false\n", "queue.slurm.dynamic.nodes[0].weight: has no effect with register: false"},
		{"dynamic:\n", "dynamic:\n          announce: -1\n", "queue.slurm.dynamic.announce: -1 is not from 0 to 10000"},
		{"dynamic:\n", "dynamic:\n          announce: true\n", "queue.slurm.dynamic.announce: must be a whole number"},
		{"dynamic:\n", "dynamic:\n          gres: [gpu]\n", "queue.slurm.dynamic.gres[0]: has no effect: GPUs are told by themselves"},
		{"dynamic:\n", "dynamic:\n          gres: ['a:b']\n", `queue.slurm.dynamic.gres[0]: "a:b" is no name of a generic resource`},
		{"mode: dynamic", "mode: power_saving\n        nodes: [{names: 'htc-[1-9]', nodearray: execute}]", "queue.slurm.dynamic: has no effect: in mode power_saving nodes are Slurm's"},
		{"mode: dynamic", "mode: dynamic\n        nodes: [{names: 'htc-[1-9]', nodearray: execute}]", "queue.slurm.nodes: has no effect"},
	} {
		require.Contains(t, string(text), c.old)
		path := filepath.Join(t.TempDir(), "c.yaml")
		require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(text), c.old, c.new, 1)), 0o600))
		_, err := Load(path)
		require.ErrorContains(t, err, c.want)
	}
}

func TestDynamicNodesOfAnEntry(t *testing.T) {
	n := SlurmDynamicNode{Nodearray: "Execute", MachineTypes: []string{"Standard_F4"}}
	require.True(t, n.MatchesNode("execute", "standard_f4"))
	require.False(t, n.MatchesNode("execute", "Standard_F2"))
	require.False(t, n.MatchesNode("other", "Standard_F4"))
	require.True(t, (&SlurmDynamicNode{}).MatchesNode("any", "any"))
}
