package autoscale

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "rewrite the plans in testdata/scenarios")

// A scenario is a text file: prose, a blank line, a world in YAML, and under the
// marker the plan that comes of it, with every reason. The files are meant to be
// read: they show how the planner behaves.
const planMarker = "--- plan\n"

func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/scenarios/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	seen := make(map[ReasonCode]bool)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			story, want, _ := strings.Cut(string(content), planMarker)
			_, world, found := strings.Cut(story, "\n\n")
			require.True(t, found, "a scenario begins with prose and a blank line")
			var s scenario
			decoder := yaml.NewDecoder(bytes.NewReader([]byte(world)))
			decoder.KnownFields(true)
			require.NoError(t, decoder.Decode(&s))
			state := s.state()
			plan := Decide(state, s.policy())
			noteReasons(seen, plan)
			got := printPlan(plan, state.Demand)
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(story+planMarker+got), 0o644))
				return
			}
			require.Equal(t, want, got)
		})
	}
	for _, info := range Reasons() {
		require.True(t, seen[info.Code], "no scenario shows reason %s", info.Code)
	}
}

func noteReasons(seen map[ReasonCode]bool, p Plan) {
	for _, s := range p.Start {
		seen[s.Reason.Code] = true
	}
	for _, g := range p.Grow {
		seen[g.Reason.Code] = true
	}
	for _, r := range p.Retry {
		seen[r.Reason.Code] = true
	}
	for _, x := range append(p.Drain, p.Undrain...) {
		seen[x.Reason.Code] = true
	}
	for _, r := range p.Remove {
		seen[r.Reason.Code] = true
	}
	seen[p.Hold.Code] = true
	for _, v := range p.Pools {
		seen[v.Reason.Code] = true
	}
	for _, o := range p.Outcomes {
		seen[o.Reason.Code] = true
	}
	for _, v := range p.Nodes {
		seen[v.Reason.Code] = true
	}
}
