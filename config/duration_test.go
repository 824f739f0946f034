package config

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"5m": 5 * time.Minute, "300": 5 * time.Minute, "1.5": 1500 * time.Millisecond, " 90s ": 90 * time.Second, "1h30m": 90 * time.Minute, "0": 0,
	} {
		var d Duration
		require.NoError(t, d.UnmarshalText([]byte(text)), text)
		require.Equal(t, want, d.Std(), text)
	}
	for _, text := range []string{"", "5", "m", "5 minutes", "nan", "inf", "-1s", "-1", "99999999h", "1d"} {
		var d Duration
		err := d.UnmarshalText([]byte(text))
		if text == "5" {
			require.NoError(t, err)
			continue
		}
		require.Error(t, err, text)
	}
}

func TestDurationPrintsShortly(t *testing.T) {
	for want, d := range map[string]time.Duration{"5m": 5 * time.Minute, "1h": time.Hour, "1h30m": 90 * time.Minute, "1m30s": 90 * time.Second, "0s": 0, "10m": 10 * time.Minute, "1h0m5s": time.Hour + 5*time.Second} {
		require.Equal(t, want, Duration(d).String())
	}
}

func TestDurationSurvivesText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := Duration(rapid.Int64Range(0, int64(time.Hour*24*365)).Draw(t, "d"))
		text, err := d.MarshalText()
		require.NoError(t, err)
		var back Duration
		require.NoError(t, back.UnmarshalText(text))
		require.Equal(t, d, back)
	})
}
