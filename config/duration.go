package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// maxDuration keeps sums of durations far from overflow; nobody waits longer.
const maxDuration = 10 * 365 * 24 * time.Hour

// Duration is a length of time, never negative. In a file it is text such as
// "90s", "5m" or "1h30m", or a number of seconds.
type Duration time.Duration

// Std is the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String prints the shortest form: 5m instead of 5m0s.
func (d Duration) String() string {
	text := time.Duration(d).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// MarshalText is String.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what a file may hold.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := parseDuration(string(text))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}

func parseDuration(text string) (Duration, error) {
	text = strings.TrimSpace(text)
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		return durationOf(text, seconds)
	}
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is no duration such as 90s, 5m or 1h30m", text)
	case d < 0:
		return 0, fmt.Errorf("%s is negative", text)
	case d > maxDuration:
		return 0, fmt.Errorf("%s is more than ten years", text)
	}
	return Duration(d), nil
}

func durationOf(text string, seconds float64) (Duration, error) {
	switch {
	case math.IsNaN(seconds):
		return 0, fmt.Errorf("%q is no duration such as 90s, 5m or 1h30m", text)
	case seconds < 0:
		return 0, fmt.Errorf("%s is negative", text)
	case seconds > maxDuration.Seconds():
		return 0, fmt.Errorf("%s is more than ten years", text)
	}
	return Duration(math.Round(seconds * float64(time.Second))), nil
}
