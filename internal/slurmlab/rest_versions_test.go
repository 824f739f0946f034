package slurmlab

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/queue/slurm"
)

const mixedLines = `
Licenses=tool:2
NodeName=htc-[1-6] CPUs=4 RealMemory=7000 Feature=cloud,fast Weight=10 State=CLOUD
NodeName=hpc-[1-4] Sockets=2 CoresPerSocket=22 ThreadsPerCore=1 RealMemory=340000 Feature=cloud,ib Weight=20 State=CLOUD
PartitionName=htc Nodes=htc-[1-6] Default=YES DefMemPerCPU=1000 MaxTime=24:00:00 State=UP
PartitionName=hpc Nodes=hpc-[1-4] OverSubscribe=EXCLUSIVE PriorityTier=2 MaxNodes=3 MaxTime=24:00:00 State=UP
PartitionName=shut Nodes=htc-[1-6] MaxTime=1:00:00 State=DOWN
`

// Each version of slurmrestd's API that this Slurm offers and that is known tells of the same demand
// as the commands do.
func TestReadEveryVersion(t *testing.T) {
	if !dynamic() {
		return
	}
	t.Parallel()
	l := newLab(t, plan{slurm: func(o *Options) { o.REST, o.Lines, o.ResumeTimeout = true, mixedLines, deadline }})
	l.mixedJobs()
	l.eventually("nodes power up", func() bool { return l.count("alloc#")+l.count("mix#") == 8 })
	versions := []int{38}
	if l.Root != "" {
		versions = []int{40, 41, 42}
	}
	for _, v := range versions {
		commands, rest := l.readers(v)
		same := func() autoscale.Demand {
			var told [2]autoscale.Demand
			l.eventually(fmt.Sprintf("v0.0.%d tells the same", v), func() bool {
				told = [...]autoscale.Demand{l.read(commands), l.read(rest)}
				return assert.ObjectsAreEqual(told[0], told[1]) // but while something changes between the two readings
			})
			return told[1]
		}
		require.Greater(t, same().Jobs(), 8)
		// Now it is asked what changed.
		held := l.submit("true", "-n1", "--hold")
		for range 2 {
			now := same()
			require.True(t, slices.ContainsFunc(now.Classes, func(c autoscale.Class) bool {
				return slices.ContainsFunc(c.Members, func(m autoscale.Member) bool { return string(m.ID) == held.id })
			}))
		}
	}
}

// mixedJobs submits jobs of many kinds, and takes nodes out of service.
func (l *lab) mixedJobs() {
	l.t.Helper()
	l.run("scontrol", "update", "nodename=htc-6", "state=drain", "reason=bad disk")
	l.run("scontrol", "update", "nodename=htc-5", "state=drain", "reason=autoscaled: idle")
	for _, args := range [][]string{
		{"-N3", "-n3", "--mem-per-cpu=1500"},
		{"-N4", "-n8", "-p", "htc,hpc"},
		{"-n4", "--array=1-10%3"},
		{"-p", "hpc", "-N1-2", "--exclusive"},
		{"-p", "hpc", "-N2", "-C", "cloud&ib", "--mem=100G"},
		{"-L", "tool:2", "-n1"}, {"-L", "tool:1", "-n1"},
		{"-n1", "--hold"}, {"-n1", "--begin=now+1hour"}, {"-n1", "--dependency=afterok:1"}, {"-p", "shut", "-n1"},
		{"-n1", "--mem=0", "-C", "fast|ib", ":", "-p", "hpc", "-N1"},
	} {
		l.submit("true", args...)
	}
}

// readers are two ways to read, the second by one version of slurmrestd's API.
func (l *lab) readers(version int) (commands, rest slurm.Cluster) {
	l.t.Helper()
	c, err := slurm.NewCommands(slurm.CommandsOptions{Folder: l.Bin(), Conf: l.Conf(), Timeout: time.Minute})
	require.NoError(l.t, err)
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: l.RESTAddress()})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/openapi/v3" {
			fmt.Fprintf(w, `{"paths":{"/slurm/v0.0.%d/jobs/":{}}}`, version)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	l.t.Cleanup(server.Close)
	r, err := slurm.NewREST(slurm.RESTOptions{URL: server.URL, User: "root", Renew: true, Timeout: time.Minute}, c)
	require.NoError(l.t, err)
	return c, r
}

// read is what a cluster's jobs, nodes and partitions mean.
func (l *lab) read(c slurm.Cluster) autoscale.Demand {
	l.t.Helper()
	jobs, err := c.Jobs(l.t.Context())
	require.NoError(l.t, err)
	nodes, err := c.Nodes(l.t.Context())
	require.NoError(l.t, err)
	partitions, err := c.Partitions(l.t.Context())
	require.NoError(l.t, err)
	array := func(name string) autoscale.Selector { return autoscale.HasLabel(autoscale.LabelNodearray, name) }
	return slurm.Snapshot{Jobs: jobs, Nodes: nodes, Partitions: partitions}.Demand(&slurm.Mapping{
		OurMark: slurm.Mark, Feature: array, Partition: func(name string) (autoscale.Selector, bool) { return array(name), true },
		Node: func(n *slurm.Node) (autoscale.Selector, string, bool) { return array(n.Name[:3]), "", true },
	})
}
