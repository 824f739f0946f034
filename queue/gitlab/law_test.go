package gitlab_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"autoscaled/autoscale"
	"autoscaled/queue/gitlab"
	"autoscaled/queue/gitlab/gitlabtest"
)

// days is a source that lives through what may happen, in a time that the test moves.
type days struct {
	*world
	now  time.Time
	vms  []*vm
	jobs []int64
}

// vm is a machine and the program on it, which takes one job.
type vm struct {
	host, token string
	runner      int64
	gone, taken bool
	job         int64
	// answer is that of a request for a job which GitLab has let in, due at a time.
	answer func() int64
	due    time.Time
}

// settle is how long GitLab may take to answer a request that it let in.
const settle = 10 * time.Second

func newDays(t *rapid.T) *days {
	d := &days{now: time.Date(2026, time.March, 2, 8, 0, 0, 0, time.UTC)}
	all := rapid.Bool().Draw(t, "all")
	cfg := gitlabtest.Config{Now: func() time.Time { return d.now }, Old: rapid.Bool().Draw(t, "old")}
	d.world = newWorld(t, cfg, func(o *gitlab.Options, s *gitlab.SourceOptions) {
		o.Retries, o.CallsPerMinute, s.Timings.Settle = -1, -1, settle
		if all {
			s.Projects, s.All = nil, true
		}
	})
	return d
}

// pass lets time pass, second by second.
func (d *days) pass(seconds int) {
	for range seconds {
		d.now = d.now.Add(time.Second)
		for _, v := range d.vms {
			if v.answer != nil && !d.now.Before(v.due) {
				d.answer(v)
			}
		}
	}
}

func (d *days) answer(v *vm) {
	v.job, v.answer = v.answer(), nil
	v.taken = v.job != 0
}

func (d *days) some(t *rapid.T, ok func(*vm) bool) *vm {
	var fit []*vm
	for _, v := range d.vms {
		if ok(v) {
			fit = append(fit, v)
		}
	}
	if len(fit) == 0 {
		t.Skip("no such VM")
	}
	return rapid.SampledFrom(fit).Draw(t, "vm")
}

func (d *days) register(*rapid.T) {
	host := fmt.Sprintf("VM-%d", len(d.vms))
	v := &vm{host: host}
	d.vms = append(d.vms, v)
	token, err := d.source.Register(context.Background(), attempt(host))
	if v.gone = err != nil; v.gone {
		return
	}
	v.token = token
	for _, r := range d.server.Runners() {
		if r.Description == host {
			v.runner = r.ID
		}
	}
	d.node(host)
}

func alive(v *vm) bool { return !v.gone }

// check holds what the source says against GitLab's own books.
func (d *days) check(t *rapid.T) (demand autoscale.Demand, ok bool) {
	demand, err := d.source.Demand(context.Background())
	if err != nil {
		return demand, false
	}
	var want, have []autoscale.JobID
	for _, job := range d.jobs {
		if j := d.server.Job(job); j.Status == "pending" {
			want = append(want, id(job))
		}
	}
	for _, c := range demand.Classes {
		for _, m := range c.Members {
			have = append(have, m.ID)
		}
	}
	require.ElementsMatch(t, want, have)
	records := d.server.Runners()
	for _, v := range d.vms {
		use, listed := demand.Use[fmt.Sprintf("vm-%s", v.host[3:])]
		running := len(d.server.RunningOn(v.runner)) > 0 && v.runner > 0
		require.True(t, listed || v.gone, "nothing is said of %s", v.host)
		if listed && running {
			require.True(t, use.Busy(), "%s runs a job, and is shown as %+v", v.host, use)
		}
		if use.Drain != autoscale.DrainDone {
			continue
		}
		require.False(t, running, "%s is done, and runs a job", v.host)
		registered := slices.ContainsFunc(records, func(r gitlabtest.Runner) bool { return r.ID == v.runner })
		require.True(t, !registered || v.taken, "%s is done, and can still be given a job", v.host)
		require.Nil(t, v.answer, "%s is done, and is about to be given a job", v.host)
	}
	return demand, true
}

// remove ends the VMs that may go, as the planner does.
func (d *days) remove(t *rapid.T) {
	demand, ok := d.check(t)
	for _, v := range d.vms {
		if use := demand.Use["vm-"+v.host[3:]]; ok && !v.gone && use.Drain == autoscale.DrainDone && !use.Busy() {
			v.gone, v.answer = true, nil
			d.end(v.host)
		}
	}
}

func (d *days) fault(t *rapid.T) {
	f := gitlabtest.Fault{
		Method:  rapid.SampledFrom([]string{"", http.MethodPut, http.MethodDelete, http.MethodPost}).Draw(t, "method"),
		Handled: rapid.Bool().Draw(t, "handled"), Cut: rapid.Bool().Draw(t, "cut"),
		Status: rapid.SampledFrom([]int{500, 403, 200}).Draw(t, "status"), Body: rapid.SampledFrom([]string{"", "{}", "[{}]"}).Draw(t, "body"),
	}
	if f.Status == 403 {
		f.Handled = false
	}
	d.server.Fail(f)
}

// TestLaws: whatever happens, no host is done that runs a job or could get one, what
// waits is told to the letter, and in the end nothing is left over.
func TestLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := newDays(t)
		drained := func(do func(context.Context, []autoscale.Node)) func(*rapid.T) {
			return func(t *rapid.T) { do(context.Background(), []autoscale.Node{{Host: d.some(t, alive).host}}) }
		}
		t.Repeat(map[string]func(*rapid.T){
			"job":      func(*rapid.T) { d.jobs = append(d.jobs, d.server.Queue(project, "macos-15")) },
			"register": d.register,
			"contact":  func(t *rapid.T) { d.server.Contact(d.some(t, alive).token) },
			"ask": func(t *rapid.T) {
				v := d.some(t, func(v *vm) bool { return !v.gone && !v.taken && v.answer == nil })
				v.answer, v.due = d.server.Begin(v.token), d.now.Add(time.Duration(rapid.IntRange(0, 9).Draw(t, "s"))*time.Second)
			},
			"end job": func(t *rapid.T) {
				v := d.some(t, func(v *vm) bool { return v.job != 0 })
				d.server.Finish(v.job, rapid.SampledFrom([]string{"success", "failed", "canceled"}).Draw(t, "status"))
			},
			"drain":   drained(func(ctx context.Context, n []autoscale.Node) { d.source.Drain(ctx, n, "") }),
			"undrain": drained(func(ctx context.Context, n []autoscale.Node) { d.source.Undrain(ctx, n) }),
			"keep":    func(*rapid.T) { _ = d.source.Keep(context.Background(), d.supply, nil) },
			"time":    func(t *rapid.T) { d.pass(rapid.IntRange(1, 15).Draw(t, "seconds")) },
			"remove":  d.remove,
			"crash": func(t *rapid.T) {
				v := d.some(t, alive)
				v.gone, v.answer = true, nil
				d.end(v.host)
			},
			"restart": func(*rapid.T) { d.restart() },
			"fault":   d.fault,
			"heal":    func(*rapid.T) { d.server.Heal() },
			"pause":   func(t *rapid.T) { d.pauseRunner(t, true) },
			"resume":  func(t *rapid.T) { d.pauseRunner(t, false) },
			"":        func(t *rapid.T) { d.check(t) },
		})
		d.tidy(t)
	})
}

func (d *days) pauseRunner(t *rapid.T, paused bool) {
	list := d.server.Runners()
	if len(list) == 0 {
		t.Skip("no runner")
	}
	d.server.PauseRunner(rapid.SampledFrom(list).Draw(t, "runner").ID, paused)
}

// tidy ends everything and sees that nothing is left.
func (d *days) tidy(t *rapid.T) {
	d.server.Heal()
	for _, v := range d.vms {
		v.gone, v.answer = true, nil
		d.end(v.host)
	}
	for _, job := range d.jobs {
		d.server.Finish(job, "canceled")
	}
	for range 8 {
		_, ok := d.check(t)
		require.True(t, ok)
		d.keep()
		d.pass(15)
	}
	require.Empty(t, d.server.Runners())
	for range 2 {
		d.keep()
		d.pass(16 * 60)
	}
	d.keep()
	require.JSONEq(t, `{"version":1,"runners":[]}`, string(d.store.text)+map[bool]string{true: `{"version":1,"runners":[]}`}[d.store.text == nil])
}
