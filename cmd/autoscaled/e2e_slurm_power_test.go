package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/autoscale/web"
	"autoscaled/cyclecloud/cyclecloudtest"
)

// fakeSlurm is a folder with stand-ins for squeue and scontrol that print what is in
// files. There are no jobs, and nodes htc-1 to htc-4 in states that a test writes.
type fakeSlurm struct {
	*site
}

const fakeScontrol = `#!/bin/sh
cd '%s' || exit 1
case "$*" in
*"show node"*) cat nodes ;;
*"show config") cat settings; sed -n 's/^SuspendExcNodes=/SuspendExcNodes = /p' running.conf ;;
*reconfigure) cp keep_alive.conf running.conf ;;
*update*) echo "$*" >>updates ;;
*) echo "unexpected: $*" >&2; exit 1 ;;
esac
`

const fakeSettings = `ClusterName             = lab
ResumeTimeout           = 1800 sec
SLURM_VERSION           = 22.05.8
SuspendTime             = 300 sec
SuspendTimeout          = 600 sec
ResumeProgram           = /usr/local/sbin/autoscaled-slurm-resume
SuspendProgram          = /usr/local/sbin/autoscaled-slurm-suspend
TopologyPlugin          = topology/none
`

// newFakeSlurm makes a site whose queue is one, with a far interval: nothing is seen
// without a hook. Its nodes boot longer than a test takes.
func newFakeSlurm(t *testing.T, speed float64) fakeSlurm {
	t.Helper()
	f := fakeSlurm{newSiteAt(t, speed, nil)}
	f.text = strings.Replace(f.text, "      idle_time: {idle}\n", "", 1) // it is Slurm's
	require.NoError(t, os.Mkdir(f.path("bin"), 0o755))
	for name, text := range map[string]string{"squeue": "#!/bin/sh\n", "scontrol": fmt.Sprintf(fakeScontrol, f.path("bin"))} {
		require.NoError(t, os.WriteFile(filepath.Join(f.path("bin"), name), []byte(text), 0o755))
	}
	f.write("bin/settings", fakeSettings)
	f.write("bin/running.conf", "")
	f.states(1, "IDLE+CLOUD+POWERED_DOWN")
	f.configure("interval", "1h", "queue",
		"slurm: {commands: bin, keep_alive_file: bin/keep_alive.conf, nodes: [{names: 'htc-[1-4]', nodearray: execute, machine_type: Standard_F4s_v2}]}")
	return f
}

// states gives the first so many nodes a state, and powers the others down.
func (f fakeSlurm) states(first int, state string) {
	f.t.Helper()
	var text strings.Builder
	for i := 1; i <= 4; i++ {
		if i > first {
			state = "IDLE+CLOUD+POWERED_DOWN"
		}
		fmt.Fprintf(&text, "NodeName=htc-%d CPUAlloc=0 CPUTot=4 AvailableFeatures=cloud ActiveFeatures=cloud NodeAddr=htc-%[1]d NodeHostName=htc-%[1]d RealMemory=16000 AllocMem=0 State=%s Partitions=htc\n", i, state)
	}
	f.write("bin/nodes", text.String())
}

// hook runs one of Slurm's programs.
func (f fakeSlurm) hook(kind, nodes string) {
	f.t.Helper()
	r := f.command("slurm", kind, nodes)
	require.Zero(f.t, r.code, r.err)
	require.Empty(f.t, r.err)
}

// From slurmctld's call to a VM: the hook wakes the daemon, which makes the node, and
// status counts down until Slurm gives it up.
func TestSlurmHookBringsANode(t *testing.T) {
	f := newFakeSlurm(t, 1)
	p := f.start()
	p.ready()
	f.states(2, "ALLOCATED+CLOUD+NOT_RESPONDING+POWERING_UP")
	f.write("resume.json", `{"jobs":[{"job_id":7,"nodes":"htc-[1-2]"}],"all_nodes":"htc-[1-2]"}`)
	t.Setenv("SLURM_RESUME_FILE", f.path("resume.json"))
	f.hook("resume", "htc-[1-2]")
	eventually(t, "the nodes", func() bool { return f.nodes() == 2 })
	require.NoError(t, web.NewClient(f.path("state")).Wake(t.Context()))

	var d statusDocument
	eventually(t, "status shows them", func() bool {
		d = f.statusOf()
		return len(d.Awaited) == 2 && d.Awaited[0].Phase != ""
	})
	a := d.Awaited[0]
	require.Equal(t, "htc-1", a.Node)
	require.Equal(t, []string{"7"}, a.Jobs)
	require.Equal(t, autoscale.PhaseStarting, a.Phase)
	require.Less(t, a.Left, 1800.0)
	require.InDelta(t, 1800, a.Left+d.At.Sub(a.Since).Seconds(), 0.01)
	require.Regexp(t, `(?m)^  htc-1  \d+s +29m\d+s +starting  7$`, f.command("status").out)
	require.Contains(t, f.command("why", "7").out, "7 gets 2 nodes that are on their way of execute/Standard_F4s_v2.")
	eventually(t, "the hook is done with", func() bool {
		left, err := filepath.Glob(f.path("state/hooks/*"))
		require.NoError(t, err)
		return len(left) == 0
	})

	f.states(0, "")
	f.hook("suspend", "htc-[1-2]")
	eventually(t, "they go", func() bool {
		return !slices.ContainsFunc(f.server.Nodes("demo"), func(n cyclecloudtest.NodeRecord) bool { return !n.Head && n.TargetState == "Started" })
	})
}

// What an operator keeps alive in CycleCloud is not powered down by Slurm.
func TestKeepAliveReachesSlurm(t *testing.T) {
	f := newFakeSlurm(t, 600)
	f.configure("interval", "1s")
	f.states(1, "IDLE+CLOUD+POWERING_UP")
	f.start().ready()
	eventually(t, "a node", func() bool { return f.nodes() == 1 })
	running := func() string {
		text, err := os.ReadFile(f.path("bin/running.conf"))
		require.NoError(t, err)
		return string(text)
	}
	for _, node := range f.server.Nodes("demo") {
		if node.Name == "htc-1" {
			require.NoError(t, f.server.SetKeepAlive(node.Name, true))
		}
	}
	eventually(t, "Slurm knows", func() bool { return strings.HasSuffix(running(), "\nSuspendExcNodes=htc-1\n") })
	require.NoError(t, f.server.SetKeepAlive("htc-1", false))
	eventually(t, "and forgets", func() bool { return !strings.Contains(running(), "htc-1") })
}

// A damaged hook is told, moved aside, and stops nothing.
func TestDamagedHookStopsNothing(t *testing.T) {
	f := newFakeSlurm(t, 1)
	p := f.start()
	p.ready()
	require.NoError(t, os.WriteFile(f.path("state/hooks/1.json"), []byte("{"), 0o600))
	f.states(1, "IDLE+CLOUD+POWERING_UP")
	f.hook("resume", "htc-1")
	line := p.logged("slurm: hooks can't be read")
	require.Contains(t, line["error"], "the file is no hook")
	eventually(t, "the node", func() bool { return f.nodes() == 1 })
	require.FileExists(t, f.path("state/hooks/1.json.damaged"))
}

// Where squeue fails, nodes come and go by their own state, and people are told that jobs are
// not known: not that all is well, or that their job is over. So it is until squeue works again.
func TestJobsThatSlurmDoesNotTell(t *testing.T) {
	f := newFakeSlurm(t, 600)
	f.configure("interval", "1s")
	require.NoError(t, os.WriteFile(f.path("bin/squeue"), []byte("#!/bin/sh\necho '<html>'\n"), 0o755))
	f.states(1, "IDLE+CLOUD+POWERING_UP")
	p := f.start()
	eventually(t, "a node", func() bool { return f.nodes() == 1 })
	p.shows(`autoscaled_demand_known{cluster="demo"}`, "0")
	p.shows(`autoscaled_supply_known{cluster="demo"}`, "1")
	code, body := p.get("/readyz")
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.Regexp(t, `^queue: jobs are not known: .*<html>`, body)
	r := f.command("status")
	require.Zero(t, r.code, r.err)
	require.Regexp(t, `(?m)^PROBLEM +queue: jobs are not known: .*<html>`, r.out)
	r = f.command("why", "7")
	require.Equal(t, exitBlind, r.code, r.out)
	require.Contains(t, r.err, "nothing is known of job 7: queue: jobs are not known: ")
	require.NoError(t, os.WriteFile(f.path("bin/squeue"), []byte("#!/bin/sh\n"), 0o755))
	p.ready()
	f.states(1, "IDLE+CLOUD+POWERING_DOWN")
	require.NoError(t, os.WriteFile(f.path("bin/squeue"), []byte("#!/bin/sh\nexit 1\n"), 0o755))
	eventually(t, "no node", func() bool { return f.nodes() == 0 })
	eventually(t, "not ready after three intervals", func() bool {
		code, _ := p.get("/readyz")
		return code == http.StatusServiceUnavailable
	})
}

// What Slurm has powered down is not in use.
func TestCheckCountsHostsInUse(t *testing.T) {
	f := newFakeSlurm(t, 1)
	f.states(1, "ALLOCATED+CLOUD")
	r := f.command("check", "--connect")
	require.Contains(t, r.out, ": 0 pending jobs, 1 host in use", r.err)
}
