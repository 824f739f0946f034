package pbs

import (
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

// A node is joined with ccnodeid last, and takes work only then.
func TestJoin(t *testing.T) {
	w := newWorld(t)
	w.server.Submit("alice", "1:ncpus=4", "free")
	w.node("1", "exec-1")
	w.supply.Nodes = append(w.supply.Nodes,
		autoscale.Node{ID: "2", Name: "login-1", Host: "login-1", Pool: "login/F4", Phase: autoscale.PhaseReady},
		autoscale.Node{ID: "3", Name: "execute-3", Host: "exec-3", Pool: "execute/F4", Phase: autoscale.PhaseStarting},
		autoscale.Node{ID: "4", Name: "execute-4", Host: "exec-4", Pool: "execute/F4", Phase: autoscale.PhaseReady, Protected: "head node"})
	w.keep()
	require.Equal(t, []string{
		"qmgr create node exec-1",
		"pbsnodes -C autoscaled: joins -o exec-1",
		"qmgr set node exec-1 resources_available.ncpus=4,resources_available.mem=8388608kb,resources_available.ngpus=0,resources_available.nodearray=execute,resources_available.slot_type=execute,resources_available.vm_size=F4,resources_available.group_id=_none_,resources_available.ungrouped=true",
		"qmgr set node exec-1 resources_available.ccnodeid=1",
		"qmgr create resource ccnodeid type=string, flag=h",
		"qmgr set node exec-1 resources_available.ccnodeid=1",
		"pbsnodes -C autoscaled: in service -r exec-1",
	}, w.server.Calls())
	require.Equal(t, []string{"0.pbs1"}, w.server.Jobs("R"))
	d := w.demand()
	require.Equal(t, autoscale.HostUse{Jobs: []autoscale.JobID{"0"}, Used: autoscale.Resources{Cores: 4}, Node: "1"}, d.Use["exec-1"])
	w.keep()
	require.Len(t, w.server.Calls(), 7, "it is joined")
}

// What PBS does not know is left out, and not asked for again.
func TestJoinWithoutSomeResources(t *testing.T) {
	w := newWorld(t)
	w.Resources = []Resource{{"fpga", Count, ""}}
	w.node("1", "exec-1")
	w.node("2", "exec-2")
	w.keep()
	for _, v := range w.server.Vnodes() {
		require.Equal(t, "4", v.Available["ncpus"])
		require.NotContains(t, v.Available, "fpga")
		require.False(t, v.Offline)
	}
	before := len(w.server.Calls())
	w.node("3", "exec-3")
	w.keep()
	require.Len(t, w.server.Calls(), before+5)
}

// A join that was cut short at any point is gone on with, by another daemon too.
func TestJoinGoesOn(t *testing.T) {
	for name, before := range map[string][][]string{
		"made":       {{"qmgr", "-c", "create node exec-1"}},
		"out":        {{"qmgr", "-c", "create node exec-1"}, {"pbsnodes", "-C", joinMark, "-o", "exec-1"}},
		"identified": {{"qmgr", "-c", "create node exec-1"}, {"pbsnodes", "-C", joinMark, "-o", "exec-1"}, {"qmgr", "-c", "create resource ccnodeid type=string"}, {"qmgr", "-c", "set node exec-1 resources_available.ccnodeid=1"}},
		"another's":  {{"qmgr", "-c", "create node exec-1"}, {"qmgr", "-c", "create resource ccnodeid type=string"}, {"qmgr", "-c", "set node exec-1 resources_available.ccnodeid=old"}},
		"long":       {{"qmgr", "-c", "create node exec-1.example.com"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for _, c := range before {
				require.Zero(t, w.server.Run(c[0], c[1:]...).Code)
			}
			w.node("1", "exec-1")
			w.keep()
			v := w.server.Vnodes()
			require.Len(t, v, 1)
			require.Equal(t, "1", v[0].Available["ccnodeid"])
			require.Equal(t, "4", v[0].Available["ncpus"])
			require.False(t, v[0].Offline)
		})
	}
}

// Who is drained before the join is over stays so, until it is wanted again.
func TestJoinLeavesOurMark(t *testing.T) {
	for _, comment := range []string{drainMark + ", idle", "cyclecloud offline"} {
		w := newWorld(t)
		n := w.node("1", "exec-1")
		w.demand()
		require.Zero(t, w.server.Run("qmgr", "-c", "create node exec-1").Code)
		require.Zero(t, w.server.Run("pbsnodes", "-C", comment, "-o", "exec-1").Code)
		require.NoError(t, w.Keep(t.Context(), w.supply, nil), "with what was read before")
		w.hosts()
		require.Equal(t, autoscale.HostUse{Drain: autoscale.DrainOurs, Node: "1"}, w.demand().Use["exec-1"])
		require.NoError(t, w.Undrain(t.Context(), []autoscale.Node{n})[0])
		require.Equal(t, autoscale.HostUse{Node: "1"}, w.demand().Use["exec-1"])
	}
}

// An administrator's word stays: the vnode gets its resources, and stays out of service.
func TestJoinLeavesAnAdministratorsMark(t *testing.T) {
	w := newWorld(t)
	require.Zero(t, w.server.Run("qmgr", "-c", "create node exec-1").Code)
	require.Zero(t, w.server.Run("pbsnodes", "-o", "exec-1").Code)
	n := w.node("1", "exec-1")
	w.keep()
	require.True(t, w.server.Vnodes()[0].Offline)
	require.Equal(t, "1", w.server.Vnodes()[0].Available["ccnodeid"])
	require.Equal(t, autoscale.DrainForeign, w.demand().Use["exec-1"].Drain)
	for _, errs := range [][]error{w.Drain(t.Context(), []autoscale.Node{n}, "idle"), w.Undrain(t.Context(), []autoscale.Node{n})} {
		require.ErrorIs(t, errs[0], autoscale.ErrRejected)
		require.ErrorContains(t, errs[0], "administrator")
	}
}

// Another VM with the host name of one that is gone takes its vnode over.
func TestHostNamesComeAgain(t *testing.T) {
	w := newWorld(t)
	w.server.Submit("alice", "1:ncpus=4", "free")
	w.node("1", "exec-1")
	w.keep()
	w.supply.Nodes = nil
	w.node("2", "exec-1")
	w.demand()
	require.ErrorContains(t, w.Keep(t.Context(), w.supply, nil), "vnode exec-1 is still that of node 1, which is gone, and has job 0.pbs1")
	use := w.demand().Use["exec-1"]
	require.True(t, use.Missing)
	require.Equal(t, autoscale.NodeID("2"), use.Node)
	require.ErrorIs(t, w.Drain(t.Context(), w.supply.Nodes, "idle")[0], autoscale.ErrNotFound, "the vnode is not its own")
	w.server.Finish("0.pbs1")
	w.keep()
	require.Equal(t, "2", w.server.Vnodes()[0].Available["ccnodeid"])
	require.Equal(t, autoscale.HostUse{Node: "2"}, w.demand().Use["exec-1"])
}

// A node that can't be joined is one that PBS has not heard of.
func TestUnjoinedNodesAreMissing(t *testing.T) {
	w := newWorld(t)
	w.node("1", "exec-1")
	w.demand()
	w.server.Lose(true)
	require.ErrorIs(t, w.Keep(t.Context(), w.supply, nil), autoscale.ErrUnavailable)
	w.server.Lose(false)
	require.Equal(t, autoscale.HostUse{Missing: true, Node: "1"}, w.demand().Use["exec-1"])
}
