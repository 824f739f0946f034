package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/cyclecloud/cyclecloudtest"
)

var (
	killCount = flag.Int("kills", 16, "TestKillAtRandomMoments: how many daemons are killed")
	killSeed  = flag.Uint64("kill-seed", 1, "TestKillAtRandomMoments: seed of the first world")
)

// killsAWorld is how many daemons die in one world.
const killsAWorld = 8

// killFaults befall the calls of every other world.
var killFaults = []cyclecloudtest.FaultRate{
	{Kind: cyclecloudtest.FaultCutBefore, Rate: 0.03}, {Kind: cyclecloudtest.FaultCutAfter, Rate: 0.03},
	{Kind: cyclecloudtest.FaultStatus, Rate: 0.03}, {Kind: cyclecloudtest.FaultStatusAfter, Rate: 0.03, Method: "POST"},
	{Kind: cyclecloudtest.FaultMalformed, Rate: 0.02}, {Kind: cyclecloudtest.FaultTruncated, Rate: 0.02}, {Kind: cyclecloudtest.FaultHTML, Rate: 0.02},
}

// At each named moment the daemon is killed by SIGKILL, for the first and for the
// second time that it gets there, and started again.
func TestKillAtCrashPoints(t *testing.T) {
	for _, point := range []crashPoint{
		beforeIntent, afterIntent, createSent, createAnswered, beforeAnswer, afterAnswer, removeSent, removeAnswered,
		beforeDrain, amidDrain, afterDrain, afterUndrain, beforeMemory, afterMemory,
	} {
		t.Run(string(point), func(t *testing.T) {
			t.Parallel()
			w := newKillWorld(t, string(point), 14, false, nil)
			for passing := range 2 {
				require.NoError(t, w.live(point, passing+1, strike{}), "it was killed")
				w.examine(fmt.Sprintf("after death %d", passing+1))
			}
			w.finish()
		})
	}
}

// At random moments, each drawn from a seed: with a request of the daemon to
// cloud, scheduler or clock that never arrives, that arrives when the daemon is
// dead, or whose answer finds nobody.
func TestKillAtRandomMoments(t *testing.T) {
	var killed atomic.Int64
	began := time.Now()
	t.Run("worlds", func(t *testing.T) {
		for first := 0; first < *killCount; first += killsAWorld {
			seed := *killSeed + uint64(first/killsAWorld)
			t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
				t.Parallel()
				killed.Add(int64(killAtRandom(t, seed, min(killsAWorld, *killCount-first))))
			})
		}
	})
	require.EqualValues(t, *killCount, killed.Load())
	fmt.Printf("killed %d daemons at random moments in %s (seeds from %d)\n", killed.Load(), time.Since(began).Round(time.Second), *killSeed)
}

// killAtRandom lets one world kill a number of daemons.
func killAtRandom(t *testing.T, seed uint64, kills int) int {
	var faults []cyclecloudtest.FaultRate
	if seed%2 == 0 {
		faults = killFaults
	}
	name := fmt.Sprintf("-kills=%d -kill-seed=%d", killsAWorld, seed)
	w := newKillWorld(t, name, seed, seed%3 == 2, faults)
	chance := rand.New(rand.NewPCG(seed, 2))
	for n := range kills {
		s := strike{request: 1 + chance.IntN(60), moment: strikeMoment(chance.IntN(int(strikeMoments)))}
		if chance.IntN(2) == 0 {
			s.change = 1 + chance.IntN(4)
		}
		require.NoError(t, w.live("", 0, s), "%s: death %d came before the end", name, n+1)
		w.examine(fmt.Sprintf("after death %d", n+1))
		w.advance(time.Duration(chance.IntN(10)) * time.Minute)
	}
	w.finish()
	return kills
}
