package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale/sim"
	"autoscaled/cyclecloud/cyclecloudtest"
)

func TestSummaryAddsUpTheBooks(t *testing.T) {
	var s demoSummary
	s.addBooks(cyclecloudtest.Books{
		Nodes: []cyclecloudtest.NodeRecord{
			{Head: true}, {Status: "Ready"}, {Status: "Failed"}, {Status: "Terminated", Gone: demoEpoch},
		},
		Creates: make([]cyclecloudtest.CreateRecord, 2),
		Manages: []cyclecloudtest.ManageRecord{
			{Action: "terminate", Nodes: []string{"a", "b"}}, {Action: "restart", Nodes: []string{"c"}}, {Action: "remove", Nodes: []string{"d"}},
		},
		NodeTime: 90 * time.Minute,
		Peak:     map[cyclecloudtest.BucketKey]int{demoBucket(): 3},
		Calls:    map[string]int{"GET /x": 4},
	})
	require.Equal(t, demoSummary{
		UsedHours: 1.5, Creates: 2, Removes: 2, Created: 3, Removed: 3, There: 2, Failed: 1, Peak: 3, Calls: map[string]int{"GET /x": 4},
	}, s)
}

func TestSummaryIsPrintedForPeople(t *testing.T) {
	var out strings.Builder
	demoSummary{
		Real: 30 * time.Second, Virtual: 42 * time.Hour, Offered: 839, Room: 100, Ticks: 900, BadTicks: 1,
		Queue:   sim.Totals{Arrived: 120, Finished: 100, Running: 5, Waiting: 15, Kills: 2, WorkSeconds: 3600 * 80},
		Waits:   sim.Spread[time.Duration]{Count: 105, Mean: time.Minute, P50: 90 * time.Second, P95: 3 * time.Hour, Max: 26 * time.Hour},
		Oldest:  90 * time.Minute,
		Evicted: 1, Peak: 97, UsedHours: 100, Creates: 7, Removes: 1, Created: 150, Removed: 60, There: 90, Failed: 1,
		Calls:    map[string]int{"GET /b": 3, "GET /a": 40},
		AlwaysOn: demoBaseline{Finished: 101, Hours: 4200},
		Checks:   []demoCheck{{Name: "this held"}, {Name: "this did not", Faults: []string{"one", "two", "three", "four", "five", "six", "seven"}}},
	}.print(&out)
	require.Equal(t, `Summary: 1d 18h of the trace in 30s

  jobs         120 of 839 arrived: 100 finished, 5 running, 15 waiting
               2 runs lost a node and went back to the queue, 1 of them to an eviction
  waits        mean 1m 0s, p50 1m 30s, p95 3h 0m, max 1d 2h (105 jobs that started)
               longest of those still waiting: 1h 30m
  node-hours   100.0 used, 80.0 needed by the jobs that ran (80 %)
  nodes        peak 97 of 100; 150 created, 60 removed, 90 there
               1 failed
  ticks        900, 1 of them not good
  requests     7 creates, 1 termination
  API calls    43
                   40  GET /a
                    3  GET /b

The same time with 100 nodes always on

  jobs         101 finished
  waits        mean 0s, p50 0s, p95 0s, max 0s (0 jobs that started)
  node-hours   4200.0

Checked against the simulator's own books

  ok      this held
  BROKEN  this did not
          one
          two
          three
          four
          five
          and 2 more
`, out.String())
}

func TestDaysRoundsToTwoUnits(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                             "0s",
		499 * time.Millisecond:        "0s",
		59500 * time.Millisecond:      "1m 0s",
		time.Hour - time.Second:       "59m 59s",
		time.Hour + 30*time.Second:    "1h 1m",
		24*time.Hour - time.Second:    "1d 0h",
		30*time.Hour + 31*time.Minute: "1d 7h",
	} {
		require.Equal(t, want, days(d), d.String())
	}
}

func TestAlwaysOnIsTheSchedulerWithNodesThatStay(t *testing.T) {
	jobs := []sim.Job{wholeNodes(1, 0, 2, time.Hour), wholeNodes(2, 0, 2, time.Hour), wholeNodes(3, 5*time.Hour, 1, time.Hour)}
	got, err := alwaysOn(jobs, demoEpoch, demoEpoch.Add(3*time.Hour), 2)
	require.NoError(t, err)
	require.Equal(t, demoBaseline{
		Finished: 2, Hours: 6,
		Waits: sim.Spread[time.Duration]{Count: 2, Mean: 30 * time.Minute, P95: time.Hour, Max: time.Hour},
	}, got)
}
