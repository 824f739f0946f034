package slurm_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/queue/slurm"
)

const benchJobs, benchNodes = 100_000, 10_000

// repeated is a document of n records, those given in turn, each under an id of its
// own. It is made while it is read, so that it takes no memory itself.
func repeated(head string, records []string, old, tail string, n int) io.Reader {
	name, _, _ := strings.Cut(old, "1")
	var before, after []string
	for _, record := range records {
		b, a, _ := strings.Cut(record, old)
		before, after = append(before, b+name), append(after, a)
	}
	i := 0
	var text []byte
	body := readerFunc(func() []byte {
		if i == n {
			return nil
		}
		text = text[:0]
		if i > 0 {
			text = append(text, ',')
		}
		k := i % len(records)
		i++
		text = strconv.AppendInt(append(text, before[k]...), int64(i), 10)
		text = append(text, after[k]...)
		return text
	})
	return io.MultiReader(strings.NewReader(head), body, strings.NewReader(tail))
}

// chunks reads what next makes, until it makes nothing.
type chunks struct {
	next func() []byte
	rest []byte
}

func readerFunc(next func() []byte) io.Reader { return &chunks{next: next} }

func (c *chunks) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		if c.rest = c.next(); len(c.rest) == 0 {
			return 0, io.EOF
		}
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// jobRecords cuts the records of the jobs out of a sample, each under id 1.
func jobRecords(b *testing.B, file string) (records []string) {
	var answer struct{ Jobs []json.RawMessage }
	require.NoError(b, json.Unmarshal([]byte(sample(b, file)), &answer))
	id := regexp.MustCompile(`"job_id": [0-9]+`)
	for _, record := range answer.Jobs {
		text := id.ReplaceAllString(string(record), `"job_id": 1`)
		require.Equal(b, 1, strings.Count(text, `"job_id": 1,`))
		records = append(records, text)
	}
	return records
}

// processorTime is what this process has used. Unlike the time that passes, it does not
// depend on who else uses the machine.
func processorTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// measure reads again and again, and tells the largest heap that was seen.
func measure(b *testing.B, size int64, read func() int, want int) {
	var peak atomic.Uint64
	done := make(chan struct{})
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	go func() {
		var m runtime.MemStats
		for {
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
				runtime.ReadMemStats(&m)
				peak.Store(max(peak.Load(), m.HeapAlloc-min(m.HeapAlloc, before.HeapAlloc)))
			}
		}
	}()
	b.SetBytes(size)
	b.ReportAllocs()
	var used time.Duration
	for b.Loop() {
		b.StopTimer()
		runtime.GC() // what the round before left is not this one's
		used -= processorTime(b)
		b.StartTimer()
		require.Equal(b, want, read())
		used += processorTime(b)
	}
	b.ReportMetric(float64(used.Milliseconds())/float64(b.N), "cpu-ms/op")
	close(done)
	b.ReportMetric(float64(peak.Load())/1e6, "peak-MB")
}

func BenchmarkReadJobs(b *testing.B) {
	for _, c := range []struct{ name, file string }{{"json-22.05", "22.05-pending-jobs.json"}, {"json-24.11", "24.11-jobs.json"}} {
		b.Run(c.name, func(b *testing.B) {
			records := jobRecords(b, c.file)
			measure(b, int64(len(strings.Join(records, ",")))*benchJobs/int64(len(records)), func() int {
				jobs, err := slurm.ReadJobs(repeated(`{"jobs": [`, records, `"job_id": 1`, `]}`, benchJobs))
				require.NoError(b, err)
				return len(jobs)
			}, benchJobs)
		})
	}
	b.Run("delimited", func(b *testing.B) {
		var text bytes.Buffer
		for i := range benchJobs {
			text.WriteString(line(map[int]string{
				0: strconv.Itoa(i + 1), 6: "Priority", 7: strconv.Itoa(4294901759 - i), 10: "1-00:00:00", 12: "1", 13: "1", 14: "2", 15: "2", 16: "1",
				18: "1", 19: "1000M", 20: "OK", 21: "Standard_D4s_v5", 31: "cpu=2,mem=2000M,node=1,billing=2",
			}))
		}
		measure(b, int64(text.Len()), func() int {
			jobs, err := slurm.ReadDelimitedJobs(bytes.NewReader(text.Bytes()))
			require.NoError(b, err)
			return len(jobs)
		}, benchJobs)
	})
}

func BenchmarkReadNodes(b *testing.B) {
	text := sample(b, "24.11-nodes.json")
	begin := strings.Index(text, "{\"architecture\"")
	end := strings.Index(text[begin+1:], "\n{") + begin + 1
	record := strings.Replace(strings.TrimRight(text[begin:end], ",\n "), `"name": "gpu-1"`, `"name": "gpu-1-n"`, 1)
	b.Run("json-24.11", func(b *testing.B) {
		measure(b, int64(len(record))*benchNodes, func() int {
			nodes, err := slurm.ReadNodes(repeated(`{"nodes": [`, []string{record}, `"name": "gpu-1`, `]}`, benchNodes))
			require.NoError(b, err)
			return len(nodes)
		}, benchNodes)
	})
	b.Run("lines", func(b *testing.B) {
		first, _, _ := strings.Cut(sample(b, "22.05-nodes.lines"), "\n")
		var lines strings.Builder
		for i := range benchNodes {
			fmt.Fprintf(&lines, "%s\n", strings.Replace(first, "gpu-1 ", "gpu-"+strconv.Itoa(i)+" ", 1))
		}
		measure(b, int64(lines.Len()), func() int {
			nodes, err := slurm.ReadNodeLines(strings.NewReader(lines.String()))
			require.NoError(b, err)
			return len(nodes)
		}, benchNodes)
	})
}

func BenchmarkDemand(b *testing.B) {
	jobs := make([]slurm.Job, benchJobs)
	for i := range jobs {
		jobs[i] = pendingJob()
		jobs[i].ID, jobs[i].CPUs, jobs[i].Priority = int64(i+1), int64(i%40+1), int64(i+1)
	}
	nodes := make([]slurm.Node, benchNodes)
	for i := range nodes {
		nodes[i] = slurm.Node{
			Name: "htc-" + strconv.Itoa(i+1), State: []string{"IDLE+CLOUD", "MIXED+CLOUD", "IDLE+CLOUD+POWERED_DOWN"}[i%3], Partitions: "htc",
			CPUs: 4, AllocCPUs: int64(i % 3), Memory: 16000, Gres: "gpu:4", GresUsed: "gpu:2",
		}
	}
	measure(b, 0, func() int { return slurm.Demand(jobs, nodes, mapping()).Jobs() }, benchJobs)
}
