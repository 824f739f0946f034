package queue

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

// planWorld is a cloud with a pool of every kind and nothing in it.
func planWorld() (autoscale.Supply, autoscale.Policy) {
	var s autoscale.Supply
	var p autoscale.Policy
	add := func(array, machine string, spot bool, node autoscale.Resources, most int, tier string) {
		id := autoscale.PoolID(machine)
		limit := autoscale.Limit{ID: autoscale.LimitID("bucket/" + machine), Unit: autoscale.UnitNodes, Max: int64(most)}
		s.Limits = append(s.Limits, limit)
		s.Pools = append(s.Pools, autoscale.Pool{
			ID: id, Node: node, GroupSize: 4, Draws: []autoscale.Draw{{Limit: limit.ID, Amount: 1}},
			Labels: map[string]string{"nodearray": array, "machine_type": machine, "region": "westeurope", "spot": fmt.Sprint(spot)},
		})
		p.Pools = append(p.Pools, autoscale.PoolPolicy{Name: machine, Match: autoscale.HasLabel("machine_type", machine), Labels: map[string]string{"tier": tier}})
	}
	gib := autoscale.GiB
	add("htc", "F4", false, autoscale.Resources{Cores: 4, Memory: 8 * gib}, 10, "slow")
	add("htc", "F16", false, autoscale.Resources{Cores: 16, Memory: 32 * gib}, 10, "fast")
	add("spot", "S4", true, autoscale.Resources{Cores: 4, Memory: 8 * gib}, 2, "slow")
	add("gpu", "N6", false, autoscale.Resources{Cores: 6, Memory: 112 * gib, GPUs: 2, Custom: map[string]int64{"fpga": 1}}, 10, "fast")
	p.Limits = []autoscale.Limit{{ID: "licence/solver", Kind: autoscale.LimitLicence, Unit: autoscale.UnitTokens, Max: 10}}
	return s, p
}

// fates tells what becomes of each job of a document: the nodes that it gets, or
// the reason why it waits.
func fates(t *testing.T, document string) map[autoscale.JobID]string {
	t.Helper()
	supply, policy := planWorld()
	at := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	o := autoscale.Observation{At: at, Supply: supply, Demand: parse(t, document)}
	plan := autoscale.Decide(autoscale.State{Observation: o}, policy)
	out := make(map[autoscale.JobID]string)
	for j := range plan.Jobs(o.Demand) {
		var parts []string
		for _, by := range j.ServedBy {
			text := fmt.Sprintf("%d %s", by.Count, by.Pool)
			if by.Group != "" {
				text += " in " + by.Group
			}
			parts = append(parts, text)
		}
		if j.Reason.Code != autoscale.ReasonOnNew {
			parts = append(parts, string(j.Reason.Code))
		}
		out[j.ID] = strings.Join(parts, ", ")
	}
	return out
}

// Whatever a job can ask for, from the document to the plan.
func TestPlansFollowTheDocument(t *testing.T) {
	for job, want := range map[string]string{
		// tasks and whole nodes
		"":                                 "1 F4",
		"tasks: 10":                        "3 F4",
		"tasks: 6, cores: 2, memory: 4GiB": "3 F4",
		"tasks: 3, memory: 8GiB":           "3 F4",
		"nodes: 3":                         "3 F4",
		"nodes: 2, cores: 8":               "2 F16",
		"nodes: 2, memory: 20GiB":          "2 F16",
		"tasks: 4, gpus: 1":                "2 N6",
		"tasks: 2, cores: 0, resources: {fpga: 1}":  "2 N6",
		"cores: 0, resources: {nvme: 1}":            "too_large",
		"cores: 17":                                 "too_large",
		"cores: 16, gpus: 1":                        "no_machine",
		"tasks: 8, tasks_per_node: 2":               "4 F4",
		"tasks: 4, exclusive: task":                 "4 F4",
		"tasks: 4, exclusive: job":                  "1 F4",
		"tasks: 100, cores: 4, machine_type: [F4]":  "10 F4, part",
		"tasks: 11, cores: 4, machine_type: [F4]":   "10 F4, part",
		"nodes: 11, machine_type: F4, gang: all":    "limit",
		"nodes: 11, machine_type: F4, at_least: 10": "10 F4, part",
		"nodes: 20, machine_type: F4, at_least: 11": "limit",

		// where
		"nodearray: gpu":                            "1 N6",
		"machine_type: [N6, S4]":                    "1 S4",
		"nodearray: htc, cores: 6":                  "1 F16",
		"nodearray: viz":                            "no_pool",
		"nodearray: spot, cores: 8":                 "too_large",
		"selector: {label: spot, in: true}":         "1 S4",
		"selector: {label: region, in: WestEurope}": "1 F4",
		"selector: {label: tier, in: Fast}":         "1 F16",
		"selector: {all: [{label: tier, in: fast}, {not: {label: nodearray, in: htc}}]}":                    "1 N6",
		"selector: {any: [{label: nodearray, in: gpu}, {label: spot, in: true}]}":                           "1 S4",
		"selector: {label: machine_type, in: [N6, F16]}":                                                    "1 F16",
		"nodes: 3, selector: {prefer: [{label: spot, in: true}, {}]}":                                       "2 S4, 1 F4",
		"nodes: 2, selector: {prefer: [{label: machine_type, in: N6}, {label: machine_type, in: F4}]}":      "2 N6",
		"nodes: 2, gang: all, selector: {all: [{label: tier, in: slow}], not: {label: nodearray, in: htc}}": "2 S4",

		// placement groups and gangs
		"nodes: 3, coupled: true":                            "3 F4 in F4_pg0",
		"nodes: 5, coupled: true":                            "group_too_small",
		"nodes: 5, coupled: true, at_least: 2":               "4 F4 in F4_pg0, part",
		"nodes: 5, coupled: true, gang: best_effort":         "4 F4 in F4_pg0, part",
		"tasks: 16, placement: coupled":                      "4 F4 in F4_pg0",
		"tasks: 16, placement: ungrouped":                    "4 F4",
		"node_names: [a-1, a-2], machine_type: N6":           "2 N6",
		"node_names: [a-1, a-3], placement_group: p":         "1 F4 in p, 1 F4 in p",
		"node_names: [a-1, head], machine_type: N6":          "1 N6, part",
		"node_names: [head], machine_type: N6":               "name_unnumbered",
		"node_names: [a-1, head], gang: all, nodearray: gpu": "name_unnumbered",

		// when, and what it waits for
		"earliest_start: 2026-03-02T07:59:00Z":     "1 F4",
		"earliest_start: 2026-03-02T09:00:00Z":     "not_yet",
		"expected_runtime: 90m":                    "1 F4",
		"held: JobHeldUser":                        "held",
		"depends_on: [x]":                          "dependency",
		"depends_on: []":                           "1 F4",
		"licences: [{name: solver, count: 10}]":    "1 F4",
		"licences: [{name: solver, count: 11}]":    "limit",
		"licences: [{name: unlimited, count: 11}]": "1 F4",
	} {
		require.Equal(t, want, fates(t, "jobs: [{id: j, "+job+"}]")["j"], job)
	}
}

// Of several jobs the higher priority goes first, then the older one, then the
// lesser id.
func TestOrderFollowsTheDocument(t *testing.T) {
	got := fates(t, `jobs:
- {id: 10, nodes: 1, nodearray: spot, submitted: 2026-03-01T00:00:00Z}
- {id: 9, nodes: 1, nodearray: spot, submitted: 2026-03-01T00:00:00Z}
- {id: older, nodes: 1, nodearray: spot, submitted: 2026-02-01T00:00:00Z}
- {id: urgent, nodes: 1, nodearray: spot, priority: 1, submitted: 2026-03-02T00:00:00Z}
- {id: late, priority: -1, nodes: 1, nodearray: spot, submitted: 2026-01-01T00:00:00Z}
`)
	require.Equal(t, map[autoscale.JobID]string{"urgent": "1 S4", "older": "1 S4", "9": "limit", "10": "limit", "late": "limit"}, got)
}

// What planning costs grows with shapes, not with jobs, and an array job is one job.
func TestJobsOfOneShapeAreOneClass(t *testing.T) {
	var text strings.Builder
	text.WriteString(`{"jobs":[{"id":"array","tasks":50000}`)
	for i := range 1000 {
		fmt.Fprintf(&text, `,{"id":%d,"cores":%d}`, i, 1+i%2)
	}
	text.WriteString(`]}`)
	require.Len(t, parse(t, text.String()).Classes, 3)
}
