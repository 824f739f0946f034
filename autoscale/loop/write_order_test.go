package loop

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMemoryIsWrittenBeforeOperationsEnd: a create that ends on record while whose its
// nodes are is not would leave nodes that a daemon killed in between has forgotten.
func TestMemoryIsWrittenBeforeOperationsEnd(t *testing.T) {
	r := newRig(t)
	r.queue.submit(r.at, 2)
	r.tick()
	broken := &brokenJournal{Journal: r.journal, save: errors.New("no space left on device")}
	r.loop.Journal = broken
	r.ticks(30)
	require.False(t, r.only().Phase.Final(), "nobody remembers its nodes yet")
	broken.save = nil
	r.ticks(2)
	require.True(t, r.only().Phase.Final())
}
