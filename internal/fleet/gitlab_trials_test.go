package fleet_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/anka/ankatest"
	"autoscaled/internal/fleet"
	"autoscaled/queue/gitlab/gitlabtest"
)

// TestGitLabCancelStorm is TestTrialCancelStorm for GitLab, whose drained runners may be
// given a job for some time yet.
func TestGitLabCancelStorm(t *testing.T) {
	for name, storm := range map[string]struct {
		macs           int
		from, interval time.Duration
	}{
		"one by one":     {50, 20 * time.Second, 2 * time.Second},
		"room for forty": {20, 20 * time.Second, 2 * time.Second},
		"at once":        {50, 105 * time.Second, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := standardGitLab()
			s.macs.Nodes = []ankatest.NodeConfig{{Name: "arm", Count: storm.macs, Arch: "arm64", Holds: []ankatest.HoldConfig{{Template: arm, Tag: "v2"}}}}
			s.pools = s.pools[:1]
			play(t, s, func(r *rig) {
				for i := range 50 {
					r.queue(1, arm, 5*time.Minute, 0)
					r.queue(1, arm, 5*time.Minute, storm.from+time.Duration(i)*storm.interval)
				}
				stormPasses(r)
				most, at := r.gitlab.mostCalls()
				r.Logf("%d starts, most calls in a minute %d, the %dth", r.world.Books().Starts, most, at)
			})
		})
	}
}

// TestGitLabOutage is TestTrialOutage for GitLab: errors, refusals, and a token that sees
// nothing any more, which GraphQL answers with empty lists.
func TestGitLabOutage(t *testing.T) {
	fails := func(f gitlabtest.Fault) func(r *rig) {
		f.Times = -1
		return func(r *rig) { r.gitlab.Fail(f) }
	}
	down := fails(gitlabtest.Fault{Status: http.StatusServiceUnavailable})
	forbidden := fails(gitlabtest.Fault{Status: http.StatusForbidden, Body: `{"message":"403 Forbidden"}`})
	blind := func(r *rig) {
		r.gitlab.SetRights(gitlabtest.Rights{Read: true, Create: true, Manage: true, Projects: []string{}})
	}
	for name, trial := range map[string]struct {
		all    bool
		phases []func(r *rig)
	}{
		"server errors":           {false, []func(r *rig){down}},
		"forbidden":               {true, []func(r *rig){forbidden}},
		"sees no project":         {false, []func(r *rig){blind}},
		"sees nothing in GraphQL": {true, []func(r *rig){blind}},
		"all of them":             {false, []func(r *rig){down, blind, forbidden}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := standardGitLab()
			s.gitlab.all = trial.all
			play(t, s, func(r *rig) { gitlabOutage(r, trial.phases) })
		})
	}
}

func gitlabOutage(r *rig, phases []func(r *rig)) {
	r.queue(8, arm, 30*time.Minute, 0)   // end within the hour
	r.queue(4, intel, 90*time.Minute, 0) // outlast it
	r.until("they run", 5*time.Minute, func(b fleet.Books) bool { return b.Running() == 12 })
	r.queue(3, arm, 90*time.Minute, 0) // boot as it begins
	time.Sleep(45 * time.Second)
	began := time.Now()
	r.queue(6, intel, time.Hour, 0)
	heal := func() {
		r.gitlab.Heal()
		r.gitlab.SetRights(gitlabtest.All())
	}
	for i, begin := range phases {
		heal()
		begin(r)
		if i == len(phases)/2 {
			time.Sleep(5 * time.Minute)
			r.kill()
			time.Sleep(10 * time.Second)
			r.start()
		}
		time.Sleep(time.Until(began.Add(time.Hour * time.Duration(i+1) / time.Duration(len(phases)))))
	}
	r.requireStill(began, time.Now())
	heal()
	r.Logf("all is as it should be after %s", r.until("all is as it should be", time.Minute, asWanted))
	time.Sleep(10 * time.Minute)
	require.True(r, asWanted(r.world.Books()), "and stays so")
	r.until("all jobs are done", 5*time.Hour, func(b fleet.Books) bool { return b.Succeeded() == 21 })
	r.until("nothing is left", 10*time.Minute, over)
	r.clean()
	require.Equal(r, 21, r.world.Books().Starts)
}

// TestGitLabDays is TestDays for GitLab.
func TestGitLabDays(t *testing.T) {
	for i := range max(1, *seeds/4) {
		seed := *firstSeed + uint64(i)
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			w := newWeather(seed, 0.04*float64(1+seed%3))
			s := standardGitLab()
			s.gitlab.all, s.gitlab.old = seed%2 == 0, seed%3 == 0
			s.macs.Nodes = []ankatest.NodeConfig{
				{Name: "arm", Count: 3 + int(seed%4), Arch: "arm64", Holds: []ankatest.HoldConfig{{Template: arm, Tag: "v2"}}},
				{Name: "intel", Count: 2 + int(seed%3), Arch: "amd64", Holds: []ankatest.HoldConfig{{Template: intel, Tag: "base"}}},
			}
			s.weather = w
			play(t, s, func(r *rig) { liveThrough(r, w) })
		})
	}
}
