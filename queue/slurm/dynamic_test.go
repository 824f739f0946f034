package slurm_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/autoscale/loop"
	"autoscaled/queue/slurm"
)

var (
	_ loop.Queue    = (*slurm.Dynamic)(nil)
	_ loop.Drainer  = (*slurm.Dynamic)(nil)
	_ loop.Keeper   = (*slurm.Dynamic)(nil)
	_ loop.Reporter = (*slurm.Dynamic)(nil)
)

type states = map[string]string

// uses are what is told of hosts.
type uses = map[string]autoscale.HostUse

func TestDynamicNeedsItsOptions(t *testing.T) {
	_, err := slurm.NewDynamic(slurm.DynamicOptions{Cluster: newDynamicSlurm(), Mapping: *mapping()})
	require.ErrorContains(t, err, "what its nodes are")
}

func TestLifeOfADynamicNode(t *testing.T) {
	d := newDynamicTest(t, nil)
	n := cloudVM("1", "htc-1")
	n.Phase, n.Address, n.Host = autoscale.PhaseStarting, "", ""
	d.tick(n)
	require.Empty(t, d.states(), "Slurm could not resolve it")

	n.Address = "10.0.0.1"
	d.tick(n)
	require.Equal(t, states{"htc-1": "FUTURE"}, d.states())
	record := *d.slurm.nodes["htc-1"]
	require.Equal(t, slurm.Node{
		Name: "htc-1", Address: "10.0.0.1", State: "FUTURE+DYNAMIC_NORM", Features: "htc,F4", CPUs: 4, Memory: 7 << 10, Comment: "autoscaled: node 1 (added)",
	}, record)

	n.Host, n.Phase = "ip-1", autoscale.PhaseReady
	demand := d.tick(n)
	require.Equal(t, map[string]autoscale.HostUse{"htc-1": {Node: "1", Missing: true}}, demand.Use)
	require.Equal(t, "ip-1", d.slurm.nodes["htc-1"].Host)
	d.slurm.register("htc-1")
	changes := d.slurm.changes
	demand = d.tick(n)
	require.Equal(t, map[string]autoscale.HostUse{"htc-1": {Node: "1"}}, demand.Use)
	require.Equal(t, changes, d.slurm.changes, "nothing is left to tell")

	require.Equal(t, []error{nil}, d.Drain(t.Context(), []autoscale.Node{n}, "idle"))
	require.Equal(t, "autoscaled: idle", d.slurm.nodes["htc-1"].Reason)
	require.Equal(t, autoscale.DrainOurs, d.tick(n).Use["htc-1"].Drain)
	require.Equal(t, []error{nil}, d.Undrain(t.Context(), []autoscale.Node{n}))
	require.Equal(t, autoscale.NotDraining, d.tick(n).Use["htc-1"].Drain)
	require.Equal(t, []error{nil}, d.Drain(t.Context(), []autoscale.Node{n}, "idle"))

	n.Phase = autoscale.PhaseStopping
	d.tick(n)
	require.Empty(t, d.states())
	d.tick()
	require.Empty(t, d.states())
}

// Pending jobs are demand though their partition has no nodes, or too few.
func TestDynamicDemand(t *testing.T) {
	d := newDynamicTest(t, nil)
	pending := slurm.Job{ID: 1, State: "PENDING", Reason: "PartitionConfig", Partition: "htc", Priority: 5, NodeCount: 1, CPUs: 4, Shared: "OK"}
	wide := pending
	wide.ID, wide.Reason, wide.NodeCount, wide.CPUs = 2, "PartitionNodeLimit", 3, 12
	d.slurm.jobs = []slurm.Job{pending, wide}
	jobs := jobsIn(d.tick())
	require.Empty(t, jobs["1"].Held)
	require.Empty(t, jobs["2"].Held)
	require.Equal(t, 3, jobs["2"].Tasks)
	require.Equal(t, autoscale.GangAll, jobs["2"].Gang)
}

func TestAdministratorsDrainsStay(t *testing.T) {
	d := newDynamicTest(t, nil)
	n, m := cloudVM("1", "htc-1"), cloudVM("2", "htc-2")
	d.tick(n, m)
	d.slurm.register("htc-1")
	d.slurm.register("htc-2")
	with(d.slurm.nodes["htc-1"], "", []string{"DRAIN"}, nil)
	d.slurm.nodes["htc-1"].Reason = "bad disk"
	require.Equal(t, autoscale.DrainForeign, d.tick(n, m).Use["htc-1"].Drain)
	for range 2 {
		errs := d.Drain(t.Context(), []autoscale.Node{n, m}, "idle")
		require.ErrorIs(t, errs[0], slurm.ErrForeignDrain)
		require.ErrorContains(t, errs[0], "bad disk")
		require.NoError(t, errs[1])
	}
	errs := d.Undrain(t.Context(), []autoscale.Node{n, m})
	require.ErrorIs(t, errs[0], slurm.ErrForeignDrain)
	require.NoError(t, errs[1])
	require.Equal(t, states{"htc-1": "IDLE+DRAIN", "htc-2": "IDLE"}, d.states())

	d.slurm.down = autoscale.ErrUnavailable
	for _, err := range append(d.Drain(t.Context(), []autoscale.Node{n, m}, "idle"), d.Undrain(t.Context(), []autoscale.Node{m})...) {
		require.ErrorIs(t, err, autoscale.ErrUnavailable)
	}
}

// A VM dies under a job, and the cloud no longer lists it.
func TestVMThatDiesUnderAJob(t *testing.T) {
	d := newDynamicTest(t, nil)
	n := cloudVM("1", "htc-1")
	d.tick(n)
	d.slurm.register("htc-1")
	d.slurm.run(7, "htc-1")
	d.tick(n)
	for range 5 {
		d.tick()
		require.Equal(t, states{"htc-1": "ALLOCATED"}, d.states(), "Slurm hears of it: the list may be wrong")
	}
	with(d.slurm.nodes["htc-1"], "", []string{"NOT_RESPONDING", "PLANNED"}, nil)
	d.tick()
	require.Equal(t, states{"htc-1": "DOWN+NOT_RESPONDING+PLANNED"}, d.states())
	require.Equal(t, "PENDING", d.slurm.jobs[0].State, "requeued")
	d.tick()
	require.Equal(t, states{"htc-1": "DOWN+NOT_RESPONDING+PLANNED"}, d.states(), "Slurm plans with it")
	with(d.slurm.nodes["htc-1"], "", nil, []string{"PLANNED"})
	d.tick()
	require.Empty(t, d.states())
}

// A VM whose slurmd fell silent is given up with its node, and an administrator's is not.
func TestVMThatSlurmLost(t *testing.T) {
	d := newDynamicTest(t, nil)
	n, m := cloudVM("1", "htc-1"), cloudVM("2", "htc-2")
	d.tick(n, m)
	for _, name := range []string{"htc-1", "htc-2"} {
		d.slurm.register(name)
		with(d.slurm.nodes[name], "DOWN", []string{"NOT_RESPONDING"}, nil)
	}
	d.slurm.nodes["htc-1"].Reason, d.slurm.nodes["htc-2"].Reason = "Not responding", "being repaired"
	d.slurm.nodes["theirs"] = &slurm.Node{Name: "theirs", State: "DOWN+DYNAMIC_NORM", Reason: "Not responding"}
	require.Equal(t, map[string]autoscale.HostUse{
		"htc-1": {Node: "1", Drain: autoscale.DrainDone}, "htc-2": {Node: "2", Drain: autoscale.DrainForeign}, "theirs": {Missing: true},
	}, d.tick(n, m).Use)
	with(d.slurm.nodes["htc-1"], "", []string{"COMPLETING"}, nil)
	require.True(t, d.tick(n, m).Use["htc-1"].Missing, "its jobs are not given up yet")
}

// One list without a VM is not believed, nor one that was never read.
func TestOneListWithoutAVM(t *testing.T) {
	d := newDynamicTest(t, nil)
	n := cloudVM("1", "htc-1")
	d.tick(n)
	d.slurm.register("htc-1")
	d.tick(n)
	d.tick()
	d.tick(n)
	d.tick()
	require.Equal(t, states{"htc-1": "IDLE"}, d.states())
	d.tick()
	require.Equal(t, states{"htc-1": "DOWN"}, d.states())
	d.tick()
	require.Empty(t, d.states())

	d.tick(n)
	d.slurm.down = autoscale.ErrUnavailable
	_, err := d.Demand(t.Context())
	require.ErrorIs(t, err, autoscale.ErrUnavailable)
	changes := d.slurm.changes
	d.slurm.down = nil
	for range 3 {
		require.NoError(t, d.Keep(t.Context(), cloudOf(), nil))
	}
	require.Equal(t, changes, d.slurm.changes)
}

// A VM that is on its way out by other hands gets no more jobs, and loses what it has
// only when it is gone.
func TestVMThatIsTakenAway(t *testing.T) {
	d := newDynamicTest(t, nil)
	n := cloudVM("1", "htc-1")
	d.tick(n)
	d.slurm.register("htc-1")
	d.slurm.run(7, "htc-1")
	n.Phase = autoscale.PhaseStopping
	d.tick(n)
	require.Equal(t, states{"htc-1": "ALLOCATED+DRAIN"}, d.states())
	d.tick(n)
	require.Equal(t, states{"htc-1": "ALLOCATED+DRAIN"}, d.states())
	d.tick()
	require.Equal(t, states{"htc-1": "DOWN+DRAIN"}, d.states())
	d.tick()
	require.Empty(t, d.states())
}

func TestVMThatNeverRegistered(t *testing.T) {
	d := newDynamicTest(t, nil)
	n := cloudVM("1", "htc-1")
	d.tick(n)
	require.Equal(t, []error{nil}, d.Drain(t.Context(), []autoscale.Node{n}, "join_timeout"))
	require.Equal(t, autoscale.HostUse{Node: "1", Missing: true, Drain: autoscale.DrainOurs}, d.tick(n).Use["htc-1"])
	d.slurm.register("htc-1")
	require.Equal(t, autoscale.DrainOurs, d.tick(n).Use["htc-1"].Drain, "Slurm forgets why")
	n.Phase = autoscale.PhaseGone
	d.tick(n)
	require.Empty(t, d.states())
}

// A daemon that starts with nothing finds in Slurm whose nodes are whose.
func TestDynamicStartsWithNothing(t *testing.T) {
	d := newDynamicTest(t, nil)
	a, b := cloudVM("1", "htc-1"), cloudVM("2", "htc-2")
	d.tick(a, b)
	d.slurm.register("htc-1")
	d.slurm.register("htc-2")
	d.slurm.nodes["theirs"] = &slurm.Node{Name: "theirs", State: "DOWN+DYNAMIC_NORM"}
	d.slurm.nodes["noted"] = &slurm.Node{Name: "noted", State: "IDLE+DYNAMIC_NORM", Comment: "ask me first"}
	d.slurm.nodes["fixed"] = &slurm.Node{Name: "fixed", State: "IDLE", Comment: "autoscaled: node 9"}
	changes := d.slurm.changes
	d.restart(nil)
	d.tick(a, b, cloudVM("3", "noted"))
	require.Equal(t, changes, d.slurm.changes)
	d.tick(a)
	d.tick(a)
	d.tick(a)
	require.Equal(t, states{"htc-1": "IDLE", "theirs": "DOWN", "noted": "IDLE", "fixed": "IDLE"}, d.states())
}

// VMs may add themselves, by whatever name, and are deleted all the same.
func TestVMsThatRegisterThemselves(t *testing.T) {
	d := newDynamicTest(t, func(o *slurm.DynamicOptions) { o.SelfRegistered, o.Announce = true, 1 })
	n := cloudVM("1", "htc-1")
	d.tick(n)
	const announced = "pool-htc-f4-1"
	require.Equal(t, states{announced: "FUTURE"}, d.states(), "Slurm knows what there can be")
	require.Equal(t, uses{"htc-1": {Node: "1", Missing: true}}, d.tick(n).Use)
	d.slurm.register("ip-1")
	require.Equal(t, uses{"ip-1": {}}, d.tick(n).Use)
	require.Equal(t, "autoscaled: node 1", d.slurm.nodes["ip-1"].Comment)
	require.Equal(t, []error{nil}, d.Drain(t.Context(), []autoscale.Node{n}, "idle"))
	require.Equal(t, states{announced: "FUTURE", "ip-1": "IDLE+DRAIN"}, d.states())
	n.Phase = autoscale.PhaseStopping
	d.tick(n)
	require.Equal(t, states{announced: "FUTURE"}, d.states())

	never := cloudVM("2", "htc-2")
	d.tick(never)
	require.Equal(t, []error{nil}, d.Drain(t.Context(), []autoscale.Node{never}, "join_timeout"))
	require.Equal(t, uses{"htc-2": {Node: "2", Missing: true, Drain: autoscale.DrainOurs}}, d.tick(never).Use)
	require.Contains(t, d.tick().Use, "htc-2")
	require.Empty(t, d.tick().Use, "it is gone")
}

// What is not ours is not registered: a VM without our mark, one of a pool that no policy
// names, and a head node.
func TestVMsThatAreNotRegistered(t *testing.T) {
	foreign, other, head := cloudVM("1", "a"), cloudVM("2", "b"), cloudVM("3", "c")
	foreign.Owned, other.Pool, head.Protected = false, "gpu/N4", "head node"
	d := newDynamicTest(t, nil)
	d.tick(foreign, other, head)
	require.Empty(t, d.states())
	d.restart(func(o *slurm.DynamicOptions) { o.All = func() bool { return true } })
	d.tick(foreign, other, head)
	require.Equal(t, states{"a": "FUTURE"}, d.states())
}

// A VM that Slurm does not know is drained by not being made known to it.
func TestDrainOfAVMThatSlurmDoesNotKnow(t *testing.T) {
	d := newDynamicTest(t, nil)
	n := cloudVM("1", "htc-1")
	_, err := d.Demand(t.Context())
	require.NoError(t, err)
	require.Equal(t, []error{nil}, d.Drain(t.Context(), []autoscale.Node{n}, "idle"))
	for range 2 {
		d.tick(n)
	}
	require.Equal(t, autoscale.DrainOurs, d.tick(n).Use["htc-1"].Drain)
	require.Empty(t, d.states())
	require.Equal(t, []error{nil}, d.Undrain(t.Context(), []autoscale.Node{n}))
	require.Empty(t, d.tick(n).Use)
	require.Equal(t, states{"htc-1": "FUTURE"}, d.states())

	other := cloudVM("2", "htc-2")
	require.Equal(t, []error{nil}, d.Drain(t.Context(), []autoscale.Node{other}, "idle"))
	require.Contains(t, d.tick().Use, "htc-2")
	require.NotContains(t, d.tick().Use, "htc-2", "it is gone")
}

// The name of a VM that is no more is given to another.
func TestNameThatIsGivenAgain(t *testing.T) {
	before, after := cloudVM("1", "htc-1"), cloudVM("2", "htc-1")
	prepare := func() *dynamicTest {
		d := newDynamicTest(t, nil)
		d.tick(before)
		d.slurm.register("htc-1")
		d.tick(before)
		return d
	}
	d := prepare()
	d.tick(after)
	require.Equal(t, "autoscaled: node 2 (added)", d.slurm.nodes["htc-1"].Comment, "equal nodes: it takes it over")

	d = prepare()
	d.slurm.nodes["htc-1"].Features = "htc,F2"
	d.slurm.run(7, "htc-1")
	for range 4 {
		d.tick(after)
	}
	require.Equal(t, states{"htc-1": "ALLOCATED"}, d.states(), "it works there")
	d.slurm.jobs, d.slurm.nodes["htc-1"].AllocCPUs = nil, 0
	with(d.slurm.nodes["htc-1"], "IDLE", nil, nil)
	d.tick(after)
	require.Equal(t, states{"htc-1": "DOWN"}, d.states())
	d.tick(after)
	d.tick(after)
	require.Equal(t, states{"htc-1": "FUTURE"}, d.states())
	require.Equal(t, "htc,F4", d.slurm.nodes["htc-1"].Features)

	d = prepare()
	gone := before
	gone.Phase = autoscale.PhaseGone
	d.slurm.nodes["htc-1"].Features = "htc,F2"
	d.slurm.run(7, "htc-1")
	for range 3 {
		d.tick(after, gone)
	}
	require.Equal(t, states{"htc-1": "ALLOCATED"}, d.states(), "the other works there, however gone the first one is")
}

// Two VMs are not taken for one, though one has the other's name as its host name.
func TestRecordOfAnotherVM(t *testing.T) {
	d := newDynamicTest(t, nil)
	first, second := cloudVM("1", "htc-1"), cloudVM("2", "htc-2")
	d.tick(first)
	d.slurm.register("htc-1")
	second.Host = "htc-1"
	d.tick(first, second)
	require.Equal(t, "autoscaled: node 1 (added)", d.slurm.nodes["htc-1"].Comment)
}

// Another policy is followed by what is registered from then on. What is there stays as it is,
// and is told of where it has less than a new one would have.
func TestPolicyThatChanges(t *testing.T) {
	memory, features := 7*autoscale.GiB, []string{"htc", "F4"}
	change := func(o *slurm.DynamicOptions) {
		o.Announce = 1
		o.Nodes = func(*autoscale.Pool) (slurm.PoolNodes, bool) {
			return slurm.PoolNodes{Features: features, CPUs: 4, Memory: memory}, true
		}
	}
	d := newDynamicTest(t, change)
	before, itself, after := cloudVM("1", "htc-1"), cloudVM("2", "htc-2"), cloudVM("3", "htc-3")
	d.slurm.register("htc-2")
	d.tick(before, itself)
	d.slurm.register("htc-1")
	require.Equal(t, uses{"htc-1": {Node: "1"}, "htc-2": {Node: "2"}}, d.tick(before, itself).Use)

	memory, features = 6*autoscale.GiB, features[:1]
	for range 3 {
		d.tick(before, itself)
	}
	require.Equal(t, uses{"htc-1": {Node: "1"}, "htc-2": {Node: "2"}}, d.tick(before, itself).Use, "it has more than it has to")

	memory, features = 8*autoscale.GiB, []string{"htc", "F4", "fast"}
	d.restart(change)
	for range 3 {
		d.tick(before, itself, after)
	}
	require.Equal(t, uses{
		"htc-1": {Node: "1", Outdated: "in Slurm it has 7168 MiB of memory of 8192, no feature fast"},
		"htc-2": {Node: "2"}, // as it says itself
		"htc-3": {Node: "3", Missing: true},
	}, d.tick(before, itself, after).Use)
	require.Equal(t, int64(7<<10), d.slurm.nodes["htc-1"].Memory)
	for _, name := range []string{"htc-3", "pool-htc-f4-1"} {
		require.Equal(t, int64(8<<10), d.slurm.nodes[name].Memory, name)
		require.Equal(t, "htc,F4,fast", d.slurm.nodes[name].Features, name)
	}
}
