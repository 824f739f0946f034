package slurmlab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/cyclecloud/cyclecloudtest"
)

// deadline bounds what a test waits for. It is generous: reaching it is a failure.
const deadline = 6 * time.Minute

// boot is how long a node of the simulator takes to become Ready, where a test says nothing else.
const boot = 2 * time.Second

// ports hands out the listening ports of clusters.
var ports atomic.Int32

// cluster is the simulator's only one.
const cluster = "lab"

// lab is a private Slurm beside a simulated CycleCloud whose VMs join it.
type lab struct {
	t *testing.T
	*Slurm
	cloud *cyclecloudtest.Server
	url   string // of the simulator
	fleet *Fleet
	// standIns is the stand-in that works or has worked; nil: none.
	standIns *standIn
}

// plan says how a lab differs from the usual one.
type plan struct {
	slurm   func(*Options)
	cloud   func(*cyclecloudtest.Config)
	dynamic func(cyclecloudtest.NodeRecord) []string
}

// powerLines are the nodes and partitions of the usual Slurm: each node of it is powered down,
// and none is anything but a name.
const powerLines = `
NodeName=htc-[1-120] CPUs=4 RealMemory=7000 Feature=cloud Weight=10 State=CLOUD
NodeName=hpc-[1-40] Sockets=2 CoresPerSocket=22 ThreadsPerCore=1 RealMemory=340000 Feature=cloud Weight=20 State=CLOUD
PartitionName=htc Nodes=htc-[1-120] Default=YES DefMemPerCPU=1000 MaxTime=24:00:00 State=UP
PartitionName=hpc Nodes=hpc-[1-40] OverSubscribe=EXCLUSIVE MaxTime=24:00:00 State=UP
`

// newLab starts all but the daemon.
func newLab(t *testing.T, p plan) *lab {
	t.Helper()
	l := &lab{t: t}
	dir, err := os.MkdirTemp("", "slurm") // short: the daemon's control socket is in it
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	options := Options{
		Dir: dir, Port: 26000 + 10*int(ports.Add(1)), Root: *slurmRoot, Lines: powerLines, Power: true,
		SuspendTime: 8 * time.Second, SuspendTimeout: 4 * time.Second, ResumeTimeout: 90 * time.Second, Lost: 20 * time.Second,
	}
	if p.slurm != nil {
		p.slurm(&options)
	}
	require.NoError(t, os.Chmod(options.Dir, 0o755))
	l.Slurm, err = Start(t.Context(), options)
	if err != nil {
		said, _ := os.ReadFile(filepath.Join(dir, "log/slurmctld.out"))
		require.NoError(t, err, string(said))
	}
	t.Cleanup(func() {
		ended := l.Close()
		l.tell()
		require.NoError(t, ended)
	})
	l.startCloud(p)
	l.startFleet(p)
	return l
}

// startCloud starts the simulator. Its nodes boot and go within seconds.
func (l *lab) startCloud(p plan) {
	config := cyclecloudtest.DefaultConfig()
	config.Timing = cyclecloudtest.Timing{Boot: boot, Terminate: time.Second, Restart: time.Second}
	config.Regions = nil
	config.Clusters = []cyclecloudtest.ClusterConfig{{Name: cluster, Nodearrays: []cyclecloudtest.NodearrayConfig{
		{Name: "htc", Buckets: []cyclecloudtest.BucketConfig{{MachineType: "Standard_F4s_v2"}}},
		{Name: "hpc", Buckets: []cyclecloudtest.BucketConfig{{MachineType: "Standard_HC44rs"}}},
	}}}
	if p.cloud != nil {
		p.cloud(&config)
	}
	var err error
	l.cloud, err = cyclecloudtest.New(config, cyclecloudtest.NewClock(time.Now(), 1), 1)
	require.NoError(l.t, err)
	l.url, err = l.cloud.Start("127.0.0.1:0")
	require.NoError(l.t, err)
	l.t.Cleanup(func() { _ = l.cloud.Close() })
}

func (l *lab) startFleet(p plan) {
	l.fleet = NewFleet(l.Slurm, l.cloud, cluster, p.dynamic)
	ctx, cancel := context.WithCancel(context.Background())
	followed := make(chan error, 1)
	go func() { followed <- l.fleet.Follow(ctx) }()
	l.t.Cleanup(func() {
		cancel()
		require.NoError(l.t, <-followed)
	})
}

// tell prints the ends of the logs of a lab whose test failed.
func (l *lab) tell() {
	if !l.t.Failed() {
		return
	}
	names := []string{l.Log("hooks"), l.Log("slurmctld.log")}
	if nodes, _ := filepath.Glob(l.Log("slurmd-*.out")); len(nodes) > 0 {
		names = append(names, nodes[0])
	}
	for _, name := range names {
		text, _ := os.ReadFile(name)
		lines := strings.Split(string(text), "\n")
		l.t.Logf("%s:\n%s", filepath.Base(name), strings.Join(lines[max(0, len(lines)-80):], "\n"))
	}
}

// eventually polls until ok, and fails the test at the deadline.
func (l *lab) eventually(what string, ok func() bool) {
	l.t.Helper()
	poll := time.NewTicker(200 * time.Millisecond)
	defer poll.Stop()
	end := time.After(deadline)
	for !ok() {
		select {
		case <-end:
			queue, _ := l.Run(l.t.Context(), "squeue")
			nodes, _ := l.Run(l.t.Context(), "sinfo", "-N", "-o", "%N %T %E")
			require.FailNow(l.t, "never happened: "+what, "%s\n%s", queue, brief(nodes))
		case <-poll.C:
		}
	}
}

// brief leaves out nodes of which there is nothing to say.
func brief(sinfo string) string {
	var lines []string
	for line := range strings.Lines(sinfo) {
		if !strings.Contains(line, " idle~ none") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// run calls one of Slurm's commands, which must succeed.
func (l *lab) run(name string, args ...string) string {
	l.t.Helper()
	text, err := l.Run(l.t.Context(), name, args...)
	require.NoError(l.t, err)
	return text
}

// job is a job that was submitted.
type job struct {
	id string
	// runs is the folder in which each start of a task of it leaves a file.
	runs string
}

// submit submits a job whose script runs the command on the batch host after it noted its start,
// and returns its id. Each start of a task appends a line to a file of its own, so that a task
// that was started twice shows.
func (l *lab) submit(command string, args ...string) job {
	l.t.Helper()
	runs, err := os.MkdirTemp(l.Out(), "job-")
	require.NoError(l.t, err)
	script := fmt.Sprintf("#!/bin/sh\nPATH=%s:$PATH\ntask=${SLURM_ARRAY_TASK_ID:-0}\necho $SLURMD_NODENAME $(hostname) >>%s/$task.started\n%s\necho $SLURMD_NODENAME >>%[2]s/$task.done\n",
		l.Bin(), runs, command)
	file := filepath.Join(runs, "script")
	require.NoError(l.t, os.WriteFile(file, []byte(script), 0o755))
	text := l.run("sbatch", append(append([]string{"--parsable", "-o", runs + "/0.out"}, args...), file)...)
	return job{strings.TrimSpace(text), runs}
}

// started and done are the lines that tasks of a job wrote, by task.
func (j job) started(t *testing.T) map[string][]string { return j.lines(t, ".started") }

func (j job) done(t *testing.T) map[string][]string { return j.lines(t, ".done") }

func (j job) lines(t *testing.T, suffix string) map[string][]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(j.runs, "*"+suffix))
	require.NoError(t, err)
	lines := map[string][]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		if len(text) == 0 {
			continue // a shell opens the file before it writes the line
		}
		lines[strings.TrimSuffix(filepath.Base(file), suffix)] = strings.Fields(strings.ReplaceAll(strings.TrimSpace(string(text)), " ", "@"))
	}
	return lines
}

// output is what a task's script printed.
func (j job) output(t *testing.T, task int) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(j.runs, fmt.Sprint(task)+".out"))
	require.NoError(t, err)
	return string(text)
}

// finished waits until tasks of the job are done, each started once only.
func (l *lab) finished(tasks int, jobs ...job) {
	l.t.Helper()
	for _, j := range jobs {
		l.eventually(fmt.Sprintf("%d tasks of job %s are done", tasks, j.id), func() bool { return len(j.done(l.t)) >= tasks })
		started := j.started(l.t)
		require.Len(l.t, started, tasks)
		for task, lines := range started {
			require.Len(l.t, lines, 1, "task %s of job %s was started again", task, j.id)
		}
		for task, lines := range j.done(l.t) {
			require.Len(l.t, lines, 1, "task %s of job %s ended twice", task, j.id)
		}
	}
}

// created lists the nodes that were ever created, by name, in order of creation.
func (l *lab) created() []cyclecloudtest.NodeRecord {
	var list []cyclecloudtest.NodeRecord
	for _, n := range l.cloud.Books().Nodes {
		if !n.Head {
			list = append(list, n)
		}
	}
	return list
}

// there counts the nodes whose record is there.
func (l *lab) there() int {
	count := 0
	for _, n := range l.created() {
		if n.Gone.IsZero() {
			count++
		}
	}
	return count
}

// resumed lists the names that Slurm resumed by its hooks, each time anew.
func (l *lab) resumed() []string {
	l.t.Helper()
	text, err := os.ReadFile(l.Log("hooks"))
	require.NoError(l.t, err)
	require.NotContains(l.t, string(text), "not found", "a hook that could not be run")
	require.NotContains(l.t, string(text), "SLURM_RESUME_FILE", "a hook that could not read which jobs wait")
	var names []string
	for line := range strings.Lines(string(text)) {
		if list, ok := strings.CutPrefix(strings.TrimSpace(line), "resume "); ok {
			names = append(names, strings.Fields(l.run("scontrol", "show", "hostnames", list))...)
		}
	}
	return names
}

// served holds that what was created is what Slurm resumed, name by name.
func (l *lab) served() {
	l.t.Helper()
	var names []string
	for _, n := range l.created() {
		names = append(names, n.Name)
	}
	require.ElementsMatch(l.t, l.resumed(), names)
}

// settled waits until the cluster has scaled to zero, and holds the simulator's books against what
// was wanted: so many nodes created, none of a name twice at one time, none left, none removed
// that was busy or kept.
func (l *lab) settled(created int) {
	l.t.Helper()
	l.quiet()
	require.Len(l.t, l.created(), created)
}

// quiet waits until the cluster has scaled to zero.
func (l *lab) quiet() {
	l.t.Helper()
	l.eventually("all nodes are gone", func() bool { return l.there() == 0 && l.fleet.Running() == 0 })
	l.eventually("all nodes are powered down", func() bool { return l.count("idle~") == l.total() })
	l.accounted()
	known := l.states()
	for _, n := range l.created() {
		require.Contains(l.t, known, n.Name, "a node whose name Slurm does not know")
	}
}

// running waits until tasks of a job run.
func (l *lab) running(j job, tasks int) {
	l.t.Helper()
	l.eventually(fmt.Sprintf("%d tasks of job %s run", tasks, j.id), func() bool { return len(j.started(l.t)) >= tasks })
}

// hold is the command of a job that runs until it is released.
func (l *lab) hold(name string) string {
	return fmt.Sprintf("while [ ! -e %s ]; do sleep 0.2; done", l.path("out/"+name))
}

// release ends the jobs that a name holds.
func (l *lab) release(name string) {
	l.t.Helper()
	require.NoError(l.t, os.WriteFile(l.path("out/"+name), nil, 0o644))
}

// comment is what Slurm shows a user of a job.
func (l *lab) comment(j job) string {
	l.t.Helper()
	text, _ := l.Run(l.t.Context(), "squeue", "-h", "-o", "%k", "-j", j.id)
	return strings.TrimSpace(text)
}

// soon lets a job that was requeued start now: Slurm lets it wait for two minutes.
func (l *lab) soon(j job) {
	l.t.Helper()
	l.eventually("job "+j.id+" is requeued", func() bool {
		text, err := l.Run(l.t.Context(), "squeue", "-h", "-t", "PD", "-o", "%r", "-j", j.id)
		return err == nil && strings.TrimSpace(text) == "BeginTime"
	})
	l.run("scontrol", "update", "jobid="+j.id, "starttime=now")
}

// accounted holds the simulator's books against what must never be.
func (l *lab) accounted() {
	l.t.Helper()
	books := l.cloud.Books()
	require.Empty(l.t, books.Violations)
	last := map[string]time.Time{}
	for _, n := range l.created() {
		require.False(l.t, last[n.Name].After(n.Created), "%s was there twice", n.Name)
		last[n.Name] = n.Gone
		if n.Gone.IsZero() {
			last[n.Name] = books.At
		}
	}
}

// states are Slurm's nodes and their states as sinfo shows them, such as "idle~".
func (l *lab) states() map[string]string {
	l.t.Helper()
	states := map[string]string{}
	for line := range strings.Lines(l.run("sinfo", "-h", "-N", "-o", "%N %t")) {
		fields := strings.Fields(line)
		require.Len(l.t, fields, 2, line)
		states[fields[0]] = fields[1]
	}
	return states
}

func (l *lab) total() int { return len(l.states()) }

// count counts Slurm's nodes in a state.
func (l *lab) count(state string) int {
	count := 0
	for _, s := range l.states() {
		if s == state {
			count++
		}
	}
	return count
}
