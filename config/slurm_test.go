package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSlurmMistakes(t *testing.T) {
	text, err := os.ReadFile("../examples/slurm.yaml")
	require.NoError(t, err)
	const mode, at = "mode: power_saving\n", "clusters[0].queue.slurm."
	rest := func(line string) string { return mode + "        rest: " + line + "\n" }
	for _, c := range []struct{ old, new, want string }{
		{"nodearray: ondemand\n            machine", "nodearray: ondemnd\n            machine", `:19: ` + at + `nodes[0].nodearray: no pool has the nodearray "ondemnd"; did you mean "ondemand"?`},
		{"            nodearray: ondemand\n", "", at + "nodes[0].nodearray: is missing"},
		{"nodearray: ondemand\n", "nodearay: ondemand\n", at + `nodes[0].nodearay: unknown key; did you mean "nodearray"?`},
		{"machine_type: Standard_HC44rs", "machine_type: Standard_HC44", at + `nodes[0].machine_type: no pool of nodearray "ondemand" has the machine type "Standard_HC44"; did you mean "Standard_HC44rs"?`},
		{"placement_group: Standard_HC44rs_pg0", "placement_group: a b/c", at + `nodes[0].placement_group: "a b/c" is no placement group's id: it may hold letters, digits, _ and -`},
		{"nodearrays: [ondemand, execute]", "nodearrays: [ondemand, exceute]", at + `partitions[0].nodearrays[1]: no pool has the nodearray "exceute"; did you mean "execute"?`},
		{mode, rest("{url: 'localhost:6820'}"), at + `rest.url: "localhost:6820" does not begin with https:// or http://`},
		{mode, rest("{url: 'unix://run/socket'}"), at + `rest.url: "unix://run/socket" does not look like unix:///run/slurmrestd.socket`},
		{mode, rest("{renew: true, user: root}"), at + "rest.url: is missing"},
	} {
		require.Contains(t, string(text), c.old)
		path := filepath.Join(t.TempDir(), "c.yaml")
		require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(text), c.old, c.new, 1)), 0o600))
		_, err := Load(path)
		require.ErrorContains(t, err, c.want)
	}
	same := strings.NewReplacer("nodearray: ondemand\n            machine_type: Standard_HC44rs", "nodearray: OnDemand\n            machine_type: standard_hc44RS").Replace(string(text))
	path := filepath.Join(t.TempDir(), "c.yaml")
	require.NoError(t, os.WriteFile(path, []byte(same), 0o600))
	_, err = Load(path)
	require.NoError(t, err, "CycleCloud reads names without regard to case")
}
