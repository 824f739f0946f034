package cyclecloudtest

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkStatus reads the status of 5,000 nodes with records of 1.2 kB over a socket, once with
// records that did not change and once with all of them new.
func BenchmarkStatus(b *testing.B) {
	for _, c := range []struct {
		name    string
		changed bool
	}{{"unchanged", false}, {"changed", true}} {
		b.Run(c.name, func(b *testing.B) {
			server := large(b)
			url, err := server.Start("127.0.0.1:0")
			require.NoError(b, err)
			defer server.Close()
			b.ReportAllocs()
			for b.Loop() {
				if c.changed {
					for _, n := range server.world.nodes {
						n.changed()
					}
				}
				request, err := http.NewRequest("GET", url+"/clusters/demo/status?nodes=true", nil)
				require.NoError(b, err)
				request.SetBasicAuth("admin", "demo-password")
				response, err := http.DefaultClient.Do(request)
				require.NoError(b, err)
				n, err := io.Copy(io.Discard, response.Body)
				require.NoError(b, err)
				require.Greater(b, n, int64(5000*1200))
				require.NoError(b, response.Body.Close())
			}
		})
	}
}

// BenchmarkCreate asks for 5,000 nodes and lets them come up.
func BenchmarkCreate(b *testing.B) {
	for b.Loop() {
		cfg := largeConfig()
		clock := NewManualClock(testStart)
		server, err := New(cfg, clock, 1)
		require.NoError(b, err)
		w := server.world
		count := 5000
		_, no := w.create(w.clusters[0], createRequest{Sets: []createSet{{Nodearray: "execute", Count: &count}}})
		require.Nil(b, no)
		clock.Advance(24 * time.Hour)
		require.True(b, server.Nodes("demo")[5000].Usable())
	}
}

func largeConfig() Config {
	cfg := DefaultConfig()
	cfg.MinRecordBytes = 1200
	cfg.Regions = nil
	cfg.Clusters[0].Nodearrays[1].MaxCount = 10_000
	return cfg
}

func large(b *testing.B) *Server {
	server, err := New(largeConfig(), NewManualClock(testStart), 1)
	require.NoError(b, err)
	_, err = server.AddNodes(bucketF4(), 5000)
	require.NoError(b, err)
	return server
}
