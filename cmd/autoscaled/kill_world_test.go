package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/autoscale/sim"
	"autoscaled/cyclecloud/cyclecloudtest"
)

// killTick is the interval of a daemon that is killed.
const killTick = 2 * time.Minute

// killWorld is what outlives the daemons: a simulated CycleCloud and a scheduler,
// both served over loopback, and the time, which passes while a daemon sleeps and
// while none lives.
type killWorld struct {
	t      *testing.T
	name   string
	dir    string
	clock  *cyclecloudtest.ManualClock
	world  *demoWorld
	url    string // of scheduler and time
	script killScript

	// handling is held by requests under way: those of a dead daemon end after it.
	handling sync.RWMutex

	mu     sync.Mutex
	victim *os.Process
	dead   chan struct{} // closed when victim has ended
	strike strike
	most   map[string]int // most nodes of a nodearray that were wanted at once so far
	// wanted is how many nodes there were at the plateau; -1: not yet there.
	wanted int
	over   chan struct{} // closed when the script has ended
}

// strike is when the world kills the daemon: with its request-th request, or with
// its change-th request that changes something, whichever comes first. Zero: never.
type strike struct {
	request, change int
	moment          strikeMoment
}

// strikeMoment is how far the deadly request comes.
type strikeMoment int

const (
	neverArrives strikeMoment = iota
	arrivesLate               // it is handled when the daemon is dead
	losesAnswer
	strikeMoments
)

// killScript is the demand of a world: jobs at random times, long quiet, and one
// job that runs while nothing else happens.
type killScript struct {
	jobs         []sim.Job
	gangs        []autoscale.JobID
	last         int // nodes of the last job
	plateau, end time.Time
}

const killRoom = 10 // most nodes of a nodearray

// newKillScript makes a script; with gangs two jobs of three are coupled. Each of
// those has a nodearray to itself, so that nobody else takes the nodes made for it.
func newKillScript(start time.Time, seed uint64, gangs bool) killScript {
	chance := rand.New(rand.NewPCG(seed, 1))
	minutes := func(least, most int) time.Duration {
		return time.Duration(least+chance.IntN(most-least+1)) * time.Minute
	}
	s := killScript{last: 1 + chance.IntN(killRoom), plateau: start.Add(525 * time.Minute), end: start.Add(620 * time.Minute)}
	add := func(at time.Duration, nodes int, run time.Duration) {
		trace := sim.TraceJob{ID: int64(len(s.jobs) + 1), Submit: at, Run: run, Processors: nodes}
		job := trace.WholeNodes(start, autoscale.Resources{Cores: 1})
		if gangs && len(s.jobs)%3 != 2 {
			job.Grouping = autoscale.Coupled
			s.gangs = append(s.gangs, job.ID)
		}
		job.Selector = autoscale.HasLabel(autoscale.LabelNodearray, s.array(job.ID))
		s.jobs = append(s.jobs, job)
	}
	within := 240
	if gangs {
		within = 60 // so that some come together
	}
	add(minutes(0, 3), 1+chance.IntN(killRoom), minutes(2, 20)) // something to do for the first daemon
	for range 14 {
		add(minutes(0, within), 1+chance.IntN(killRoom/2), minutes(2, 30))
	}
	add(8*time.Hour, s.last, time.Hour)
	return s
}

// array is the nodearray in which a job must run.
func (s killScript) array(job autoscale.JobID) string {
	if slices.Contains(s.gangs, job) {
		return "gang" + string(job)
	}
	return demoNodearray
}

func (s killScript) arrays() []string {
	list := []string{demoNodearray}
	for _, id := range s.gangs {
		list = append(list, s.array(id))
	}
	return list
}

// newKillWorld makes a world; equal seeds give equal worlds.
func newKillWorld(t *testing.T, name string, seed uint64, gangs bool, faults []cyclecloudtest.FaultRate) *killWorld {
	t.Helper()
	dir, err := os.MkdirTemp("", "kill") // a socket's path must be short
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	start := time.Now().UTC()
	w := &killWorld{t: t, name: name, dir: dir, clock: cyclecloudtest.NewManualClock(start), script: newKillScript(start, seed, gangs), most: map[string]int{}, wanted: -1, over: make(chan struct{})}
	cloud := killCloud(w.script.arrays())
	cloud.Faults = faults
	server, err := cyclecloudtest.New(cloud, w.clock, seed)
	require.NoError(t, err)
	jobs := sim.NewScheduler(start)
	require.NoError(t, jobs.Submit(w.script.jobs...))
	w.world = newDemoWorld(server, jobs)
	simulator := httptest.NewServer(w.deadly(server.Handler()))
	t.Cleanup(simulator.Close)
	rest := httptest.NewServer(w.handler())
	t.Cleanup(rest.Close)
	w.url = rest.URL
	w.write("password", cloud.Password)
	var pools strings.Builder
	for _, name := range w.script.arrays() {
		fmt.Fprintf(&pools, "        - {name: %[1]s, nodearray: %[1]s}\n", name)
	}
	w.write("config.yaml", fmt.Sprintf(killConfig, killTick, simulator.URL, w.url, pools.String()))
	return w
}

// killCloud is some nodearrays of one machine type.
func killCloud(arrays []string) cyclecloudtest.Config {
	cluster := cyclecloudtest.ClusterConfig{Name: demoCluster}
	for _, name := range arrays {
		cluster.Nodearrays = append(cluster.Nodearrays, cyclecloudtest.NodearrayConfig{
			Name: name, MaxCount: killRoom, Buckets: []cyclecloudtest.BucketConfig{{MachineType: demoMachine}},
		})
	}
	cloud := cyclecloudtest.DefaultConfig()
	cloud.Clusters = []cyclecloudtest.ClusterConfig{cluster}
	return cloud
}

const killConfig = `state_dir: state
listen: ""
interval: %s
log: {format: json, level: debug}
clusters:
  - name: demo
    cyclecloud: {url: "%s", cluster: demo, user: admin, password_file: password, timeout: 20s}
    queue: {http: {url: "%s/queue", timeout: 20s}}
    policy:
      pools:
%s`

func (w *killWorld) write(name, text string) {
	require.NoError(w.t, os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600))
}

// handler is the world beside the cloud: the scheduler and the time.
func (w *killWorld) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /now", func(out http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(out, w.clock.Now().UnixNano())
	})
	mux.Handle("POST /pass", w.deadly(http.HandlerFunc(w.pass)))
	mux.Handle("GET /queue", w.deadly(http.HandlerFunc(w.queue)))
	mux.Handle("POST /drain", w.deadly(w.mark(w.drains().Drain)))
	mux.Handle("POST /undrain", w.deadly(w.mark(func(ctx context.Context, nodes []autoscale.Node, _ string) []error {
		return w.drains().Undrain(ctx, nodes)
	})))
	return mux
}

func (w *killWorld) drains() demoQueue { return demoQueue{w.world} }

// pass lets time pass as a daemon sleeps. At the end of the script it does not
// answer any more.
func (w *killWorld) pass(_ http.ResponseWriter, r *http.Request) {
	var d time.Duration
	if err := json.NewDecoder(r.Body).Decode(&d); err != nil {
		panic(err)
	}
	if !w.advance(d) {
		<-r.Context().Done()
	}
}

// advance moves the time, and tells whether the script goes on.
func (w *killWorld) advance(d time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock.Advance(d)
	now := w.clock.Now()
	if w.wanted < 0 && now.After(w.script.plateau) {
		w.wanted = len(w.alive())
	}
	if now.Before(w.script.end) {
		return true
	}
	select {
	case <-w.over:
	default:
		close(w.over)
	}
	return false
}

// alive are the nodes that are not on their way out.
func (w *killWorld) alive() (list []cyclecloudtest.NodeRecord) {
	for _, n := range w.world.cloud.Nodes(demoCluster) {
		if !n.Head && n.TargetState == "Started" {
			list = append(list, n)
		}
	}
	return list
}

// queue is the scheduler's demand document.
func (w *killWorld) queue(out http.ResponseWriter, r *http.Request) {
	demand, err := w.drains().Demand(r.Context())
	if err != nil {
		http.Error(out, err.Error(), http.StatusInternalServerError)
		return
	}
	type entry map[string]any
	jobs, running, wanted := []entry{}, []entry{}, map[string]int{}
	for _, class := range demand.Classes {
		for _, m := range class.Members {
			array := w.script.array(m.ID)
			jobs = append(jobs, entry{
				"id": m.ID, "submitted": m.Submitted, "tasks": class.Shape.Tasks, "exclusive": "task",
				"nodearray": array, "coupled": class.Shape.Grouping == autoscale.Coupled,
			})
			wanted[array] += class.Shape.Tasks
		}
	}
	for host, use := range demand.Use {
		line := entry{"host": host, "jobs": append([]autoscale.JobID{}, use.Jobs...)}
		if use.Drain != "" {
			line["drain"] = use.Drain
		}
		running = append(running, line)
		if use.Busy() {
			wanted[w.script.array(use.Jobs[0])]++
		}
	}
	w.mu.Lock()
	for array, n := range wanted {
		w.most[array] = max(w.most[array], n)
	}
	w.mu.Unlock()
	_ = json.NewEncoder(out).Encode(map[string]any{"jobs": jobs, "running": running})
}

func (w *killWorld) mark(do func(context.Context, []autoscale.Node, string) []error) http.Handler {
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var host string
		if err := json.NewDecoder(r.Body).Decode(&host); err != nil {
			panic(err)
		}
		do(r.Context(), []autoscale.Node{{Host: host}}, "") // a host that has gone can't be marked
	})
}

// deadly counts requests and kills the daemon with the one that it is told to.
func (w *killWorld) deadly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		w.handling.RLock()
		defer w.handling.RUnlock()
		struck, moment := w.struck(r)
		if !struck {
			next.ServeHTTP(out, r)
			return
		}
		if moment == losesAnswer {
			serveUnheard(next, r)
		}
		w.kill()
		if moment == arrivesLate {
			serveUnheard(next, r)
		}
		panic(http.ErrAbortHandler)
	})
}

// serveUnheard handles a request whose answer nobody gets.
func serveUnheard(next http.Handler, r *http.Request) {
	defer func() { _ = recover() }() // a simulated fault may cut the connection
	next.ServeHTTP(httptest.NewRecorder(), r.WithContext(context.WithoutCancel(r.Context())))
}

func (w *killWorld) struck(r *http.Request) (bool, strikeMoment) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := &w.strike
	if s.request == 0 {
		return false, 0
	}
	s.request--
	if changes := r.Method == http.MethodPost && r.URL.Path != "/pass"; changes && s.change > 0 {
		if s.change--; s.change == 0 {
			s.request = 0
		}
	}
	return s.request == 0, s.moment
}

// kill sends SIGKILL and waits until the daemon is dead.
func (w *killWorld) kill() {
	w.mu.Lock()
	victim, dead := w.victim, w.dead
	w.mu.Unlock()
	_ = victim.Kill()
	<-dead
}

// errAlive is how a life ends that nobody has taken: the script is over.
var errAlive = errors.New("the script ended")

// live runs a daemon until it is killed, by the world or at its crash point, or
// until the script ends: then it is asked to stop, which is errAlive.
func (w *killWorld) live(point crashPoint, passing int, s strike) error {
	w.t.Helper()
	cmd := exec.Command(os.Args[0], "run", "-c", filepath.Join(w.dir, "config.yaml"))
	cmd.Env = append(os.Environ(), victimWorld+"="+w.url, fmt.Sprintf("%s=%s %d", victimPoint, point, passing))
	var log bytes.Buffer
	cmd.Stderr = &log
	w.mu.Lock()
	require.NoError(w.t, cmd.Start())
	w.victim, w.dead, w.strike = cmd.Process, make(chan struct{}), s
	dead := w.dead
	w.mu.Unlock()
	var ended error
	go func() { ended = cmd.Wait(); close(dead) }()
	var over bool
	select {
	case <-dead:
	case <-w.over:
		over = true
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-dead
	}
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	switch {
	case over && ended == nil:
		return errAlive
	case status.Signaled() && status.Signal() == syscall.SIGKILL:
		return nil
	}
	require.FailNow(w.t, w.name+": the daemon ended by itself", "%v\n%s", ended, log.String())
	return nil
}
