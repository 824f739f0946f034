package slurm_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"autoscaled/autoscale"
	"autoscaled/queue/slurm"
)

// controller is a slurmctld with power saving, as far as these tests need one: it behaves
// as Slurm 22.05 was seen to. It is brought forward by advance.
type controller struct {
	now                                       time.Time
	suspendTime, suspendTimeout, resumeTimout time.Duration
	nodes                                     []*ctlNode
	jobs                                      []*ctlJob
	nextJob                                   int64
	// hooks is where the programs leave word; nil: they are lost.
	hooks *spooled
	cloud *vmCloud
	// jobsFail and nodesFail make the readings fail.
	jobsFail, nodesFail bool
	// downs counts how often each node was set DOWN by us.
	downs map[string]int
	// stalls counts the nodes without an address that the controller was to tell to end a job.
	stalls int
	// updatesLeft is which of the coming changes of nodes it does not answer; 0: it answers all.
	updatesLeft int
	// rarely is how often it looks at its jobs; 0: whenever its time is set.
	rarely time.Duration
	// comments counts the changes of jobs' comments, and looks the answers about details.
	comments, looks int
	// meanwhile is what others do before the next answer about jobs' details.
	meanwhile func()
}

type ctlNode struct {
	name, reason, address string
	down                  bool
	power                 string // "up", "POWERING_UP", "POWERING_DOWN", "POWERED_DOWN"
	since                 time.Time
	idle                  time.Time
	job                   *ctlJob
}

type ctlJob struct {
	id         int64
	partitions []string
	count      int
	requeue    bool
	length     time.Duration
	begin      time.Time
	state      string // PENDING, CONFIGURING, RUNNING, COMPLETED, NODE_FAIL
	nodes      []*ctlNode
	ends       time.Time
	comment    string
	restarts   int
	array      int64
	task       int64
	reason     string
	features   string
}

// called is what scontrol knows a job by.
func (j *ctlJob) called() string {
	if j.array > 0 {
		return fmt.Sprintf("%d_%d", j.array, j.task)
	}
	return fmt.Sprint(j.id)
}

func newController(now time.Time, cloud *vmCloud, arrays map[string]int) *controller {
	c := &controller{now: now, suspendTime: 5 * time.Minute, suspendTimeout: time.Minute, resumeTimout: 10 * time.Minute, cloud: cloud, downs: make(map[string]int)}
	for _, array := range slices.Sorted(func(yield func(string) bool) {
		for name := range arrays {
			if !yield(name) {
				return
			}
		}
	}) {
		for i := 1; i <= arrays[array]; i++ {
			c.nodes = append(c.nodes, &ctlNode{name: fmt.Sprintf("%s-%d", array, i), power: "POWERED_DOWN"})
		}
	}
	return c
}

func (c *controller) submit(count int, requeue bool, length time.Duration, partitions ...string) *ctlJob {
	c.nextJob++
	j := &ctlJob{id: c.nextJob, partitions: partitions, count: count, requeue: requeue, length: length, state: "PENDING", begin: c.now}
	c.jobs = append(c.jobs, j)
	return j
}

func (n *ctlNode) set(power string, now time.Time) { n.power, n.since = power, now }

func (n *ctlNode) state() string {
	base := "IDLE"
	switch {
	case n.down:
		base = "DOWN"
	case n.job != nil:
		base = "ALLOCATED"
	}
	if n.power == "up" {
		return base + "+CLOUD"
	}
	return base + "+CLOUD+" + n.power
}

// advance brings the controller to a time: timeouts, registrations, ends, suspends, and
// what can start.
func (c *controller) advance(now time.Time) {
	c.now = now
	for _, n := range c.nodes {
		vm := c.cloud.answering(n.name)
		switch {
		case n.power == "POWERING_DOWN" && now.Sub(n.since) >= c.suspendTimeout:
			n.set("POWERED_DOWN", now)
			n.address = ""
		case n.power == "POWERING_UP" && vm != nil && vm.booted.After(n.since) && !n.down:
			n.set("up", now)
			n.idle = now
		case n.power == "POWERING_UP" && now.Sub(n.since) >= c.resumeTimout:
			c.fail(n, "ResumeTimeout reached")
			n.set("POWERED_DOWN", now)
			c.hook(slurm.HookResumeFail, n.name)
		case n.power == "up" && vm == nil && !n.down:
			c.fail(n, "Not responding")
			n.idle = now
		}
	}
	c.run()
	for _, n := range c.nodes {
		if n.power == "up" && n.job == nil && now.Sub(n.idle) >= c.suspendTime {
			n.set("POWERING_DOWN", now)
			n.down, n.reason = false, ""
			c.hook(slurm.HookSuspend, n.name)
		}
	}
	c.schedule()
}

func (c *controller) run() {
	for _, j := range c.jobs {
		switch {
		case j.state == "CONFIGURING" && !slices.ContainsFunc(j.nodes, func(n *ctlNode) bool { return n.power != "up" }):
			j.state, j.ends = "RUNNING", c.now.Add(j.length)
		case j.state == "RUNNING" && !j.ends.After(c.now):
			c.free(j, "COMPLETED")
		}
	}
}

func (c *controller) schedule() {
	if c.rarely > 0 && !c.now.Truncate(c.rarely).Equal(c.now) {
		return
	}
	for _, j := range c.jobs {
		if j.state != "PENDING" || j.begin.After(c.now) {
			continue
		}
		for _, partition := range j.partitions {
			if free := c.freeIn(partition); len(free) >= j.count {
				c.allocate(j, free[:j.count])
				break
			}
		}
	}
}

func (c *controller) freeIn(partition string) (free []*ctlNode) {
	for _, up := range []string{"up", "POWERING_UP", "POWERED_DOWN"} {
		for _, n := range c.nodes {
			if n.power == up && !n.down && n.job == nil && strings.HasPrefix(n.name, partition+"-") {
				free = append(free, n)
			}
		}
	}
	return free
}

func (c *controller) allocate(j *ctlJob, nodes []*ctlNode) {
	j.state, j.nodes = "CONFIGURING", slices.Clone(nodes)
	var resume []string
	for _, n := range nodes {
		n.job = j
		if n.power == "POWERED_DOWN" {
			n.set("POWERING_UP", c.now)
			resume = append(resume, n.name)
		}
	}
	if len(resume) > 0 {
		c.hook(slurm.HookResume, strings.Join(resume, ","))
	}
}

func (c *controller) hook(kind slurm.HookKind, nodes string) {
	if c.hooks != nil {
		c.hooks.hooks = append(c.hooks.hooks, slurm.Hook{Kind: kind, Nodes: nodes, At: c.now})
	}
}

// free ends a job's run.
func (c *controller) free(j *ctlJob, state string) {
	for _, n := range j.nodes {
		n.job, n.idle = nil, c.now
	}
	j.nodes, j.state = nil, state
}

// fail sets a node DOWN, which its job does not survive.
func (c *controller) fail(n *ctlNode, reason string) {
	n.down, n.reason = true, reason
	if j := n.job; j != nil {
		if !j.requeue {
			c.free(j, "NODE_FAIL")
			return
		}
		c.free(j, "PENDING")
		j.begin = c.now.Add(121 * time.Second)
		j.restarts++
	}
}

func (c *controller) node(name string) *ctlNode {
	i := slices.IndexFunc(c.nodes, func(n *ctlNode) bool { return n.name == name })
	return c.nodes[i]
}

var errAway = errors.New("unable to contact slurm controller")

func (c *controller) Jobs(context.Context) (list []slurm.Job, err error) {
	if c.jobsFail {
		return nil, errAway
	}
	for _, j := range c.jobs {
		var names []string
		for _, n := range j.nodes {
			names = append(names, n.name)
		}
		job := slurm.Job{ID: j.id, ArrayID: j.array, ArrayTask: j.task, State: j.state, Partition: strings.Join(j.partitions, ","), Priority: 1, NodeCount: int64(j.count), CPUs: int64(j.count), Shared: "none", Nodes: strings.Join(names, ","), Features: j.features}
		switch {
		case j.state == "PENDING" && j.begin.After(c.now):
			job.Reason = "BeginTime"
		case j.state == "PENDING":
			job.Reason = cmp.Or(j.reason, "Resources")
		case j.state != "RUNNING" && j.state != "CONFIGURING":
			continue
		}
		list = append(list, job)
	}
	return list, nil
}

func (c *controller) Nodes(context.Context) (list []slurm.Node, err error) {
	if c.nodesFail {
		return nil, errAway
	}
	for _, n := range c.nodes {
		list = append(list, slurm.Node{Name: n.name, State: n.state(), Reason: n.reason, CPUs: 4, Features: "cloud", Partitions: strings.Split(n.name, "-")[0]})
	}
	return list, nil
}

func (c *controller) UpdateNodes(_ context.Context, u slurm.NodeUpdate) error {
	if c.updatesLeft--; c.updatesLeft == 0 {
		return fmt.Errorf("%w: %w", autoscale.ErrUnavailable, errAway)
	}
	for _, name := range u.Names {
		n := c.node(name)
		switch u.State {
		case "":
			n.reason = u.Reason
		case "DOWN":
			if n.power == "POWERING_UP" && n.address == "" {
				c.stalls++
			}
			c.downs[name]++
			c.fail(n, u.Reason)
		case "IDLE", "RESUME":
			n.down, n.reason = false, ""
		case "POWER_DOWN":
			n.down = false
			n.set("POWERING_DOWN", c.now)
			c.hook(slurm.HookSuspend, name)
		default:
			return fmt.Errorf("invalid node state %q", u.State)
		}
	}
	return nil
}

func (c *controller) PlaceNodes(_ context.Context, places []slurm.Place) error {
	if c.updatesLeft--; c.updatesLeft == 0 {
		return fmt.Errorf("%w: %w", autoscale.ErrUnavailable, errAway)
	}
	for _, p := range places {
		c.node(p.Node).address = p.Address
	}
	return nil
}

func (c *controller) UpdateJob(_ context.Context, job, comment string) error {
	c.comments++
	for _, j := range c.jobs {
		if j.called() == job {
			j.comment = comment
			return nil
		}
	}
	return fmt.Errorf("invalid job id %s", job)
}

func (c *controller) Details(context.Context) (map[int64]slurm.JobDetail, error) {
	c.looks++
	if do := c.meanwhile; do != nil {
		c.meanwhile = nil
		do()
	}
	details := make(map[int64]slurm.JobDetail)
	for _, j := range c.jobs {
		details[j.id] = slurm.JobDetail{Requeue: j.requeue, Comment: j.comment}
	}
	return details, nil
}

func (c *controller) Partitions(context.Context) ([]slurm.Partition, error) { return nil, errAway }
func (c *controller) Settings(context.Context) (slurm.Settings, error) {
	return slurm.Settings{}, errAway
}
func (c *controller) CreateNode(context.Context, slurm.NewNode) error { return errAway }
func (c *controller) DeleteNodes(context.Context, []string) error     { return errAway }
func (c *controller) Reconfigure(context.Context) error               { return errAway }
