package main

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// Where a create may be lost, doubled or forgotten the daemon is killed in a world
// most of whose jobs are coupled.
func TestKillAmidGangs(t *testing.T) {
	for _, point := range []crashPoint{afterIntent, createSent, createAnswered, beforeAnswer, afterAnswer, beforeMemory} {
		t.Run(string(point), func(t *testing.T) {
			t.Parallel()
			w := newKillWorld(t, string(point), 14, true, nil)
			for passing := range 2 {
				require.NoError(t, w.live(point, passing+1, strike{}), "it was killed")
				w.examine(fmt.Sprintf("after death %d", passing+1))
			}
			w.finish()
		})
	}
}
