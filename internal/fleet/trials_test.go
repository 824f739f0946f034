package fleet_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/anka/ankatest"
	"autoscaled/internal/fleet"
	"autoscaled/queue/github/githubtest"
)

// TestTrialCancelStorm: of a hundred jobs that come at once half are cancelled while
// their VMs boot or their runners come up, and news of starts are late.
func TestTrialCancelStorm(t *testing.T) {
	for name, storm := range map[string]struct {
		macs           int
		from, interval time.Duration
	}{
		// From when VMs begin to boot until runners come up.
		"one by one":     {50, 20 * time.Second, 2 * time.Second},
		"room for forty": {20, 20 * time.Second, 2 * time.Second},
		// What is too many is drained while runners take jobs and no news tell of it.
		"at once": {50, 105 * time.Second, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := standard()
			s.macs.Nodes = []ankatest.NodeConfig{{Name: "arm", Count: storm.macs, Arch: "arm64", Holds: []ankatest.HoldConfig{{Template: arm, Tag: "v2"}}}}
			s.pools, s.sets = s.pools[:1], s.sets[:1]
			s.options.NewsLate = 10 * time.Second
			play(t, s, func(r *rig) {
				for i := range 50 {
					r.queue(1, arm, 5*time.Minute, 0)
					r.queue(1, arm, 5*time.Minute, storm.from+time.Duration(i)*storm.interval)
				}
				stormPasses(r)
			})
		})
	}
}

func stormPasses(r *rig) {
	r.until("all jobs have ended", time.Hour, func(b fleet.Books) bool { return b.Ended() == 100 })
	r.until("all VMs are gone", 2*time.Minute, func(b fleet.Books) bool { return len(b.VMs) == 0 })
	r.until("no record is left", 8*time.Minute, over)
	r.clean()
	b := r.world.Books()
	require.LessOrEqual(r, b.Starts, 100)
	require.GreaterOrEqual(r, b.Succeeded(), 50, "jobs that nobody cancelled")
	time.Sleep(time.Hour)
	require.Equal(r, b.Starts, r.world.Books().Starts, "nothing is started for nobody")
}

// TestTrialOutage: the CI service is away for an hour while jobs come, run and end, and
// the daemon is killed within it. Nothing starts, nothing ends but VMs whose jobs have,
// and a minute after its return all is as it should be.
func TestTrialOutage(t *testing.T) {
	down := githubtest.Fault{Times: -1, Status: http.StatusServiceUnavailable}
	forbidden := githubtest.Fault{Times: -1, Status: http.StatusForbidden, Body: `{"message":"Resource not accessible by integration"}`}
	silent := githubtest.Fault{Times: -1, Path: "/service/", Status: http.StatusBadGateway}
	for name, phases := range map[string][]githubtest.Fault{
		"server errors": {down},
		"forbidden":     {forbidden},
		"empty polls":   {silent}, // of those who have a session; nothing else works
		"all of them":   {down, silent, forbidden},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play(t, standard(), func(r *rig) { outage(r, phases) })
		})
	}
}

func outage(r *rig, phases []githubtest.Fault) {
	r.queue(8, arm, 30*time.Minute, 0)   // end within the hour
	r.queue(4, intel, 90*time.Minute, 0) // outlast it
	r.until("they run", 5*time.Minute, func(b fleet.Books) bool { return b.Running() == 12 })
	r.queue(3, arm, 90*time.Minute, 0) // boot as it begins
	time.Sleep(45 * time.Second)
	began := time.Now()
	r.github.Mute(true)
	r.queue(6, intel, time.Hour, 0)
	for i, fault := range phases {
		r.github.Heal()
		r.github.Fail(fault)
		if i == len(phases)/2 {
			time.Sleep(5 * time.Minute)
			r.kill()
			time.Sleep(10 * time.Second)
			r.start()
			time.Sleep(time.Minute)
			r.github.DropSession(arm)
			r.github.DropSession(intel)
		}
		time.Sleep(time.Until(began.Add(time.Hour * time.Duration(i+1) / time.Duration(len(phases)))))
	}
	returned := time.Now()
	r.requireStill(began, returned)
	r.github.Heal()
	r.github.Mute(false)
	r.until("all is as it should be", time.Minute, asWanted)
	time.Sleep(10 * time.Minute)
	require.True(r, asWanted(r.world.Books()), "and stays so")
	r.until("all jobs are done", 5*time.Hour, func(b fleet.Books) bool { return b.Succeeded() == 21 })
	r.until("nothing is left", 10*time.Minute, over)
	r.clean()
	require.Equal(r, 21, r.world.Books().Starts)
}

// asWanted tells whether there are as many VMs as jobs that run or wait, and none is
// left of those that ended.
func asWanted(b fleet.Books) bool {
	running := map[string]bool{}
	for _, j := range b.Jobs {
		if j.Ended.IsZero() && j.Runner != "" {
			running[j.Runner] = true
		}
	}
	idle := 0
	for _, i := range b.VMs {
		if !running[i.Name] {
			idle++
		}
	}
	return len(b.VMs)-idle == b.Running() && idle == b.Waiting()
}

// requireStill requires that between two moments nothing was started, and that no VM was
// ended whose job had not.
func (r *rig) requireStill(from, to time.Time) {
	r.Helper()
	b := r.world.Books()
	within := func(at time.Time) bool { return at.After(from) && !at.After(to) }
	ended := map[string]time.Time{}
	for _, j := range b.Jobs {
		if !j.Ended.IsZero() {
			ended[j.Runner] = j.Ended
		}
	}
	for _, i := range b.Anka.Instances {
		require.False(r, within(i.Created), "%s was started at %s", i.Name, i.Created)
		if within(i.Asked) {
			at, has := ended[i.Name]
			require.True(r, has && !at.After(i.Asked), "%s was ended at %s", i.Name, i.Asked)
		}
	}
}

// TestEndsThatNoMessageTells: while polls bring nothing and all else works, runners are
// seen to be gone whose jobs had begun. Their jobs don't wait again for that.
func TestEndsThatNoMessageTells(t *testing.T) {
	play(t, standard(), func(r *rig) {
		r.queue(8, arm, 30*time.Minute, 0)
		r.queue(4, intel, 90*time.Minute, 0)
		r.until("they run", 5*time.Minute, func(b fleet.Books) bool { return b.Running() == 12 })
		time.Sleep(time.Minute)
		began := time.Now()
		r.github.Mute(true)
		time.Sleep(time.Hour)
		r.requireStill(began, time.Now())
		r.github.Mute(false)
		r.until("all is as it should be", time.Minute, asWanted)
		r.until("all jobs are done", 5*time.Hour, func(b fleet.Books) bool { return b.Succeeded() == 12 })
		r.until("nothing is left", 10*time.Minute, over)
		r.clean()
		require.Equal(r, 12, r.world.Books().Starts)
	})
}

// TestTrialTwoHourJob: with its start-up script monitored a job of two hours ends well,
// and while it runs the Mac's second slot starts another VM within a minute.
func TestTrialTwoHourJob(t *testing.T) {
	play(t, oneMac(), func(r *rig) {
		r.queue(1, arm, 2*time.Hour, 0)
		r.until("it runs", 5*time.Minute, func(b fleet.Books) bool { return b.Running() == 1 })
		time.Sleep(time.Hour)
		r.queue(1, arm, 10*time.Minute, 0)
		r.until("the second VM is started", time.Minute, func(b fleet.Books) bool {
			return len(b.VMs) == 2 && !b.VMs[1].Started.IsZero()
		})
		time.Sleep(30 * time.Minute)
		first, err := r.client(r.life).Instance(r.Context(), r.world.Books().VMs[0].ID)
		require.NoError(r, err)
		require.NotNil(r, first.Script, "it was monitored")
		require.Zero(r, first.Script.ReturnCode)
		r.until("both are done", time.Hour, func(b fleet.Books) bool { return b.Succeeded() == 2 })
		r.until("nothing is left", 5*time.Minute, over)
		r.clean()
		require.Equal(r, 2, r.world.Books().Starts)
		require.Equal(r, 2, r.world.Books().MostVMs["arm"])
	})
}

// TestScriptThatWaitsForItsRunner: what the trial would come to if the script did not
// launch the runner detached.
func TestScriptThatWaitsForItsRunner(t *testing.T) {
	s := oneMac()
	s.launch = "\n"
	play(t, s, func(r *rig) {
		r.queue(1, arm, 2*time.Hour, 0)
		time.Sleep(10 * time.Minute)
		require.Zero(r, r.world.Books().Succeeded()+r.world.Books().Running())
		require.Greater(r, r.world.Books().Starts, 1)
		r.clean()
	})
}

// oneMac has two slots, and watches the scripts of its VMs.
func oneMac() setup {
	s := standard()
	s.macs.Nodes = []ankatest.NodeConfig{{Name: "arm", Arch: "arm64", Holds: []ankatest.HoldConfig{{Template: arm, Tag: "v2"}}}}
	s.pools, s.sets = s.pools[:1], s.sets[:1]
	s.pools[0].ScriptMonitoring = true
	s.options.Waits = func(script []byte) bool { return !strings.HasSuffix(string(script), detached) }
	return s
}
