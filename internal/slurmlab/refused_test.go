package slurmlab

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/cyclecloud/cyclecloudtest"
)

// A job that nothing can serve tells its user so, and costs nothing.
func TestJobThatNothingServes(t *testing.T) {
	if !*withSlurm {
		return
	}
	t.Parallel()
	l := newLab(t, plan{cloud: func(c *cyclecloudtest.Config) { c.Clusters[0].Nodearrays[1].MaxCount = 4 }})
	l.serve()
	large := l.submit("srun hostname", "-p", "hpc", "-N6", "--exclusive")
	small := l.submit("hostname", "-p", "htc")
	l.eventually("the user sees the reason", func() bool { return strings.HasPrefix(l.comment(large), "autoscaled: ") })
	require.Contains(t, l.comment(large), "4", "the limit")
	l.finished(1, small)
	require.Empty(t, large.started(t))
	l.run("scancel", large.id)
	l.eventually("all nodes are gone", func() bool { return l.there() == 0 })
	l.accounted()
	for _, n := range l.created() {
		require.Equal(t, "htc", n.Bucket.Nodearray)
	}
}

// Sold out: of 40 jobs that may run in htc or hpc, the cloud has 12 nodes of htc.
func TestTrialSoldOut(t *testing.T) {
	if !*withSlurm {
		return
	}
	t.Parallel()
	stock := 12
	l := newLab(t, plan{
		slurm: func(o *Options) {
			o.Lines = strings.ReplaceAll(powerLines, "htc-[1-120]", "htc-[1-40]")
			o.SuspendTime = 20 * time.Second
		},
		cloud: func(c *cyclecloudtest.Config) { c.Clusters[0].Nodearrays[0].Buckets[0].Stock = &stock },
	})
	l.serve("queue", strings.ReplaceAll(powerQueue, "htc-[1-120]", "htc-[1-40]"))
	w := l.watch()
	var jobs []job
	for range 40 {
		jobs = append(jobs, l.submit("sleep 30", "-n4", "-p", "htc,hpc", "--mem=1000"))
	}
	var down time.Time
	l.eventually("28 nodes are down with the limit named", func() bool {
		var count int
		count, down = l.outBy("htc")
		return count == 28
	})
	l.eventually("what htc has not runs in hpc", func() bool { return l.ended(jobs) == 40 })
	ticks := w.ticks(l.soldOut("htc", stock), down)
	require.NotZero(t, ticks)
	require.LessOrEqual(t, ticks, 2+1, "ticks from the refusal to the last node's DOWN, and one for the rounding")
	inHPC := 0
	for _, j := range jobs {
		require.Len(t, j.done(t), 1)
		if lines := j.done(t)["0"]; strings.HasPrefix(lines[len(lines)-1], "hpc-") {
			inHPC++
		}
	}
	require.Equal(t, 28, inHPC)
	require.NoError(t, l.cloud.SetStock(cyclecloudtest.BucketKey{Nodearray: "htc", MachineType: "Standard_F4s_v2"}, -1))
	l.eventually("all nodes are back", func() bool { return l.count("idle~") == l.total() })
	l.quiet()
	l.probes()
}

// What is sold out is tried again while jobs wait for it, by one node each time.
func TestSoldOutIsTriedByOne(t *testing.T) {
	if !*withSlurm {
		return
	}
	t.Parallel()
	stock := 2
	l := newLab(t, plan{
		slurm: func(o *Options) { o.Lines = strings.ReplaceAll(powerLines, "htc-[1-120]", "htc-[1-8]") },
		cloud: func(c *cyclecloudtest.Config) { c.Clusters[0].Nodearrays[0].Buckets[0].Stock = &stock },
	})
	l.serve("queue", strings.ReplaceAll(powerQueue, "htc-[1-120]", "htc-[1-8]"))
	var jobs []job
	for range 5 {
		jobs = append(jobs, l.submit(l.hold("end"), "-n4", "-p", "htc", "--mem=1000"))
	}
	l.eventually("6 nodes are down with the limit named", func() bool { return l.out("htc") == 6 })
	late := l.submit("true", "-n4", "-p", "htc", "--array=1-3")
	own := l.submit("true", "-n4", "-p", "htc", "--comment=mine")
	l.eventually("a job that waits behind them is told why, as the nodes say", func() bool {
		return strings.HasPrefix(l.comment(late), "autoscaled: htc/Standard_F4s_v2 has run out (capacity); it is tried again at ")
	})
	require.Contains(t, l.run("sinfo", "-h", "-N", "-p", "htc", "-t", "down", "-o", "%E"), l.comment(late))
	require.Equal(t, "mine", l.comment(own))
	require.Contains(t, l.run("squeue", "-h", "-o", "%i"), late.id+"_[1-3]", "the array is one record still")
	l.run("scancel", late.id, own.id)
	before := len(l.tries("htc"))
	l.eventually("htc is tried again", func() bool { return len(l.tries("htc")) > before })
	require.Less(t, l.out("htc"), 6)
	l.eventually("the node that was tried is down again", func() bool { return l.out("htc") == 6 })
	tries := l.tries("htc")
	require.Len(t, tries, before+1, "once")
	require.Len(t, tries[before].Sets, 1)
	require.Equal(t, 1, tries[before].Sets[0].Asked, "by one node")
	require.GreaterOrEqual(t, tries[before].At.Sub(tries[before-1].At), 3*time.Minute, "the backoff")
	l.release("end")
	l.eventually("2 of the 3 that waited have run", func() bool { return l.ended(jobs) == 4 })
	for _, j := range jobs {
		if len(j.done(t)) == 0 {
			l.run("scancel", j.id)
		}
	}
	l.eventually("all VMs are gone", func() bool { return l.there() == 0 && l.fleet.Running() == 0 })
	l.accounted()
	require.Len(t, l.resumed(), 6, "Slurm resumed five at first, and the one that was tried")
}

// tries lists the requests for nodes of an array.
func (l *lab) tries(array string) (list []cyclecloudtest.CreateRecord) {
	for _, c := range l.cloud.Books().Creates {
		if slices.ContainsFunc(c.Sets, func(s cyclecloudtest.SetRecord) bool { return s.Bucket.Nodearray == array }) {
			list = append(list, c)
		}
	}
	return list
}

// out counts the nodes of an array that are down with our mark.
func (l *lab) out(array string) int {
	l.t.Helper()
	count, _ := l.outBy(array)
	return count
}

// outBy counts them, and tells by when the last was set DOWN: Slurm tells whole seconds.
func (l *lab) outBy(array string) (count int, last time.Time) {
	l.t.Helper()
	for line := range strings.Lines(l.run("sinfo", "-h", "-N", "-p", array, "-o", "%t %H %E")) {
		fields := strings.SplitN(line, " ", 3)
		if !strings.HasPrefix(fields[0], "down") || !strings.HasPrefix(fields[2], "autoscaled: ") {
			continue
		}
		at, err := time.ParseInLocation("2006-01-02T15:04:05", fields[1], time.Local)
		require.NoError(l.t, err)
		count++
		if at = at.Add(time.Second); at.After(last) {
			last = at
		}
	}
	return count, last
}

// soldOut is when the cloud had been asked for more of an array than it has.
func (l *lab) soldOut(array string, stock int) time.Time {
	l.t.Helper()
	asked := 0
	for _, c := range l.tries(array) {
		for _, s := range c.Sets {
			asked += s.Asked
		}
		if asked > stock {
			return c.At.Add(boot / 5) // a simulated cloud knows after a fifth of a boot
		}
	}
	require.FailNow(l.t, "the cloud was asked for no more than it has")
	return time.Time{}
}

// ended counts the jobs that are done.
func (l *lab) ended(jobs []job) int {
	count := 0
	for _, j := range jobs {
		count += len(j.done(l.t))
	}
	return count
}

// probes holds that after the first refusal no more than one node of htc was tried at a time.
func (l *lab) probes() {
	l.t.Helper()
	creates := l.cloud.Books().Creates
	require.NotEmpty(l.t, creates)
	for _, c := range creates[1:] {
		for _, s := range c.Sets {
			if s.Bucket.Nodearray == "htc" {
				require.LessOrEqual(l.t, s.Asked, 1, "a probe")
			}
		}
	}
}
