package pbs

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/internal/command"
	"autoscaled/queue/pbs/pbstest"
)

func TestMain(m *testing.M) {
	pbstest.Command()
	os.Exit(m.Run())
}

// memory is a store that lasts as long as a test.
type memory struct {
	mu   sync.Mutex
	text []byte
	err  error
}

func (m *memory) Load(context.Context) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.text, m.err
}

func (m *memory) Save(_ context.Context, text []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err == nil {
		m.text = text
	}
	return m.err
}

// world is a PBS, a source for it, and a cloud with one pool.
type world struct {
	t      *testing.T
	server *pbstest.Server
	folder string
	store  *memory
	*Source
	supply autoscale.Supply
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, server: pbstest.New(), folder: t.TempDir(), store: &memory{}}
	self, err := os.Executable()
	require.NoError(t, err)
	stop, err := w.server.Install(w.folder, self)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stop()) })
	w.supply.Pools = []autoscale.Pool{
		{ID: "execute/F4", Labels: map[string]string{"nodearray": "execute", "machine_type": "F4"}, Node: autoscale.Resources{Cores: 4, Memory: 8 << 30}},
		{ID: "login/F4", Labels: map[string]string{"nodearray": "login"}},
	}
	w.restart()
	return w
}

// restart makes another source that knows what the store has.
func (w *world) restart() {
	var err error
	w.Source, err = New(Options{
		Commands: w.folder, Store: w.store,
		Offer: func(p *autoscale.Pool) (Offered, bool) { return Offered{p.Node, p.Labels}, p.ID == "execute/F4" },
	})
	require.NoError(w.t, err)
	w.Source.commands.exec = w.inside
}

// inside lets commands be answered without processes, which take their time.
func (w *world) inside(_ context.Context, o command.Options) ([][]byte, error) {
	a := w.server.Run(filepath.Base(o.Command[0]), o.Command[1:]...)
	if a.Code != 0 {
		return nil, &command.Error{Err: errors.New("exit status"), Said: strings.TrimSpace(a.Err)}
	}
	return [][]byte{[]byte(a.Out)}, nil
}

// node adds a node that is up.
func (w *world) node(id, host string) autoscale.Node {
	n := autoscale.Node{ID: autoscale.NodeID(id), Name: "execute-" + id, Host: host, Address: "10.0.0." + id, Pool: "execute/F4", Phase: autoscale.PhaseReady}
	w.supply.Nodes = append(w.supply.Nodes, n)
	w.hosts()
	return n
}

// hosts lets the MoMs be up whose VMs are.
func (w *world) hosts() {
	var up []string
	for _, n := range w.supply.Nodes {
		up = append(up, n.Host)
	}
	w.server.MoM(up...)
}

// gone ends all VMs.
func (w *world) gone() {
	w.supply.Nodes = nil
	w.hosts()
}

func (w *world) demand() autoscale.Demand {
	w.t.Helper()
	d, err := w.Demand(w.t.Context())
	require.NoError(w.t, err)
	return d
}

func (w *world) keep() {
	w.t.Helper()
	w.demand()
	require.NoError(w.t, w.Keep(w.t.Context(), w.supply, nil))
	w.hosts()
}

// script replaces a command by a shell script.
func (w *world) script(program, text string) {
	w.t.Helper()
	path := filepath.Join(w.folder, program)
	require.NoError(w.t, os.Remove(path))
	require.NoError(w.t, os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755))
}
