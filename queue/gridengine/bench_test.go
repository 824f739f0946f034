package gridengine_test

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/queue/gridengine"
)

const benchJobs, benchHosts = 10_000, 1_000

func BenchmarkReadJobs(b *testing.B) {
	text := string(sample(b, "qstat.xml"))
	at := strings.Index(text, "    <job_list state=\"pending\">")
	end := strings.Index(text[at:], "</job_list>") + len("</job_list>\n")
	record := text[at : at+end]
	before, after, found := strings.Cut(record, "<JB_job_number>11<")
	require.True(b, found)
	var all bytes.Buffer
	all.WriteString(text[:at])
	for i := range benchJobs {
		all.WriteString(before + "<JB_job_number>" + strconv.Itoa(i+1) + "<" + after)
	}
	all.WriteString("  </job_info>\n</job_info>\n")
	b.SetBytes(int64(all.Len()))
	b.ReportAllocs()
	for b.Loop() {
		jobs, err := gridengine.ReadJobs(all.Bytes())
		require.NoError(b, err)
		require.Len(b, jobs, benchJobs+2)
	}
}

func BenchmarkReadHosts(b *testing.B) {
	text := string(sample(b, "qhost-mixed.xml"))
	at := strings.Index(text, " <host name='ge-1'>")
	end := strings.Index(text[at:], " </host>") + len(" </host>\n")
	record := text[at : at+end]
	var all bytes.Buffer
	all.WriteString(text[:at])
	for i := range benchHosts {
		all.WriteString(strings.Replace(record, "'ge-1'", "'ge-"+strconv.Itoa(i)+"'", 1))
	}
	all.WriteString("</qhost>\n")
	b.SetBytes(int64(all.Len()))
	b.ReportAllocs()
	for b.Loop() {
		hosts, err := gridengine.ReadHosts(all.Bytes())
		require.NoError(b, err)
		require.Len(b, hosts, benchHosts)
	}
}

func BenchmarkDemand(b *testing.B) {
	r := &gridengine.Reading{PEs: environments(b), Complexes: complexes(b)}
	for i := range benchJobs {
		j := pendingJob()
		j.ID, j.PE, j.Range, j.Hard = int64(i+1), "mpi2", "8", hard("h_vmem", "1G", "h_rt", "3600")
		r.Jobs = append(r.Jobs, j)
	}
	b.ReportAllocs()
	for b.Loop() {
		require.Len(b, gridengine.Demand(r, mapping()).Classes, 1)
	}
}
