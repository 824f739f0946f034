package gridengine_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/queue/gridengine"
)

func keep(t *testing.T, s *gridengine.Source, nodes ...autoscale.Node) {
	t.Helper()
	require.NoError(t, s.Keep(t.Context(), supply(nodes...), nil))
}

func drainOf(t *testing.T, s *gridengine.Source, host string) autoscale.Drain {
	t.Helper()
	d, err := s.Demand(t.Context())
	require.NoError(t, err)
	return d.Use[host].Drain
}

func TestOptions(t *testing.T) {
	for name, change := range map[string]func(*gridengine.SourceOptions){
		"nothing to run": func(o *gridengine.SourceOptions) { o.Run = nil },
		"no hosts":       func(o *gridengine.SourceOptions) { o.Hosts = nil },
		"no pools":       func(o *gridengine.SourceOptions) { o.Mapping.Pool = nil },
		"no group":       func(o *gridengine.SourceOptions) { o.Ours = "autoscaled" },
		"one group":      func(o *gridengine.SourceOptions) { o.Ours, o.Drained = "@a", "@a" },
	} {
		t.Run(name, func(t *testing.T) {
			o := newFake(t).source().SourceOptions
			change(&o)
			_, err := gridengine.NewSource(o)
			require.ErrorIs(t, err, gridengine.ErrConfig)
		})
	}
}

// TestAddHosts: a host becomes ours first, and is left alone once all is as it should be.
func TestAddHosts(t *testing.T) {
	f := newFake(t)
	s := f.source()
	starting, other, head := node("b", autoscale.PhaseStarting), node("c", autoscale.PhaseReady), node("d", autoscale.PhaseReady)
	other.Pool, head.Protected = "else", "head node"
	nodes := []autoscale.Node{node("a", autoscale.PhaseReady), starting, other, head}
	keep(t, s, nodes...)
	require.Equal(t, []string{
		"-Ahgrp", "-Ae", "-ah a", "-aattr hostgroup hostlist a @autoscaled", "-aattr hostgroup hostlist a @allhosts", "-rattr queue slots 8 all.q@a",
	}, f.changes())
	require.Contains(t, f.made["a"], "complex_values slot_type=htc,gpu=2,exclusive=true,gpujob=0,h_vmem=17179869184\n")
	keep(t, s, nodes...)
	require.Empty(t, f.changes())

	f.hosts["e"] = true // its daemon registered by itself
	keep(t, s, append(nodes, node("E.example.com", autoscale.PhaseReady))...)
	require.Equal(t, []string{
		"-aattr exechost complex_values slot_type=htc,gpujob=0,h_vmem=17179869184 e", "-ah e", "-aattr hostgroup hostlist e @autoscaled", "-aattr hostgroup hostlist e @allhosts", "-rattr queue slots 8 all.q@e",
	}, f.changes())

	f.groups["@allhosts"] = f.groups["@allhosts"][1:] // somebody took it out
	keep(t, s, append(nodes, node("e", autoscale.PhaseReady))...)
	require.Equal(t, []string{"-aattr hostgroup hostlist a @allhosts"}, without(f.changes(), "-rattr"))
}

// TestAddManyHosts: what is the same for all hosts is asked for once, and not at all where
// none is new.
func TestAddManyHosts(t *testing.T) {
	f := newFake(t)
	o := f.source().SourceOptions
	run, asked := o.Run, []string(nil)
	o.Run = func(ctx context.Context, program string, args ...string) ([]byte, error) {
		if command := strings.Join(args, " "); command == "-sc" || command == "-shgrp @autoscaled" {
			asked = append(asked, command)
		}
		return run(ctx, program, args...)
	}
	s, err := gridengine.NewSource(o)
	require.NoError(t, err)
	nodes := []autoscale.Node{node("a", autoscale.PhaseReady), node("b", autoscale.PhaseReady), node("c", autoscale.PhaseReady)}
	keep(t, s, nodes...)
	require.Len(t, f.made, 3)
	require.Equal(t, []string{"-shgrp @autoscaled", "-sc"}, asked)
	keep(t, s, nodes...)
	require.Len(t, asked, 2)
}

func without(list []string, begin string) (kept []string) {
	for _, entry := range list {
		if !strings.HasPrefix(entry, begin) {
			kept = append(kept, entry)
		}
	}
	return kept
}

// TestSlots: slots are set once, and again where they are others; not those of queues that
// a host is not in.
func TestSlots(t *testing.T) {
	f := newFake(t)
	o := f.source().SourceOptions
	o.Queues = []string{"all.q", "big.q"}
	s, err := gridengine.NewSource(o)
	require.NoError(t, err)
	n := node("a", autoscale.PhaseReady)
	keep(t, s, n)
	require.Contains(t, f.changes(), "-rattr queue slots 8 big.q@a")
	keep(t, s, n)
	require.Empty(t, f.changes())
	f.slots["a"] = "4"
	keep(t, s, n)
	require.Equal(t, []string{"-rattr queue slots 8 all.q@a"}, f.changes())
}

// TestAddFails: what fails for one host is told, done for the others, and done later.
func TestAddFails(t *testing.T) {
	f := newFake(t)
	s := f.source()
	f.fail["qconf -ah a"] = "can't resolve hostname"
	err := s.Keep(t.Context(), supply(node("a", autoscale.PhaseReady), node("b", autoscale.PhaseReady)), nil)
	require.ErrorContains(t, err, "add host a: ")
	require.True(t, f.hosts["b"])
	require.False(t, f.admins["a"])
	clear(f.fail)
	keep(t, s, node("a", autoscale.PhaseReady), node("b", autoscale.PhaseReady))
	require.True(t, f.admins["a"])
	require.Contains(t, f.groups["@allhosts"], "a")
	f.fail["qhost"] = "gone"
	require.Error(t, s.Keep(t.Context(), supply(), nil))
	require.True(t, f.hosts["a"], "nothing is removed blindly")
}

// TestRemoveHosts: what is gone is disabled, looked at again, and taken out of everything;
// hosts that we did not add are never.
func TestRemoveHosts(t *testing.T) {
	f := newFake(t)
	s := f.source()
	f.hosts["static"], f.groups["@allhosts"] = true, []string{"static"}
	keep(t, s, node("a", autoscale.PhaseReady), node("b", autoscale.PhaseReady))
	f.changes()
	f.jobs["b"] = 1
	keep(t, s, node("a", autoscale.PhaseStopping), node("b", autoscale.PhaseDeallocated))
	require.Empty(t, f.changes(), "they are not gone")
	keep(t, s, node("a", autoscale.PhaseGone))
	require.Equal(t, []string{
		"-Ahgrp", "-aattr hostgroup hostlist a @autoscaled_drained", "qmod -d *@a",
		"-dattr hostgroup hostlist a @allhosts", "-dattr hostgroup hostlist a @autoscaled_drained", "-purge queue * all.q@a", "-dh a", "-dattr hostgroup hostlist a @autoscaled", "-de a",
		"-aattr hostgroup hostlist b @autoscaled_drained", "qmod -d *@b",
	}, f.changes())
	require.NotContains(t, f.hosts, "a")
	require.Contains(t, f.hosts, "b", "something runs there")
	require.Contains(t, f.hosts, "static")
	delete(f.jobs, "b")
	keep(t, s)
	require.NotContains(t, f.hosts, "b")
	require.Equal(t, []string{"static"}, f.groups["@allhosts"])
	require.Empty(t, f.groups["@autoscaled"])
	f.changes()
	keep(t, s)
	require.Empty(t, f.changes())
}

// TestOneListWithoutANode: a host at work whose node was missing from the cloud's list, and
// is back, is not taken for one that an administrator disabled.
func TestOneListWithoutANode(t *testing.T) {
	f := newFake(t)
	s := f.source()
	n := node("a", autoscale.PhaseReady)
	keep(t, s, n)
	f.jobs["a"] = 1
	keep(t, s)
	require.True(t, f.off["a"])
	keep(t, s, n)
	require.Equal(t, autoscale.DrainOurs, drainOf(t, s, "a"))
	require.Equal(t, []error{nil}, s.Undrain(t.Context(), []autoscale.Node{n}))
	require.Equal(t, autoscale.NotDraining, drainOf(t, s, "a"))
}

// TestRemoveFails: a host that Grid Engine won't delete stays ours, and is tried again.
func TestRemoveFails(t *testing.T) {
	f := newFake(t)
	s := f.source()
	keep(t, s, node("a", autoscale.PhaseReady))
	f.fail["qconf -de"] = "Host object is still referenced in calendar"
	require.ErrorContains(t, s.Keep(t.Context(), supply(), nil), "remove host a: ")
	require.Equal(t, []string{"a"}, f.groups["@autoscaled"])
	clear(f.fail)
	keep(t, s)
	require.NotContains(t, f.hosts, "a")
}

func TestDrain(t *testing.T) {
	f := newFake(t)
	s := f.source()
	n := node("a", autoscale.PhaseReady)
	keep(t, s, n)
	f.changes()
	require.Equal(t, []error{nil}, s.Drain(t.Context(), []autoscale.Node{n}, "idle"))
	require.Equal(t, []string{"-Ahgrp", "-aattr hostgroup hostlist a @autoscaled_drained", "qmod -d *@a"}, f.changes(), "the mark first")
	require.Equal(t, autoscale.DrainOurs, drainOf(t, s, "a"))
	require.Equal(t, []error{nil}, s.Undrain(t.Context(), []autoscale.Node{n}))
	require.Equal(t, []string{"qmod -e *@a", "-dattr hostgroup hostlist a @autoscaled_drained"}, f.changes())
	require.Equal(t, autoscale.NotDraining, drainOf(t, s, "a"))

	f.off["a"] = true // an administrator's
	require.Equal(t, autoscale.DrainForeign, drainOf(t, s, "a"))
	require.ErrorIs(t, s.Drain(t.Context(), []autoscale.Node{n}, "")[0], autoscale.ErrRejected)
	require.Equal(t, []error{nil}, s.Undrain(t.Context(), []autoscale.Node{n}))
	require.Empty(t, f.changes(), "it is not touched")
	require.ErrorIs(t, s.Drain(t.Context(), []autoscale.Node{node("", autoscale.PhaseReady)}, "")[0], autoscale.ErrRejected)
	f.fail["qhost"] = "no answer"
	require.Error(t, s.Drain(t.Context(), []autoscale.Node{n}, "")[0])
	require.Error(t, s.Undrain(t.Context(), []autoscale.Node{n})[0])
}

// TestDrainBeforeAdded: a host that nobody wants before it has a queue gets none.
func TestDrainBeforeAdded(t *testing.T) {
	for _, registered := range []bool{false, true} {
		f := newFake(t)
		s := f.source()
		n := node("a", autoscale.PhaseReady)
		if registered {
			f.hosts["a"] = true
		}
		require.Equal(t, []error{nil}, s.Drain(t.Context(), []autoscale.Node{n}, "idle"))
		require.Equal(t, autoscale.DrainOurs, drainOf(t, s, "a"))
		keep(t, s, n)
		require.Empty(t, f.groups["@allhosts"])
		require.Equal(t, autoscale.DrainOurs, drainOf(t, s, "a"))
		require.Equal(t, []error{nil}, s.Undrain(t.Context(), []autoscale.Node{n}))
		keep(t, s, n)
		require.Equal(t, []string{"a"}, f.groups["@allhosts"])
		require.Equal(t, autoscale.NotDraining, drainOf(t, s, "a"))

		delete(f.hosts, "b")
		require.Equal(t, []error{nil}, s.Drain(t.Context(), []autoscale.Node{node("b", autoscale.PhaseReady)}, "idle"))
		keep(t, s, n)
		require.Empty(t, f.groups["@autoscaled_drained"], "it went before it was added")
	}
}

// TestDrainInterrupted: whatever step a drain or an undrain ends after, no host stays
// disabled under a mark that is taken for an administrator's.
func TestDrainInterrupted(t *testing.T) {
	for _, broken := range []string{"qconf -aattr", "qmod -d", "qmod -e", "qconf -dattr"} {
		t.Run(broken, func(t *testing.T) {
			f := newFake(t)
			s := f.source()
			n := node("a", autoscale.PhaseReady)
			keep(t, s, n)
			f.fail[broken] = "killed"
			errs := append(s.Drain(t.Context(), []autoscale.Node{n}, ""), s.Undrain(t.Context(), []autoscale.Node{n})...)
			require.Error(t, errors.Join(errs...))
			clear(f.fail)
			require.NotEqual(t, autoscale.DrainForeign, drainOf(t, s, "a"))
			if drainOf(t, s, "a") == autoscale.NotDraining {
				keep(t, s, n)
				require.Empty(t, f.groups["@autoscaled_drained"], "a mark without effect is taken back")
				f.off["a"] = true
				require.Equal(t, autoscale.DrainForeign, drainOf(t, s, "a"))
			}
		})
	}
}

func TestDemandOfSource(t *testing.T) {
	f := newFake(t)
	f.hosts["ge-9"] = true
	s := f.source()
	d, err := s.Demand(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, shapes(d)["5"].Tasks, "the limit of the array")
	require.Equal(t, autoscale.HostUse{Missing: true}, d.Use["ge-9"])
	for _, program := range []string{"qstat -xml -u", "qstat -xml -j", "qconf -spl", "qconf -sp ", "qconf -sc", "qconf -shgrp", "qhost"} {
		f.fail = map[string]string{program: "commlib error"}
		_, err := s.Demand(t.Context())
		require.ErrorIs(t, err, autoscale.ErrUnavailable, program)
	}
}

func TestCommands(t *testing.T) {
	run := func(c gridengine.Commands, script string) (string, error) {
		out, err := c.Run(t.Context(), "sh", "-c", script)
		return string(out), err
	}
	t.Setenv("AUTOSCALED_SECRET", "x")
	t.Setenv("LANG", "de_DE.UTF-8")
	out, err := run(gridengine.Commands{Root: "/opt/sge", Cell: "lab", QmasterPort: 6444}, "echo $SGE_ROOT $SGE_CELL $SGE_QMASTER_PORT $LC_ALL $LANG $AUTOSCALED_SECRET")
	require.NoError(t, err)
	require.Equal(t, "/opt/sge lab 6444 C\n", out)

	_, err = run(gridengine.Commands{}, "echo denied: you must be manager >&2; exit 1")
	require.ErrorIs(t, err, autoscale.ErrUnauthorized)
	require.ErrorContains(t, err, "exit status 1; it said: denied: you must be manager")
	_, err = run(gridengine.Commands{}, "echo invalid queue x; exit 1")
	require.ErrorIs(t, err, autoscale.ErrNotFound)
	_, err = run(gridengine.Commands{}, "exit 3")
	require.ErrorIs(t, err, autoscale.ErrUnavailable)
	_, err = run(gridengine.Commands{Timeout: 50 * time.Millisecond}, "sleep 60 & sleep 60")
	require.ErrorContains(t, err, "was ended after 50ms")
	_, err = (&gridengine.Commands{Folder: t.TempDir()}).Run(t.Context(), "qstat")
	require.ErrorContains(t, err, "run qstat: ")
}
