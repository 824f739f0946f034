package main

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/autoscale/loop"
	"autoscaled/autoscale/sim"
)

// exampleReport is a tick that did one of everything.
func exampleReport() loop.Report {
	node := func(host string, phase autoscale.Phase) autoscale.Node {
		return autoscale.Node{ID: autoscale.NodeID(host), Host: host, Phase: phase, Pool: "execute/F4"}
	}
	head := node("HEAD", autoscale.PhaseReady)
	head.Protected = "head node"
	idle := autoscale.Reason{Code: autoscale.ReasonIdle, For: 6 * time.Minute, Of: 5 * time.Minute}
	return loop.Report{
		At: demoEpoch.Add(26 * time.Hour),
		Observation: autoscale.Observation{
			Supply: autoscale.Supply{Nodes: []autoscale.Node{
				head, node("A", autoscale.PhaseReady), node("B", autoscale.PhaseReady), node("C", autoscale.PhaseReady),
				node("D", autoscale.PhaseStarting), node("E", autoscale.PhaseStopping), node("F", autoscale.PhaseFailed), node("G", autoscale.PhaseGone),
			}},
			Demand: autoscale.Demand{Use: map[string]autoscale.HostUse{
				"a": {Jobs: []autoscale.JobID{"1"}, Whole: true}, "b": {Drain: autoscale.DrainOurs}, "head": {Jobs: []autoscale.JobID{"9"}},
			}},
		},
		Acted: true,
		Plan: autoscale.Plan{
			Grow:    []autoscale.Grow{{Pool: "execute/F4", Count: 2, Jobs: []autoscale.JobID{"7"}, JobCount: 2, Reason: autoscale.Reason{Code: autoscale.ReasonDemand, Have: 2}}},
			Drain:   []autoscale.Drained{{Reason: idle}, {Reason: idle}},
			Undrain: []autoscale.Drained{{Reason: autoscale.Reason{Code: autoscale.ReasonWantedAgain}}},
			Remove:  []autoscale.Remove{{Pool: "execute/F4", Nodes: make([]autoscale.Node, 1), Reason: idle}},
			Outcomes: []autoscale.Outcome{
				{From: 0, To: 2, Reason: autoscale.Reason{Code: autoscale.ReasonOnNew}},
				{From: 2, To: 5, Reason: autoscale.Reason{Code: autoscale.ReasonLimit, Subject: "x", Have: 9, Want: 10, Unit: "nodes"}},
				{From: 0, To: 1, Reason: autoscale.Reason{Code: autoscale.ReasonOnNew}},
			},
		},
		Problems: []loop.Problem{{Step: loop.StepRemove, Subject: "execute/F4", Err: errors.New("refused")}},
	}
}

func exampleFrame() demoFrame {
	f := demoFrame{At: demoEpoch, Started: demoEpoch}
	return f.next(exampleReport(), sim.Totals{Waiting: 6, WaitingTasks: 40, Running: 1, Finished: 12})
}

func TestFrameCountsNodesJobsAndDecisions(t *testing.T) {
	f := exampleFrame()
	require.Equal(t, demoNodes{Starting: 1, Busy: 1, Idle: 1, Draining: 1, Leaving: 1, Failed: 1}, f.Nodes, "head nodes and those that are gone don't count")
	require.Equal(t, 6, f.Nodes.total())
	require.Len(t, f.Waiting, 2)
	require.Equal(t, []int{3, 3}, []int{f.Waiting[0].Jobs, f.Waiting[1].Jobs})
	var what []string
	for _, d := range f.Recent {
		require.Equal(t, demoEpoch.Add(26*time.Hour), d.At)
		what = append(what, d.What)
	}
	require.Equal(t, []string{
		"create 2 nodes in execute/F4", "undrain 1 node", "drain 2 nodes", "remove 1 node of execute/F4", "could not remove execute/F4",
	}, what)
	require.Contains(t, f.Recent[0].Why, "(first: job 7)")
	require.Contains(t, f.Recent[2].Why, "6m0s")
}

func TestFrameKeepsTheLatestDecisionsAndTellsABadTick(t *testing.T) {
	f := exampleFrame()
	later := exampleReport()
	later.At = later.At.Add(time.Hour)
	f = f.next(later, sim.Totals{})
	require.Len(t, f.Recent, recentDecisions)
	require.Equal(t, later.At, f.Recent[len(f.Recent)-1].At)

	held := exampleReport()
	held.Acted = false
	before := f.Recent
	f = f.next(held, sim.Totals{})
	require.Equal(t, before, f.Recent, "what was not done is no decision to show")

	bad := loop.Report{At: later.At, Problems: []loop.Problem{{Step: loop.StepCloud, Err: errors.New("no route to host")}}}
	f = f.next(bad, sim.Totals{})
	require.Contains(t, f.Problem, "no route to host")
	require.Equal(t, 6, f.Nodes.total(), "what could not be read is not shown as nothing")
	require.Contains(t, demoHead{}.lines(f, 0, 100)[len(demoHead{}.lines(f, 0, 100))-1], "no route to host")
	require.Contains(t, demoHead{}.line(f, 0), "no route to host")
}

func TestTableFitsTheTerminal(t *testing.T) {
	head := demoHead{Length: 2 * time.Minute, Days: 7, Speed: 5040, Room: 100, Metrics: "http://127.0.0.1:9797/metrics"}
	f := exampleFrame()
	lines := head.lines(f, 75*time.Second, 60)
	require.Len(t, lines, len(head.lines(demoFrame{}, 0, 60)), "it never changes its height")
	require.LessOrEqual(t, len(lines), 23, "it fits 24 rows")
	for _, line := range lines {
		require.LessOrEqual(t, utf8.RuneCountInString(line), 60)
	}
	text := strings.Join(head.lines(f, 75*time.Second, 160), "\n")
	for _, want := range []string{
		"Tue 7 May 02:00 (day 2 of 7)", "1:15 of 2:00", "5040x", "6 waiting for 40 nodes   1 running   12 finished",
		"6 of 100   starting 1   busy 1   idle 1   draining 1   leaving 1   failed 1", "drain 2 nodes: ", "http://127.0.0.1:9797/metrics",
	} {
		require.Contains(t, text, want)
	}
}

func TestTerminalIsRedrawnInPlaceAndPipesGetPlainLines(t *testing.T) {
	head := demoHead{Length: time.Minute, Speed: 10, Room: 10}
	var screen, pipe strings.Builder
	terminal := &terminalView{out: &screen, head: head, width: func() int { return 80 }}
	plain := &plainView{out: &pipe, head: head}
	for ms := range 100 {
		for _, v := range []demoView{terminal, plain} {
			v.show(exampleFrame(), time.Duration(ms)*50*time.Millisecond)
		}
	}
	terminal.close()
	plain.close()
	frames := strings.Split(screen.String(), "\x1b[23A")
	require.Len(t, frames, 50, "every other look of 5 s")
	for _, frame := range frames[:49] {
		require.Equal(t, 23, strings.Count(frame, "\n"))
	}
	require.NotContains(t, pipe.String(), "\x1b")
	require.Len(t, strings.Split(strings.TrimSpace(pipe.String()), "\n"), 2, "at 0 s and at 3 s")
	require.Contains(t, pipe.String(), "0:03  Tue 7 May 02:00  jobs: 6 waiting for 40 nodes, 1 running, 12 finished  nodes: 1 starting, 1 busy, 1 idle, 1 draining, 1 leaving   failed 1  last decision Tue 02:00: could not remove execute/F4: refused\n")
}

func TestBarSharesItsCells(t *testing.T) {
	require.Contains(t, bar(demoNodes{Busy: 50, Idle: 25, Starting: 15, Leaving: 10}, 100), "["+strings.Repeat("#", 20)+strings.Repeat("=", 10)+strings.Repeat("+", 6)+strings.Repeat("-", 4)+"]")
	require.Contains(t, bar(demoNodes{}, 100), "["+strings.Repeat(" ", 40)+"]")
	require.Contains(t, bar(demoNodes{Busy: 200}, 100), "["+strings.Repeat("#", 40)+"]")
	require.Empty(t, bar(demoNodes{}, 0))
}
