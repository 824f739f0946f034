package journal

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

// BenchmarkSave writes the memory of 5,000 nodes of which each changed, as it is
// on a tick of a busy cluster, and waits for the disk.
func BenchmarkSave(b *testing.B) {
	opts := testOptions()
	opts.Volatile = false
	j, err := Open(b.TempDir(), opts)
	require.NoError(b, err)
	defer j.Close()
	at := start
	for b.Loop() {
		at = at.Add(15 * time.Second)
		m := autoscale.Memory{Nodes: make(map[autoscale.NodeID]autoscale.NodeMemory, 5000)}
		for i := range 5000 {
			id := autoscale.NodeID(fmt.Sprintf("%032x", i))
			m.Nodes[id] = autoscale.NodeMemory{Asked: start, Ready: start, Busy: at, Wanted: at}
		}
		require.NoError(b, j.Save(b.Context(), m))
	}
}
