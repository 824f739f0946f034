package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The example as it stands, but for the addresses, is checked, found to fit, and plans
// what a Slurm wants that resumes two of its nodes.
func TestSlurmExample(t *testing.T) {
	s, f := newSite(t, nil), newSlurmFolder(t)
	f.ours()
	text, err := os.ReadFile("../../examples/slurm.yaml")
	require.NoError(t, err)
	s.write("config.yaml", strings.NewReplacer("https://cyclecloud.example.com", s.url, "user: demo-autoscaler", "user: admin", "/etc/autoscaled/cyclecloud-password", "password",
		"/var/lib/autoscaled", "state", "mode: power_saving", "mode: power_saving\n        commands: "+f.dir+"\n        host_root: "+f.path("root")).Replace(string(text)))
	node := func(name, state string) string {
		return strings.Replace(folderNode(name, state, ""), "ActiveFeatures=cloud", "ActiveFeatures=cloud,Standard_F4s_v2", 1)
	}
	f.write("nodes", node("execute-1", "IDLE+CLOUD+POWERING_UP")+node("execute-2", "IDLE+CLOUD+POWERING_UP")+node("execute-3", "IDLE+CLOUD+POWERED_DOWN"))

	r := s.command("check", "--connect")
	require.Zero(t, r.code, r.out+r.err)
	r = s.command("slurm", "check")
	require.Zero(t, r.code, r.out+r.err)
	require.Contains(t, r.out, "execute-[1-3]  3      execute/Standard_F4s_v2")
	d := s.planOf()
	require.Len(t, d.Grow, 1)
	require.Equal(t, []string{"execute-1", "execute-2"}, d.Grow[0].Names)
	require.Empty(t, d.Remove)
	require.Empty(t, f.read("changes"))
}
