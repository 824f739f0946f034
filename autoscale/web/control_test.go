package web

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

// serveControl runs a socket in dir until the returned function is called.
func serveControl(t *testing.T, dir string, c Control) (stop func()) {
	t.Helper()
	l, err := ListenControl(dir)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- ServeControl(ctx, l, c) }()
	return func() {
		cancel()
		require.NoError(t, <-ended)
	}
}

func TestControlSocket(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	state := State{
		Cluster: "demo",
		Operations: []autoscale.Operation{{
			Request: "r1", Kind: autoscale.OperationCreate, Phase: autoscale.OpSent, Pool: "p", Group: "g", Count: 3, Added: 2,
			Nodes: []autoscale.NodeID{"n"}, CloudID: "c", Message: "m", Jobs: []autoscale.JobID{"j"},
			Reason: autoscale.Reason{Code: autoscale.ReasonDemand, Have: 3}, Intended: at, Sent: at, Answered: at, Attempts: 2,
		}},
		Memory: autoscale.Memory{Nodes: map[autoscale.NodeID]autoscale.NodeMemory{"n": {Asked: at, IdleReads: 1}}},
	}
	var wakes atomic.Int32
	var stateError error
	dir := t.TempDir()
	client := NewClient(dir)
	_, err := client.State(t.Context())
	require.ErrorIs(t, err, ErrNoDaemon, "nobody has been here")

	stop := serveControl(t, dir, Control{
		State: func(context.Context) (State, error) { return state, stateError },
		Wake:  func() { wakes.Add(1) },
	})
	info, err := os.Stat(filepath.Join(dir, Socket))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o660), info.Mode().Perm())
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)

	got, err := client.State(t.Context())
	require.NoError(t, err)
	require.Equal(t, state, got, "every field survives")
	require.NoError(t, client.Wake(t.Context()))
	require.Equal(t, int32(1), wakes.Load())

	stateError = errors.New("the disk is gone")
	_, err = client.State(t.Context())
	require.ErrorContains(t, err, "the disk is gone")
	require.NotErrorIs(t, err, ErrNoDaemon)

	stop()
	require.NoFileExists(t, filepath.Join(dir, Socket))
	require.ErrorIs(t, client.Wake(t.Context()), ErrNoDaemon)
}

func TestControlSocketPausesAndResumes(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	asked := make(chan PauseRequest, 1)
	dir := t.TempDir()
	stop := serveControl(t, dir, Control{
		Pause: func(_ context.Context, p PauseRequest) (autoscale.Pause, error) {
			asked <- p
			return autoscale.Pause{Pool: p.Pool, Since: at}, nil
		},
		Resume: func(_ context.Context, r ResumeRequest) (Resumed, error) {
			if r.Pool == "" {
				return Resumed{Paused: []autoscale.Pause{{Pool: "q", Since: at}}}, nil
			}
			return Resumed{}, errors.New("pool " + r.Pool + " is not paused")
		},
	})
	defer stop()
	client := NewClient(dir)
	pause, err := client.Pause(t.Context(), PauseRequest{Pool: "p", Seconds: 1.5, Why: "w"})
	require.NoError(t, err)
	require.Equal(t, autoscale.Pause{Pool: "p", Since: at}, pause)
	require.Equal(t, PauseRequest{Pool: "p", Seconds: 1.5, Why: "w"}, <-asked)
	left, err := client.Resume(t.Context(), ResumeRequest{})
	require.NoError(t, err)
	require.Equal(t, []autoscale.Pause{{Pool: "q", Since: at}}, left)
	_, err = client.Resume(t.Context(), ResumeRequest{Pool: "p"})
	require.EqualError(t, err, "ask daemon at "+filepath.Join(dir, Socket)+": pool p is not paused")
	require.ErrorContains(t, client.tell(t.Context(), "/v1/pause", map[string]int{"pols": 1}, nil), "the request makes no sense")
}

func TestControlSocketShowsThePlan(t *testing.T) {
	var plan atomic.Pointer[json.RawMessage]
	dir := t.TempDir()
	stop := serveControl(t, dir, Control{
		Orphans: func() (json.RawMessage, bool) { return json.RawMessage(`{"nodes":[]}`), plan.Load() != nil },
		Plan: func() (json.RawMessage, bool) {
			if p := plan.Load(); p != nil {
				return *p, true
			}
			return nil, false
		},
	})
	defer stop()
	client := NewClient(dir)
	_, err := client.Orphans(t.Context())
	require.ErrorContains(t, err, "there was no tick yet")
	_, err = client.Plan(t.Context())
	require.EqualError(t, err, "ask daemon at "+filepath.Join(dir, Socket)+": there was no plan yet")

	raw := json.RawMessage(`{"grow":[]}`)
	plan.Store(&raw)
	told, err := client.Plan(t.Context())
	require.NoError(t, err)
	require.JSONEq(t, string(raw), string(told))
	_, err = client.Orphans(t.Context())
	require.NoError(t, err)
}

func TestControlSocketShowsTheJournal(t *testing.T) {
	dir := t.TempDir()
	var broken error
	stop := serveControl(t, dir, Control{
		Export: func(_ context.Context, out io.Writer) error {
			_, err := io.WriteString(out, "{\"kind\":\"journal\"}\n{\"kind\":\"end\"}\n")
			return errors.Join(err, broken)
		},
		Check: func(context.Context) (any, error) { return map[string]int{"open": 3}, broken },
	})
	defer stop()
	client := NewClient(dir)
	var out strings.Builder
	require.NoError(t, client.Journal(t.Context(), &out))
	require.Equal(t, "{\"kind\":\"journal\"}\n{\"kind\":\"end\"}\n", out.String())
	var found struct{ Open int }
	require.NoError(t, client.Check(t.Context(), &found))
	require.Equal(t, 3, found.Open)

	broken = errors.New("the disk is gone")
	out.Reset()
	require.ErrorContains(t, client.Journal(t.Context(), &out), "the disk is gone")
	require.Empty(t, out.String(), "an export that fails half way is none")
	require.ErrorContains(t, client.Check(t.Context(), &found), "the disk is gone")
}

func TestStaleSocketIsReplaced(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, Socket)
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	dead.SetUnlinkOnClose(false)
	require.NoError(t, dead.Close())
	require.NoError(t, os.WriteFile(path+".new", nil, 0o600))
	require.FileExists(t, path+".new")
	_, err = NewClient(dir).State(t.Context())
	require.ErrorIs(t, err, ErrNoDaemon, "a dead daemon's socket")

	woken := make(chan struct{}, 1)
	stop := serveControl(t, dir, Control{Wake: func() { woken <- struct{}{} }})
	require.NoError(t, NewClient(dir).Wake(t.Context()))
	<-woken
	stop()
}

func TestSocketThatCannotBeMade(t *testing.T) {
	dir := t.TempDir()
	_, err := ListenControl(filepath.Join(dir, "none"))
	require.ErrorIs(t, err, os.ErrNotExist)

	long := filepath.Join(dir, strings.Repeat("x", 120))
	_, err = ListenControl(long)
	require.ErrorContains(t, err, "choose a shorter state_dir")

	require.NoError(t, os.WriteFile(filepath.Join(dir, Socket), []byte("precious"), 0o600))
	_, err = ListenControl(dir)
	require.ErrorContains(t, err, "there is something else of that name")
	require.FileExists(t, filepath.Join(dir, Socket))
}

func TestAnswerThatMakesNoSense(t *testing.T) {
	dir := t.TempDir()
	raw := json.RawMessage(`"a plan?"`)
	stop := serveControl(t, dir, Control{Plan: func() (json.RawMessage, bool) { return raw, true }})
	defer stop()
	client := NewClient(dir)
	require.ErrorContains(t, client.call(t.Context(), "GET", "/v1/plan", new(State)), "makes no sense")
	require.ErrorContains(t, client.call(t.Context(), "GET", "/v2/plan", new(State)), "404")
}
