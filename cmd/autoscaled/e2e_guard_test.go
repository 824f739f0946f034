package main

import (
	"encoding/json"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A paused daemon does nothing for the queue, says so everywhere, forgets it neither
// when it is killed, and goes on when it is told to.
func TestPauseAndResume(t *testing.T) {
	s := newSite(t, nil)
	none := s.command("pause")
	require.Equal(t, exitFailure, none.code)
	require.Contains(t, none.err, "no daemon is running")

	p := s.start()
	p.ready()
	wrong := s.command("pause", "smal")
	require.Equal(t, exitFailure, wrong.code)
	require.Contains(t, wrong.err, "the policy has no pool of this name; it has small")
	require.Equal(t, exitUsage, s.command("pause", "--for", "-1h").code)

	paused := s.command("pause", "small", "--for", "2h", "--reason", "new image")
	require.Equal(t, exitOK, paused.code, paused.err)
	require.Regexp(t, `^pool small is paused since \S+ until \S+: new image\n$`, paused.out)
	s.write("queue.yaml", "jobs: [{id: a, tasks: 3, exclusive: task}]\nrunning: []\n")
	p.shows(`autoscaled_paused{cluster="demo",policy_pool="small"}`, "1")
	p.shows(`autoscaled_jobs_waiting{cluster="demo",reason="paused"}`, "1")
	_, home := p.get("/")
	require.Contains(t, home, "pool small is paused since")
	plan := s.command("plan")
	require.Contains(t, plan.out, "PAUSED   pool small is paused since")
	require.Contains(t, plan.out, "new image. autoscaled resume lets it go on.")
	require.NoError(t, p.cmd.Process.Kill())
	<-p.ended

	p = s.start()
	p.shows(`autoscaled_jobs_waiting{cluster="demo",reason="paused"}`, "1")
	require.Zero(t, s.nodes())
	require.Equal(t, exitOK, s.command("pause").code)
	one := s.command("resume", "small")
	require.Equal(t, exitOK, one.code, one.err)
	require.Contains(t, one.out, "the pause of pool small has ended; all pools are paused since")
	require.Equal(t, "all pools go on\n", s.command("resume").out)
	eventually(t, "nodes", func() bool { return s.nodes() == 3 })
	p.shows(`autoscaled_paused{cluster="demo",policy_pool="small"}`, "0")

	require.Equal(t, exitFailure, s.command("resume").code, "nothing is paused")
	require.Equal(t, exitOK, s.command("pause").code)
	s.write("queue.yaml", "jobs: []\nrunning: []\n")
	p.shows(`autoscaled_holds{cluster="demo",reason="paused"}`, "1")
	require.Equal(t, 3, s.nodes())
	require.Equal(t, exitOK, s.command("resume").code)
	eventually(t, "nodes gone", func() bool { return s.nodes() == 0 })
	require.Zero(t, p.stop(syscall.SIGTERM))
}

// Nodes that carry the mark are adopted when the journal is lost; where they are not to
// be, they are listed, by the daemon and without one, and left alone.
func TestOrphans(t *testing.T) {
	s := newSite(t, nil)
	s.write("queue.yaml", "jobs: [{id: a, tasks: 2, exclusive: task}]\nrunning: []\n")
	p := s.start()
	p.shows(`autoscaled_jobs_served{cluster="demo",reason="on_ready"}`, "1")
	clean := s.command("orphans")
	require.Equal(t, "every node and every operation is accounted for\n", clean.out, clean.err)
	require.Zero(t, p.stop(syscall.SIGTERM))

	s.write("queue.yaml", "jobs: []\nrunning: []\n")
	s.configure("state", "other", "adopt", "none")
	alone := s.command("orphans")
	require.Equal(t, exitOK, alone.code, alone.err)
	require.Contains(t, alone.out, "Nodes that are not ours; they are never touched")
	require.Contains(t, alone.out, "execute-1")
	p = s.start()
	p.shows(`autoscaled_nodes_foreign{cluster="demo",pool="execute/Standard_F4s_v2"}`, "2")
	p.logged("nodes of managed pools are not ours")
	var listed orphansDocument
	require.NoError(t, json.Unmarshal([]byte(s.command("orphans", "-o", "json").out), &listed))
	require.Len(t, listed.Nodes, 2)
	require.True(t, listed.Nodes[0].Owned)
	require.NotNil(t, listed.Operations)
	require.Equal(t, 2, s.nodes())
	s.write("password", "wrong")
	eventually(t, "blind", func() bool { return s.command("orphans").code == exitBlind })
	require.Contains(t, s.command("orphans").err, "not authorized")
	s.write("password", "demo-password")
	p.ready()

	eventually(t, "sight", func() bool { return s.command("orphans").code == exitOK })
	adopted := s.command("orphans", "adopt", "execute-1")
	require.Equal(t, exitOK, adopted.code, adopted.err)
	require.Regexp(t, `^execute-1 \(.+\) of pool execute/Standard_F4s_v2 is the daemon's own from now on\n$`, adopted.out)
	require.Contains(t, s.command("orphans", "adopt", "nobody").err, "adopt nobody: it is no node of a managed pool that is not ours")
	eventually(t, "one node left", func() bool { return s.nodes() == 1 })

	s.configure("adopt", "owned") // followed without a restart
	p.shows(`autoscaled_nodes_adopted_total{cluster="demo",pool="execute/Standard_F4s_v2"}`, "2")
	p.logged("nodes that no record told of are taken for ours")
	eventually(t, "nodes gone", func() bool { return s.nodes() == 0 })
	require.Zero(t, p.stop(syscall.SIGTERM))
	require.Equal(t, exitUsage, s.command("orphans", "-o", "yaml").code)
}
