package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"autoscaled/autoscale"
)

// officeHours are the windows of a pool that keeps ten nodes on workdays in Berlin,
// as a file gives them.
func officeHours(t *testing.T) autoscale.Policy {
	t.Helper()
	text := strings.Replace(minimal, "nodearray: execute\n", `nodearray: execute
          max: 20
          schedules:
            - {name: office, start: 0 8 * * 1-5, end: 0 18 * * 1-5, time_zone: Europe/Berlin, min: 10, idle_time: 1h}
`, 1)
	c, err := Parse("c.yaml", []byte(text))
	require.NoError(t, err)
	return c.Clusters[0].Policy()
}

// From Friday to Tuesday over both changes of the clock: office hours are 07:00 to
// 17:00 UTC in winter and 06:00 to 16:00 UTC in summer.
func TestOfficeHoursHoldInLocalTime(t *testing.T) {
	p := officeHours(t)
	for _, c := range []struct {
		from    string
		opens   []string // hours of UTC
		closing []string
	}{
		{"2026-10-23", []string{"23T06", "26T07", "27T07"}, []string{"23T16", "26T17", "27T17"}},
		{"2026-03-27", []string{"27T07", "30T06", "31T06"}, []string{"27T17", "30T16", "31T16"}},
	} {
		day, err := time.Parse(time.DateOnly, c.from)
		require.NoError(t, err)
		var opens, closing []string
		for at := day; at.Before(day.Add(5 * 24 * time.Hour)); at = at.Add(time.Minute) {
			now, before := p.At(at).Pools[0], p.At(at.Add(-time.Minute)).Pools[0]
			switch {
			case now.Min == 10 && before.Min == 0:
				opens = append(opens, at.Format("02T15"))
				require.Zero(t, at.Minute())
				require.Equal(t, time.Hour, now.IdleTime)
			case now.Min == 0 && before.Min == 10:
				closing = append(closing, at.Format("02T15"))
				require.Zero(t, at.Minute())
			}
		}
		require.Equal(t, c.opens, opens)
		require.Equal(t, c.closing, closing)
	}
}

// What the plan does of it: ten nodes in the morning, and a reason that names the
// window.
func TestOfficeHoursCreateNodes(t *testing.T) {
	for at, want := range map[string]int{"2026-10-26T06:59:59Z": 0, "2026-10-26T07:00:00Z": 10, "2026-10-26T16:59:59Z": 10, "2026-10-26T17:00:00Z": 0, "2026-10-25T09:00:00Z": 0} {
		now, err := time.Parse(time.RFC3339, at)
		require.NoError(t, err)
		pool := autoscale.Pool{ID: "execute/F4", Labels: map[string]string{autoscale.LabelNodearray: "execute"}, Node: autoscale.Resources{Cores: 4}}
		s := autoscale.State{Observation: autoscale.Observation{At: now, Supply: autoscale.Supply{Pools: []autoscale.Pool{pool}}}}
		plan := autoscale.Decide(s, officeHours(t))
		if want == 0 {
			require.Empty(t, plan.Grow, at)
			continue
		}
		require.Len(t, plan.Grow, 1, at)
		require.Equal(t, want, plan.Grow[0].Count)
		require.Equal(t, "pool execute (schedule office) keeps a minimum of 10", plan.Grow[0].Reason.String())
	}
}

// A zone's clock, minute by minute, shows which of two times comes first: the law
// that windows follow, checked without the library and without offsets.
func TestPropertyWindowsFollowTheClockOnTheWall(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom([]string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Casablanca", "America/Santiago"}).Draw(t, "zone")
		zone, err := time.LoadLocation(name)
		require.NoError(t, err)
		start, end := drawCron(t, "start"), drawCron(t, "end")
		s := Schedule{Name: "x", Start: start.String(), End: end.String(), TimeZone: name}
		window := s.schedule()
		at := drawMoment(t, zone)
		require.Equal(t, nextIsEnd(start, end, at, zone), window.Open(at), "%s to %s at %s", s.Start, s.End, at.In(zone))
	})
}

// drawMoment draws a moment of some years, most often near a change of the clock.
func drawMoment(t *rapid.T, zone *time.Location) time.Time {
	at := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 10*365*24*60).Draw(t, "minute")) * time.Minute)
	if _, change := at.In(zone).ZoneBounds(); !change.IsZero() && rapid.IntRange(0, 3).Draw(t, "near") > 0 {
		at = change.Add(time.Duration(rapid.IntRange(-30*60, 5*60).Draw(t, "offset")) * time.Minute)
	}
	return at
}

// cronTime is a time of day on some days of the week; -1 is any.
type cronTime struct {
	minute, hour int
	days         []int
}

func drawCron(t *rapid.T, label string) cronTime {
	c := cronTime{minute: rapid.SampledFrom([]int{0, 0, 15, 30, 45, 59, -1}).Draw(t, label+"Minute"), hour: rapid.IntRange(-1, 23).Draw(t, label+"Hour")}
	if rapid.Bool().Draw(t, label+"Night") {
		c.hour = rapid.IntRange(0, 4).Draw(t, label+"NightHour")
	}
	if rapid.Bool().Draw(t, label+"HasDays") {
		c.days = rapid.SliceOfNDistinct(rapid.IntRange(0, 6), 1, 4, rapid.ID).Draw(t, label+"Days")
	}
	return c
}

func (c cronTime) String() string {
	any := func(n int) string {
		if n < 0 {
			return "*"
		}
		return fmt.Sprint(n)
	}
	days := "*"
	if c.days != nil {
		days = strings.Trim(strings.ReplaceAll(fmt.Sprint(c.days), " ", ","), "[]")
	}
	return any(c.minute) + " " + any(c.hour) + " * * " + days
}

// is tells whether a clock that shows this shows the time.
func (c cronTime) is(shown time.Time) bool {
	return (c.minute < 0 || shown.Minute() == c.minute) && (c.hour < 0 || shown.Hour() == c.hour) &&
		(c.days == nil || slices.Contains(c.days, int(shown.Weekday())))
}

// nextIsEnd watches the clock minute by minute, and what it has never shown before:
// when it jumps forward all that it skips at once, and when it goes back nothing until it
// shows new times. It tells whether an end comes before any start.
func nextIsEnd(start, end cronTime, at time.Time, zone *time.Location) bool {
	shows := func(at time.Time) time.Time {
		at = at.In(zone)
		return time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), 0, 0, time.UTC)
	}
	furthest := shows(at)
	for back := range 3 * 60 {
		if shown := shows(at.Add(-time.Duration(back) * time.Minute)); shown.After(furthest) {
			furthest = shown
		}
	}
	for range 15 * 24 * 60 {
		at = at.Add(time.Minute)
		starts, ends := false, false
		for shown := shows(at); furthest.Before(shown); {
			furthest = furthest.Add(time.Minute)
			starts, ends = starts || start.is(furthest), ends || end.is(furthest)
		}
		if starts || ends {
			return !starts
		}
	}
	return false
}

func TestTimesThatAreSkippedOrRepeated(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	samoa, err := time.LoadLocation("Pacific/Apia")
	require.NoError(t, err)
	for _, c := range []struct {
		zone              *time.Location
		cron, after, want string
	}{
		{berlin, "30 2 * * *", "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z"}, // 02:30 is skipped: 03:00
		{berlin, "30 2 * * *", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"},
		{berlin, "0 3 * * *", "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z"},
		{berlin, "30 2 * * *", "2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z"}, // the first 02:30
		{berlin, "30 2 * * *", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}, // not the second
		{berlin, "30 2 * * *", "2026-10-25T01:10:00Z", "2026-10-26T01:30:00Z"},
		{samoa, "0 8 30 * *", "2011-12-30T09:00:00Z", "2011-12-30T10:00:00Z"}, // a day that never was
	} {
		w, err := parseCron(c.cron, c.zone)
		require.NoError(t, err)
		after, err := time.Parse(time.RFC3339, c.after)
		require.NoError(t, err)
		require.Equal(t, c.want, w.Next(after).UTC().Format(time.RFC3339), "%s after %s", c.cron, c.after)
	}
}
