package cyclecloud_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/cyclecloud"
)

// manyNodes is a status with n nodes of more than 1.2 kB each.
func manyNodes(n int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"state":"Started","targetState":"Started","maxCount":100000,"maxCoreCount":10000000,` + someArray + `,"nodes":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"Name":"execute-%d","NodeId":"62a1b116-3c4e-4229-b290-%012x","ClusterName":"demo","Template":"execute",`+
			`"MachineType":"Standard_F4s_v2","Region":"westeurope","CoreCount":4,"Memory":8.0,"Interruptible":false,"Status":"Ready",`+
			`"State":"Started","TargetState":"Started","KeepAlive":false,"Fixed":false,"ShutdownPolicy":"Terminate",`+
			`"RequestId":"463270ca-3345-41c7-98d6-%012x","Hostname":"ip-0A%06X","PrivateIp":"10.%d.%d.%d","InstanceId":"vm-%d",`+
			`"AutoscaledOwner":"autoscaled","SubnetId":"rg/vnet/compute","Priority":"Regular","Azure":{"MaxScalesetSize":100},`+
			`"Configuration":{"autoscale":{"enabled":true,"resources":{"ncpus":4}},"slurm":{"version":"23.11.7","hpc":false},`+
			`"cluster_init":{"specs":{"a":{"order":10000,"version":"1.0.0","locker":"azure-storage","args":[1,2,3]},"b":{"note":"%s"}}}},`+
			`"PhaseMap":{"Node.Acquire":{"Status":"OK"},"Node.Prepare":{"Status":"OK"}}}`,
			i, i, i/16, i, i>>16, i>>8&0xff, i&0xff, i, strings.Repeat("x", 350))
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

// BenchmarkDecodeNodes is from an answer on a socket to records; its MB/s are of
// JSON, its heap-MB what the records keep alive.
func BenchmarkDecodeNodes(b *testing.B) {
	for _, n := range []int{5000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			body := manyNodes(n)
			require.Greater(b, len(body)/n, 1200)
			c := clientOf(b, body)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			before := heap()
			var status cyclecloud.ClusterStatus
			for b.Loop() {
				var err error
				status, err = c.Status(b.Context(), "demo", true)
				require.NoError(b, err)
			}
			require.Len(b, status.Nodes, n)
			b.ReportMetric(float64(heap()-before)/1e6, "heap-MB")
			runtime.KeepAlive(status)
		})
	}
}

// BenchmarkStandardLibrary is what encoding/json takes for the known fields
// alone, from memory: the comparison behind the choice of decoder in doc.go.
func BenchmarkStandardLibrary(b *testing.B) {
	body := manyNodes(5000)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		var status struct {
			Nodes []struct {
				Name, NodeID, Template, MachineType, Status, State, TargetState, Hostname, PrivateIP, InstanceID, RequestID string

				CoreCount int
				Memory    float64
				KeepAlive bool

				Configuration json.RawMessage
			}
		}
		require.NoError(b, json.Unmarshal(body, &status))
	}
}

// BenchmarkObserve is from an answer on a socket to supply.
func BenchmarkObserve(b *testing.B) {
	for _, n := range []int{5000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			c := clientOf(b, manyNodes(n))
			p := cyclecloud.NewProvider(cyclecloud.ProviderOptions{Client: c, Cluster: "demo", Now: time.Now})
			b.ReportAllocs()
			before := heap()
			supply, err := p.Observe(b.Context())
			for b.Loop() {
				supply, err = p.Observe(b.Context())
				require.NoError(b, err)
			}
			require.NoError(b, err)
			require.Len(b, supply.Nodes, n)
			require.True(b, supply.Nodes[n-1].Owned)
			b.ReportMetric(float64(heap()-before)/1e6, "heap-MB")
			runtime.KeepAlive(supply)
		})
	}
}

func clientOf(b *testing.B, body []byte) *cyclecloud.Client {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }))
	b.Cleanup(s.Close)
	c, err := cyclecloud.New(cyclecloud.Options{URL: s.URL})
	require.NoError(b, err)
	return c
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
