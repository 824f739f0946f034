package slurmlab

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/cyclecloud/cyclecloudtest"
)

// Each test is one scenario of power saving, on a Slurm of its own.

// The daemon tells Slurm where the VMs are before their slurmds come.
func TestSingleJobs(t *testing.T) {
	if !*withSlurm {
		return
	}
	t.Parallel()
	l := newLab(t, plan{
		slurm: func(o *Options) { o.Told = true },
		cloud: func(c *cyclecloudtest.Config) { c.Timing.Boot = 15 * time.Second },
	})
	l.serve()
	var jobs []job
	for i := range 20 {
		jobs = append(jobs, l.submit("echo job "+fmt.Sprint(i), "-N1", "-n4"))
	}
	l.finished(1, jobs...)
	for _, j := range jobs {
		for _, lines := range j.started(t) {
			require.Regexp(t, `^htc-\d+@ip-[0-9A-F]{8}$`, lines[0], "on the VM of its node")
		}
	}
	l.settled(20)
	l.served()
}

func TestGang(t *testing.T) {
	if !*withSlurm {
		return
	}
	t.Parallel()
	l := newLab(t, plan{})
	l.serve()
	gang := l.submit("srun hostname", "-p", "hpc", "-N8", "--exclusive", "--ntasks-per-node=1")
	l.finished(1, gang)
	require.Len(t, strings.Fields(gang.output(t, 0)), 8)
	creates := l.cloud.Books().Creates
	require.Len(t, creates, 1, "whole, in one request")
	require.Len(t, creates[0].Sets, 1)
	require.Equal(t, "pg0", creates[0].Sets[0].PlacementGroup)
	l.settled(8)
	l.served()
}

func TestArray(t *testing.T) {
	if !*withSlurm {
		return
	}
	t.Parallel()
	l := newLab(t, plan{})
	l.serve()
	array := l.submit("echo $SLURM_ARRAY_TASK_ID", "-n1", "--array=0-199%20")
	l.finished(200, array)
	for task, lines := range array.done(t) {
		require.Len(t, lines, 1, task)
	}
	l.quiet()
	l.served()
	peak := l.cloud.Books().Peak[cyclecloudtest.BucketKey{Cluster: cluster, Nodearray: "htc", MachineType: "Standard_F4s_v2"}]
	require.LessOrEqual(t, peak, 20, "no more than run at a time")
}

// A VM that boots and never joins is given up by Slurm, and goes.
func TestNodeThatNeverBoots(t *testing.T) {
	if !*withSlurm {
		return
	}
	t.Parallel()
	l := newLab(t, plan{slurm: func(o *Options) { o.ResumeTimeout = 20 * time.Second }})
	l.fleet.Inert(true, "htc-1")
	l.serve()
	j := l.submit("hostname", "-n4")
	l.soon(j)
	l.finished(1, j)
	for _, lines := range j.done(t) {
		require.NotEqual(t, []string{"htc-1"}, lines)
	}
	l.eventually("all nodes are gone", func() bool { return l.there() == 0 })
	l.accounted()
	require.Len(t, l.created(), 2)
}

// A VM that dies takes its job with it; Slurm runs the job again elsewhere.
func TestVMThatDies(t *testing.T) {
	if !*withSlurm {
		return
	}
	t.Parallel()
	l := newLab(t, plan{slurm: func(o *Options) { o.Lost = 10 * time.Second }})
	l.serve()
	j := l.submit(l.hold("end"), "-n4")
	l.running(j, 1)
	l.fleet.Inert(true, "htc-1")
	require.NoError(t, l.cloud.Evict("htc-1"))
	l.release("end")
	l.soon(j)
	l.eventually("it ran again", func() bool { return len(j.done(t)) == 1 })
	require.Len(t, j.started(t)["0"], 2)
	l.eventually("all nodes are gone", func() bool { return l.there() == 0 })
	l.accounted()
}

// A name that is resumed while its old VM still goes is served by a new one, once it is free.
func TestNameThatIsResumedAgain(t *testing.T) {
	if !*withSlurm {
		return
	}
	t.Parallel()
	l := newLab(t, plan{
		slurm: func(o *Options) { o.SuspendTime, o.SuspendTimeout = 2*time.Second, 3*time.Second },
		cloud: func(c *cyclecloudtest.Config) { c.Timing.Terminate = 15 * time.Second },
	})
	l.serve()
	for round := range 2 {
		j := l.submit("hostname", "-w", "htc-7")
		l.finished(1, j)
		l.eventually("its VM goes", func() bool {
			all := l.created()
			return len(all) == round+1 && all[round].TargetState == "Terminated"
		})
	}
	l.settled(2)
	l.served()
}

func TestDaemonIsKilledDuringAResume(t *testing.T) {
	if !*withSlurm {
		return
	}
	t.Parallel()
	l := newLab(t, plan{cloud: func(c *cyclecloudtest.Config) { c.Timing.Boot = 6 * time.Second }})
	d := l.serve()
	gang := l.submit("srun hostname", "-p", "hpc", "-N6", "--exclusive")
	single := l.submit("hostname", "-n4")
	l.eventually("nodes were asked for", func() bool { return len(l.created()) > 0 })
	d.kill()
	l.start(d.file)
	l.finished(1, gang, single)
	l.settled(7)
	l.served()
}

func TestControllerRestarts(t *testing.T) {
	if !*withSlurm {
		return
	}
	t.Parallel()
	l := newLab(t, plan{})
	l.serve()
	held := l.submit(l.hold("end"), "-n4")
	l.running(held, 1)
	resuming := l.submit("hostname", "-n4")
	l.eventually("another node is resumed", func() bool { return len(l.resumed()) == 2 })
	require.NoError(t, l.StopController())
	l.release("end")
	require.NoError(t, l.StartController(t.Context()))
	l.finished(1, held, resuming)
	l.settled(2)
	l.served()
}

// A node that an operator keeps stays up in Slurm too.
func TestKeepAlive(t *testing.T) {
	if !*withSlurm {
		return
	}
	t.Parallel()
	var file string
	l := newLab(t, plan{slurm: func(o *Options) {
		file = filepath.Join(o.Dir, "etc/keep_alive.conf")
		o.Lines += "Include " + file + "\n"
	}})
	l.serve("queue", powerQueue+"\n        keep_alive_file: "+file)
	held := l.submit(l.hold("end"), "-n4")
	l.running(held, 1)
	other := l.submit("hostname", "-n4")
	l.finished(1, other)
	require.NoError(t, l.cloud.SetKeepAlive("htc-1", true))
	l.eventually("Slurm knows", func() bool {
		return strings.Contains(l.run("scontrol", "show", "config"), "SuspendExcNodes         = htc-1")
	})
	l.release("end")
	l.finished(1, held)
	l.eventually("the other goes", func() bool { return l.there() == 1 })
	later := l.submit("hostname", "-n4")
	l.finished(1, later)
	require.Len(t, l.created(), 2, "the node that was kept runs it")
	require.NoError(t, l.cloud.SetKeepAlive("htc-1", false))
	l.settled(2)
}
