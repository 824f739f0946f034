package pbs

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/autoscale/loop"
	"autoscaled/internal/command"
)

var (
	_ loop.Queue   = (*Source)(nil)
	_ loop.Drainer = (*Source)(nil)
	_ loop.Keeper  = (*Source)(nil)
)

func TestDemandFromCommands(t *testing.T) {
	w := newWorld(t)
	w.Source.commands.exec = command.Run
	require.Zero(t, w.demand().Jobs())
	w.server.Submit("alice", "2:ncpus=4", "scatter")
	w.server.SubmitArray("bob", "1:ncpus=1", "free", 10)
	w.server.SubmitHeld("carol", "1:ncpus=1")
	d := w.demand()
	require.Equal(t, 3, d.Jobs())
	require.True(t, d.Vouched)
	require.Empty(t, d.Use)

	w.server.Lose(true)
	_, err := w.Demand(t.Context())
	require.ErrorIs(t, err, autoscale.ErrUnavailable)
	require.ErrorContains(t, err, "cannot connect to server pbs1 (errno=15010)")
}

// While CycleCloud's own autoscaler is at work nothing is decided, but in a dry run.
func TestRival(t *testing.T) {
	w := newWorld(t)
	w.server.SetHook("true")
	_, err := w.Demand(t.Context())
	require.ErrorIs(t, err, errRival)
	w.DryRun = true
	w.demand()
	w.DryRun = false
	w.server.SetHook("false")
	w.demand()
}

func TestDryRunChangesNothing(t *testing.T) {
	w := newWorld(t)
	w.DryRun = true
	n := w.node("1", "exec-1")
	w.keep()
	require.Error(t, w.Drain(t.Context(), []autoscale.Node{n}, "idle")[0])
	require.Error(t, w.Undrain(t.Context(), []autoscale.Node{n})[0])
	require.Empty(t, w.server.Calls())
	require.Empty(t, w.store.text)
}

func TestStoreThatFails(t *testing.T) {
	w := newWorld(t)
	w.store.err = errors.New("disk full")
	_, err := w.Demand(t.Context())
	require.ErrorIs(t, err, autoscale.ErrUnavailable)
	w.store.err, w.store.text = nil, []byte(`{"version":7}`)
	_, err = w.Demand(t.Context())
	require.ErrorIs(t, err, autoscale.ErrMalformed)
	w.store.text = []byte(`{"version":1,"hosts":[{"host":"x"}]}`)
	_, err = w.Demand(t.Context())
	require.ErrorIs(t, err, autoscale.ErrMalformed)
	w.store.text = nil
	w.demand()
	w.store.err = errors.New("disk full")
	w.node("1", "exec-1")
	require.ErrorContains(t, w.Keep(t.Context(), w.supply, nil), "disk full")
	require.Empty(t, w.server.Calls(), "nothing is made that could be forgotten")
}

func TestTextStandsInForJSON(t *testing.T) {
	w := newWorld(t)
	w.Source.commands.exec = command.Run
	w.script("qstat", `case "$*" in
*-Q*|*-B*) printf '{\n"timestamp":1\n}\n' ;;
*json*) printf '{\n"timestamp":1,\n"Jobs":{\n"1.s":{\n"Job_Name":"a\nb",\n}\n}\n}\n' ;;
*) printf 'Job Id: 1.s\n    job_state = Q\n    schedselect = 1:ncpus=2\n\n' ;;
esac
`)
	require.Equal(t, 1, w.demand().Jobs())

	w.script("qstat", `case "$*" in *json*) echo nonsense ;; esac`)
	_, err := w.Demand(t.Context())
	require.ErrorIs(t, err, autoscale.ErrMalformed)
	require.ErrorContains(t, err, "as text there is nothing")
	w.script("qstat", `echo nonsense at all`)
	_, err = w.Demand(t.Context())
	require.ErrorContains(t, err, `qstat -F json -f: the output holds no JSON`)
	require.ErrorContains(t, err, `"nonsense at all"`)
	w.script("qstat", `echo '{}'; echo "qstat: Unauthorized Request" >&2; exit 159`)
	_, err = w.Demand(t.Context())
	require.ErrorIs(t, err, autoscale.ErrUnauthorized)
	w.Source.commands.timeout = 50 * time.Millisecond
	w.script("qstat", `exec cat /dev/zero`)
	_, err = w.Demand(t.Context())
	require.ErrorIs(t, err, autoscale.ErrUnavailable)
}

func TestOptionsAreChecked(t *testing.T) {
	_, err := New(Options{})
	require.Error(t, err)
	_, err = New(Options{Timeout: -1, Store: &memory{}, Offer: func(*autoscale.Pool) (Offered, bool) { return Offered{}, true }})
	require.Error(t, err)
}
