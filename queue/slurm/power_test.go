package slurm_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/queue/slurm"
)

// fixed is a cluster that answers what it is told to. Changes of it are kept.
type fixed struct {
	slurm.Cluster
	jobs     []slurm.Job
	nodes    []slurm.Node
	jobsErr  error
	nodesErr error
}

func (f *fixed) Jobs(context.Context) ([]slurm.Job, error)   { return f.jobs, f.jobsErr }
func (f *fixed) Nodes(context.Context) ([]slurm.Node, error) { return f.nodes, f.nodesErr }

// set gives a node a state, and makes it if it is not there.
func (f *fixed) set(name, state string) {
	f.nodes = slices.Clone(f.nodes)
	i := slices.IndexFunc(f.nodes, func(n slurm.Node) bool { return n.Name == name })
	if i < 0 {
		i = len(f.nodes)
		f.nodes = append(f.nodes, slurm.Node{Name: name, CPUs: 4})
	}
	f.nodes[i].State = state
}

// byArray maps nodes to the nodearray before the dash of their names, of which hpc has
// placement groups.
func byArray() slurm.Mapping {
	m := *mapping()
	m.Node = func(n *slurm.Node) (autoscale.Selector, string, bool) {
		array, _, _ := strings.Cut(n.Name, "-")
		group := map[string]string{"hpc": "pg1"}[array]
		return autoscale.HasLabel(autoscale.LabelNodearray, array), group, array != "static"
	}
	return m
}

func powerSource(t testing.TB, c slurm.Cluster, change func(*slurm.PowerSavingOptions)) *slurm.PowerSaving {
	t.Helper()
	o := slurm.PowerSavingOptions{Cluster: c, Mapping: byArray(), Now: time.Now}
	if change != nil {
		change(&o)
	}
	source, err := slurm.NewPowerSaving(o)
	require.NoError(t, err)
	return source
}

func demandOf(t testing.TB, source *slurm.PowerSaving) autoscale.Demand {
	t.Helper()
	d, err := source.Demand(context.Background())
	require.NoError(t, err)
	require.True(t, d.Releases)
	require.True(t, d.Vouched)
	return d
}

// namesOf are the names that each job asks for, without those that ask for none.
func namesOf(d autoscale.Demand) map[autoscale.JobID]string {
	names := make(map[autoscale.JobID]string)
	for id, s := range jobsIn(d) {
		if len(s.Names) > 0 {
			names[id] = strings.Join(s.Names, ",")
		}
	}
	return names
}

const (
	down    = "IDLE+CLOUD+POWERED_DOWN"
	waking  = "ALLOCATED+CLOUD+NOT_RESPONDING+POWERING_UP"
	leaving = "IDLE+CLOUD+POWERING_DOWN"
)

func TestStatesSayWhatIsWanted(t *testing.T) {
	for state, want := range map[string]struct {
		wanted bool
		use    autoscale.HostUse
	}{
		down:                             {use: autoscale.HostUse{Drain: autoscale.DrainDone}},
		leaving:                          {use: autoscale.HostUse{Drain: autoscale.DrainDone}},
		"DOWN+CLOUD+POWERED_DOWN":        {use: autoscale.HostUse{Drain: autoscale.DrainDone}},
		"IDLE+CLOUD+DRAIN+POWERED_DOWN":  {use: autoscale.HostUse{Drain: autoscale.DrainDone}},
		"ALLOCATED+CLOUD+POWERED_DOWN":   {use: autoscale.HostUse{Drain: autoscale.DrainDone}},
		waking:                           {wanted: true, use: autoscale.HostUse{Missing: true}},
		"IDLE+CLOUD+POWERING_UP":         {wanted: true, use: autoscale.HostUse{Missing: true}},
		"IDLE+CLOUD+DRAIN+POWERING_UP":   {wanted: true, use: autoscale.HostUse{Missing: true}},
		"MIXED+POWERED_DOWN+POWERING_UP": {wanted: true, use: autoscale.HostUse{Missing: true}},
		"DOWN+CLOUD+POWERING_UP":         {use: autoscale.HostUse{Missing: true}},
		"IDLE+CLOUD":                     {},
		"IDLE+CLOUD+POWER_DOWN":          {},
		"DOWN+CLOUD+NOT_RESPONDING":      {use: autoscale.HostUse{Missing: true}},
		"ALLOCATED+CLOUD":                {use: autoscale.HostUse{Whole: true}},
	} {
		f := &fixed{}
		f.set("htc-1", state)
		m := byArray()
		d := slurm.PowerDemand(nil, f.nodes, &m)
		require.Equal(t, want.use, d.Use["htc-1"], state)
		if want.wanted {
			require.Equal(t, map[autoscale.JobID]string{"power_up/htc-1": "htc-1"}, namesOf(d), state)
		} else {
			require.Empty(t, namesOf(d), state)
		}
	}
}

// A job waits for those of its nodes that are being resumed, in one piece for each pool;
// a pending one is explained and asks for nothing.
func TestJobsOfPowerSaving(t *testing.T) {
	f := &fixed{jobs: []slurm.Job{
		{ID: 1, State: "RUNNING+CONFIGURING", Nodes: "htc-[1-3],hpc-[1-2]", Shared: "none"},
		{ID: 2, State: "PENDING", Reason: "Resources", Partition: "htc", CPUs: 4, NodeCount: 1, Priority: 5},
		{ID: 3, State: "PENDING", Reason: "JobHeldUser", Partition: "htc", CPUs: 4, NodeCount: 1},
		{ID: 4, State: "RUNNING", Nodes: "static-1"},
	}}
	for name, state := range map[string]string{"htc-1": waking, "htc-2": waking, "htc-3": "ALLOCATED+CLOUD", "hpc-1": waking, "hpc-2": down, "htc-9": waking, "static-1": "MIXED"} {
		f.set(name, state)
	}
	d := demandOf(t, powerSource(t, f, nil))
	require.Equal(t, map[autoscale.JobID]string{"1": "hpc-1", "1/2": "htc-1,htc-2", "power_up/htc-9": "htc-9"}, namesOf(d))
	require.Equal(t, "pg1", jobsIn(d)["1"].Group)
	require.Contains(t, jobsIn(d)["2"].Held, "Resources")
	require.Contains(t, jobsIn(d)["3"].Held, "JobHeldUser")
	require.Equal(t, []autoscale.JobID{"1"}, d.Use["htc-3"].Jobs)
	require.Equal(t, []autoscale.JobID{"4"}, d.Use["static-1"].Jobs)
	require.Len(t, d.Use, 7)
}

// Without a list of jobs resumes stay demand, and gangs whole as far as they are known.
func TestResumesOutliveTheJobList(t *testing.T) {
	f := &fixed{jobs: []slurm.Job{{ID: 1, State: "RUNNING+CONFIGURING", Nodes: "hpc-[1-2]"}, {ID: 2, State: "RUNNING", Nodes: "htc-5"}}}
	for _, name := range []string{"hpc-1", "hpc-2", "hpc-3", "hpc-4", "htc-1"} {
		f.set(name, waking)
	}
	f.set("htc-5", "ALLOCATED+CLOUD")
	spool := &spooled{hooks: []slurm.Hook{{Kind: slurm.HookResume, Nodes: "hpc-[3-4]", At: time.Unix(1, 0), Jobs: []slurm.HookJob{{ID: 7, Nodes: "hpc-[3-4]"}}}}}
	source := powerSource(t, f, func(o *slurm.PowerSavingOptions) { o.Hooks = spool })
	demandOf(t, source)
	f.jobs, f.jobsErr = nil, errors.New("squeue is broken")
	f.set("hpc-1", "ALLOCATED+CLOUD")
	for range 2 {
		d := demandOf(t, source)
		require.Equal(t, map[autoscale.JobID]string{"1": "hpc-2", "7": "hpc-3,hpc-4", "power_up/htc-1": "htc-1"}, namesOf(d))
		require.True(t, d.Use["htc-5"].Busy())
		require.Contains(t, d.Partial, "squeue is broken")
	}
	f.jobs, f.jobsErr = []slurm.Job{{ID: 2, State: "RUNNING", Nodes: "htc-5"}}, nil
	require.Empty(t, demandOf(t, source).Partial)
	f.nodesErr = errors.New("scontrol too")
	_, err := source.Demand(context.Background())
	require.ErrorContains(t, err, "scontrol too")
}

// A resume that no hook told of is told once; in a dry run none is missed, for Slurm's
// programs are not ours.
func TestMissedHooks(t *testing.T) {
	for _, dryRun := range []bool{false, true} {
		f := &fixed{}
		f.set("htc-1", "IDLE+CLOUD+POWERED_DOWN")
		var notes []slurm.Note
		source := powerSource(t, f, func(o *slurm.PowerSavingOptions) {
			o.Hooks, o.DryRun, o.Observe = &spooled{}, dryRun, func(n slurm.Note) { notes = append(notes, n) }
		})
		demandOf(t, source)
		f.set("htc-1", waking)
		demandOf(t, source)
		demandOf(t, source)
		if dryRun {
			require.Empty(t, notes)
			require.Zero(t, source.Missed())
			continue
		}
		require.Len(t, notes, 1)
		require.Equal(t, slurm.NoteHookMissed, notes[0].Event)
		require.Equal(t, 1, source.Missed())
	}
}

// A thousand nodes that are resumed for as many jobs are asked for in few sets.
func TestThousandNames(t *testing.T) {
	f := &fixed{}
	for i := 1; i <= 1000; i++ {
		name := fmt.Sprintf("htc-%d", i)
		f.jobs = append(f.jobs, slurm.Job{ID: int64(i), State: "RUNNING+CONFIGURING", Nodes: name})
		f.nodes = append(f.nodes, slurm.Node{Name: name, State: waking, CPUs: 4})
	}
	f.set("htc-500", down)
	d := demandOf(t, powerSource(t, f, nil))
	pool := autoscale.Pool{ID: "htc/F4", Labels: map[string]string{autoscale.LabelNodearray: "htc"}, Node: autoscale.Resources{Cores: 4, Memory: 8 * autoscale.GiB}}
	state := autoscale.State{Observation: autoscale.Observation{At: time.Unix(1e9, 0), Demand: d, Supply: autoscale.Supply{Pools: []autoscale.Pool{pool}}}}
	policy := autoscale.Policy{Pools: []autoscale.PoolPolicy{{Name: "htc", Match: autoscale.HasLabel(autoscale.LabelNodearray, "htc")}}}
	plan := autoscale.Decide(state, policy)
	require.Len(t, plan.Grow, 2)
	require.Equal(t, 999, plan.Grow[0].Count+plan.Grow[1].Count)
	for _, g := range plan.Grow {
		require.NotContains(t, g.Names, "htc-500")
		require.Len(t, g.Names, g.Count)
	}
}

// spooled is a spool in memory.
type spooled struct{ hooks []slurm.Hook }

func (s *spooled) List() ([]slurm.Hook, error) { return slices.Clone(s.hooks), nil }

func (s *spooled) Remove(done []slurm.Hook) error {
	s.hooks = slices.DeleteFunc(s.hooks, func(h slurm.Hook) bool {
		return slices.ContainsFunc(done, func(d slurm.Hook) bool { return d.At.Equal(h.At) && d.Nodes == h.Nodes && d.Kind == h.Kind })
	})
	return nil
}

// A list without nodes says that we may not see them, not that no VM is wanted.
func TestNoNodesAreUnknown(t *testing.T) {
	_, err := powerSource(t, &fixed{}, nil).Demand(context.Background())
	require.ErrorIs(t, err, autoscale.ErrUnavailable)
	require.ErrorContains(t, err, "lists none")
}

// A node that no rule maps to the cloud is not ended when Slurm powers it down.
func TestNodesThatAreNotOurs(t *testing.T) {
	for _, state := range []string{down, leaving, "DOWN+CLOUD+POWERED_DOWN"} {
		f := &fixed{}
		f.set("static-1", state)
		use, listed := demandOf(t, powerSource(t, f, nil)).Use["static-1"]
		require.True(t, listed)
		require.NotEqual(t, autoscale.DrainDone, use.Drain, state)
	}
}

// A controller that comes back without having saved its state lists nodes as powered down
// that it never powered down. Their VMs are kept for a while, and serve the same names.
func TestControllerForgetsAResume(t *testing.T) {
	f, now := &fixed{}, time.Now()
	f.set("htc-1", waking)
	f.set("htc-2", waking)
	source := powerSource(t, f, func(o *slurm.PowerSavingOptions) { o.Now = func() time.Time { return now } })
	demandOf(t, source)
	supply := autoscale.Supply{Nodes: []autoscale.Node{
		{ID: "a", Name: "htc-1", Phase: autoscale.PhaseStarting}, {ID: "b", Name: "htc-2", Phase: autoscale.PhaseReady},
	}}
	require.NoError(t, source.Keep(context.Background(), supply, nil))

	done := autoscale.HostUse{Drain: autoscale.DrainDone}
	f.set("htc-1", down)
	f.set("htc-2", down)
	d := demandOf(t, source)
	require.Equal(t, autoscale.NotDraining, d.Use["htc-1"].Drain)
	require.Equal(t, autoscale.NotDraining, d.Use["htc-2"].Drain)

	f.set("htc-1", waking) // resumed anew: what has booted is ignored by Slurm
	f.set("htc-2", waking)
	d = demandOf(t, source)
	require.Equal(t, map[autoscale.JobID]string{"power_up/htc-1": "htc-1", "power_up/htc-2": "htc-2"}, namesOf(d))
	require.Equal(t, autoscale.NotDraining, d.Use["htc-1"].Drain)
	require.Equal(t, done, d.Use["htc-2"])

	f.set("htc-1", down) // and forgotten for good
	now = now.Add(time.Second)
	require.NotEqual(t, done, demandOf(t, source).Use["htc-1"])
	now = now.Add(time.Minute)
	require.Equal(t, done, demandOf(t, source).Use["htc-1"])
}

// What was seen on its way, or told by a hook, has been powered down for sure.
func TestPoweredDownForSure(t *testing.T) {
	done := autoscale.HostUse{Drain: autoscale.DrainDone}
	for name, before := range map[string]string{"leaving": leaving, "down": "DOWN+CLOUD+POWERED_DOWN"} {
		f := &fixed{}
		f.set("htc-1", before)
		source := powerSource(t, f, nil)
		demandOf(t, source)
		f.set("htc-1", down)
		require.Equal(t, done, demandOf(t, source).Use["htc-1"], name)
	}
	f := &fixed{}
	f.set("htc-1", down)
	source := powerSource(t, f, func(o *slurm.PowerSavingOptions) {
		o.Hooks = &spooled{hooks: []slurm.Hook{{Kind: slurm.HookSuspend, Nodes: "htc-[1-2]", At: time.Now()}}}
	})
	require.Equal(t, done, demandOf(t, source).Use["htc-1"])
}
