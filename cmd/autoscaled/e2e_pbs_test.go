package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/cyclecloud/cyclecloudtest"
	"autoscaled/queue/pbs/pbstest"
)

// pbsSite is a site with the example for PBS, a PBS in memory behind commands, and a MoM on
// each VM that is up.
type pbsSite struct {
	*site
	pbs *pbstest.Server
}

func newPBSSite(t *testing.T) *pbsSite {
	t.Helper()
	s := &pbsSite{newSite(t, nil), pbstest.New()}
	require.NoError(t, os.Mkdir(s.path("bin"), 0o700))
	program := s.path("pbs")
	said, err := exec.Command("go", "build", "-buildvcs=false", "-o", program, "autoscaled/queue/pbs/pbstest/command").CombinedOutput()
	require.NoError(t, err, "%s", said)
	stop, err := s.pbs.Install(s.path("bin"), program)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stop()) })
	s.example("pbs.yaml", "/opt/pbs/bin", "bin", "idle_time: 5m", "idle_time: 1s")
	over := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-over:
				return
			case <-ticker.C:
				s.pbs.MoM(s.hosts()...)
			}
		}
	}()
	t.Cleanup(func() { close(over); <-done })
	return s
}

// hosts are those of the VMs that are up.
func (s *pbsSite) hosts() (up []string) {
	for _, n := range s.server.Nodes("demo") {
		if n.Usable() && !n.Head {
			up = append(up, n.Hostname)
		}
	}
	return up
}

// finishAll ends what runs, until nothing does and nothing waits.
func (s *pbsSite) finishAll() {
	s.t.Helper()
	eventually(s.t, "all jobs done", func() bool {
		s.pbs.Finish(s.pbs.Jobs("R")...)
		return s.pbs.Waiting() == 0 && len(s.pbs.Jobs("R")) == 0
	})
}

// joined tells whether each vnode got its resources before it was put into service, and
// ccnodeid last of them. The daemon was killed after so many calls, and one more may have been
// under way: the next daemon begins such a vnode anew.
func (s *pbsSite) joined(killed int) {
	s.t.Helper()
	ids := map[string]bool{}
	for _, n := range s.server.Books().Nodes {
		ids[n.ID] = true
	}
	whole := map[string]bool{}
	last := map[string]bool{}
	for i, call := range s.pbs.Calls() {
		if i == killed+1 {
			clear(last)
		}
		words := strings.Fields(call)
		switch {
		case strings.HasPrefix(call, "qmgr set node") && strings.Contains(call, "ccnodeid="):
			_, id, _ := strings.Cut(call, "ccnodeid=")
			require.True(s.t, ids[id], "%s: no such node", call)
			whole[words[3]], last[words[3]] = true, true
		case strings.HasPrefix(call, "qmgr set node"):
			require.False(s.t, last[words[3]], "%s: after ccnodeid", call)
		case strings.Contains(call, "in service -r"):
			require.True(s.t, whole[words[len(words)-1]], "%s: before ccnodeid", call)
		case strings.HasPrefix(call, "qmgr delete node"):
			delete(whole, words[3])
			delete(last, words[3])
		}
	}
}

// drained tells whether each node was drained in PBS before it was ended, and deleted after.
func (s *pbsSite) drained() {
	s.t.Helper()
	calls := s.pbs.Calls()
	made := 0
	for _, call := range calls {
		if name, ok := strings.CutPrefix(call, "qmgr create node "); ok {
			made++
			require.True(s.t, slices.ContainsFunc(calls, func(c string) bool {
				return strings.HasPrefix(c, "pbsnodes -C autoscaled: drains") && strings.HasSuffix(c, "-o "+name)
			}), "%s was never drained", name)
			require.Contains(s.t, calls, "qmgr delete node "+name)
		}
	}
	require.Positive(s.t, made)
}

// The example for PBS: jobs become nodes, which are joined, run them, are drained, ended,
// and deleted in PBS, with another daemon going on in the middle.
func TestExampleForPBS(t *testing.T) {
	s := newPBSSite(t)
	r := s.command("check", "--connect")
	require.Zero(t, r.code, r.out+r.err)
	require.Contains(t, r.out, "ok    queue    PBS: 0 pending jobs, 0 hosts in use")

	p := s.start()
	p.ready()
	for range 3 {
		s.pbs.Submit("alice", "1:ncpus=2:mem=1gb", "free")
	}
	s.pbs.Submit("bob", "2:ncpus=2", "scatter:excl")
	s.pbs.SubmitArray("carol", "1:ncpus=2", "free", 4)
	held := s.pbs.SubmitHeld("dora", "1:ncpus=1")
	s.pbs.Submit("eve", "1:ncpus=1:quantum=1", "free")
	eventually(t, "jobs run", func() bool { return len(s.pbs.Jobs("R")) >= 3 })
	r = s.command("plan", "--jobs")
	require.Zero(t, r.code, r.err)
	require.Contains(t, r.out, "quantum")

	require.NoError(t, p.cmd.Process.Kill())
	<-p.ended
	killed := len(s.pbs.Calls())
	p = s.start()
	eventually(t, "all run or ran", func() bool {
		s.pbs.Finish(s.pbs.Jobs("R")...)
		return s.pbs.Waiting() == 1 // the one that nothing can serve
	})
	eventually(t, "no nodes", func() bool {
		s.pbs.Finish(s.pbs.Jobs("R")...)
		return s.nodes() == 0 && len(s.pbs.Vnodes()) == 0
	})
	s.joined(killed)
	s.drained()
	require.Equal(t, []string{held}, s.pbs.Jobs("H"))
	require.Len(t, s.pbs.Jobs("F"), 8)
	require.Empty(t, s.server.Books().Violations)

	s.pbs.Run("qrls", held)
	eventually(t, "the one that was held runs", func() bool { return slices.Contains(s.pbs.Jobs("R"), held) })
	s.pbs.Lose(true)
	p.shows(`autoscaled_demand_known{cluster="demo"}`, "0")
	require.Equal(t, 1, s.nodes(), "a server that is lost has not lost its jobs")
	s.pbs.Lose(false)
	s.pbs.Finish(held)
	eventually(t, "no nodes again", func() bool { return s.nodes() == 0 && len(s.pbs.Vnodes()) == 0 })
	require.Zero(t, p.stop(syscall.SIGTERM))
}

// A coupled job has its vnodes in one placement group, and PBS starts it there.
func TestPBSPlacementGroup(t *testing.T) {
	s := newPBSSite(t)
	p := s.start()
	job := s.pbs.Submit("alice", "3:ncpus=2:slot_type=execute", "scatter:excl:group=group_id")
	eventually(t, "it runs", func() bool { return slices.Contains(s.pbs.Jobs("R"), job) })
	groups := map[string]bool{}
	for _, v := range s.pbs.Vnodes() {
		groups[v.Available["group_id"]] = true
		require.Equal(t, "false", v.Available["ungrouped"])
	}
	require.Len(t, groups, 1)
	s.finishAll()
	eventually(t, "no nodes", func() bool { return s.nodes() == 0 && len(s.pbs.Vnodes()) == 0 })
	require.Zero(t, p.stop(syscall.SIGTERM))
}

// A VM that dies under a job: PBS gives the job back, another node takes it, and the dead
// one's vnode is deleted.
func TestPBSNodeDies(t *testing.T) {
	s := newPBSSite(t)
	p := s.start()
	job := s.pbs.Submit("alice", "1:ncpus=2", "free")
	eventually(t, "it runs", func() bool { return len(s.pbs.Jobs("R")) == 1 })
	dead := s.pbs.Vnodes()[0].Name
	name := ""
	for _, n := range s.server.Nodes("demo") {
		if n.Hostname == dead {
			name = n.Name
		}
	}
	require.NoError(t, s.server.Evict(name))
	eventually(t, "its MoM is gone", func() bool { return !slices.Contains(s.hosts(), dead) })
	require.Equal(t, []string{job}, s.pbs.Jobs("R"))
	eventually(t, "it runs elsewhere", func() bool {
		s.pbs.Requeue()
		vnodes := s.pbs.Vnodes()
		return len(vnodes) == 1 && slices.Contains(vnodes[0].Jobs, job) && vnodes[0].Up
	})
	s.finishAll()
	eventually(t, "no nodes", func() bool { return s.nodes() == 0 && len(s.pbs.Vnodes()) == 0 })
	require.Zero(t, p.stop(syscall.SIGTERM))
}

// In a dry run neither PBS nor the cloud is changed.
func TestPBSDryRun(t *testing.T) {
	s := newPBSSite(t)
	s.pbs.Submit("alice", "1:ncpus=2", "free")
	_, err := s.server.AddNodes(cyclecloudtest.BucketKey{Nodearray: "execute", MachineType: "Standard_F4s_v2"}, 1)
	require.NoError(t, err)
	p := s.start("--dry-run")
	p.shows(`autoscaled_demand_jobs{cluster="demo"}`, "1")
	require.Zero(t, p.stop(syscall.SIGTERM))
	require.Empty(t, s.pbs.Calls())
	require.Equal(t, 1, s.nodes())
}
