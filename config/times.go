package config

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// wallTimes are the moments at which the clock on a zone's wall first shows a time
// that a cron expression names. A time that is skipped when the clock goes forward
// comes when it has gone, and one that comes twice when it goes back comes once, so
// that no window stays open or closed for a day too long.
type wallTimes struct {
	cron cron.Schedule
	zone *time.Location
}

// firstDay is where looking for times begins: any day would do.
var firstDay = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

var cronFields = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)

func parseCron(text string, zone *time.Location) (wallTimes, error) {
	if strings.Contains(text, "=") { // the library would take TZ=Europe/Berlin 0 8 * * *
		return wallTimes{}, fmt.Errorf("%q names a time zone; that belongs in time_zone", shown(text))
	}
	if n := len(strings.Fields(text)); n != 5 {
		return wallTimes{}, fmt.Errorf("%q has %d fields, not 5: minute, hour, day of month, month, day of week", shown(text), n)
	}
	parsed, err := cronFields.Parse(text)
	if err != nil {
		return wallTimes{}, fmt.Errorf("%q is no time as in cron: %s", shown(text), shown(err.Error()))
	}
	w := wallTimes{parsed, zone}
	if w.Next(firstDay).IsZero() {
		return wallTimes{}, fmt.Errorf("%q never comes", shown(text))
	}
	return w, nil
}

func parseZone(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, errors.New("is no time zone such as UTC or Europe/Berlin")
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("%q is no time zone such as UTC or Europe/Berlin", shown(name))
	}
	return zone, nil
}

// times parses start and end.
func (s *Schedule) times() (start, end wallTimes, err error) {
	zone, err := parseZone(s.TimeZone)
	if err != nil {
		return start, end, err
	}
	if start, err = parseCron(s.Start, zone); err != nil {
		return start, end, err
	}
	end, err = parseCron(s.End, zone)
	return start, end, err
}

// Next is the first moment after another; zero: there is none within five years.
func (w wallTimes) Next(after time.Time) time.Time {
	for shown := wall(after.In(w.zone)); ; {
		shown = w.cron.Next(shown)
		if shown.IsZero() {
			return time.Time{}
		}
		if at := w.first(shown); at.After(after) {
			return at
		}
	}
}

// wall is what a clock shows, written as if it were UTC.
func wall(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// first is the first moment at which the zone's clock shows a time, or a later one.
func (w wallTimes) first(shown time.Time) time.Time {
	at := time.Date(shown.Year(), shown.Month(), shown.Day(), shown.Hour(), shown.Minute(), shown.Second(), 0, w.zone)
	since, until := at.ZoneBounds()
	switch now := wall(at); {
	case now.After(shown): // skipped, and at is after the change
		return since
	case now.Before(shown): // skipped, and at is before it
		return until
	case since.IsZero():
		return at
	}
	_, offset := at.Zone()
	_, offsetBefore := since.Add(-time.Second).Zone()
	earlier := at.Add(time.Duration(offset-offsetBefore) * time.Second)
	if earlier.Before(since) && wall(earlier).Equal(shown) {
		return earlier // it comes twice
	}
	return at
}
