package slurmlab

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/cyclecloud/cyclecloudtest"
)

// The trials of operators who are about to hand their Slurm over, each with its criteria.

// planned is what these tests read of a tick's plan on the control socket.
type planned struct {
	At   time.Time `json:"at"`
	Grow []struct {
		Names []string `json:"names"`
	} `json:"grow"`
	Remove []struct {
		Nodes []string `json:"nodes"`
	} `json:"remove"`
	Problems []string `json:"problems"`
}

// watcher gathers every plan that a daemon makes.
type watcher struct {
	mu      sync.Mutex
	grown   map[time.Time]map[string]bool // names that were to be created, by the tick's time
	removed []removal
}

// removal is a node that was to be removed, and what it ran then.
type removal struct {
	name string
	busy bool
}

// watch reads plans until the test ends.
func (l *lab) watch() *watcher {
	l.t.Helper()
	w := &watcher{grown: map[time.Time]map[string]bool{}}
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", l.path("autoscaled/control.sock"))
	}}}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				w.look(l, client)
			}
		}
	}()
	l.t.Cleanup(func() {
		cancel()
		<-ended
	})
	return w
}

// look reads the plan of the last tick.
func (w *watcher) look(l *lab, client *http.Client) {
	answer, err := client.Get("http://daemon/v1/plan")
	if err != nil {
		return // it has not started, or has ended
	}
	defer answer.Body.Close()
	var p planned
	if json.NewDecoder(answer.Body).Decode(&p) != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	names := map[string]bool{}
	for _, g := range p.Grow {
		for _, name := range g.Names {
			names[name] = true
		}
	}
	w.grown[p.At] = names
	for _, r := range p.Remove {
		for _, name := range r.Nodes {
			w.removed = append(w.removed, removal{name, l.busy(name)})
		}
	}
}

// busy tells whether a job has been working on a node.
func (l *lab) busy(name string) bool {
	files, _ := filepath.Glob(l.path("busy/" + name + "@*"))
	return len(files) > 0
}

// busyRemovals are planned removals of nodes that worked.
func (w *watcher) busyRemovals() (list []removal) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.removed {
		if r.busy {
			list = append(list, r)
		}
	}
	return list
}

// ticks counts the ticks that began after one time and up to another.
func (w *watcher) ticks(after, until time.Time) (count int) {
	for _, at := range w.times() {
		if at.After(after) && !at.After(until) {
			count++
		}
	}
	return count
}

// times are those of the ticks, in order.
func (w *watcher) times() []time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.SortedFunc(maps.Keys(w.grown), time.Time.Compare)
}

// resumed is a name that Slurm resumed.
type resumed struct {
	name string
	at   time.Time
}

// unplanned tells which resumed names were not to be created by the tick that began next, although
// no node of the name was there while it worked; served are those that were.
func (w *watcher) unplanned(resumes []resumed, ever []cyclecloudtest.NodeRecord) (served, unplanned []resumed) {
	times := w.times()
	for _, r := range resumes {
		k := slices.IndexFunc(times, r.at.Before)
		if k < 0 || k+1 == len(times) {
			continue
		}
		taken := slices.ContainsFunc(ever, func(n cyclecloudtest.NodeRecord) bool {
			return n.Name == r.name && n.Created.Before(times[k+1]) && (n.Gone.IsZero() || n.Gone.After(times[k]))
		})
		switch {
		case w.grown[times[k]][r.name]:
			served = append(served, r)
		case !taken:
			unplanned = append(unplanned, r)
		}
	}
	return served, unplanned
}

// posts counts the calls that changed the simulator.
func (l *lab) posts() int {
	count := 0
	for route, calls := range l.cloud.Books().Calls {
		if !strings.HasPrefix(route, "GET ") {
			count += calls
		}
	}
	return count
}

// Shadow: today's integration serves 500 jobs while the daemon looks on.
func TestTrialShadow(t *testing.T) {
	if !*withSlurm {
		return
	}
	t.Parallel()
	l := newLab(t, plan{})
	l.standIn(3 * time.Second) // as slow as to let every tick see what was resumed
	// The daemon's commands are its own, so that each call of them is on record.
	commands := l.path("commands")
	require.NoError(t, os.MkdirAll(commands, 0o755))
	for _, name := range []string{"squeue", "scontrol"} {
		script := fmt.Sprintf("#!/bin/sh\necho %s \"$@\" >>%s\nexec %s/%[1]s \"$@\"\n", name, l.Log("commands"), l.Bin())
		require.NoError(t, os.WriteFile(filepath.Join(commands, name), []byte(script), 0o755))
	}
	d := l.start(l.configure("commands", commands, "top", "dry_run: true", "policy", "adopt: all"))
	w := l.watch()
	var jobs []job
	for range 5 {
		jobs = append(jobs, l.submit("sleep 0.1", "-n1", "--array=0-99%24"))
	}
	l.finished(100, jobs...)
	l.quiet()
	require.Equal(t, int(l.standIns.posts.Load()), l.posts(), "the daemon changed nothing in the cloud")
	text, err := os.ReadFile(l.Log("commands"))
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		require.NotRegexp(t, `\b(update|create|delete|reconfigure)\b`, line, "the daemon changed nothing in Slurm")
	}
	served, unplanned := w.unplanned(l.standIns.resumed, l.created())
	require.Empty(t, unplanned, "resumed, and not in the next tick's plan")
	require.NotEmpty(t, served)
	t.Logf("%d of %d resumes were in the next tick's plan; the others' names were taken, or the tick was the last", len(served), len(l.standIns.resumed))
	require.Empty(t, w.busyRemovals())
	require.Nil(t, d.find("slurm: hook missed"), "the hooks are the stand-in's")
}

// Cut-over and back, under an array of 500 tasks and a job on 8 nodes. Slurm's programs are set in
// a file of its own, as on CycleCloud's clusters.
func TestTrialCutOverAndBack(t *testing.T) {
	if !*withSlurm {
		return
	}
	t.Parallel()
	l := newLab(t, plan{slurm: func(o *Options) {
		o.Lines = strings.ReplaceAll(powerLines, "htc-[1-120]", "htc-[1-10]") + "Include " + filepath.Join(o.Dir, siteFile) + "\n"
		o.SuspendTime = 60 * time.Second
	}})
	require.NoError(t, os.WriteFile(l.path(siteFile), []byte("# site specific slurm configuration. This is preserved during upgrades"), 0o644))
	old := l.standIn(0)
	file := l.configure("policy", "adopt: all")
	programs := l.links(file)
	array := l.submit("sleep 1", "-n1", "--array=0-499%40")
	gang := l.submit("srun hostname; "+l.hold("end"), "-p", "hpc", "-N8", "--exclusive")
	l.running(gang, 1)
	l.running(array, 100)
	require.Len(t, l.created(), 18)
	before, tree := len(l.created()), l.configuration()

	old()
	said, err := l.command("slurm", "takeover", "--programs", programs, "-c", file)
	require.NoError(t, err, said)
	l.start(file)
	tasks := len(array.started(t))
	l.running(array, min(500, tasks+80))
	require.Len(t, l.created(), before, "the cut-over created nothing")
	require.Equal(t, before, l.there(), "and ended nothing")

	said, err = l.command("slurm", "handback", "-c", file)
	require.NoError(t, err, said)
	l.standIn(0)
	require.Equal(t, tree, l.configuration())
	tasks = len(array.started(t))
	l.running(array, min(500, tasks+80))
	require.Len(t, l.created(), before, "the way back created nothing")
	require.Equal(t, before, l.there(), "and ended nothing")
	l.release("end")
	l.finished(1, gang)
	l.finished(500, array)
	l.quiet()
}

// siteFile is where a site sets what differs from CycleCloud's defaults.
const siteFile = "etc/site_specific.conf"

// links makes the program's hooks, under the names that Slurm calls them by.
func (l *lab) links(file string) (folder string) {
	l.t.Helper()
	for _, kind := range []string{"resume", "suspend", "resume-fail"} {
		require.NoError(l.t, l.Program("autoscaled-slurm-"+kind, fmt.Sprintf("exec %s slurm %s \"$1\" -c %s", os.Getenv(programPath), kind, file)))
	}
	return l.path("bin")
}

// configuration is every file of Slurm's, byte by byte.
func (l *lab) configuration() map[string]string {
	l.t.Helper()
	files, err := filepath.Glob(l.path("etc/*.conf"))
	require.NoError(l.t, err)
	tree := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(l.t, err)
		tree[filepath.Base(file)] = string(text)
	}
	return tree
}

// Lost scheduler: controller and daemon die during a resume of 100 nodes, and start on a machine
// that knows nothing of the daemon's journal.
func TestTrialLostScheduler(t *testing.T) {
	if !*withSlurm {
		return
	}
	for name, end := range map[string]func(*lab){
		"stopped": func(l *lab) { require.NoError(l.t, l.StopController()) }, // which saves what its backup reads
		"killed":  func(l *lab) { l.KillController() },                       // which may have forgotten the resume
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lostScheduler(t, end)
		})
	}
}

func lostScheduler(t *testing.T, end func(*lab)) {
	l := newLab(t, plan{
		slurm: func(o *Options) { o.SuspendTime = 60 * time.Second },
		cloud: func(c *cyclecloudtest.Config) { c.Timing.Boot = 15 * time.Second },
	})
	d := l.serve("policy", "adopt: all")
	array := l.submit(l.hold("end"), "-n4", "--array=1-100")
	l.eventually("100 nodes were asked for", func() bool { return len(l.created()) >= 100 })
	d.kill()
	end(l)
	require.NoError(t, os.RemoveAll(l.path("autoscaled")))
	require.NoError(t, l.StartController(t.Context()))
	began := time.Now()
	l.start(d.file)
	l.eventually("all VMs are up", func() bool { return l.fleet.Running() == 100 })
	l.eventually("each task runs", func() bool { return len(array.started(t)) == 100 })
	t.Logf("converged %s after the start", time.Since(began).Round(time.Second))
	l.release("end")
	l.finished(100, array)
	l.quiet()
	require.Len(t, l.created(), 100, "VMs ever")
}

// Stale hooks, slow deletes: hooks are left while the daemon is down, and what they told of is no
// longer so when it starts.
func TestTrialStaleHooks(t *testing.T) {
	if !*withSlurm {
		return
	}
	t.Parallel()
	l := newLab(t, plan{
		slurm: func(o *Options) { o.SuspendTime, o.SuspendTimeout = 4*time.Second, 4*time.Second },
		cloud: func(c *cyclecloudtest.Config) { c.Timing.Terminate = 15 * time.Second },
	})
	d := l.serve()
	short, long := l.submit("hostname", "-w", "htc-1"), l.submit(l.hold("end"), "-w", "htc-2")
	l.finished(1, short)
	l.running(long, 1)
	d.stop()
	l.eventually("htc-1 is suspended", func() bool { return l.states()["htc-1"] == "idle~" })
	cancelled := l.submit("hostname", "-w", "htc-3")
	l.eventually("htc-3 is resumed", func() bool { return slices.Contains(l.resumed(), "htc-3") })
	l.run("scancel", cancelled.id)
	l.run("scontrol", "update", "nodename=htc-3", "state=power_down_force")
	// Hooks that say what never was so: of a node that works, and of one that Slurm does not know.
	for _, hook := range [][]string{{"suspend", "htc-2"}, {"resume", "htc-9"}, {"resume", "other-1"}} {
		text, err := l.command("slurm", hook[0], hook[1], "-c", d.file)
		require.NoError(t, err, text)
	}
	again := l.submit("hostname", "-w", "htc-1")
	l.eventually("htc-1 is resumed again", func() bool { return strings.HasSuffix(l.states()["htc-1"], "#") })
	l.eventually("htc-3 is powered down", func() bool { return l.states()["htc-3"] == "idle~" })
	l.start(d.file)
	w := l.watch()
	l.finished(1, again)
	var names []string
	for _, n := range l.created() {
		names = append(names, n.Name)
	}
	require.ElementsMatch(t, []string{"htc-1", "htc-2", "htc-1"}, names, "created for what Slurm powers up alone")
	first, second := l.named("htc-1")[0], l.named("htc-1")[1]
	require.LessOrEqual(t, w.ticks(first.Gone, second.Created), 1, "within a tick after the old record went")
	require.Len(t, long.started(t)["0"], 1)
	l.release("end")
	l.finished(1, long)
	l.settled(3)
}

// named lists the nodes ever of a name.
func (l *lab) named(name string) (list []cyclecloudtest.NodeRecord) {
	for _, n := range l.created() {
		if n.Name == name {
			list = append(list, n)
		}
	}
	return list
}
