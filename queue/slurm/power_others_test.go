package slurm_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/queue/slurm"
)

// Between the look that a plan is made of and what follows from it others act: what an
// administrator says of a node stays, and so does a job that got one.
func TestOthersAreFaster(t *testing.T) {
	w := newPowerWorld(t, 1, map[string]int{"htc": 4})
	defer func() { w.stop() }()
	w.cloud.stock = map[string]int{"htc": 0}
	w.ctl.submit(1, true, time.Minute, "htc")
	w.tick()
	require.Empty(t, downNodes(w.ctl))
	var other *ctlJob
	w.ctl.meanwhile = func() {
		w.ctl.node("htc-4").down, w.ctl.node("htc-4").reason = true, "disk swap, ann"
		other = w.ctl.submit(1, false, time.Minute, "htc")
		w.ctl.schedule()
	}
	w.tick()
	require.Equal(t, "CONFIGURING", other.state)
	require.Equal(t, "disk swap, ann", w.ctl.node("htc-4").reason)
	require.Equal(t, map[string]bool{"htc-1": true, "htc-3": true}, downNodes(w.ctl))

	w.cloud.stock = nil
	w.ctl.meanwhile = func() { w.ctl.node("htc-3").reason = "ann looks at it" }
	w.ticks(time.Hour)
	require.Equal(t, "ann looks at it", w.ctl.node("htc-3").reason)
	require.True(t, w.ctl.node("htc-3").down)
}

// A comment that its user wrote over ours stays when the job starts.
func TestCommentOverOursStays(t *testing.T) {
	w := newPowerWorld(t, 1, map[string]int{"htc": 2})
	defer func() { w.stop() }()
	w.cloud.stock = map[string]int{"htc": 0}
	first, second := w.ctl.submit(1, true, time.Hour, "htc"), w.ctl.submit(1, true, time.Hour, "htc")
	w.ticks(time.Minute)
	require.Contains(t, first.comment, slurm.Mark)
	require.Contains(t, second.comment, slurm.Mark)
	first.comment = "for Monday's talk"
	w.cloud.stock = nil
	w.ticks(30 * time.Minute)
	require.Equal(t, map[string]int{"RUNNING": 2}, w.states())
	require.Equal(t, "for Monday's talk", first.comment)
	require.Empty(t, second.comment)
}

// A node of ours that is DOWN and yet not powered down, as one that somebody powered up
// meanwhile, returns to service like any other.
func TestMarkOfANodeThatIsUp(t *testing.T) {
	w := newPowerWorld(t, 1, map[string]int{"htc": 2})
	defer func() { w.stop() }()
	n := w.ctl.node("htc-2")
	n.power, n.idle, n.down, n.reason = "up", w.at, true, slurm.Mark+"htc/F4 has run out"
	w.tick()
	require.Empty(t, n.reason)
	require.Equal(t, []slurm.Note{{Event: slurm.NoteBack, Nodes: []string{"htc-2"}}}, w.notes)
}

// stuck is a cluster whose changes of nodes last until it is let go.
type stuck struct {
	fixed
	begun, let chan struct{}
}

func (s *stuck) PlaceNodes(context.Context, []slurm.Place) error {
	close(s.begun)
	<-s.let
	return nil
}

func (s *stuck) Settings(context.Context) (slurm.Settings, error) { return slurm.Settings{}, nil }

// Who asks what is awaited does not wait for what Slurm is told meanwhile.
func TestAwaitedWhileSlurmIsTold(t *testing.T) {
	s := &stuck{begun: make(chan struct{}), let: make(chan struct{})}
	s.set("htc-1", waking)
	source := powerSource(t, s, nil)
	demandOf(t, source)
	kept := make(chan error)
	go func() {
		kept <- source.Keep(context.Background(), autoscale.Supply{Nodes: []autoscale.Node{{ID: "1", Name: "htc-1", Address: "10.0.0.4", Phase: autoscale.PhaseReady}}}, nil)
	}()
	<-s.begun
	list, err := source.Awaited(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 1)
	close(s.let)
	require.NoError(t, <-kept)
}

// A controller that does not answer while it is told addresses is not told to set nodes DOWN
// that have none, and what was begun is ended by the next tick.
func TestControllerIsSilentWhileNodesAreGivenUp(t *testing.T) {
	w := newPowerWorld(t, 1, map[string]int{"htc": 4})
	defer func() { w.stop() }()
	w.cloud.stock = map[string]int{"htc": 0}
	for range 3 {
		w.ctl.submit(1, true, time.Minute, "htc")
	}
	w.tick()
	w.ctl.updatesLeft = 1
	w.tick()
	require.Equal(t, map[string]bool{"htc-4": true}, downNodes(w.ctl), "nobody has it")
	w.tick()
	require.Len(t, downNodes(w.ctl), 4)
	require.Zero(t, w.ctl.stalls)
}
