package simulation

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"autoscaled/autoscale"
	"autoscaled/autoscale/sim"
	"autoscaled/cyclecloud/cyclecloudtest"
)

// begin is when every bubble's time begins.
var begin = time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC)

// world is what the daemon lives in and what outlives it: the cloud, a scheduler whose
// hosts are the cloud's usable nodes, and what is known of both without asking the
// daemon.
type world struct {
	scenario
	cloud *cyclecloudtest.Server

	mu     sync.Mutex
	jobs   *sim.Scheduler
	joined map[string]string // host name by node id, of nodes that take jobs
	busy   map[string]bool   // node ids that the simulator was told are busy
	// lost are nodes that somebody else took away or broke, foreign those that somebody
	// else made, and kept since when a node is kept alive.
	lost, foreign map[string]bool
	kept          map[string]time.Time
	// raced are nodes that came up after the daemon had read the cloud for the last time
	// before it removed them.
	raced  map[string]bool
	joinAt map[string]time.Time
	// readBusy are the nodes of which the last read of the queue said that they are
	// busy, readMarked those that it showed with a mark.
	readBusy, readMarked map[string]bool
	// retired are the nodes that the last plan which could see took out of service.
	retired map[autoscale.NodeID]bool
	// stood are the nodes that counted to min when the cloud was read, by node id.
	stood map[string]stood
	// outages are until when each kind of outage lasts.
	outages map[eventKind]time.Time
	peace   bool
	// late are calls under way that their callers have given up.
	late    sync.WaitGroup
	pending map[string]lateCall // by request id
	// seen are requests of which the server said that it has seen them before.
	seen map[string]bool
	drainBooks
	// lateNodes are those of requests that arrived after they were given up.
	lateNodes int

	record
}

func newWorld(s scenario) (*world, error) {
	cloud, err := cyclecloudtest.New(s.cloud, cyclecloudtest.ClockFunc(time.Now), s.seed)
	if err != nil {
		return nil, fmt.Errorf("seed %d: %w", s.seed, err)
	}
	w := &world{
		scenario: s, cloud: cloud, jobs: sim.NewScheduler(time.Now()),
		joined: map[string]string{}, busy: map[string]bool{}, lost: map[string]bool{}, foreign: map[string]bool{},
		kept: map[string]time.Time{}, readBusy: map[string]bool{}, readMarked: map[string]bool{},
		outages: map[eventKind]time.Time{}, raced: map[string]bool{}, stood: map[string]stood{}, joinAt: map[string]time.Time{},
		retired: map[autoscale.NodeID]bool{},
		pending: map[string]lateCall{}, seen: map[string]bool{},
		drainBooks: drainBooks{marked: map[string]time.Time{}, undone: map[string]time.Time{}},
		record:     newRecord(),
	}
	if !s.strict {
		w.jobs.Backfill()
	}
	return w, w.jobs.Submit(s.jobs...)
}

// follow brings the scheduler to the present: nodes that came up join, those that went
// leave, and the jobs that ran there start anew. The caller holds the lock.
func (w *world) follow() {
	w.jobs.Advance(time.Now())
	there := map[string]bool{}
	for _, n := range w.cloud.Nodes(cluster) {
		there[n.ID] = true
		if n.Head {
			continue
		}
		_, here := w.joined[n.ID]
		switch usable := n.Usable() && n.TargetState == "Started"; {
		case usable && !here:
			w.join(n)
		case !usable && here:
			w.leave(n.ID)
		}
	}
	for _, id := range sortedKeys(w.joined) {
		if !there[id] {
			w.leave(id)
		}
	}
	for _, id := range sortedKeys(w.joined) {
		if busy := w.jobs.Busy(w.joined[id]); busy != w.busy[id] && w.drains {
			w.busy[id] = busy
			_ = w.cloud.MarkBusy(id, busy) // it is there: it has joined
		}
	}
}

func (w *world) join(n cyclecloudtest.NodeRecord) {
	host := sim.Host{
		Name: n.Hostname, Group: n.PlacementGroup, Resources: autoscale.Resources{Cores: n.Cores},
		Labels: map[string]string{
			autoscale.LabelNodearray: n.Bucket.Nodearray, autoscale.LabelMachineType: n.Bucket.MachineType,
		},
	}
	if err := w.jobs.Join(host); err != nil {
		w.violate("node %s comes up: %v", n.Name, err)
		return
	}
	w.joined[n.ID], w.joinAt[n.ID] = n.Hostname, time.Now()
	w.note("node %s is up as %s", n.ID, n.Hostname)
}

func (w *world) leave(id string) {
	host := w.joined[id]
	delete(w.joined, id)
	delete(w.busy, id)
	_ = w.cloud.MarkBusy(id, false) // or it is gone altogether
	killed, err := w.jobs.Leave(host)
	w.note("node %s is gone, %d jobs with it", id, killed)
	switch {
	case err != nil:
		w.violate("node %s goes: %v", id, err)
	case killed == 0 || w.lost[id]:
	case (w.drains || w.readBusy[id]) && !w.raced[id]:
		w.violate("%d running jobs were killed with node %s", killed, id)
	default:
		w.tally(func(c *counts) { c.races++ })
	}
}

// ours are the nodes that the daemon made and that are not on their way out.
func (w *world) ours() (list []cyclecloudtest.NodeRecord) {
	for _, n := range w.cloud.Nodes(cluster) {
		if !n.Head && !w.foreign[n.ID] && n.TargetState == "Started" {
			list = append(list, n)
		}
	}
	return list
}

// away tells whether an outage of a kind lasts.
func (w *world) away(kind eventKind) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Before(w.outages[kind])
}

// befall lets an event happen.
func (w *world) befall(e event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.follow()
	w.note("%s", e.kind)
	w.tally(func(c *counts) { c.events[e.kind]++ })
	switch e.kind {
	case eventCloudGone, eventRefused, eventQueueGone, eventDiskFull:
		w.outages[e.kind] = time.Now().Add(e.lasts)
	case eventStopped:
		_ = w.cloud.SetClusterState(cluster, "Terminated")
	case eventStock:
		_ = w.cloud.SetStock(w.bucket(e.pick), int(e.pick>>32%3))
	case eventInvalid:
		_ = w.cloud.SetValidity(w.bucket(e.pick), "DisabledMachineType")
	case eventForeign:
		if w.policy.Max == 0 {
			added, _ := w.cloud.AddNodes(w.bucket(e.pick), 1)
			for _, n := range added {
				w.foreign[n.ID] = true
			}
		}
	default:
		w.befallNode(e)
	}
	w.follow()
}

func (w *world) befallNode(e event) {
	list := w.ours()
	if len(list) == 0 {
		return
	}
	n := list[e.pick%uint64(len(list))]
	var err error
	switch e.kind {
	case eventEvict:
		err = w.cloud.Evict(n.ID)
	case eventFail:
		err = w.cloud.FailNode(n.ID)
	case eventKeepAlive:
		w.kept[n.ID] = time.Now()
		err = w.cloud.SetKeepAlive(n.ID, true)
	}
	if e.kind != eventKeepAlive && err == nil {
		w.lost[n.ID] = true
	}
}

// pass ends what an event began, if it is not an outage that ends by itself.
func (w *world) pass(e event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note("no longer: %s", e.kind)
	switch e.kind {
	case eventStopped:
		_ = w.cloud.SetClusterState(cluster, "Started")
	case eventStock:
		_ = w.cloud.SetStock(w.bucket(e.pick), -1)
	case eventInvalid:
		_ = w.cloud.SetValidity(w.bucket(e.pick), "")
	}
}

// calm ends all trouble: from now on every call works and every node comes up.
func (w *world) calm() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.follow()
	w.note("faults stop")
	w.peace = true
	clear(w.outages)
	_ = w.cloud.SetClusterState(cluster, "Started")
	for _, key := range w.buckets() {
		_ = w.cloud.SetStock(key, -1)
		_ = w.cloud.SetValidity(key, "")
		_ = w.cloud.OrderLaunch(key, cyclecloudtest.OutcomeReady, 1<<30)
	}
	for _, id := range sortedKeys(w.kept) {
		_ = w.cloud.SetKeepAlive(id, false) // or it has gone
	}
	for i := range w.last {
		w.last[i].Submitted = time.Now()
	}
	if err := w.jobs.Submit(w.last...); err != nil {
		w.violate("submit: %v", err)
	}
}

func (w *world) buckets() (keys []cyclecloudtest.BucketKey) {
	for _, a := range w.scenario.cloud.Clusters[0].Nodearrays {
		for _, b := range a.Buckets {
			keys = append(keys, cyclecloudtest.BucketKey{Cluster: cluster, Nodearray: a.Name, MachineType: b.MachineType})
		}
	}
	return keys
}

func (w *world) bucket(pick uint64) cyclecloudtest.BucketKey {
	keys := w.buckets()
	return keys[pick%uint64(len(keys))]
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
