package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func (p *process) page(path string) string {
	_, body := p.get(path)
	return body
}

// links makes the programs that Slurm is to call.
func (f *slurmFolder) links() string {
	for _, kind := range []string{"resume", "suspend", "resume-fail"} {
		f.write("sbin/autoscaled-slurm-"+kind, "#!/bin/sh\n")
	}
	return f.path("sbin")
}

// switched is a site whose queue is a Slurm that CycleCloud's own integration has left,
// but for its programs.
func switched(t *testing.T) (s *site, f *slurmFolder, programs string) {
	s, f = checkedSlurm(t, "Standard_F4s_v2")
	require.NoError(t, os.MkdirAll(s.path("state"), 0o750))
	return s, f, f.links()
}

// There and back: a daemon that runs all the time acts in between only, and Slurm's
// configuration is what it was, byte by byte.
func TestSlurmTakeoverAndHandback(t *testing.T) {
	s, f, programs := switched(t)
	f.write("nodes", folderNode("execute-1", "IDLE+CLOUD+POWERING_UP", "")+
		folderNode("execute-2", "DOWN+CLOUD+POWERED_DOWN", "autoscaled: sold out")+folderNode("execute-3", "DOWN+CLOUD+POWERED_DOWN", "disk"))
	p := s.start()
	const theirs = "Slurm's ResumeProgram is azslurm's, /opt/azurehpc/slurm/resume_program.sh (autoscaled slurm takeover)"
	p.logged("step failed")
	require.Equal(t, theirs, p.find("step failed")["error"])
	eventually(t, "not ready, and says why", func() bool { return strings.Contains(p.page("/readyz"), theirs) })
	p.shows(`autoscaled_refused{cluster="demo"}`, "1")
	require.Zero(t, s.nodes())

	r := s.command("slurm", "takeover", "--programs", programs)
	require.Zero(t, r.code, r.err)
	require.Contains(t, r.out, "Slurm's programs are ours: "+programs+"/autoscaled-slurm-resume, by a part of "+f.path("site_specific.conf"))
	require.Contains(t, r.out, "The daemon was woken.")
	require.Equal(t, "reconfigure", f.changes()[0])
	eventually(t, "the resumed node is made", func() bool { return s.nodes() == 1 })
	eventually(t, "the node with our mark is returned", func() bool { return slices.Contains(f.changes(), "update nodename=execute-2 state=IDLE") })
	p.shows(`autoscaled_refused{cluster="demo"}`, "0")

	f.write("changes", "")
	r = s.command("slurm", "handback")
	require.Zero(t, r.code, r.err)
	require.Contains(t, r.out, f.path("site_specific.conf")+" is as it was; Slurm's ResumeProgram is /opt/azurehpc/slurm/resume_program.sh.\n1 node returned to service;")
	require.Equal(t, siteDefault, f.read("site_specific.conf"))
	require.Equal(t, theirPrograms, f.read("slurm.conf"))
	changes := f.changes() // the daemon's may come first
	require.Equal(t, []string{"reconfigure", "update nodename=execute-2 state=RESUME"}, changes[max(0, len(changes)-2):])
	f.write("nodes", folderNode("execute-1", "IDLE+CLOUD+POWERED_DOWN", "")+folderNode("execute-2", "IDLE+CLOUD+POWERING_UP", ""))
	ticks := func() string {
		return regexp.MustCompile(`autoscaled_ticks_total\{cluster="demo",result="good"\} \d+`).FindString(p.page("/metrics"))
	}
	for range 2 {
		before := ticks()
		eventually(t, "it ticks on", func() bool { return ticks() != before })
	}
	require.Equal(t, 1, s.nodes(), "nothing is made or ended")
	require.Contains(t, p.page("/readyz"), "the nodes were handed back")

	r = s.command("slurm", "handback") // once more changes nothing, and tells what is left
	require.Zero(t, r.code, r.err)
	require.Contains(t, r.out, "had no part of ours")
	require.Contains(t, r.out, "Slurm waits for 1 node, of which no VM is there: /opt/azurehpc/slurm/resume_program.sh execute-2\n")
	require.Contains(t, r.out, "Slurm has powered down 1 node, whose VMs are still there: /opt/azurehpc/slurm/suspend_program.sh execute-1\n")
}

// A switch that can't be done leaves everything as it was.
func TestSlurmTakeoverRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(f *slurmFolder)
		code   int
		want   string
	}{
		"daemon at work": {func(f *slurmFolder) { f.write("root/proc/9/cmdline", "azslurmd") }, exitFailure,
			"takeover: end CycleCloud's own integration first: azslurmd is running, process 9 (systemctl disable --now azslurmd)"},
		"no program":     {func(f *slurmFolder) { require.NoError(f.t, os.Remove(f.path("sbin/autoscaled-slurm-suspend"))) }, exitFailure, "autoscaled-slurm-suspend: no such file"},
		"not executable": {func(f *slurmFolder) { require.NoError(f.t, os.Chmod(f.path("sbin/autoscaled-slurm-resume"), 0o644)) }, exitFailure, "autoscaled-slurm-resume is not executable"},
		"a later line": {func(f *slurmFolder) { f.write("slurm.conf", theirPrograms+"ResumeProgram=/usr/bin/true\n") }, exitFailure,
			"a line after ROOT/site_specific.conf gives Slurm other programs (/usr/bin/true)"},
		"Slurm refuses":         {func(f *slurmFolder) { f.write("refuse", "") }, exitFailure, "Invalid user id"},
		"Slurm does not follow": {func(f *slurmFolder) { f.write("frozen", "") }, exitFailure, "after scontrol reconfigure Slurm's programs are /opt/azurehpc/slurm/resume_program.sh"},
		"no file": {func(f *slurmFolder) {
			f.write("slurm.conf", strings.TrimSuffix(theirPrograms, "Include site_specific.conf\n"))
		}, exitUsage, "includes no site_specific.conf; name with --file"},
		"Slurm is down": {func(f *slurmFolder) { f.write("down", "") }, exitBlind, "Unable to contact"},
		"damaged part":  {func(f *slurmFolder) { f.write("site_specific.conf", "# END autoscaled\n") }, exitFailure, "do not enclose one part"},
	} {
		t.Run(name, func(t *testing.T) {
			s, f, programs := switched(t)
			c.change(f)
			before := f.read("site_specific.conf")
			r := s.command("slurm", "takeover", "--programs", programs)
			require.Equal(t, c.code, r.code)
			require.Contains(t, strings.ReplaceAll(r.err, f.dir, "ROOT"), c.want)
			require.Equal(t, before, f.read("site_specific.conf"))
			require.NoFileExists(t, s.path("state/handed-back"))
		})
	}
}

// slurm.conf itself will do where there is no file of the site's.
func TestSlurmTakeoverByAnotherFile(t *testing.T) {
	s, f, programs := switched(t)
	conf := strings.Replace(theirPrograms, "Include site_specific.conf\n", "", 1)
	f.write("slurm.conf", conf)
	for range 2 { // twice is as once
		r := s.command("slurm", "takeover", "--programs", programs, "--file", f.path("slurm.conf"))
		require.Zero(t, r.code, r.err)
		require.Contains(t, r.out, "No daemon runs in ")
		require.Equal(t, 1, strings.Count(f.read("slurm.conf"), "# BEGIN autoscaled"))
		require.Contains(t, f.read("slurm.conf"), "# before: ResumeProgram=/opt/azurehpc/slurm/resume_program.sh\n")
	}
	r := s.command("slurm", "handback", "--file", f.path("slurm.conf"))
	require.Zero(t, r.code, r.err)
	require.Equal(t, conf, f.read("slurm.conf"))
	require.FileExists(t, s.path("state/handed-back"))
}

// Whoever starts the daemon while the other integration is at work has a shadow of it.
func TestRunBesideAzslurm(t *testing.T) {
	s, f, _ := switched(t)
	f.ours()
	f.write("nodes", folderNode("execute-1", "IDLE+CLOUD+POWERING_UP", ""))
	f.write("root/proc/9/cmdline", "azslurmd")
	p := s.start()
	p.logged("step failed")
	require.Contains(t, p.find("step failed")["error"], "CycleCloud's own Slurm integration is at work: azslurmd is running, process 9")
	require.Zero(t, s.nodes())
	require.NoError(t, os.RemoveAll(f.path("root/proc/9")))
	eventually(t, "it acts by itself", func() bool { return s.nodes() == 1 })

	// In a dry run all that is no problem, and the metric tells all the same.
	f.write("root/proc/9/cmdline", "azslurmd")
	p.stop(os.Interrupt)
	p = s.start("--dry-run")
	p.shows(`autoscaled_refused{cluster="demo"}`, "1")
	require.NotContains(t, p.page("/readyz"), "azslurmd")
}
