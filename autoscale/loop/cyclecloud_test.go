package loop_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"autoscaled/autoscale"
	"autoscaled/autoscale/journal"
	"autoscaled/autoscale/loop"
	"autoscaled/cyclecloud"
	"autoscaled/cyclecloud/cyclecloudtest"
)

var (
	_ loop.Cloud   = (*cyclecloud.Provider)(nil)
	_ loop.Journal = (*journal.Journal)(nil)
)

const interval = 30 * time.Second

var begin = time.Date(2026, time.March, 2, 8, 0, 0, 0, time.UTC)

// jobs is a queue that wants what the test says and vouches that nothing runs.
type jobs []autoscale.Job

func (j *jobs) Demand(context.Context) (autoscale.Demand, error) {
	return autoscale.Demand{Classes: autoscale.Intern(*j), Vouched: true}, nil
}

// wholeNodes are n jobs of one node of the nodearray execute each.
func wholeNodes(n int) (list jobs) {
	for i := range n {
		list = append(list, autoscale.Job{ID: autoscale.JobID(fmt.Sprint("job-", i)), Shape: autoscale.Shape{
			Tasks: 1, PerTask: autoscale.Resources{Cores: 4}, Exclusive: autoscale.ExclusiveTask,
			Selector: autoscale.HasLabel(autoscale.LabelNodearray, "execute"),
		}})
	}
	return list
}

// site is a daemon's loop over a simulated CycleCloud, in the test's own time.
type site struct {
	t     require.TestingT
	cloud *cyclecloudtest.Server
	clock *cyclecloudtest.ManualClock
	queue *jobs
	dir   string
	file  *journal.Journal
	loop  *loop.Loop
	serve func() (*cyclecloud.Provider, error)
	// deadPut ends the daemon at its deadPut-th write from now.
	deadPut int
}

func newSite(t require.TestingT, dir string, seed uint64, change func(*cyclecloudtest.Config)) *site {
	cfg := cyclecloudtest.DefaultConfig()
	if change != nil {
		change(&cfg)
	}
	s := &site{t: t, dir: dir, queue: &jobs{}, clock: cyclecloudtest.NewManualClock(begin), deadPut: -1}
	var err error
	s.cloud, err = cyclecloudtest.New(cfg, s.clock, seed)
	require.NoError(t, err)
	s.serve = func() (*cyclecloud.Provider, error) {
		client, err := cyclecloud.New(cyclecloud.Options{
			URL: "http://cyclecloud.test", User: cfg.User, Transport: s.cloud.RoundTripper(), Retries: -1,
			Password: func() (string, error) { return cfg.Password, nil },
		})
		if err != nil {
			return nil, err
		}
		return cyclecloud.NewProvider(cyclecloud.ProviderOptions{Client: client, Cluster: "demo", Now: s.clock.Now}), nil
	}
	s.boot()
	return s
}

// boot starts the daemon on its state directory.
func (s *site) boot() {
	provider, err := s.serve()
	require.NoError(s.t, err)
	s.file, err = journal.Open(s.dir, journal.Options{Cluster: "demo", Volatile: true})
	require.NoError(s.t, err)
	s.loop, err = loop.New(loop.Options{
		Cluster: "demo", Cloud: provider, Queue: s.queue, Journal: dying{s.file, s}, Interval: interval, Now: s.clock.Now,
		Policy: autoscale.Policy{Pools: []autoscale.PoolPolicy{{
			Name: "all", IdleTime: autoscale.DefaultIdleTime, BootTimeout: autoscale.DefaultBootTimeout,
		}}},
	})
	require.NoError(s.t, err)
}

// reboot is kill -9 and a new start.
func (s *site) reboot() {
	s.deadPut = -1
	require.NoError(s.t, s.file.Close())
	s.boot()
}

// dying is a journal of a daemon that is killed at one of its writes.
type dying struct {
	*journal.Journal
	site *site
}

func (d dying) Put(ctx context.Context, ops ...autoscale.Operation) error {
	if len(ops) == 0 {
		return nil
	}
	if d.site.deadPut == 0 {
		return errors.New("killed")
	}
	d.site.deadPut--
	return d.Journal.Put(ctx, ops...)
}

func (s *site) ticks(n int) (last loop.Report) {
	for range n {
		last, _ = s.loop.Tick(context.Background(), s.clock.Now())
		s.clock.Advance(interval)
	}
	return last
}

func (s *site) lose(kind cyclecloudtest.FaultKind, call string) {
	require.NoError(s.t, s.cloud.Order(cyclecloudtest.Fault{Kind: kind, Method: "POST", Path: call}))
}

// alive are the nodes that are not on their way out.
func (s *site) alive() (list []cyclecloudtest.NodeRecord) {
	for _, n := range s.cloud.Nodes("demo") {
		if !n.Head && n.TargetState == "Started" {
			list = append(list, n)
		}
	}
	return list
}

func (s *site) created() (n int) {
	for _, c := range s.cloud.Books().Creates {
		for _, set := range c.Sets {
			n += set.Added
		}
	}
	return n
}

func (s *site) operations() []autoscale.Operation {
	ops, err := s.file.All(context.Background())
	require.NoError(s.t, err)
	return ops
}

func TestCycleCloudUpAndDown(t *testing.T) {
	s := newSite(t, t.TempDir(), 1, nil)
	*s.queue = wholeNodes(4)
	report := s.ticks(1)
	require.NoError(t, report.Err())
	require.Len(t, s.alive(), 4)
	s.ticks(40)
	require.Equal(t, 4, s.created())
	require.Equal(t, autoscale.OpConverged, s.operations()[0].Phase)
	*s.queue = nil
	s.ticks(40)
	require.Empty(t, s.alive())
	require.Empty(t, s.cloud.Books().Violations)
	for _, op := range s.operations() {
		require.Equal(t, autoscale.OpConverged, op.Phase)
	}
}

func TestCycleCloudLosesAnswers(t *testing.T) {
	for _, c := range []struct {
		kind     cyclecloudtest.FaultKind
		attempts int
	}{
		{cyclecloudtest.FaultCutAfter, 1}, {cyclecloudtest.FaultMalformed, 1}, {cyclecloudtest.FaultTruncated, 1},
		{cyclecloudtest.FaultStatusAfter, 1}, {cyclecloudtest.FaultHTML, 2}, {cyclecloudtest.FaultCutBefore, 2},
	} {
		t.Run(string(c.kind), func(t *testing.T) {
			s := newSite(t, t.TempDir(), 1, nil)
			*s.queue = wholeNodes(4)
			s.lose(c.kind, "nodes/create")
			report := s.ticks(1)
			require.Equal(t, loop.StepCreate, report.Problems[0].Step)
			require.ErrorIs(t, report.Problems[0].Err, autoscale.ErrUncertain)
			s.ticks(40)
			require.Equal(t, 4, s.created(), "nothing is created twice")
			op := s.operations()[0]
			require.Len(t, s.operations(), 1)
			require.Equal(t, autoscale.OpConverged, op.Phase)
			require.Equal(t, c.attempts, op.Attempts)

			*s.queue = nil
			s.lose(c.kind, "nodes/remove")
			s.lose(c.kind, "nodes/terminate")
			s.ticks(60)
			require.Empty(t, s.alive())
			require.Len(t, s.operations(), 2)
			require.Equal(t, autoscale.OpConverged, s.operations()[1].Phase)
		})
	}
}

func TestCycleCloudDaemonKilledAroundACreate(t *testing.T) {
	for put, moment := range []string{"before the intent", "before the answer is written"} {
		t.Run(moment, func(t *testing.T) {
			s := newSite(t, t.TempDir(), 1, nil)
			*s.queue = wholeNodes(4)
			s.deadPut = put
			s.ticks(1)
			require.Len(t, s.alive(), 4*put)
			s.reboot()
			s.ticks(40)
			require.Equal(t, 4, s.created())
			require.Len(t, s.alive(), 4)
			require.Len(t, s.operations(), 1)
			require.Equal(t, autoscale.OpConverged, s.operations()[0].Phase)
		})
	}
}

func TestCycleCloudCoupledJobInOneGroup(t *testing.T) {
	s := newSite(t, t.TempDir(), 1, nil)
	*s.queue = wholeNodes(1)
	(*s.queue)[0].Tasks, (*s.queue)[0].Grouping = 4, autoscale.Coupled
	s.lose(cyclecloudtest.FaultCutAfter, "nodes/create")
	s.ticks(30)
	nodes := s.alive()
	require.Len(t, nodes, 4)
	for _, n := range nodes {
		require.NotEmpty(t, n.PlacementGroup)
		require.Equal(t, nodes[0].PlacementGroup, n.PlacementGroup)
	}
}

func TestCycleCloudWrongPassword(t *testing.T) {
	s := newSite(t, t.TempDir(), 1, nil)
	require.NoError(t, s.file.Close())
	s.serve = func() (*cyclecloud.Provider, error) {
		client, err := cyclecloud.New(cyclecloud.Options{
			URL: "http://cyclecloud.test", User: "admin", Transport: s.cloud.RoundTripper(),
			Password: func() (string, error) { return "guess-1234", nil },
		})
		return cyclecloud.NewProvider(cyclecloud.ProviderOptions{Client: client, Cluster: "demo", Now: s.clock.Now}), err
	}
	s.boot()
	*s.queue = wholeNodes(4)
	report := s.ticks(1)
	require.ErrorIs(t, report.Err(), autoscale.ErrUnauthorized)
	require.ErrorIs(t, s.loop.Ready(), autoscale.ErrUnauthorized)
	require.NotContains(t, report.Err().Error(), "guess-1234")
	require.Empty(t, s.operations())
}

// TestCycleCloudFaultsAndRestarts lets calls fail at random while demand comes
// and goes and the daemon is killed. The simulator's own books must show that no
// request took effect twice and no rule was broken, and in the end all is gone.
func TestCycleCloudFaultsAndRestarts(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rates := []cyclecloudtest.FaultRate{
			{Kind: cyclecloudtest.FaultCutBefore, Rate: 0.1}, {Kind: cyclecloudtest.FaultCutAfter, Rate: 0.1},
			{Kind: cyclecloudtest.FaultStatus, Rate: 0.05}, {Kind: cyclecloudtest.FaultStatusAfter, Rate: 0.05, Method: "POST"},
			{Kind: cyclecloudtest.FaultMalformed, Rate: 0.05}, {Kind: cyclecloudtest.FaultHTML, Rate: 0.05},
		}
		s := newSite(rt, t.TempDir(), rapid.Uint64().Draw(rt, "seed"), func(c *cyclecloudtest.Config) {
			c.Faults = rates
			c.Chances = cyclecloudtest.Chances{BootFailure: 0.05, NeverUp: 0.05}
		})
		defer func() { _ = s.file.Close() }()
		most := 0
		for range rapid.IntRange(3, 12).Draw(rt, "phases") {
			*s.queue = wholeNodes(rapid.IntRange(0, 6).Draw(rt, "jobs"))
			most = max(most, len(*s.queue))
			s.deadPut = rapid.IntRange(-1, 4).Draw(rt, "dies")
			s.ticks(rapid.IntRange(1, 8).Draw(rt, "ticks"))
			require.LessOrEqual(rt, len(s.healthy()), most, "more nodes than were ever wanted at once")
			s.reboot()
		}
		*s.queue = nil
		for ticks := 0; ticks < 200 && !s.settled(); ticks++ {
			s.ticks(1)
		}
		s.checkBooks(rt)
	})
}

// healthy are the nodes that are up and to stay. Nodes that failed, hang, or
// whose removal is in doubt, get replaced.
func (s *site) healthy() (list []cyclecloudtest.NodeRecord) {
	going := make(map[autoscale.NodeID]bool)
	for _, op := range s.operations() {
		if op.Kind == autoscale.OperationRemove {
			for _, id := range op.Nodes {
				going[id] = true
			}
		}
	}
	for _, n := range s.alive() {
		if n.Status == "Ready" && !going[autoscale.NodeID(n.ID)] {
			list = append(list, n)
		}
	}
	return list
}

// settled tells whether nothing is left to happen.
func (s *site) settled() bool {
	ops, err := s.file.Operations(context.Background())
	require.NoError(s.t, err)
	return len(ops)+len(s.alive()) == 0
}

func (s *site) checkBooks(t require.TestingT) {
	books := s.cloud.Books()
	require.Empty(t, books.Violations)
	require.Empty(t, s.alive(), "no node is leaked")
	seen := make(map[string]bool)
	onRecord := make(map[autoscale.RequestID]autoscale.Operation)
	for _, op := range s.operations() {
		require.True(t, op.Phase.Final(), "operation %s is still %s", op.Request, op.Phase)
		onRecord[op.Request] = op
	}
	for _, c := range books.Creates {
		require.False(t, seen[c.RequestID], "request %s took effect twice", c.RequestID)
		seen[c.RequestID] = true
		op, known := onRecord[autoscale.RequestID(c.RequestID)]
		require.True(t, known, "request %s is not in the journal", c.RequestID)
		require.Equal(t, op.Added, c.Sets[0].Added, "request %s, %s: %s", c.RequestID, op.Phase, op.Message)
	}
}
