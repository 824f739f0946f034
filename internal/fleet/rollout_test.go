package fleet_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/anka"
	"autoscaled/anka/ankatest"
	"autoscaled/internal/fleet"
)

const (
	// working is how long the hours last in which jobs come.
	working = 100 * time.Minute
	// changed is when within them the tag is changed.
	changed = 10 * time.Minute
	newTag  = "v3"
)

// TestTrialNewTag: a tag of 90 GB comes to sixty Macs while jobs keep half of their slots
// busy. Each Mac pulls it once, six at a time at most, and jobs wait hardly longer.
func TestTrialNewTag(t *testing.T) {
	var without, with fleet.Books
	t.Run("both", func(t *testing.T) {
		t.Run("without it", func(t *testing.T) {
			t.Parallel()
			play(t, sixtyMacs(), func(r *rig) { without = workingHours(r, working, func() {}) })
		})
		t.Run("with it", func(t *testing.T) {
			t.Parallel()
			play(t, sixtyMacs(), func(r *rig) { with = workingHours(r, working, r.newTag) })
		})
	})
	require.LessOrEqual(t, with.MostPulling, 6)
	for _, n := range with.Anka.Nodes {
		require.Len(t, n.Pulls, 1, n.Name)
		require.Zero(t, n.Evictions, n.Name)
	}
	require.LessOrEqual(t, with.QueueTime(95), without.QueueTime(95)*12/10)
}

// TestTrialGoingBack: with the roll-out under way the old tag is put back. No VM starts
// with the new one, and no Mac begins to pull it, from the next tick on.
func TestTrialGoingBack(t *testing.T) {
	play(t, sixtyMacs(), func(r *rig) {
		const half = 30 * time.Minute
		workingHours(r, changed+2*half, func() {
			r.newTag()
			time.Sleep(half)
			require.NotEmpty(r, r.startsWith(newTag, time.Time{}), "it is in use")
			r.reload(func(pools []anka.PoolOptions) {
				pools[0].Tag, pools[0].PreviousTag = "v1", ""
			})
			time.Sleep(r.setup.interval)
			at := time.Now()
			time.Sleep(half)
			require.Empty(r, r.startsWith(newTag, at))
			require.NotEmpty(r, r.startsWith("v1", at))
			for _, n := range r.world.Books().Anka.Nodes {
				for _, p := range n.Pulls {
					require.False(r, p.From.After(at), "%s pulls %s", n.Name, p.Tag)
				}
			}
		})
	})
}

// sixtyMacs hold the tag that is in use.
func sixtyMacs() setup {
	s := standard()
	s.macs.Nodes = []ankatest.NodeConfig{{Name: "arm", Count: 60, Arch: "arm64", PullMBps: 200, Holds: []ankatest.HoldConfig{{Template: arm, Tag: "v1"}}}}
	s.pools, s.sets = s.pools[:1], s.sets[:1]
	s.pools[0].Tag, s.pools[0].Distribute = "v1", true
	s.interval = 30 * time.Second
	s.provider = func(o *anka.ProviderOptions) { o.PullingPercent = 10 }
	return s
}

// newTag pushes the tag and rolls it out.
func (r *rig) newTag() {
	r.Helper()
	require.NoError(r, r.anka.PushTag(arm, ankatest.TagConfig{Tag: newTag, SizeGB: 90}))
	r.reload(func(pools []anka.PoolOptions) {
		pools[0].Tag, pools[0].PreviousTag = newTag, "v1"
	})
}

// workingHours let jobs come for so long, and do something in them.
func workingHours(r *rig, length time.Duration, do func()) fleet.Books {
	began := time.Now()
	r.world.Add(steady(began, length)...)
	time.Sleep(changed)
	do()
	time.Sleep(time.Until(began.Add(length)))
	r.until("all jobs are done", 8*time.Hour, func(b fleet.Books) bool { return b.Ended() == len(b.Jobs) })
	r.until("nothing is left", 10*time.Minute, over)
	r.clean()
	return r.world.Books()
}

// steady are jobs that come every 33 s on average and run for 25 minutes, as
// lognormal draws around it.
func steady(from time.Time, length time.Duration) (jobs []fleet.Job) {
	w := newWeather(1, 0)
	at := from
	for i := 0; at.Before(from.Add(length)); i++ {
		normal := math.Sqrt(-2*math.Log(1-w.chance("radius", i))) * math.Cos(2*math.Pi*w.chance("angle", i))
		jobs = append(jobs, fleet.Job{Set: arm, At: at, Length: time.Duration(1500 * math.Exp(0.6*normal) * float64(time.Second))})
		at = at.Add(time.Duration(-math.Log(1-w.chance("gap", i)) * 33 * float64(time.Second)))
	}
	return jobs
}

// startsWith are the starts of instances of a tag after a time.
func (r *rig) startsWith(tag string, after time.Time) (starts []ankatest.StartRecord) {
	for _, s := range r.anka.Books().Starts {
		if s.Tag == tag && s.At.After(after) {
			starts = append(starts, s)
		}
	}
	return starts
}
