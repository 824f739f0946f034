package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// checkedSlurm is a site whose queue is a fake Slurm.
func checkedSlurm(t *testing.T, machineType string) (*site, *slurmFolder) {
	s, f := newSite(t, nil), newSlurmFolder(t)
	s.text = strings.Replace(s.text, "      idle_time: {idle}\n", "", 1) // Slurm's, in this mode
	s.configure("queue", f.queue(machineType))
	return s, f
}

// ourSlurm is a Slurm whose programs are ours.
func (f *slurmFolder) ours() {
	f.write("slurm.conf", strings.NewReplacer("/opt/azurehpc/slurm/", "/usr/local/sbin/autoscaled-slurm-").Replace(theirPrograms))
}

func TestSlurmCheck(t *testing.T) {
	s, f := checkedSlurm(t, "Standard_F4s_v2")
	f.ours()
	r := s.command("slurm", "check")
	require.Equal(t, result{0, strings.TrimLeft(`
NODES          COUNT  BUCKET                   GROUP  CPUS    MEMORY MIB    GPUS    RESULT
execute-[1-2]  2      execute/Standard_F4s_v2  -      4 of 4  7000 of 8192  0 of 0  ok
`, "\n"), ""}, r)

	f.write("nodes", folderNode("execute-1", "IDLE+CLOUD", "")+strings.Replace(folderNode("execute-2", "IDLE+CLOUD", ""), "RealMemory=7000", "RealMemory=9000", 1)+
		folderNode("other-1", "IDLE+CLOUD", "")+folderNode("login-1", "IDLE", ""))
	f.write("settings", strings.Replace(folderSettings, "PrivateData             = cloud", "PrivateData             = none", 1))
	r = s.command("slurm", "check")
	require.Equal(t, exitFailure, r.code)
	require.Equal(t, "autoscaled: 3 things are wrong\n", r.err)
	for _, want := range []string{
		"FAIL  execute-2  RealMemory=9000, and a VM of execute/Standard_F4s_v2 has 8192", "FAIL  other-1  no entry of queue.slurm.nodes",
		"FAIL  PrivateData  has no cloud",
	} {
		require.Contains(t, r.out, want)
	}
	require.NotContains(t, r.out, "login-1")
	require.Empty(t, f.read("changes"))
}

// Before the cut-over it tells all that is left of the other integration.
func TestSlurmCheckFindsAzslurm(t *testing.T) {
	s, f := checkedSlurm(t, "Standard_F4s_v3")
	s.configure("pools", "[{name: small, nodearray: execute, machine_types: [Standard_F4s_v2, Standard_F4s_v3]}]")
	f.write("root/proc/12/cmdline", "/opt/azurehpc/slurm/venv/bin/python\x00/opt/azurehpc/slurm/venv/bin/azslurmd")
	f.write("root/var/spool/cron/root", "*/5 * * * * /opt/azurehpc/slurm/return_to_idle.sh\n")
	r := s.command("slurm", "check")
	require.Equal(t, exitFailure, r.code)
	for _, want := range []string{
		"FAIL  execute-[1-2]  the cloud has no bucket for them: there is no machine type Standard_F4s_v3; there are ",
		"FAIL  azslurm  azslurmd is running, process 12 (systemctl disable --now azslurmd)",
		"FAIL  azslurm  cron runs return_to_idle, " + f.path("root/var/spool/cron/root"),
		"FAIL  azslurm  Slurm's ResumeProgram is azslurm's, /opt/azurehpc/slurm/resume_program.sh (autoscaled slurm takeover)",
	} {
		require.Contains(t, r.out, want)
	}
}

func TestSlurmCheckCanNotTell(t *testing.T) {
	s, f := checkedSlurm(t, "Standard_F4s_v2")
	f.write("down", "")
	r := s.command("slurm", "check")
	require.Equal(t, exitBlind, r.code)
	require.Contains(t, r.err, "Unable to contact slurm controller")
	s.configure("queue", "file: {path: queue.yaml}")
	r = s.command("slurm", "check")
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.err, "the queue is not Slurm")
}
