package simulation

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	oneSeed   = flag.Uint64("seed", 0, "play the scenario of this seed alone, and tell all that happens in it")
	seeds     = flag.Int("seeds", 30, "how many scenarios to play")
	firstSeed = flag.Uint64("first-seed", 1, "the seed of the first of them")
)

// TestSimulation plays scenarios of successive seeds, and reports what it played.
func TestSimulation(t *testing.T) {
	if *oneSeed != 0 {
		r := play(t, draw(*oneSeed), t.TempDir(), func(line string) { t.Log(line) })
		require.Empty(t, r.violation)
		return
	}
	total := newCounts()
	var mu sync.Mutex
	var next, failed atomic.Int64
	started := time.Now()
	t.Run("scenarios", func(t *testing.T) {
		for worker := range runtime.GOMAXPROCS(0) {
			t.Run(fmt.Sprint("worker-", worker), func(t *testing.T) {
				t.Parallel()
				for i := next.Add(1) - 1; i < int64(*seeds) && failed.Load() < mostFailures; i = next.Add(1) - 1 {
					r := playOne(t, *firstSeed+uint64(i))
					if r.violation != "" {
						failed.Add(1)
					}
					mu.Lock()
					total.add(r.counts)
					mu.Unlock()
				}
			})
		}
	})
	tell(total, int(failed.Load()), time.Since(started))
}

// mostFailures ends a run that fails: more would tell nothing new.
const mostFailures = 10

// playOne plays one scenario in a directory of its own.
func playOne(t *testing.T, seed uint64) result {
	dir, err := os.MkdirTemp("", "simulation-")
	require.NoError(t, err)
	defer func() { _ = os.RemoveAll(dir) }()
	r := play(t, draw(seed), dir, nil)
	if r.violation != "" {
		t.Errorf("seed %d, %s\n\tplay it again: go test ./internal/simulation -run TestSimulation -seed=%d -v", seed, r.violation, seed)
	}
	return r
}

// tell prints the figures of a run, whether or not the test is verbose.
func tell(c counts, failed int, took time.Duration) {
	fmt.Printf("simulation: %d scenarios, %d with a violation, from seed %d in %s: %d hours lived\n",
		c.scenarios, failed, *firstSeed, took.Round(time.Second), int(c.lived.Hours()))
	fmt.Printf("simulation: %d jobs, %d nodes made, %d calls of which %d act; %d daemons started\n",
		c.jobs, c.nodes, c.calls, c.posts, c.lives)
	fmt.Printf("simulation: %d kills: %s\n", sum(c.kills), join(c.kills))
	fmt.Printf("simulation: %d faults: %s\n", sum(c.faults), join(c.faults))
	fmt.Printf("simulation: %d events: %s\n", sum(c.events), join(c.events))
	fmt.Printf("simulation: %d runs of jobs ended with their node; %d of them by the race that a queue without drain leaves open\n",
		c.jobKills, c.races)
	fmt.Printf("simulation: %d removed nodes came up between the last read and the call; %d repeated creates had been handled\n",
		c.cameUp, c.seenBefore)
	fmt.Printf("simulation: %d drains undone at their deadline\n", c.undone)
}

// TestSimulationReplays: a seed gives the same day, event for event.
func TestSimulationReplays(t *testing.T) {
	for seed := range uint64(10) {
		first := play(t, draw(seed+1), t.TempDir(), nil)
		again := play(t, draw(seed+1), t.TempDir(), nil)
		require.Equal(t, first.digest, again.digest, "seed %d", seed+1)
	}
}
