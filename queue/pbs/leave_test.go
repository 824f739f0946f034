package pbs

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/internal/command"
)

// A vnode goes once its VM is gone and nothing runs on it, and only where it is ours.
func TestLeave(t *testing.T) {
	w := newWorld(t)
	require.Zero(t, w.server.Run("qmgr", "-c", "create node onprem").Code)
	w.server.Submit("alice", "1:ncpus=4", "free")
	w.node("1", "exec-1")
	w.keep()
	w.restart()
	w.gone()
	w.keep()
	w.keep()
	require.Len(t, w.server.Vnodes(), 2, "its job is there still")
	marks := slices.DeleteFunc(w.server.Calls(), func(call string) bool { return !strings.Contains(call, "its VM is gone -o exec-1") })
	require.Len(t, marks, 1, "it is taken out of service once")
	require.True(t, w.demand().Use["exec-1"].Busy())
	w.server.Requeue()
	w.keep()
	require.Len(t, w.server.Vnodes(), 1)
	require.Equal(t, "onprem", w.server.Vnodes()[0].Name)
	require.Equal(t, `{"version":1,"hosts":[]}`, string(w.store.text))
	before := len(w.server.Calls())
	w.keep()
	require.Len(t, w.server.Calls(), before)
}

// What starts between the two looks at a vnode is not lost, and a node that the cloud had
// left out of its list goes on.
func TestLeaveLooksAgain(t *testing.T) {
	w := newWorld(t)
	n := w.node("1", "exec-1")
	w.keep()
	w.supply.Nodes = nil
	w.Source.commands.exec = func(ctx context.Context, o command.Options) ([][]byte, error) {
		if slices.Contains(o.Command, "-o") {
			w.server.Submit("alice", "1:ncpus=4", "free")
		}
		return w.inside(ctx, o)
	}
	w.demand()
	require.NoError(t, w.Keep(t.Context(), w.supply, nil))
	require.Equal(t, []string{"0.pbs1"}, w.server.Jobs("R"))
	use := w.demand().Use["exec-1"]
	require.Equal(t, autoscale.DrainOurs, use.Drain)
	require.True(t, use.Busy())
	w.supply.Nodes = []autoscale.Node{n}
	require.NoError(t, w.Keep(t.Context(), w.supply, nil))
	require.NoError(t, w.Undrain(t.Context(), w.supply.Nodes)[0])
	require.Equal(t, autoscale.NotDraining, w.demand().Use["exec-1"].Drain)
}

// A vnode that can't be taken out of service stays, and keeps no other.
func TestLeaveGoesOn(t *testing.T) {
	w := newWorld(t)
	for _, id := range []string{"1", "2"} {
		w.node(id, "exec-"+id)
	}
	w.keep()
	w.gone()
	w.Source.commands.exec = func(ctx context.Context, o command.Options) ([][]byte, error) {
		if slices.Contains(o.Command, "-o") && slices.Contains(o.Command, "exec-1") {
			return nil, &command.Error{Err: errors.New("exit status 1"), Said: "Unauthorized Request"}
		}
		return w.inside(ctx, o)
	}
	require.ErrorContains(t, w.Keep(t.Context(), w.supply, nil), "take vnode exec-1 out of service")
	require.Len(t, w.server.Vnodes(), 1)
	require.Equal(t, "exec-1", w.server.Vnodes()[0].Name)
}
