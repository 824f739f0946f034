package fleet_test

import (
	"flag"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/anka/ankatest"
	"autoscaled/autoscale"
	"autoscaled/internal/fleet"
)

var (
	seeds     = flag.Int("seeds", 8, "how many days to play")
	firstSeed = flag.Uint64("first-seed", 1, "the seed of the first of them")
)

const (
	// trouble is how long jobs come, calls fail and daemons die.
	trouble  = 40 * time.Minute
	jobsADay = 20
)

// TestDays plays days of successive seeds: jobs come and are cancelled, calls to both
// services fail, answers are lost, starts arrive late, and the daemon is killed. Nothing
// leaks, nothing is doubled, and no VM ends under a job.
//
//	go test ./internal/fleet -run TestDays -seeds=1 -first-seed=N -v
func TestDays(t *testing.T) {
	for i := range *seeds {
		seed := *firstSeed + uint64(i)
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			w := newWeather(seed, 0.04*float64(1+seed%3))
			s := standard()
			s.macs.Nodes = []ankatest.NodeConfig{
				{Name: "arm", Count: 3 + int(seed%4), Arch: "arm64", Holds: []ankatest.HoldConfig{{Template: arm, Tag: "v2"}}},
				{Name: "intel", Count: 2 + int(seed%3), Arch: "amd64", Holds: []ankatest.HoldConfig{{Template: intel, Tag: "base"}}},
			}
			s.options.NewsLate = time.Duration(seed%4) * 5 * time.Second
			s.weather = w
			play(t, s, func(r *rig) { liveThrough(r, w) })
		})
	}
}

func liveThrough(r *rig, w *weather) {
	defer w.late.Wait()
	jobs := arrivals(w)
	r.world.Add(jobs...)
	ends := time.Now().Add(trouble)
	for n := 0; time.Now().Before(ends); n++ {
		time.Sleep(time.Duration(w.lot("life", n) % uint64(15*time.Minute)))
		r.kill()
		time.Sleep(time.Duration(w.lot("down", n) % uint64(time.Minute)))
		if r.gitlab == nil {
			r.github.DropSession(arm)
			r.github.DropSession(intel)
		}
		r.start()
	}
	w.clear()
	r.until("all jobs have ended", 6*time.Hour, func(b fleet.Books) bool { return b.Ended() == len(jobs) })
	r.until("nothing is left", time.Hour, over)
	r.clean()
	r.requireOnce()
	b := r.world.Books()
	// A start for each job, and a few for VMs that trouble cost: a deletion that arrives late
	// takes the runner from one that is wanted again.
	require.LessOrEqual(r, b.Starts, len(jobs)*6/5)
	r.Logf("%d jobs, %d starts, p95 of queue times %s, faults %v", len(jobs), b.Starts, b.QueueTime(95).Round(time.Second), w.count)
}

// arrivals are the jobs of a day: more in its middle, most of them short.
func arrivals(w *weather) (jobs []fleet.Job) {
	now := time.Now()
	for i := range jobsADay {
		wave := (w.chance("at", i) + w.chance("at too", i)) / 2
		j := fleet.Job{
			Set: arm, At: now.Add(time.Duration(wave * float64(trouble))),
			Length: time.Duration(math.Exp(5+w.chance("length", i)*2.5) * float64(time.Second)),
		}
		if w.lot("set", i)%3 == 0 {
			j.Set = intel
		}
		if w.lot("cancelled", i)%4 == 0 {
			j.CancelAfter = time.Duration(w.lot("cancel", i) % uint64(10*time.Minute))
		}
		jobs = append(jobs, j)
	}
	return jobs
}

// requireOnce requires that no request has brought more than one instance.
func (r *rig) requireOnce() {
	r.Helper()
	brought := map[autoscale.RequestID][]string{}
	for _, s := range r.anka.Books().Starts {
		parts := strings.Split(s.ExternalID, "/")
		require.Len(r, parts, 3)
		request := autoscale.RequestID(parts[1])
		brought[request] = append(brought[request], s.Instances...)
		require.Len(r, brought[request], 1, "request %s", request)
	}
}
