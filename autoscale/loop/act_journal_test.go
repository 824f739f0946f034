package loop

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

// brokenJournal fails where it is told to.
type brokenJournal struct {
	Journal
	operations, memory, put, save error
}

func (j *brokenJournal) Operations(ctx context.Context) ([]autoscale.Operation, error) {
	ops, err := j.Journal.Operations(ctx)
	return ops, errors.Join(err, j.operations)
}

func (j *brokenJournal) Memory(ctx context.Context) (autoscale.Memory, error) {
	m, err := j.Journal.Memory(ctx)
	return m, errors.Join(err, j.memory)
}

func (j *brokenJournal) Put(ctx context.Context, ops ...autoscale.Operation) error {
	if j.put != nil && len(ops) > 0 {
		return j.put
	}
	return j.Journal.Put(ctx, ops...)
}

func (j *brokenJournal) Save(ctx context.Context, m autoscale.Memory) error {
	if j.save != nil {
		return j.save
	}
	return j.Journal.Save(ctx, m)
}

func TestNothingIsSentWithoutTheJournal(t *testing.T) {
	full := errors.New("no space left on device")
	for name, broken := range map[string]brokenJournal{
		"operations": {operations: full}, "memory": {memory: full}, "put": {put: full}, "save": {save: full},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			j := broken
			j.Journal = r.journal
			o := r.options
			o.Journal = &j
			var err error
			r.loop, err = New(o)
			require.NoError(t, err)
			r.queue.submit(r.at, 2)
			report := r.ticks(3)
			require.ErrorIs(t, report.Err(), full)
			require.ErrorContains(t, report.Err(), "journal: ")
			require.False(t, report.Good())
			require.Empty(t, r.cloud.calls)
			require.Equal(t, 3.0, r.series("autoscaled_ticks_total")["failed"])
			require.Equal(t, 0.0, r.counter("autoscaled_journal_usable"))
			require.ErrorContains(t, r.loop.Ready(), "nothing is done: journal: no space left on device")
			j = brokenJournal{Journal: r.journal}
			report = r.tick()
			require.NoError(t, report.Err())
			require.Len(t, r.cloud.list(), 2)
			require.Equal(t, 1.0, r.counter("autoscaled_journal_usable"))
			require.NoError(t, r.loop.Ready())
		})
	}
}

// A disk that is full for an hour, while nodes come up, fail and idle: nothing is
// sent, nothing is learnt twice, and all goes on once there is room.
func TestFullDiskInTheMiddle(t *testing.T) {
	r := newRig(t)
	j := &brokenJournal{Journal: r.journal}
	o := r.options
	o.Journal = j
	var err error
	r.loop, err = New(o)
	require.NoError(t, err)
	r.queue.submit(r.at, 4)
	r.fail(1, "create", cutShort)
	r.tick()
	require.Len(t, r.cloud.list(), 1)
	r.queue.submit(r.at, 1)
	calls := len(r.cloud.calls)
	j.put, j.save = errors.New("no space left on device"), errors.New("no space left on device")
	for range 120 {
		r.tick()
		require.Error(t, r.loop.Ready())
	}
	require.Len(t, r.cloud.calls, calls, "nothing is sent, and nothing asked")
	require.LessOrEqual(t, r.loop.Last().Memory.Offerings["execute/F4"].Failures, 1)
	j.put, j.save = nil, nil
	r.until(func() bool { return len(r.cloud.list()) == 5 })
	require.NoError(t, r.loop.Ready())
}

// Once an answer can't be written, what would come after it in the tick stays undone.
func TestActingEndsWhenTheDiskIsFull(t *testing.T) {
	for _, full := range []bool{false, true} {
		r := newRig(t, func(o *Options) { o.Policy.Pools[0].IdleTime = time.Hour })
		r.cloud.pools = 2
		r.queue.submit(r.at, 1)
		r.ticks(10)
		r.queue.clear()
		r.ticks(20)
		j := &brokenJournal{Journal: r.journal}
		o := r.options
		o.Journal = j
		o.Policy = manyPools(2)
		o.Policy.Pools[0].Min, o.Policy.Pools[0].IdleTime = 0, time.Minute
		var err error
		r.loop, err = New(o)
		require.NoError(t, err)
		r.cloud.fault = func(call string, _ autoscale.RequestID) fault {
			if call == "create" && full {
				j.put = errors.New("no space left on device")
			}
			return works
		}
		r.tick()
		require.Equal(t, 2, r.cloud.count("create"))
		require.Equal(t, !full, r.cloud.count("remove") > 0)
	}
}

func TestOperationsTellSinceWhenTheyAreInTheirPhase(t *testing.T) {
	r := newRig(t)
	r.queue.submit(r.at, 1)
	r.fail(2, "create", lostBefore)
	r.tick()
	require.Equal(t, start, r.only().Since)
	require.Equal(t, autoscale.OpSent, r.only().Phase)
	r.until(func() bool { return r.only().Phase == autoscale.OpAccepted })
	accepted := r.at.Add(-step)
	require.Equal(t, accepted, r.only().Since)
	r.tick()
	require.Equal(t, accepted, r.only().Since, "it stays while the phase does")
	r.until(func() bool { return r.only().Phase == autoscale.OpConverged })
	require.Equal(t, r.only().Ended, r.only().Since)
}

func TestMemorySurvivesARestart(t *testing.T) {
	r := newRig(t)
	r.queue.submit(r.at, 1)
	r.ticks(10)
	r.queue.clear()
	r.until(func() bool { r.restart(); return r.cloud.count("remove") > 0 })
	require.LessOrEqual(t, r.at.Sub(start), 11*step+5*time.Minute+step, "idle time counts across restarts")
}

func TestAnswersAreWrittenAsTheyCome(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Policy = manyPools(20) })
	r.cloud.pools = 20
	report := r.tick()
	require.Equal(t, 20, r.cloud.count("create"))
	require.Len(t, report.Changed, 20)
	require.Len(t, report.Operations, 20)
	for _, op := range r.all() {
		require.Equal(t, autoscale.OpAccepted, op.Phase)
		require.Equal(t, "op-"+string(op.Request), op.CloudID, "each answer goes to its own operation")
	}
}
