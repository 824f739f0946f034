package project

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/config"
)

const policiesHead = `# Which policy works with which queue

What a queue asks for decides what is left to the policy. A key that is set and has no effect with the cluster's queue is an error, which
` + "`autoscaled check`" + ` tells with its line. [policy.md](policy.md) says what the keys do, [configuration.md](configuration.md) lists all of them.

- A document (` + "`file`, `http`, `exec`, `push`" + `), Slurm with ` + "`mode: dynamic`" + `, Grid Engine and PBS say what jobs need; which nodes
  they get, and when these go, is the policy's.
- **Slurm with ` + "`mode: power_saving`" + `** names the nodes that it wants. A name fixes nodearray, machine type and placement group, so there is
  nothing to choose; ` + "`SuspendTime`" + ` of slurm.conf says when a node goes, and ` + "`ResumeTimeout`" + ` when it is given up. Limits,
  budgets, rates, placement-group limits, how nodes are removed, and what becomes of failed ones stay the policy's. ` + "`boot_timeout`" + ` only
  ends the wait for a request's nodes: set it to ` + "`ResumeTimeout`" + `. ` + "`max`" + ` of a schedule works, its other keys don't.
- ` + "`prometheus`" + ` knows neither jobs of several nodes nor drain marks.
- CI runners are VMs of their own for one job each.

This page is written by ` + "`go test ./internal/project -update`" + ` from package ` + "`config`" + `; a test of the planner holds that the keys without
effect under power saving have none.

`

// TestPoliciesPage keeps docs/policies.md equal to what config refuses.
func TestPoliciesPage(t *testing.T) {
	const at = "clusters[].policy."
	var page strings.Builder
	page.WriteString(policiesHead)
	modes := config.QueueModes()
	page.WriteString("| key |")
	for _, m := range modes {
		page.WriteString(" " + m.String() + " |")
	}
	page.WriteString("\n|---|" + strings.Repeat("---|", len(modes)) + "\n")
	rows := 0
	for _, key := range config.Keys() {
		name, ours := strings.CutPrefix(key.Path, at)
		name, list := strings.CutSuffix(name, "[].name")
		if !ours || list && (name == "pools" || name == "pools[].schedules") || partOfEntry(name) {
			continue
		}
		rows++
		fmt.Fprintf(&page, "| `%s` |", name)
		for _, m := range modes {
			cell := "–"
			if key.Works(m) {
				cell = "yes"
			}
			page.WriteString(" " + cell + " |")
		}
		page.WriteString("\n")
	}
	require.Greater(t, rows, 50)
	generated(t, "docs/policies.md", page.String())
}

// partOfEntry tells the keys that only say what an entry of a list is about.
func partOfEntry(name string) bool {
	return slices.ContainsFunc([]string{".value", ".tokens", ".amount", ".start", ".end", ".time_zone"}, func(s string) bool { return strings.HasSuffix(name, s) })
}
