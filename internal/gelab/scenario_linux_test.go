package gelab

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const hello = "sleep 1\necho job $JOB_ID on $HOSTNAME\n"

// TestGridEngineSingleJobs: 20 jobs of a slot each, on up to four hosts of four slots.
func TestGridEngineSingleJobs(t *testing.T) {
	s := newSite(t, 4)
	var ids []string
	for range 20 {
		ids = append(ids, s.submit(hello, "-l", "ram=1G", "-l", "h_rt=600"))
	}
	s.allDone()
	for _, id := range ids {
		require.Contains(t, s.output(id), "job "+id+" on ip-")
	}
	s.scaledToZero()
	require.LessOrEqual(t, s.ever(), 4)
}

// TestGridEngineParallelJobs: jobs over several hosts get as many slots of each host as
// their parallel environment's rule says, and all hosts that takes at once.
func TestGridEngineParallelJobs(t *testing.T) {
	s := newSite(t, 6)
	const script = "sleep 1\nwhile read host slots rest; do echo $host $slots; done <$PE_HOSTFILE\n"
	around, pairs, one := s.submit(script, "-pe", "rr", "8"), s.submit(script, "-pe", "two", "6-9"), s.submit(script, "-pe", "smp", "4")
	s.allDone()
	slots := func(id string) (of []int) {
		for line := range strings.Lines(s.output(id)) {
			var host string
			var n int
			_, err := fmt.Sscan(line, &host, &n)
			require.NoError(t, err, line)
			of = append(of, n)
		}
		return of
	}
	total := 0
	for _, n := range slots(around) {
		total += n
	}
	require.Equal(t, 8, total)
	require.GreaterOrEqual(t, len(slots(around)), 2)
	for _, n := range slots(pairs) {
		require.Equal(t, 2, n)
	}
	require.GreaterOrEqual(t, len(slots(pairs)), 3)
	require.Equal(t, []int{4}, slots(one))
	s.scaledToZero()
	require.LessOrEqual(t, s.ever(), 6)
}

// TestGridEngineArray: an array's -tc limit is how much of it is demand at a time: three
// tasks fit on one host, which runs all twelve.
func TestGridEngineArray(t *testing.T) {
	s := newSite(t, 6)
	id := s.submit("sleep 1\necho task $SGE_TASK_ID\n", "-t", "1-34:3", "-tc", "3")
	s.eventually("it starts", func() bool { return s.listed("r") > 0 })
	s.allDone()
	for task := 1; task <= 34; task += 3 {
		require.Equal(t, fmt.Sprintf("task %d\n", task), s.output(fmt.Sprintf("%s.%d", id, task)))
	}
	s.scaledToZero()
	require.Equal(t, 1, s.ever())
}

// TestGridEngineDrainRace: a job that comes when its host is disabled runs all the same, on a
// host that is enabled again or on a new one, and what an administrator disabled is left alone.
func TestGridEngineDrainRace(t *testing.T) {
	s := newSite(t, 2)
	disabled := func() bool { return strings.Contains(s.ask("qselect", "-qs", "d"), "all.q@") }
	s.submit(hello)
	s.allDone()
	for range 2 {
		s.eventually("the idle host is disabled", func() bool {
			out, err := s.run("qselect", "-qs", "d")
			return err == nil && strings.Contains(out, "all.q@") || len(s.nodes()) == 0
		})
		id := s.submit(hello)
		s.allDone()
		require.Contains(t, s.output(id), "on ip-")
	}
	id := s.submit("sleep 3\n" + hello)
	s.eventually("it runs", func() bool { return s.listed("r") == 1 })
	s.ask("qmod", "-d", "all.q@*")
	s.allDone()
	require.Contains(t, s.output(id), "on ip-")
	last := s.submit(hello)
	s.eventually("another host is made for the next job", func() bool { return s.listed("pr") == 0 })
	require.Contains(t, s.output(last), "on ip-")
	require.True(t, disabled(), "the administrator's host is there, and disabled")
	s.ask("qmod", "-e", "all.q@*")
	s.scaledToZero()
}

// TestGridEngineRestart: the daemon is killed while hosts come and while jobs run, once with
// the loss of its state. No job ends for it, and nothing is left.
func TestGridEngineRestart(t *testing.T) {
	s := newSite(t, 4)
	for range 8 {
		s.submit("sleep 3\n" + hello)
	}
	s.eventually("nodes are asked for", func() bool { return len(s.nodes()) > 0 })
	s.kill()
	s.start()
	s.eventually("jobs run", func() bool { return s.listed("r") > 0 })
	s.kill()
	_, err := s.run("rm", "-r", s.home+"/state")
	require.NoError(t, err)
	s.start()
	s.allDone()
	s.scaledToZero()
	require.LessOrEqual(t, s.ever(), 4)
}

// TestGridEngineSilence: a host that is cut off until Grid Engine calls it unknown, and then is
// heard of again, keeps its job and gets the one that waits. It is neither removed nor replaced.
func TestGridEngineSilence(t *testing.T) {
	s := newSite(t, 1)
	require.NoError(t, s.edit("-sconf", "-Mconf", func(text string) string { return set(text, "max_unheard", "00:00:05") }))
	running := s.submit("sleep 3\n"+hello, "-pe", "smp", "4")
	s.eventually("it runs", func() bool { return s.listed("r") == 1 })
	port, _, found := strings.Cut(s.ask("ip", "-br", "link", "show", "master", "br0"), "@")
	require.True(t, found, port)
	s.ask("ip", "link", "set", port, "down")
	waiting := s.submit(hello)
	s.eventually("the host is unknown", func() bool { return strings.Contains(s.ask("qselect", "-qs", "u"), "all.q@ip-") })
	ticks := s.ticks()
	s.eventually("the daemon has seen it so", func() bool { return s.ticks() > ticks+2 })
	require.Len(t, s.hosts(), 1)
	disabled, _ := s.run("qselect", "-qs", "d") // it fails where there is none
	require.NotContains(t, disabled, "all.q@")
	s.ask("ip", "link", "set", port, "up")
	s.allDone()
	for _, id := range []string{running, waiting} {
		require.Contains(t, s.output(id), "on ip-")
	}
	s.scaledToZero()
	require.Equal(t, 1, s.ever())
}

// TestGridEngineSilentForGood: a host that is not heard of again serves nobody after
// join_timeout, so that another is made for the job that waits, and stays for as long as it
// has a job. Then it goes.
func TestGridEngineSilentForGood(t *testing.T) {
	s := newSite(t, 2)
	require.NoError(t, s.edit("-sconf", "-Mconf", func(text string) string { return set(text, "max_unheard", "00:00:05") }))
	lost := s.submit("sleep 1000")
	s.eventually("it runs", func() bool { return s.listed("r") == 1 })
	s.configure("max: 2", "max: 2, join_timeout: 5s")
	port, _, found := strings.Cut(s.ask("ip", "-br", "link", "show", "master", "br0"), "@")
	require.True(t, found, port)
	s.ask("ip", "link", "set", port, "down")
	s.eventually("the host is unknown", func() bool { return strings.Contains(s.ask("qselect", "-qs", "u"), "all.q@ip-") })
	waiting := s.submit(hello)
	s.jobs = []string{waiting}
	s.eventually("it is done elsewhere", func() bool { return s.listed("pr") == 1 })
	require.Contains(t, s.output(waiting), "on ip-")
	ticks := s.ticks()
	s.eventually("the daemon has looked again", func() bool { return s.ticks() > ticks+2 })
	require.Contains(t, s.ask("qstat", "-u", "*", "-s", "r"), "ip-", "its job is still there")
	require.NotEmpty(t, s.nodes())
	s.ask("qdel", "-f", lost)
	s.scaledToZero()
	require.Equal(t, 2, s.ever())
}

// TestGridEngineNobodyCanServe: a job that no host can ever run makes none, and the daemon
// says why; others are served beside it.
func TestGridEngineNobodyCanServe(t *testing.T) {
	s := newSite(t, 4)
	fpga, big, held := s.submit(hello, "-l", "fpga=1"), s.submit(hello, "-pe", "smp", "8"), s.submit(hello, "-h")
	served := s.submit(hello)
	s.eventually("the other job is done", func() bool { return s.listed("pr") == 3 })
	require.Contains(t, s.output(served), "on ip-")
	out, err := s.program("plan").CombinedOutput()
	require.NoError(t, err, string(out))
	for _, reason := range []string{"fpga=1", "no machine type it may use has 8 cores", "is held by its user"} {
		require.Contains(t, string(out), reason)
	}
	for id, reason := range map[string]string{fpga: "fpga=1", big: "8 cores"} {
		s.eventually("its user is told why job "+id+" waits", func() bool {
			_, text, found := strings.Cut(s.ask("qstat", "-j", id), "autoscaled=")
			return found && strings.Contains(text, reason)
		})
	}
	require.NotContains(t, s.ask("qstat", "-j", held), "autoscaled=", "its user knows why")
	s.ask("qdel", fpga, big, held)
	s.jobs = []string{served}
	s.scaledToZero()
	require.Equal(t, 1, s.ever())
}
