package pbs

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/autoscale/loop"
	"autoscaled/internal/command"
	"autoscaled/queue/pbs/pbstest"
)

func TestMain(m *testing.M) {
	pbstest.Command()
	os.Exit(m.Run())
}

var (
	_ loop.Queue   = (*Source)(nil)
	_ loop.Drainer = (*Source)(nil)
	_ loop.Keeper  = (*Source)(nil)
)

// memory is a store that lasts as long as a test.
type memory struct {
	mu   sync.Mutex
	text []byte
	err  error
}

func (m *memory) Load(context.Context) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.text, m.err
}

func (m *memory) Save(_ context.Context, text []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err == nil {
		m.text = text
	}
	return m.err
}

// world is a PBS, a source for it, and a cloud with one pool.
type world struct {
	t      *testing.T
	server *pbstest.Server
	folder string
	store  *memory
	*Source
	supply autoscale.Supply
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, server: pbstest.New(), folder: t.TempDir(), store: &memory{}}
	self, err := os.Executable()
	require.NoError(t, err)
	stop, err := w.server.Install(w.folder, self)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stop()) })
	w.supply.Pools = []autoscale.Pool{
		{ID: "execute/F4", Labels: map[string]string{"nodearray": "execute", "machine_type": "F4"}, Node: autoscale.Resources{Cores: 4, Memory: 8 << 30}},
		{ID: "login/F4", Labels: map[string]string{"nodearray": "login"}},
	}
	w.restart()
	return w
}

// restart makes another source that knows what the store has.
func (w *world) restart() {
	var err error
	w.Source, err = New(Options{
		Commands: w.folder, Store: w.store,
		Offer: func(p *autoscale.Pool) (Offered, bool) { return Offered{p.Node, p.Labels}, p.ID == "execute/F4" },
	})
	require.NoError(w.t, err)
	w.Source.commands.exec = w.inside
}

// inside lets commands be answered without processes, which take their time.
func (w *world) inside(_ context.Context, o command.Options) ([][]byte, error) {
	a := w.server.Run(filepath.Base(o.Command[0]), o.Command[1:]...)
	if a.Code != 0 {
		return nil, &command.Error{Err: errors.New("exit status"), Said: strings.TrimSpace(a.Err)}
	}
	return [][]byte{[]byte(a.Out)}, nil
}

// node adds a node that is up.
func (w *world) node(id, host string) autoscale.Node {
	n := autoscale.Node{ID: autoscale.NodeID(id), Name: "execute-" + id, Host: host, Address: "10.0.0." + id, Pool: "execute/F4", Phase: autoscale.PhaseReady}
	w.supply.Nodes = append(w.supply.Nodes, n)
	w.hosts()
	return n
}

// hosts lets the MoMs be up whose VMs are.
func (w *world) hosts() {
	var up []string
	for _, n := range w.supply.Nodes {
		up = append(up, n.Host)
	}
	w.server.MoM(up...)
}

// gone ends all VMs.
func (w *world) gone() {
	w.supply.Nodes = nil
	w.hosts()
}

func (w *world) demand() autoscale.Demand {
	w.t.Helper()
	d, err := w.Demand(w.t.Context())
	require.NoError(w.t, err)
	return d
}

func (w *world) keep() {
	w.t.Helper()
	w.demand()
	require.NoError(w.t, w.Keep(w.t.Context(), w.supply, nil))
	w.hosts()
}

func TestDemandFromCommands(t *testing.T) {
	w := newWorld(t)
	w.Source.commands.exec = command.Run
	require.Zero(t, w.demand().Jobs())
	w.server.Submit("alice", "2:ncpus=4", "scatter")
	w.server.SubmitArray("bob", "1:ncpus=1", "free", 10)
	w.server.SubmitHeld("carol", "1:ncpus=1")
	d := w.demand()
	require.Equal(t, 3, d.Jobs())
	require.True(t, d.Vouched)
	require.Empty(t, d.Use)

	w.server.Lose(true)
	_, err := w.Demand(t.Context())
	require.ErrorIs(t, err, autoscale.ErrUnavailable)
	require.ErrorContains(t, err, "cannot connect to server pbs1 (errno=15010)")
}

// While CycleCloud's own autoscaler is at work nothing is decided, but in a dry run.
func TestRival(t *testing.T) {
	w := newWorld(t)
	w.server.SetHook("true")
	_, err := w.Demand(t.Context())
	require.ErrorIs(t, err, errRival)
	w.DryRun = true
	w.demand()
	w.DryRun = false
	w.server.SetHook("false")
	w.demand()
}

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

// Who is to go before its join is over is marked at once.
func TestDrainWhileJoining(t *testing.T) {
	w := newWorld(t)
	n := w.node("1", "exec-1")
	require.Zero(t, w.server.Run("qmgr", "-c", "create node exec-1").Code)
	require.Zero(t, w.server.Run("pbsnodes", "-C", joinMark, "-o", "exec-1").Code)
	require.NoError(t, w.Undrain(t.Context(), []autoscale.Node{n})[0])
	require.True(t, w.server.Vnodes()[0].Offline, "it is not whole")
	require.NoError(t, w.Drain(t.Context(), []autoscale.Node{n}, "idle")[0])
	w.keep()
	require.Equal(t, autoscale.DrainOurs, w.demand().Use["exec-1"].Drain)
}

// A node that is to go before it has a vnode gets one that takes no work.
func TestDrainBeforeJoining(t *testing.T) {
	w := newWorld(t)
	n := w.node("1", "exec-1")
	require.NoError(t, w.Drain(t.Context(), []autoscale.Node{n}, "idle")[0])
	require.Equal(t, autoscale.DrainOurs, w.demand().Use["exec-1"].Drain)
	w.gone()
	w.keep()
	require.Empty(t, w.server.Vnodes())
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

func TestDrain(t *testing.T) {
	w := newWorld(t)
	w.server.Submit("alice", "1:ncpus=4", "free")
	n := w.node("1", "exec-1")
	w.keep()
	nodes := []autoscale.Node{n, {ID: "9", Name: "execute-9"}}
	errs := w.Drain(t.Context(), nodes, "idle")
	require.NoError(t, errs[0])
	require.ErrorIs(t, errs[1], autoscale.ErrRejected)
	require.ErrorIs(t, w.Undrain(t.Context(), nodes)[1], autoscale.ErrNotFound)
	require.NoError(t, w.Drain(t.Context(), nodes, "idle")[0])
	require.Equal(t, "autoscaled: drains, idle", w.server.Vnodes()[0].Comment)
	use := w.demand().Use["exec-1"]
	require.Equal(t, autoscale.DrainOurs, use.Drain)
	require.True(t, use.Busy(), "its job goes on")
	require.NoError(t, w.Drain(t.Context(), nodes[:1], "idle")[0])

	require.NoError(t, w.Undrain(t.Context(), nodes[:1])[0])
	require.Equal(t, autoscale.NotDraining, w.demand().Use["exec-1"].Drain)
	require.Zero(t, w.server.Run("pbsnodes", "-o", "exec-1").Code, "an administrator, without a word")
	require.Equal(t, autoscale.DrainForeign, w.demand().Use["exec-1"].Drain)
}

// A vnode goes once its VM is gone and nothing runs on it, and only where it is ours.
func TestLeave(t *testing.T) {
	w := newWorld(t)
	require.Zero(t, w.server.Run("qmgr", "-c", "create node onprem").Code)
	w.server.Submit("alice", "1:ncpus=4", "free")
	w.node("1", "exec-1")
	w.keep()
	w.restart()
	w.gone()
	w.keep()
	require.Len(t, w.server.Vnodes(), 2, "its job is there still")
	require.True(t, w.demand().Use["exec-1"].Busy())
	w.server.Requeue()
	w.keep()
	require.Len(t, w.server.Vnodes(), 1)
	require.Equal(t, "onprem", w.server.Vnodes()[0].Name)
	require.Equal(t, `{"version":1,"hosts":null}`, string(w.store.text))
	before := len(w.server.Calls())
	w.keep()
	require.Len(t, w.server.Calls(), before)
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

func TestDryRunChangesNothing(t *testing.T) {
	w := newWorld(t)
	w.DryRun = true
	n := w.node("1", "exec-1")
	w.keep()
	require.Error(t, w.Drain(t.Context(), []autoscale.Node{n}, "idle")[0])
	require.Error(t, w.Undrain(t.Context(), []autoscale.Node{n})[0])
	require.Empty(t, w.server.Calls())
	require.Empty(t, w.store.text)
}

func TestStoreThatFails(t *testing.T) {
	w := newWorld(t)
	w.store.err = errors.New("disk full")
	_, err := w.Demand(t.Context())
	require.ErrorIs(t, err, autoscale.ErrUnavailable)
	w.store.err, w.store.text = nil, []byte(`{"version":7}`)
	_, err = w.Demand(t.Context())
	require.ErrorIs(t, err, autoscale.ErrMalformed)
	w.store.text = []byte(`{"version":1,"hosts":[{"host":"x"}]}`)
	_, err = w.Demand(t.Context())
	require.ErrorIs(t, err, autoscale.ErrMalformed)
	w.store.text = nil
	w.demand()
	w.store.err = errors.New("disk full")
	w.node("1", "exec-1")
	require.ErrorContains(t, w.Keep(t.Context(), w.supply, nil), "disk full")
	require.Empty(t, w.server.Calls(), "nothing is made that could be forgotten")
}

// script replaces a command by a shell script.
func (w *world) script(program, text string) {
	w.t.Helper()
	path := filepath.Join(w.folder, program)
	require.NoError(w.t, os.Remove(path))
	require.NoError(w.t, os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755))
}

func TestTextStandsInForJSON(t *testing.T) {
	w := newWorld(t)
	w.Source.commands.exec = command.Run
	w.script("qstat", `case "$*" in
*-Q*|*-B*) printf '{\n"timestamp":1\n}\n' ;;
*json*) printf '{\n"timestamp":1,\n"Jobs":{\n"1.s":{\n"Job_Name":"a\nb",\n}\n}\n}\n' ;;
*) printf 'Job Id: 1.s\n    job_state = Q\n    schedselect = 1:ncpus=2\n\n' ;;
esac
`)
	require.Equal(t, 1, w.demand().Jobs())

	w.script("qstat", `case "$*" in *json*) echo nonsense ;; esac`)
	_, err := w.Demand(t.Context())
	require.ErrorIs(t, err, autoscale.ErrMalformed)
	require.ErrorContains(t, err, "as text there is nothing")
	w.script("qstat", `echo nonsense at all`)
	_, err = w.Demand(t.Context())
	require.ErrorContains(t, err, `qstat -F json -f: the output holds no JSON`)
	require.ErrorContains(t, err, `"nonsense at all"`)
	w.script("qstat", `echo '{}'; echo "qstat: Unauthorized Request" >&2; exit 159`)
	_, err = w.Demand(t.Context())
	require.ErrorIs(t, err, autoscale.ErrUnauthorized)
	w.Source.commands.timeout = 50 * time.Millisecond
	w.script("qstat", `exec cat /dev/zero`)
	_, err = w.Demand(t.Context())
	require.ErrorIs(t, err, autoscale.ErrUnavailable)
}

func TestOptionsAreChecked(t *testing.T) {
	_, err := New(Options{})
	require.Error(t, err)
	_, err = New(Options{Timeout: -1, Store: &memory{}, Offer: func(*autoscale.Pool) (Offered, bool) { return Offered{}, true }})
	require.Error(t, err)
}
