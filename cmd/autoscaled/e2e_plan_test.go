package main

import (
	"encoding/json"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

// planOf runs `plan -o json`.
func (s *site) planOf() planDocument {
	s.t.Helper()
	r := s.command("plan", "-o", "json")
	require.Zero(s.t, r.code, r.err)
	return decodePlan(s.t, r.out)
}

func decodePlan(t *testing.T, text string) planDocument {
	t.Helper()
	var d planDocument
	require.NoError(t, json.Unmarshal([]byte(text), &d))
	var lists map[string]any
	require.NoError(t, json.Unmarshal([]byte(text), &lists))
	for _, key := range []string{"grow", "drain", "undrain", "remove", "retry", "jobs", "nodes", "pools", "problems", "operations"} {
		require.NotNil(t, lists[key], "%s is a list, never null", key)
	}
	return d
}

func TestPlanShowsEveryJob(t *testing.T) {
	s := newSite(t, nil)
	s.configure("max", "5")
	s.write("queue.yaml", `jobs:
  - {id: fits, priority: 3, tasks: 4, exclusive: task}
  - {id: part, priority: 2, tasks: 3, exclusive: task}
  - {id: waits, priority: 1, exclusive: task}
  - {id: huge, cores: 1000}
  - {id: held, held: JobHeldUser}
running: []
`)
	d := s.planOf()
	require.Equal(t, "demo", d.Cluster)
	require.Equal(t, []planGrow{{
		Pool: "execute/Standard_F4s_v2", Count: 5, Jobs: []autoscale.JobID{"fits", "part"}, JobCount: 2,
		Reason: reasonOf(autoscale.Reason{Code: autoscale.ReasonDemand, Have: 2}),
	}}, d.Grow)
	jobs := map[autoscale.JobID]planJob{}
	for _, j := range d.Jobs {
		require.NotContains(t, jobs, j.ID, "told once")
		jobs[j.ID] = j
	}
	require.Len(t, jobs, 5)
	require.Equal(t, planJob{ID: "fits", ServedBy: []planServing{{Pool: "execute/Standard_F4s_v2", Count: 4, How: autoscale.ReasonOnNew}}}, jobs["fits"])
	require.Equal(t, 1, jobs["part"].ServedBy[0].Count)
	require.Equal(t, autoscale.ReasonPart, jobs["part"].Reason.Code, "a part is explained")
	require.Empty(t, jobs["waits"].ServedBy)
	require.Equal(t, autoscale.ReasonLimit, jobs["waits"].Reason.Code)
	require.Contains(t, jobs["waits"].Reason.Says, "5 of 5 nodes")
	require.Equal(t, autoscale.ReasonTooLarge, jobs["huge"].Reason.Code)
	require.Equal(t, autoscale.ReasonHeld, jobs["held"].Reason.Code)

	pools := map[autoscale.PoolID]planPool{}
	for _, p := range d.Pools {
		pools[p.ID] = p
	}
	require.Len(t, pools, 4, "every pool of the cloud")
	require.True(t, pools["execute/Standard_F4s_v2"].Held)
	require.Equal(t, autoscale.ReasonLimit, pools["execute/Standard_F4s_v2"].Reason.Code)
	require.Equal(t, autoscale.ReasonUnmanaged, pools["ondemand/Standard_HC44rs"].Reason.Code)

	require.Zero(t, s.nodes(), "a plan changes nothing")
	require.Empty(t, s.server.Books().Creates)
	require.NoFileExists(t, s.path("state"), "not even the state directory")

	r := s.command("plan")
	require.Zero(t, r.code)
	require.Contains(t, r.out, "5 jobs pending: 2 with nodes or nodes to come, 3 waiting.")
	require.Regexp(t, `(?m)^  create  5 nodes  execute/Standard_F4s_v2  .*: fits, part$`, r.out)
}

// Beside a daemon the plan knows what the daemon has asked for and remembers;
// after it, the journal tells the same.
func TestPlanUsesTheDaemonsRecord(t *testing.T) {
	s := newSiteAt(t, 1, nil)
	s.configure("interval", "1h", "idle", "1h")
	s.write("queue.yaml", "jobs: [{id: a}]\nrunning: []\n")
	p := s.start()
	eventually(t, "a node", func() bool { return s.nodes() == 1 })
	p.ready()
	d := s.planOf()
	require.Len(t, d.Operations, 1)
	require.Equal(t, autoscale.OperationCreate, d.Operations[0].Kind)
	require.Empty(t, d.Grow, "it is on its way")

	require.Zero(t, p.stop(syscall.SIGKILL)+1)
	after := s.planOf()
	require.Len(t, after.Operations, 1)
	require.Equal(t, d.Operations[0].Request, after.Operations[0].Request)
	require.FileExists(t, s.path("state/control.sock"), "of the daemon that was killed")
	require.FileExists(t, filepath.Join(s.dir, "state", "journal.db"))
}

func TestPlanWithoutAQueue(t *testing.T) {
	s := newSite(t, nil)
	s.write("queue.yaml", "jobs: [{id: a, tasks: -1}]\n")
	r := s.command("plan", "-o", "json")
	require.Equal(t, exitBlind, r.code)
	require.Equal(t, "autoscaled: the plan is blind: queue could not be used\n", r.err)
	d := decodePlan(t, r.out)
	require.Len(t, d.Problems, 1)
	require.Contains(t, d.Problems[0], "line 1: jobs[0]")
	require.Empty(t, d.Grow)
	require.Equal(t, autoscale.ReasonDemandUnknown, d.Hold.Code)

	r = s.command("plan")
	require.Equal(t, exitBlind, r.code)
	require.Contains(t, r.out, "the queue could not be read.\n")
	require.Contains(t, r.out, "PROBLEM  queue: ")
}

func TestPlanRefusesAnUnknownForm(t *testing.T) {
	s := newSite(t, nil)
	r := s.command("plan", "-o", "xml")
	require.Equal(t, result{exitUsage, "", "autoscaled: --output \"xml\" is neither table nor json\n"}, r)
}
