package journal

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"autoscaled/autoscale"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// open opens dir as cluster demo, without waiting for a lock or the disk.
func open(t *testing.T, dir string) *Journal {
	t.Helper()
	j, err := Open(dir, testOptions())
	require.NoError(t, err)
	return j
}

func testOptions() Options {
	return Options{Cluster: "demo", LockTimeout: time.Millisecond, Volatile: true}
}

func create(id string, phase autoscale.OperationPhase) autoscale.Operation {
	return autoscale.Operation{
		Request: autoscale.RequestID(id), Kind: autoscale.OperationCreate, Phase: phase,
		Pool: "execute/Standard_F4s_v2", Count: 4, Intended: start,
	}
}

// written walks an operation to the phase.
func written(t *testing.T, j *Journal, id string, phase autoscale.OperationPhase) autoscale.Operation {
	t.Helper()
	path := map[autoscale.OperationPhase][]autoscale.OperationPhase{
		autoscale.OpIntended:  {autoscale.OpIntended},
		autoscale.OpSent:      {autoscale.OpSent},
		autoscale.OpAbsent:    {autoscale.OpSent, autoscale.OpAbsent},
		autoscale.OpAccepted:  {autoscale.OpSent, autoscale.OpAccepted},
		autoscale.OpConverged: {autoscale.OpSent, autoscale.OpAccepted, autoscale.OpConverged},
		autoscale.OpShort:     {autoscale.OpSent, autoscale.OpShort},
		autoscale.OpRejected:  {autoscale.OpSent, autoscale.OpRejected},
		autoscale.OpExpired:   {autoscale.OpSent, autoscale.OpAbsent, autoscale.OpExpired},
	}[phase]
	for _, p := range path {
		require.NoError(t, j.Put(t.Context(), create(id, p)))
	}
	return create(id, phase)
}

func TestPutThenReopenKeepsEveryField(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	op := autoscale.Operation{}
	populate(t, reflect.ValueOf(&op).Elem(), 1)
	op.Kind, op.Phase, op.Removal = autoscale.OperationCreate, autoscale.OpSent, autoscale.RemovalDeallocate
	m := autoscale.Memory{}
	populate(t, reflect.ValueOf(&m).Elem(), 1)
	require.NoError(t, j.Put(t.Context(), op))
	require.NoError(t, j.Save(t.Context(), m))
	require.NoError(t, j.Close())

	j = open(t, dir)
	defer j.Close()
	ops, err := j.Operations(t.Context())
	require.NoError(t, err)
	require.Equal(t, []autoscale.Operation{op}, ops)
	got, err := j.Memory(t.Context())
	require.NoError(t, err)
	require.Equal(t, m, got)
}

// populate sets every field to something that is not zero, so that a field which
// the model gains later and the record lacks fails the test.
func populate(t *testing.T, v reflect.Value, n int) {
	t.Helper()
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(start.Add(time.Duration(n) * time.Second)))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			populate(t, v.Field(i), n+i)
		}
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		populate(t, v.Index(0), n)
	case v.Kind() == reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		populate(t, key, n)
		populate(t, value, n)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		populate(t, v.Elem(), n)
	case v.Kind() == reflect.String:
		v.SetString("text" + strconv.Itoa(n))
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.CanUint():
		v.SetUint(uint64(n))
	case v.CanInt():
		v.SetInt(int64(n))
	case v.CanFloat():
		v.SetFloat(float64(n) + 0.5)
	default:
		require.Fail(t, "a kind of field that populate does not know", v.Type().String())
	}
}

func TestOperationsAreThoseNotFinalInTheOrderWritten(t *testing.T) {
	j := open(t, t.TempDir())
	defer j.Close()
	written(t, j, "c", autoscale.OpSent)
	written(t, j, "b", autoscale.OpConverged)
	written(t, j, "a", autoscale.OpAbsent)
	require.NoError(t, j.Put(t.Context(), create("c", autoscale.OpAccepted)))

	ops, err := j.Operations(t.Context())
	require.NoError(t, err)
	require.Equal(t, []autoscale.Operation{create("c", autoscale.OpAccepted), create("a", autoscale.OpAbsent)}, ops)
	all, err := j.All(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 3)
	require.Equal(t, autoscale.RequestID("b"), all[1].Request)
	got, found, err := j.Get(t.Context(), "b")
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, create("b", autoscale.OpConverged), got)
	_, found, err = j.Get(t.Context(), "nobody")
	require.NoError(t, err)
	require.False(t, found)
}

// allowed is written down apart from the code's table: who may follow whom.
var allowed = map[autoscale.OperationPhase]string{
	autoscale.OpIntended:  "intended sent absent accepted converged short expired",
	autoscale.OpSent:      "sent absent accepted converged short rejected",
	autoscale.OpAbsent:    "sent absent accepted converged short expired",
	autoscale.OpAccepted:  "accepted converged short",
	autoscale.OpConverged: "", autoscale.OpShort: "", autoscale.OpRejected: "", autoscale.OpExpired: "",
}

func TestEveryChangeOfPhaseIsRuled(t *testing.T) {
	for from, list := range allowed {
		for to := range allowed {
			t.Run(string(from+" to "+to), func(t *testing.T) {
				j := open(t, t.TempDir())
				defer j.Close()
				before := written(t, j, "a", from)
				err := j.Put(t.Context(), create("a", to))
				got, _, getErr := j.Get(t.Context(), "a")
				require.NoError(t, getErr)
				if slices.Contains(strings.Fields(list), string(to)) {
					require.NoError(t, err)
					require.Equal(t, to, got.Phase)
					return
				}
				require.ErrorIs(t, err, ErrTransition)
				require.ErrorContains(t, err, "operation a")
				require.Equal(t, before, got)
			})
		}
	}
}

func TestCallsThatLeftAreNeverForgotten(t *testing.T) {
	j := open(t, t.TempDir())
	defer j.Close()
	op := create("a", autoscale.OpSent)
	op.Attempts = 2
	require.NoError(t, j.Put(t.Context(), op))
	op.Attempts = 1
	require.ErrorIs(t, j.Put(t.Context(), op), ErrTransition)
	op.Attempts = 3
	require.NoError(t, j.Put(t.Context(), op))
}

func TestPutIsAllOrNone(t *testing.T) {
	j := open(t, t.TempDir())
	defer j.Close()
	done := written(t, j, "done", autoscale.OpConverged)
	err := j.Put(t.Context(), create("new", autoscale.OpSent), create("done", autoscale.OpSent))
	require.ErrorIs(t, err, ErrTransition)
	all, err := j.All(t.Context())
	require.NoError(t, err)
	require.Equal(t, []autoscale.Operation{done}, all)
}

func TestPutRefusesWhatIsNoOperation(t *testing.T) {
	j := open(t, t.TempDir())
	defer j.Close()
	nameless, kindless, phaseless, other := create("", "sent"), create("a", "sent"), create("a", ""), create("b", "sent")
	kindless.Kind = "paint"
	other.Kind = autoscale.OperationRemove
	require.NoError(t, j.Put(t.Context(), create("b", "sent")))
	for _, op := range []autoscale.Operation{nameless, kindless, phaseless, other, create("c", "accepted"), create("d", "odd")} {
		require.Error(t, j.Put(t.Context(), op), "%+v", op)
	}
	all, err := j.All(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 1)
}

func TestClustersDoNotSeeEachOther(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	written(t, j, "a", autoscale.OpSent)
	require.NoError(t, j.Save(t.Context(), memoryOf("n1")))
	require.NoError(t, j.Close())

	opts := testOptions()
	opts.Cluster = "dem"
	j, err := Open(dir, opts)
	require.NoError(t, err)
	defer j.Close()
	all, err := j.All(t.Context())
	require.NoError(t, err)
	require.Empty(t, all)
	m, err := j.Memory(t.Context())
	require.NoError(t, err)
	require.Zero(t, m)

	for _, name := range []string{"", "a\x00b"} {
		_, err = Open(t.TempDir(), Options{Cluster: name})
		require.ErrorContains(t, err, "cluster name")
	}
}

func memoryOf(ids ...autoscale.NodeID) autoscale.Memory {
	m := autoscale.Memory{Nodes: map[autoscale.NodeID]autoscale.NodeMemory{}}
	for _, id := range ids {
		m.Nodes[id] = autoscale.NodeMemory{Asked: start}
	}
	return m
}

func TestFinishedOperationsArePruned(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	end := func(id string, at time.Time) {
		require.NoError(t, j.Put(t.Context(), create(id, autoscale.OpSent)))
		op := create(id, autoscale.OpRejected)
		op.Ended = at
		require.NoError(t, j.Put(t.Context(), op))
	}
	left := func() (ids []autoscale.RequestID) {
		all, err := j.All(t.Context())
		require.NoError(t, err)
		for _, op := range all {
			ids = append(ids, op.Request)
		}
		return ids
	}
	require.NoError(t, j.Put(t.Context(), create("open", autoscale.OpSent)))
	end("old", start)
	end("young", start.Add(DefaultRetention))
	require.Equal(t, []autoscale.RequestID{"open", "old", "young"}, left(), "kept for the whole retention time")
	end("next", start.Add(DefaultRetention+pruneEvery))
	require.Equal(t, []autoscale.RequestID{"open", "young", "next"}, left(), "pruned by the way")
	require.NoError(t, j.Close())

	opts := testOptions()
	opts.At, opts.Retention = start.Add(DefaultRetention+2*pruneEvery), 90*time.Minute
	var err error
	j, err = Open(dir, opts)
	require.NoError(t, err)
	defer j.Close()
	require.Equal(t, []autoscale.RequestID{"open", "next"}, left(), "pruned on opening")
	n, err := j.Prune(t.Context(), opts.At.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, []autoscale.RequestID{"open"}, left())
}

func TestSaveOfTheSameMemoryWritesNothing(t *testing.T) {
	j := open(t, t.TempDir())
	defer j.Close()
	require.NoError(t, j.Save(t.Context(), memoryOf("n1", "n2")))
	before := lastTransaction(t, j)
	require.NoError(t, j.Save(t.Context(), memoryOf("n2", "n1")))
	require.Equal(t, before, lastTransaction(t, j))
	require.NoError(t, j.Save(t.Context(), memoryOf("n1")))
	require.Greater(t, lastTransaction(t, j), before)
	m, err := j.Memory(t.Context())
	require.NoError(t, err)
	require.Equal(t, memoryOf("n1"), m)
}

func lastTransaction(t *testing.T, j *Journal) (id int) {
	t.Helper()
	require.NoError(t, j.db.View(func(tx *bolt.Tx) error { id = tx.ID(); return nil }))
	return id
}

func TestContextAtItsEndWritesNothing(t *testing.T) {
	j := open(t, t.TempDir())
	defer j.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, j.Put(ctx, create("a", autoscale.OpSent)), context.Canceled)
	require.ErrorIs(t, j.Save(ctx, memoryOf("n1")), context.Canceled)
	_, err := j.Operations(ctx)
	require.ErrorIs(t, err, context.Canceled)
	all, err := j.All(t.Context())
	require.NoError(t, err)
	require.Empty(t, all)
}

func TestReadOnly(t *testing.T) {
	dir := t.TempDir()
	opts := testOptions()
	opts.ReadOnly = true
	_, err := Open(dir, opts)
	require.ErrorIs(t, err, ErrNone)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, dir)

	j := open(t, dir)
	op := written(t, j, "a", autoscale.OpSent)
	require.NoError(t, j.Close())
	first, err := Open(dir, opts)
	require.NoError(t, err)
	second, err := Open(dir, opts)
	require.NoError(t, err, "readers do not shut each other out")
	require.NoError(t, first.Close())
	defer second.Close()
	all, err := second.All(t.Context())
	require.NoError(t, err)
	require.Equal(t, []autoscale.Operation{op}, all)
	require.ErrorIs(t, second.Put(t.Context(), create("b", autoscale.OpSent)), ErrReadOnly)
	require.ErrorIs(t, second.Save(t.Context(), memoryOf("n1")), ErrReadOnly)
	require.NoFileExists(t, filepath.Join(dir, pidName))
}

func TestSecondDaemonIsRefused(t *testing.T) {
	dir := t.TempDir()
	first := open(t, dir)
	for _, readOnly := range []bool{false, true} {
		opts := testOptions()
		opts.ReadOnly = readOnly
		_, err := Open(dir, opts)
		require.ErrorIs(t, err, ErrHeld)
		require.ErrorContains(t, err, dir)
		require.ErrorContains(t, err, "pid "+strconv.Itoa(os.Getpid()))
	}
	require.NoError(t, first.Close())
	require.NoFileExists(t, filepath.Join(dir, pidName))
	open(t, dir).Close()
}

func TestHolderDistrustsThePIDFile(t *testing.T) {
	dir := t.TempDir()
	require.Empty(t, holder(dir), "no file")
	// 4194305 is above Linux's largest process id.
	for _, text := range []string{"", "x", "-1", "0", "4194305"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, pidName), []byte(text), 0o600))
		require.Empty(t, holder(dir), "%q", text)
	}
}

func TestUnusableStateDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := Open(filepath.Join(file, "state"), testOptions())
	require.ErrorContains(t, err, "make state directory "+filepath.Join(file, "state"))

	// A directory in the file's place fails for every user, root included.
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, fileName), 0o700))
	_, err = Open(dir, testOptions())
	require.ErrorContains(t, err, "state directory "+dir)

	dir = t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, pidName), 0o700))
	_, err = Open(dir, testOptions())
	require.ErrorContains(t, err, "write to state directory "+dir)
}
