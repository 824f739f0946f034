package loop

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The wall clock is hours off when the daemon starts again: no node that works is
// touched, nothing is made twice, and idle nodes go within their time, not hours later.
func TestClockIsHoursOffAfterARestart(t *testing.T) {
	for _, jump := range []time.Duration{-6 * time.Hour, 6 * time.Hour, -36 * time.Hour} {
		t.Run(jump.String(), func(t *testing.T) {
			r := newRig(t)
			r.queue.submit(r.at, 2)
			r.until(func() bool {
				r.queue.schedule(r.at, r.cloud.list(), 1000*time.Hour)
				return len(r.queue.running) == 2
			})
			r.at = r.at.Add(jump)
			for _, n := range r.cloud.nodes {
				n.born = n.born.Add(jump)
			}
			r.restart()
			r.ticks(60)
			require.Len(t, r.cloud.list(), 2)
			require.Equal(t, 2, r.cloud.serial)
			require.Zero(t, r.cloud.count("remove"))
			clear(r.queue.running)
			r.ticks(int(5*time.Minute/step) + 4)
			require.Empty(t, r.cloud.list(), "idle time runs from now")
		})
	}
}
