package autoscale

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLongTimesAreWordedInDays(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0s":        0,
		"1m40s":     100*time.Second + 300*time.Millisecond,
		"47h59m59s": 48*time.Hour - time.Second,
		"2d":        48 * time.Hour,
		"14d":       336*time.Hour + 20*time.Minute,
		"31d14h":    757*time.Hour + 40*time.Minute,
	} {
		require.Equal(t, "may not start for another "+want, Reason{Code: ReasonNotYet, For: d}.String())
	}
}

// A gang that may start with less than all lacks only what it needs to start.
func TestNeedIsWhatTheGangCanStartWith(t *testing.T) {
	pool, limits := aPool("a", "F4", 4, 1)
	gang := wholeNodes(12)
	gang.Gang, gang.AtLeast = GangAtLeast, 2
	s := State{Observation: observe(start, Supply{Pools: []Pool{pool}, Limits: limits}, jobs("g", 1, gang), nil)}
	require.Equal(t, Reason{Code: ReasonLimit, Subject: "bucket/a/F4", Want: 1, Need: 2, Unit: UnitNodes}, Decide(s, aPolicy("a")).Outcomes[0].Reason)
}
