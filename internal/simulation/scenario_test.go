package simulation

import (
	"fmt"
	"math/rand/v2"
	"time"

	"autoscaled/autoscale"
	"autoscaled/autoscale/sim"
	"autoscaled/cyclecloud/cyclecloudtest"
)

// scenario is one random day: a cloud, a policy, the jobs that arrive, and what goes
// wrong until faults stop.
type scenario struct {
	seed     uint64
	cloud    cyclecloudtest.Config
	policy   autoscale.Policy
	interval time.Duration
	// strict: the queue starts jobs in order only, so that what others hold is never
	// free for the first.
	strict bool
	// plain: any job runs on any node, and the policy keeps none beyond what jobs use.
	// Then nothing but a mistake makes more nodes than jobs want.
	plain bool
	// drains: the queue can mark nodes for drain.
	drains bool
	// deafness is the chance of each mark for drain, or its withdrawal, to be taken and
	// forgotten.
	deafness float64
	// troubled is how long faults, kills and arrivals go on.
	troubled time.Duration
	jobs     []sim.Job
	// last are whole-node jobs that come once faults have stopped, and run for long.
	last   []sim.Job
	events []event
	// faults is the chance of each call to go wrong, queueFaults that of each call to
	// the queue, and diskFaults that of each write.
	faults, queueFaults, diskFaults float64
	// kills is the chance that a life of the daemon ends by a kill; the others
	// end by being told to stop, or with the trouble.
	kills float64
	// restless: the daemon is started again and again after faults have stopped, too,
	// more often than any idle time is long.
	restless bool
	// amnesia: the state directory is lost once.
	amnesia bool
}

// event is something that befalls the cloud or its neighbours.
type event struct {
	at   time.Duration
	kind eventKind
	// lasts is how long an outage or shortage takes, and pick chooses whom it befalls.
	lasts time.Duration
	pick  uint64
}

type eventKind string

const (
	eventEvict     eventKind = "a node is evicted"
	eventFail      eventKind = "a node fails"
	eventStock     eventKind = "a machine type runs out"
	eventInvalid   eventKind = "a machine type is disabled"
	eventStopped   eventKind = "the cluster is stopped"
	eventKeepAlive eventKind = "a node is kept alive"
	eventForeign   eventKind = "somebody adds a node"
	eventCloudGone eventKind = "the cloud is away"
	eventRefused   eventKind = "the cloud refuses our password"
	eventQueueGone eventKind = "the queue is away"
	eventDiskFull  eventKind = "the disk is full"
)

var eventKinds = []eventKind{
	eventEvict, eventEvict, eventFail, eventStock, eventInvalid, eventStopped, eventKeepAlive, eventForeign,
	eventCloudGone, eventRefused, eventQueueGone, eventDiskFull,
}

// largest is how many nodes a job needs at most.
const largest = 4

// dice draws one scenario.
type dice struct{ *rand.Rand }

func (d dice) chance(p float64) bool { return d.Float64() < p }

// between is a number from low to high, both included.
func (d dice) between(low, high int) int { return low + d.IntN(high-low+1) }

// span is a duration from low to high, odd to the nanosecond: no two things happen at
// one moment, so that no order is left to chance.
func (d dice) span(low, high time.Duration) time.Duration {
	return low + time.Duration(d.Int64N(int64(high-low)+1))
}

func draw(seed uint64) scenario {
	d := dice{rand.New(rand.NewPCG(seed, 0x5eed))}
	s := scenario{
		seed: seed, drains: d.chance(0.6), interval: []time.Duration{20, 30, 60}[d.IntN(3)] * time.Second,
		troubled: d.span(25*time.Minute, 80*time.Minute),
		restless: d.chance(0.3), amnesia: d.chance(0.05), kills: []float64{0, 0.7, 0.95}[d.IntN(3)],
	}
	if d.chance(0.85) {
		s.faults, s.queueFaults = []float64{0.02, 0.08, 0.25}[d.IntN(3)], []float64{0, 0.03, 0.1}[d.IntN(3)]
		s.diskFaults = []float64{0, 0, 0.02}[d.IntN(3)]
	}
	s.cloud = drawCloud(d)
	s.policy = drawPolicy(d, s.cloud.Clusters[0].Nodearrays)
	s.strict = d.chance(0.25)
	if s.plain = d.chance(0.4); s.plain {
		for i := range s.policy.Pools {
			s.policy.Pools[i].Buffer = 0
		}
	}
	s.jobs = drawJobs(d, s)
	s.drawDrains()
	s.last = drawLast(d, s)
	for range d.IntN(10) {
		s.events = append(s.events, event{
			at: d.span(time.Minute, s.troubled), kind: eventKinds[d.IntN(len(eventKinds))],
			lasts: d.span(30*time.Second, 15*time.Minute), pick: d.Uint64(),
		})
	}
	if d.chance(0.25) { // what was asked for, or has gone, shows later
		s.cloud.Timing.StatusAge = d.span(10*time.Second, 2*time.Minute)
	}
	return s
}

const user, password, cluster = "daemon", "correct horse", "sim"

func drawCloud(d dice) cyclecloudtest.Config {
	cfg := cyclecloudtest.Config{
		User: user, Password: password,
		Timing: cyclecloudtest.Timing{
			Boot: d.span(time.Minute, 6*time.Minute), BootSigma: 0.4,
			Terminate: d.span(20*time.Second, 4*time.Minute), Restart: time.Minute,
			HostnameLate: []time.Duration{0, 0, 40 * time.Second}[d.IntN(3)],
		},
		Shortage:             []string{cyclecloudtest.ShortageFail, cyclecloudtest.ShortageShort}[d.IntN(2)],
		UnknownRequestStatus: []int{404, 400}[d.IntN(2)], OmitQuotaDetail: d.chance(0.2),
		Regions: []cyclecloudtest.RegionConfig{{Name: "westeurope", Cores: 1000, SpotCores: 1000}},
	}
	if d.chance(0.4) {
		cfg.Chances = cyclecloudtest.Chances{BootFailure: 0.08, NeverUp: 0.06}
	}
	arrays := []cyclecloudtest.NodearrayConfig{{
		Name: "execute", MaxCount: d.between(14, 40),
		Buckets: []cyclecloudtest.BucketConfig{{MachineType: "Standard_F4s_v2"}},
	}}
	if d.chance(0.4) {
		arrays[0].Buckets = append(arrays[0].Buckets, cyclecloudtest.BucketConfig{MachineType: "Standard_F8s_v2"})
	}
	if d.chance(0.4) {
		arrays = append(arrays, cyclecloudtest.NodearrayConfig{
			Name: "spot", Spot: true, MaxCount: 20, ThrottleCapacity: d.chance(0.5), ThrottleTime: 3 * time.Minute,
			Buckets: []cyclecloudtest.BucketConfig{{MachineType: "Standard_F4s_v2"}},
		})
	}
	if d.chance(0.4) {
		arrays = append(arrays, cyclecloudtest.NodearrayConfig{
			Name: "mpi", MaxCount: 16, MaxGroupSize: d.between(4, 8),
			Buckets: []cyclecloudtest.BucketConfig{{MachineType: "Standard_F16s_v2"}},
		})
	}
	cfg.Clusters = []cyclecloudtest.ClusterConfig{{Name: cluster, Nodearrays: arrays}}
	return cfg
}

func drawPolicy(d dice, arrays []cyclecloudtest.NodearrayConfig) autoscale.Policy {
	p := autoscale.Policy{
		AbsentFor: autoscale.DefaultAbsentFor, GangPatience: autoscale.DefaultGangPatience,
		Order: []autoscale.Order{autoscale.AsListed, autoscale.LeastWaste}[d.IntN(2)],
	}
	if d.chance(0.5) {
		p.GangHold = d.span(time.Minute, 10*time.Minute)
	}
	if d.chance(0.3) {
		p.Max = d.between(10, 20)
	}
	if d.chance(0.3) {
		p.RemovalsPerTick, p.RemovalsPerHour = d.between(1, 4), d.between(40, 80)
	}
	if d.chance(0.3) {
		p.CreatesPerTick, p.CreatesPerHour = d.between(largest, 8), d.between(60, 90)
	}
	if d.chance(0.5) {
		p.DemandJump = autoscale.DefaultDemandJump
	}
	if d.chance(0.2) {
		p.Budget.PerHour = float64(d.between(10, 20))
	}
	for _, a := range arrays {
		p.Pools = append(p.Pools, drawPool(d, a.Name))
	}
	return p
}

func drawPool(d dice, array string) autoscale.PoolPolicy {
	p := autoscale.PoolPolicy{
		Name: array, Match: autoscale.HasLabel(autoscale.LabelNodearray, array), PricePerHour: 1,
		IdleTime: d.span(time.Minute, 10*time.Minute), BootTimeout: d.span(15*time.Minute, 30*time.Minute),
	}
	switch d.IntN(5) {
	case 0:
		p.Removal, p.KeepDeallocated = autoscale.RemovalDeallocate, d.between(1, 2)
	case 1:
		p.Removal = autoscale.RemovalRemove
	case 2:
		p.Removal = autoscale.RemovalShutdown
	}
	if d.chance(0.2) {
		p.Min = 1
	}
	if d.chance(0.25) {
		p.Max = d.between(8, 14)
	}
	if d.chance(0.2) {
		p.Buffer = 1
	}
	if d.chance(0.15) {
		p.MaxAge = d.span(30*time.Minute, time.Hour)
	}
	if d.chance(0.2) && p.Removal != autoscale.RemovalDeallocate {
		p.MaxGroups = d.between(2, 3)
	}
	p.RemoveGroupsWhole = d.chance(0.3) && p.Min+p.Buffer == 0 // or more would stay than those
	return p
}

// drawJobs draws bursts of jobs, each of a kind. Any of them fits an empty cloud.
func drawJobs(d dice, s scenario) (jobs []sim.Job) {
	for range d.between(1, 5) {
		at := begin.Add(d.span(time.Second, s.troubled*3/4))
		longest := []time.Duration{4 * time.Minute, 15 * time.Minute, 40 * time.Minute}[d.IntN(3)]
		make := drawKind(d, s)
		for range d.between(1, 5) {
			job := make()
			job.ID = autoscale.JobID(fmt.Sprint("job-", len(jobs)))
			job.Submitted, job.Run = at, d.span(time.Second, longest)
			jobs = append(jobs, job)
			at = at.Add(d.span(1, 30*time.Second))
		}
	}
	return jobs
}

func drawKind(d dice, s scenario) func() sim.Job {
	arrays := s.cloud.Clusters[0].Nodearrays
	array := arrays[d.IntN(len(arrays))].Name
	job := sim.Job{}
	if !s.plain && d.chance(0.6) {
		job.Selector = autoscale.HasLabel(autoscale.LabelNodearray, array)
	}
	job.Priority = int64(d.IntN(2))
	kind := d.IntN(4)
	if s.plain && kind == 2 {
		kind = 1
	}
	return func() sim.Job {
		j := job
		j.Tasks, j.Exclusive, j.PerTask = 1, autoscale.ExclusiveTask, autoscale.Resources{Cores: 4}
		switch kind {
		case 0: // small jobs share nodes
			j.Exclusive, j.PerTask = autoscale.Shared, autoscale.Resources{Cores: d.between(1, 3)}
		case 1: // several nodes at once
			j.Tasks, j.Gang = d.between(2, largest), autoscale.GangAll
		case 2: // and in one placement group
			j.Tasks, j.Grouping = d.between(2, largest), autoscale.Coupled
		}
		return j
	}
}

// drawLast draws the jobs of which each node can be counted: whole nodes of one
// nodearray.
func drawLast(d dice, s scenario) (jobs []sim.Job) {
	array := s.cloud.Clusters[0].Nodearrays[0].Name
	for i := range d.between(1, 5) {
		jobs = append(jobs, sim.Job{
			Job: autoscale.Job{ID: autoscale.JobID(fmt.Sprint("last-", i)), Shape: autoscale.Shape{
				Tasks: 1, PerTask: autoscale.Resources{Cores: 4}, Exclusive: autoscale.ExclusiveTask,
				Selector: autoscale.HasLabel(autoscale.LabelNodearray, array),
			}},
			Run: lastRun,
		})
	}
	return jobs
}

// String tells what the scenario is about; its jobs follow line by line.
func (s scenario) String() string {
	text := fmt.Sprintf("queue drains: %t, strict: %t, plain: %t, every %s, faults %v, deafness %v, queue faults %v, disk faults %v, kills %v, restless %t, amnesia %t\npolicy: %+v\ncloud: %+v",
		s.drains, s.strict, s.plain, s.interval, s.faults, s.deafness, s.queueFaults, s.diskFaults, s.kills, s.restless, s.amnesia, s.policy, s.cloud)
	for _, j := range append(s.jobs, s.last...) {
		text += fmt.Sprintf("\n%s at %s for %s: %d tasks of %d cores, exclusive %d, gang %d, grouping %d, %v",
			j.ID, j.Submitted.Sub(begin), j.Run, j.Tasks, j.PerTask.Cores, j.Exclusive, j.Mode(), j.Grouping, j.Selector)
	}
	return text
}
