package sim

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"autoscaled/autoscale"
)

// slow is the same scheduler, written as dumbly as can be: it looks at every
// second, at every job and at every host, and knows whole nodes only.
type slow struct {
	second int
	jobs   []*slowJob
	hosts  []*slowHost
}

type slowJob struct {
	Job
	started, ended int // -1: not
	on             []*slowHost
}

type slowHost struct {
	name    string
	drained bool
	job     *slowJob
}

func (w *slow) advance(to int) {
	for w.second < to {
		w.second++
		w.settle()
	}
}

func (w *slow) settle() {
	run := func(j *slowJob) int { return int(j.Run / time.Second) }
	for again := true; again; {
		again = false
		for _, j := range w.jobs {
			if j.started >= 0 && j.ended < 0 && j.started+run(j) <= w.second {
				j.ended, again = w.second, true
				w.free(j)
			}
		}
		for first := w.first(); first != nil && w.start(first); first = w.first() {
			again = true
		}
	}
}

func (w *slow) free(j *slowJob) {
	for _, h := range j.on {
		h.job = nil
	}
	j.on = nil
}

func (w *slow) first() (first *slowJob) {
	for _, j := range w.jobs {
		waits := j.started < 0 && !j.Submitted.After(at(w.second))
		if waits && (first == nil || slowOrder(j, first) < 0) {
			first = j
		}
	}
	return first
}

func slowOrder(a, b *slowJob) int {
	return cmp.Or(cmp.Compare(b.Priority, a.Priority), a.Submitted.Compare(b.Submitted), cmp.Compare(a.ID, b.ID))
}

func (w *slow) start(j *slowJob) bool {
	var free []*slowHost
	for _, h := range w.hosts {
		if h.job == nil && !h.drained {
			free = append(free, h)
		}
	}
	if len(free) < j.Tasks {
		return false
	}
	j.on, j.started = free[:j.Tasks], w.second
	for _, h := range j.on {
		h.job = j
	}
	return true
}

func (w *slow) leave(name string) {
	i := slices.IndexFunc(w.hosts, func(h *slowHost) bool { return h.name == name })
	gone := w.hosts[i]
	w.hosts = slices.Delete(w.hosts, i, i+1)
	if j := gone.job; j != nil {
		w.free(j)
		j.started = -1
	}
	w.settle()
}

// world is both schedulers, driven alike.
type world struct {
	fast    *Scheduler
	slow    *slow
	made    int
	hosts   []string // joined
	drained map[string]bool
}

func (w *world) submit(t *rapid.T) {
	job := whole(fmt.Sprint(w.made), w.slow.second+rapid.IntRange(-3, 20).Draw(t, "submit"),
		rapid.IntRange(1, 4).Draw(t, "nodes"), rapid.IntRange(0, 30).Draw(t, "run"))
	job.Priority = int64(rapid.IntRange(0, 3).Draw(t, "priority") / 3)
	w.made++
	require.NoError(t, w.fast.Submit(job))
	w.slow.jobs = append(w.slow.jobs, &slowJob{Job: job, started: -1, ended: -1})
	w.slow.settle()
}

func (w *world) join(t *rapid.T) {
	if len(w.hosts) == 6 {
		return
	}
	name := fmt.Sprintf("h%d", w.made)
	w.made++
	w.hosts = append(w.hosts, name)
	require.NoError(t, w.fast.Join(four(name)))
	w.slow.hosts = append(w.slow.hosts, &slowHost{name: name})
	w.slow.settle()
}

func (w *world) leave(t *rapid.T) {
	if len(w.hosts) == 0 {
		return
	}
	i := rapid.IntRange(0, len(w.hosts)-1).Draw(t, "leaves")
	name := w.hosts[i]
	w.hosts = slices.Delete(w.hosts, i, i+1)
	busy := 0
	for _, h := range w.slow.hosts {
		if h.name == name && h.job != nil {
			busy = 1
		}
	}
	killed, err := w.fast.Leave(name)
	require.NoError(t, err)
	require.Equal(t, busy, killed)
	w.slow.leave(name)
}

func (w *world) mark(t *rapid.T) {
	if len(w.hosts) == 0 {
		return
	}
	name := rapid.SampledFrom(w.hosts).Draw(t, "marked")
	node := []autoscale.Node{{Host: name}}
	w.drained[name] = !w.drained[name]
	if w.drained[name] {
		require.Equal(t, []error{nil}, w.fast.Drain(context.Background(), node, ""))
	} else {
		require.Equal(t, []error{nil}, w.fast.Undrain(context.Background(), node))
	}
	for _, h := range w.slow.hosts {
		if h.name == name {
			h.drained = w.drained[name]
		}
	}
	w.slow.settle()
}

func (w *world) pass(t *rapid.T) {
	to := w.slow.second + rapid.IntRange(0, 25).Draw(t, "pass")
	w.fast.Advance(at(to))
	w.slow.advance(to)
}

// check holds the fast world against the slow one and against the laws that
// both must keep.
func (w *world) check(t *rapid.T) {
	got := records(w.fast)
	finished, lost := 0, 0
	for _, j := range w.slow.jobs {
		r, arrived := got[string(j.ID)]
		require.Equal(t, !j.Submitted.After(at(w.slow.second)), arrived, "job %s", j.ID)
		if !arrived {
			continue
		}
		require.Equal(t, secondOrNever(j.started), r.Started, "start of job %s", j.ID)
		require.Equal(t, secondOrNever(j.ended), r.Ended, "end of job %s", j.ID)
		lost += r.Kills
		if j.ended >= 0 {
			finished++
		}
	}
	totals := w.fast.Totals()
	require.Equal(t, finished, totals.Finished)
	require.Equal(t, lost, totals.Kills)
	require.Equal(t, totals.Arrived, totals.Finished+totals.Running+totals.Waiting, "no job is lost or doubled")
	require.Equal(t, w.made, totals.Arrived+totals.Coming+w.hostsMade())
	require.InDelta(t, totals.BusySeconds, totals.WorkSeconds+totals.LostSeconds, 1e-6, "busy hosts work, or their work is lost")
	require.LessOrEqual(t, totals.BusySeconds, totals.UpSeconds)
	w.checkUse(t)
}

func (w *world) hostsMade() int { return w.made - len(w.slow.jobs) }

func (w *world) checkUse(t *rapid.T) {
	d, err := w.fast.Demand(context.Background())
	require.NoError(t, err)
	for _, h := range w.slow.hosts {
		use := d.Use[h.name]
		require.LessOrEqual(t, len(use.Jobs), 1, "two exclusive jobs on %s", h.name)
		require.Equal(t, h.job != nil, use.Busy())
		require.Equal(t, h.drained, use.Drain == autoscale.DrainOurs)
		if h.job != nil {
			require.Equal(t, []autoscale.JobID{h.job.ID}, use.Jobs)
		}
	}
}

func secondOrNever(second int) time.Time {
	if second < 0 {
		return time.Time{}
	}
	return at(second)
}

func TestSchedulerIsAsGoodAsTheSlowOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{fast: NewScheduler(epoch), slow: &slow{}, drained: map[string]bool{}}
		t.Repeat(map[string]func(*rapid.T){
			"submit": w.submit,
			"join":   w.join,
			"leave":  w.leave,
			"mark":   w.mark,
			"pass":   w.pass,
			"":       w.check,
		})
	})
}

// Of two jobs that were never killed the first in order never starts later,
// once both have arrived.
func TestOrderIsNeverViolated(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := NewScheduler(epoch)
		for i := range rapid.IntRange(4, 8).Draw(t, "hosts") {
			require.NoError(t, s.Join(four(fmt.Sprint(i))))
		}
		priority := map[autoscale.JobID]int64{}
		var jobs []Job
		for i := range rapid.IntRange(1, 40).Draw(t, "jobs") {
			job := whole(fmt.Sprint(i), rapid.IntRange(0, 50).Draw(t, "submit"), rapid.IntRange(1, 4).Draw(t, "nodes"), rapid.IntRange(0, 60).Draw(t, "run"))
			job.Priority = int64(rapid.IntRange(0, 1).Draw(t, "priority"))
			priority[job.ID] = job.Priority
			jobs = append(jobs, job)
		}
		require.NoError(t, s.Submit(jobs...))
		s.Advance(at(50 * 60))
		all := s.Records()
		for _, a := range all {
			require.False(t, a.Ended.IsZero(), "every job is served")
			for _, b := range all {
				before := cmp.Or(cmp.Compare(priority[b.ID], priority[a.ID]), a.Submitted.Compare(b.Submitted), cmp.Compare(a.ID, b.ID)) < 0
				if before && !a.Submitted.After(b.Started) {
					require.False(t, a.Started.After(b.Started), "job %s overtook job %s", b.ID, a.ID)
				}
			}
		}
	})
}

// However time is cut into steps, the same happens.
func TestStepsMakeNoDifference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		once, often := NewScheduler(epoch), NewScheduler(epoch)
		for i := range 4 {
			require.NoError(t, once.Join(four(fmt.Sprint(i))))
			require.NoError(t, often.Join(four(fmt.Sprint(i))))
		}
		for i := range rapid.IntRange(1, 30).Draw(t, "jobs") {
			job := whole(fmt.Sprint(i), rapid.IntRange(0, 50).Draw(t, "submit"), rapid.IntRange(1, 4).Draw(t, "nodes"), rapid.IntRange(0, 60).Draw(t, "run"))
			require.NoError(t, once.Submit(job))
			require.NoError(t, often.Submit(job))
		}
		for second := 0; second < 500; second += rapid.IntRange(1, 50).Draw(t, "step") {
			often.Advance(at(second))
		}
		often.Advance(at(500))
		once.Advance(at(500))
		require.Equal(t, once.Records(), often.Records())
		require.InDelta(t, once.Totals().UpSeconds, often.Totals().UpSeconds, 1e-6)
		require.InDelta(t, once.Totals().BusySeconds, often.Totals().BusySeconds, 1e-6)
	})
}
