package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/autoscale/loop"
)

var updateGolden = flag.Bool("update", false, "write the expected output anew")

// golden compares a text with a file of testdata.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *updateGolden {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), text, "go test ./cmd/autoscaled -run %s -update rewrites it", t.Name())
}

// withoutSentences replaces the reasons' sentences by their codes: how they are
// worded is the planner's.
func withoutSentences(r loop.Report, text string) string {
	var reasons []autoscale.Reason
	for _, x := range r.Plan.Grow {
		reasons = append(reasons, x.Reason)
	}
	for _, x := range append(r.Plan.Drain, r.Plan.Undrain...) {
		reasons = append(reasons, x.Reason)
	}
	for _, x := range r.Plan.Retry {
		reasons = append(reasons, x.Reason)
	}
	for _, x := range r.Operations {
		reasons = append(reasons, x.Reason)
	}
	for _, x := range r.Plan.Pools {
		reasons = append(reasons, x.Reason)
	}
	for _, x := range r.Plan.Nodes {
		reasons = append(reasons, x.Reason)
	}
	for _, x := range reasons {
		text = strings.ReplaceAll(text, x.String(), "<"+string(x.Code)+">")
	}
	for _, info := range autoscale.Reasons() {
		if info.Help != "" {
			text = strings.ReplaceAll(text, info.Help, "<what to do about it>")
		}
	}
	return text
}

// richReport has something of everything that a plan can say.
func richReport() loop.Report {
	pool, other := autoscale.PoolID("execute/F4"), autoscale.PoolID("hpc/HC44")
	node := func(i int, phase autoscale.Phase) autoscale.Node {
		return autoscale.Node{ID: autoscale.NodeID(fmt.Sprint("id", i)), Name: fmt.Sprint("execute-", i), Host: fmt.Sprint("host", i), Pool: pool, Phase: phase}
	}
	nodes := []autoscale.Node{node(1, autoscale.PhaseReady), node(2, autoscale.PhaseReady), node(3, autoscale.PhaseReady), node(4, autoscale.PhaseStarting), node(5, autoscale.PhaseFailed)}
	idle := autoscale.Reason{Code: autoscale.ReasonIdle, For: 6 * time.Minute, Of: 5 * time.Minute}
	members := make([]autoscale.Member, 500)
	for i := range members {
		members[i].ID = autoscale.JobID(fmt.Sprint(i + 1))
	}
	create := autoscale.Operation{Request: "r-1", Kind: autoscale.OperationCreate, Phase: autoscale.OpAbsent, Pool: other, Group: "pg0", Count: 4, Nodes: nil,
		Reason: autoscale.Reason{Code: autoscale.ReasonDemand, Have: 1}}
	limit := autoscale.Reason{Code: autoscale.ReasonLimit, Subject: "family/F/cores", Have: 80, Want: 80, Unit: autoscale.UnitCores}
	budget := autoscale.Reason{Code: autoscale.ReasonBudget, Subject: "budget/hour", Have: 9_250_000, Want: 10_000_000, Need: 3_600_000, Unit: autoscale.UnitMoney}
	return loop.Report{
		At: time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC),
		Observation: autoscale.Observation{
			Supply: autoscale.Supply{Nodes: nodes, Pools: []autoscale.Pool{{ID: pool}, {ID: other, Invalid: "NotActivated"}}},
			Demand: autoscale.Demand{Classes: []autoscale.Class{
				{Shape: autoscale.Shape{Tasks: 1}, Members: members},
				{Shape: autoscale.Shape{Tasks: 4}, Members: []autoscale.Member{{ID: "gang"}}},
			}},
		},
		Operations: []autoscale.Operation{create},
		Memory:     autoscale.Memory{Spend: autoscale.Spend{Month: "2026-07", Amount: 123.456, PerHour: 7_250_000, At: time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)}},
		Plan: autoscale.Plan{
			Grow:    []autoscale.Grow{{Pool: pool, Count: 20, Jobs: []autoscale.JobID{"4", "5", "6"}, JobCount: 95, Reason: autoscale.Reason{Code: autoscale.ReasonDemand, Have: 95}}},
			Drain:   []autoscale.Drained{{Node: nodes[0], Reason: idle}},
			Report:  []autoscale.HealthReport{{Node: nodes[4], Category: "Resource.Hpc", Reason: autoscale.Reason{Code: autoscale.ReasonFailed, Detail: "no disk"}}},
			Undrain: []autoscale.Drained{{Node: nodes[1], Reason: autoscale.Reason{Code: autoscale.ReasonWantedAgain}}},
			Remove:  []autoscale.Remove{{Pool: pool, Removal: autoscale.RemovalTerminate, Nodes: []autoscale.Node{nodes[4]}, Reason: autoscale.Reason{Code: autoscale.ReasonFailed, Detail: "no disk"}}},
			Retry:   []autoscale.Retry{{Operation: create, Reason: autoscale.Reason{Code: autoscale.ReasonRetry, Subject: "r-1"}}},
			Pools: []autoscale.PoolVerdict{
				{Pool: pool, Held: true, Reason: limit},
				{Pool: other, Held: true, Reason: budget},
			},
			Limits: []autoscale.Limit{{ID: autoscale.BudgetPerHour, Kind: autoscale.LimitBudget, Unit: autoscale.UnitMoney, Max: 10_000_000, Used: 9_250_000}, {ID: "x", Kind: autoscale.LimitFamily}},
			Outcomes: []autoscale.Outcome{
				{Class: 0, From: 0, To: 3, Tasks: 1, Served: []autoscale.Serving{{Nodes: []autoscale.NodeID{"id1", "id2", "id3"}, Grow: -1, Pool: pool, Count: 3, PerNode: 1, Tasks: 3}}, Reason: autoscale.Reason{Code: autoscale.ReasonOnReady}},
				{Class: 0, From: 3, To: 98, Tasks: 1, Served: []autoscale.Serving{{Grow: 0, Pool: pool, Count: 20, PerNode: 5, Tasks: 95}}, Reason: autoscale.Reason{Code: autoscale.ReasonOnNew}},
				{Class: 0, From: 98, To: 500, Reason: limit},
				{Class: 1, From: 0, To: 1, Tasks: 4, Served: []autoscale.Serving{{Request: "r-1", Grow: -1, Pool: other, Group: "pg0", Count: 4, PerNode: 1, Tasks: 4}}, Reason: autoscale.Reason{Code: autoscale.ReasonOnStarting}},
			},
			Nodes: []autoscale.NodeVerdict{
				{Node: "id1", Reason: idle},
				{Node: "id2", Reason: autoscale.Reason{Code: autoscale.ReasonWanted}},
				{Node: "id3", Reason: autoscale.Reason{Code: autoscale.ReasonWanted}},
				{Node: "id4", Reason: autoscale.Reason{Code: autoscale.ReasonStarting, For: time.Minute, Of: 30 * time.Minute}},
				{Node: "id5", Reason: autoscale.Reason{Code: autoscale.ReasonFailed, Detail: "no disk"}},
			},
		},
		Problems: []loop.Problem{{Step: loop.StepResolve, Subject: string(other), Err: errors.New("no answer within 1m")}},
	}
}

func TestPlanForPeople(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, writePlan(&out, "demo", richReport(), false))
	golden(t, "plan.txt", withoutSentences(richReport(), out.String()))

	out.Reset()
	require.NoError(t, writePlan(&out, "demo", richReport(), true))
	for _, line := range []string{
		"\n  1     served  ready nodes of execute/F4\n",
		"\n  98    served  new nodes of execute/F4\n",
		"\n  500   waits   ",
	} {
		require.Contains(t, out.String(), line)
	}
}

func TestPlanForPrograms(t *testing.T) {
	var out bytes.Buffer
	report := richReport()
	report.Observation.Demand.Classes[0].Members = report.Observation.Demand.Classes[0].Members[:4]
	report.Plan.Outcomes[1].To, report.Plan.Outcomes[2].From, report.Plan.Outcomes[2].To = 4, 4, 4
	require.NoError(t, printPlan(&out, "json", "demo", report, false))
	golden(t, "plan.json", withoutSentences(report, out.String()))
	require.True(t, json.Valid(out.Bytes()))
}

// A plan of nothing has no empty sections, and no list is null.
func TestEmptyPlan(t *testing.T) {
	report := loop.Report{At: time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)}
	var out bytes.Buffer
	require.NoError(t, writePlan(&out, "demo", report, false))
	require.Equal(t, "Cluster demo, 2026-07-01 12:00:00 UTC: no job is pending.\nThis is a plan only; nothing was changed.\n\nWould do\n  nothing\n", out.String())
	out.Reset()
	require.NoError(t, printPlan(&out, "json", "demo", report, false))
	require.NotContains(t, out.String(), "null")
}

// A job is called everywhere what its users call it, and what to do about a reason is for
// the cloud that there is.
func TestPlanNamesJobsAndHelpsByTheCloud(t *testing.T) {
	report := richReport()
	pools, demand := report.Observation.Supply.Pools, &report.Observation.Demand
	demand.Names = map[autoscale.JobID]string{"1": "7_1", "99": "7_[2-9]", "gang": "8"}
	pools[0].Labels = map[string]string{autoscale.LabelNodearray: "execute"}
	report.Plan.Nodes = []autoscale.NodeVerdict{{Node: "id5", Reason: autoscale.Reason{Code: autoscale.ReasonFailed, Detail: "no disk"}}}
	for _, everyJob := range []bool{false, true} {
		var out bytes.Buffer
		require.NoError(t, writePlan(&out, "demo", report, everyJob))
		require.Regexp(t, `(?m)^  .*7_1 +served`, out.String())
		require.Contains(t, out.String(), "7_[2-9]")
		require.NotContains(t, out.String(), "gang")
		require.Contains(t, out.String(), "message in CycleCloud.")
		require.NotContains(t, out.String(), "Anka")
	}
	d := newPlanDocument("demo", report)
	require.EqualValues(t, "7_1", d.Jobs[0].ID)
	w := newWhyDocument("demo", report, "7_3")
	require.Len(t, w.Jobs, 1)
	require.EqualValues(t, "7_[2-9]", w.Jobs[0].ID)
	waiting := waitingJobs(report).Reasons[0]
	require.EqualValues(t, "7_[2-9]", waiting.Jobs[0])

	pools[0].Labels = map[string]string{"template": "macos"}
	var out bytes.Buffer
	require.NoError(t, writePlan(&out, "demo", report, false))
	require.Contains(t, out.String(), "message on the Anka controller.")
	require.NotContains(t, out.String(), "CycleCloud")
}
