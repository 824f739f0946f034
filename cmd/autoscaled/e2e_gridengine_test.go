package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Programs that stand in for Grid Engine's: they print what the files beside them hold, and
// note what they are to change. The real ones are tested in internal/gelab.
const (
	standInQstat = `#!/bin/sh
case "$*" in
*-j*) printf "<unknown_jobs><ST_name>1</ST_name></unknown_jobs>" ;;
*) cat "${0%/*}/jobs.xml" ;;
esac
`
	standInQhost = `#!/bin/sh
cat "${0%/*}/hosts.xml"
`
	standInQconf = `#!/bin/sh
here=${0%/*}
case "$1" in
-sc) cat "$here/complexes" ;;
-spl) echo mpi2 ;;
-sp) cat "$here/pe" ;;
-shgrp*) echo "Host group \"$2\" does not exist" >&2; exit 1 ;;
*) echo "$*" >>"$here/changes" ;;
esac
`
	pendingHead = `<job_info><queue_info></queue_info><job_info>`
	pendingTail = `</job_info></job_info>`
	// A job of 88 slots of 44 on a host, and one that nobody can serve.
	pendingJobs = `<job_list state="pending"><JB_job_number>7</JB_job_number><JAT_prio>0.5</JAT_prio><JB_name>a</JB_name><state>hqw</state><slots>1</slots></job_list>
<job_list state="pending"><JB_job_number>8</JB_job_number><JAT_prio>0.5</JAT_prio><JB_name>b</JB_name><state>hqw</state><slots>88</slots><requested_pe name="mpi2">8</requested_pe></job_list>`
)

// gridEngine puts stand-ins into a folder and makes a configuration of the example.
func (s *site) gridEngine() {
	s.t.Helper()
	require.NoError(s.t, os.Mkdir(s.path("sge"), 0o700))
	for name, text := range map[string]string{"qstat": standInQstat, "qhost": standInQhost, "qconf": standInQconf, "qmod": standInQconf} {
		require.NoError(s.t, os.WriteFile(s.path("sge/"+name), []byte(text), 0o700))
	}
	for name, sample := range map[string]string{"complexes": "complexes-consumable.txt", "pe": "pe-mpi2.txt"} {
		text, err := os.ReadFile("../../queue/gridengine/testdata/" + sample)
		require.NoError(s.t, err)
		s.write("sge/"+name, string(text))
	}
	s.write("sge/hosts.xml", "<qhost></qhost>")
	s.write("sge/jobs.xml", pendingHead+pendingTail)
	text, err := os.ReadFile("../../examples/gridengine.yaml")
	require.NoError(s.t, err)
	s.write("config.yaml", fill(s.t, string(text), map[string]string{
		"https://cyclecloud.example.com": s.url, "user: autoscaler": "user: admin", "/etc/autoscaled/password": "password",
		"/opt/sge/bin/lx-amd64": "sge", "\nclusters:": "\nlisten: 127.0.0.1:0\ninterval: 1s\nlog: {format: json}\nstate_dir: state\nclusters:",
	}))
}

// TestExampleForGridEngine: the example with stand-ins for Grid Engine's programs: jobs
// become nodes, their hosts are added, and what can't be read is unknown.
func TestExampleForGridEngine(t *testing.T) {
	s := newSite(t, nil)
	s.gridEngine()
	p := s.start()
	p.shows(`autoscaled_demand_known{cluster="demo"}`, "1")
	s.write("sge/jobs.xml", pendingHead+pendingJobs+pendingTail)
	p.shows(`autoscaled_demand_jobs{cluster="demo"}`, "2")
	require.Zero(t, s.nodes(), "they are held")
	r := s.command("check", "--connect")
	require.Zero(t, r.code, r.out+r.err)
	require.Contains(t, r.out, "Grid Engine default: 2 pending jobs, 0 hosts in use")

	s.write("sge/jobs.xml", pendingHead+fill(t, pendingJobs, map[string]string{"hqw": "qw"})+pendingTail)
	s.write("sge/qstat", fill(t, standInQstat, map[string]string{"<unknown_jobs><ST_name>1</ST_name></unknown_jobs>": "<detailed_job_info>" +
		"<djob_info><element><JB_job_number>7</JB_job_number></element><element><JB_job_number>8</JB_job_number></element></djob_info></detailed_job_info>"}))
	require.NoError(t, os.Chmod(s.path("sge/qstat"), 0o700))
	eventually(t, "nodes for 8 slots of 2 on a host, and one for the serial job", func() bool { return s.nodes() >= 4 })
	eventually(t, "their hosts are added", func() bool {
		text, _ := os.ReadFile(s.path("sge/changes"))
		return len(text) > 0
	})

	s.write("sge/jobs.xml", "error: commlib error")
	p.shows(`autoscaled_demand_known{cluster="demo"}`, "0")
	eventually(t, "why it is unknown", func() bool {
		_, page := p.get("/readyz")
		return strings.Contains(page, "commlib error")
	})
	require.GreaterOrEqual(t, s.nodes(), 4)
}

// fill replaces what must be there.
func fill(t *testing.T, text string, with map[string]string) string {
	t.Helper()
	for old, young := range with {
		require.Contains(t, text, old)
		text = strings.ReplaceAll(text, old, young)
	}
	return text
}
