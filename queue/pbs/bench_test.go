package pbs

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"
	"time"
)

// largeJobs is an answer of qstat with so many jobs, each of 1.4 kB: a tenth runs.
func largeJobs(n int) []byte {
	var b bytes.Buffer
	b.WriteString("{\n    \"timestamp\":1669000000,\n    \"pbs_version\":\"22.05.11\",\n    \"pbs_server\":\"pbs1\",\n    \"Jobs\":{\n")
	for i := range n {
		state, more := "Q", ""
		if i%10 == 0 {
			state, more = "R", fmt.Sprintf("            \"exec_vnode\":\"(exec-%d:ncpus=%d:mem=4194304kb)\",\n", i%10000, 1+i%16)
		}
		fmt.Fprintf(&b, `        "%d.pbs1":{
            "Job_Name":"sim-%d",
            "Job_Owner":"user%d@login.example.com",
            "job_state":"%s",
            "queue":"workq",
            "ctime":"Mon Nov 21 10:%02d:%02d 2022",
            "Hold_Types":"n",
            "Resource_List":{
                "mem":"%dgb",
                "ncpus":%d,
                "nodect":1,
                "place":"free",
                "select":"1:ncpus=%d:mem=%dgb",
                "walltime":"04:00:00"
            },
%s            "schedselect":"1:ncpus=%d:mem=%dgb",
            "Variable_List":{
                "PBS_O_HOME":"/users/user%d",
                "PBS_O_PATH":"%s",
                "PBS_O_WORKDIR":"/scratch/user%d/run-%d"
            },
            "comment":"Not Running: Not enough free nodes available",
            "project":"_pbs_project_default"
        },
`, i, i, i%500, state, i/60%60, i%60, 1+i%8, 1+i%16, 1+i%16, 1+i%8, more, 1+i%16, 1+i%8, i%500, bytes.Repeat([]byte("/opt/software/bin:"), 30), i%500, i)
	}
	b.Truncate(b.Len() - 2)
	b.WriteString("\n    }\n}\n")
	return b.Bytes()
}

// BenchmarkJobs reads 100,000 jobs and makes demand of them. live-MB is what stays in
// memory of both.
func BenchmarkJobs(b *testing.B) {
	text := largeJobs(100_000)
	b.SetBytes(int64(len(text)))
	var before, after runtime.MemStats
	b.ReportAllocs()
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		jobs, err := readJobs(bytes.NewReader(text), jsonForm, time.UTC)
		if err != nil {
			b.Fatal(err)
		}
		s := &snapshot{jobs: jobs}
		d := s.demand(mapping())
		runtime.GC()
		runtime.ReadMemStats(&after)
		if d.Jobs() != 90_000 {
			b.Fatal(d.Jobs())
		}
		runtime.KeepAlive(s)
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "live-MB")
}
