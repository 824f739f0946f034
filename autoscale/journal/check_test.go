package journal

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

// lived walks an operation through its life as the loop does, with all times.
func lived(t *testing.T, j *Journal, id string, phases ...autoscale.OperationPhase) {
	t.Helper()
	op := create(id, "")
	for i, phase := range phases {
		at := start.Add(time.Duration(i) * time.Minute)
		op.Phase, op.Since = phase, at
		switch {
		case phase == autoscale.OpSent:
			op.Sent, op.Attempts = at, op.Attempts+1
		case phase == autoscale.OpAccepted:
			op.Answered = at
		case phase.Final():
			op.Ended = at
		}
		require.NoError(t, j.Put(t.Context(), op))
	}
}

func check(t *testing.T, dir string) Audit {
	t.Helper()
	opts := testOptions()
	opts.ReadOnly, opts.Unchecked = true, true
	j, err := Open(dir, opts)
	require.NoError(t, err)
	defer j.Close()
	audit, err := j.Check(t.Context())
	require.NoError(t, err)
	return audit
}

func healthy(t *testing.T) (dir, file string) {
	t.Helper()
	dir = t.TempDir()
	j := open(t, dir)
	lived(t, j, "a", autoscale.OpSent, autoscale.OpAccepted)
	lived(t, j, "b", autoscale.OpSent, autoscale.OpAbsent, autoscale.OpSent, autoscale.OpAccepted, autoscale.OpConverged)
	lived(t, j, "c", autoscale.OpIntended, autoscale.OpExpired)
	lived(t, j, "d", autoscale.OpSent, autoscale.OpRejected)
	require.NoError(t, j.Save(t.Context(), memoryOf("n1")))
	require.NoError(t, j.Close())
	return dir, filepath.Join(dir, fileName)
}

func TestCheckOfAHealthyJournal(t *testing.T) {
	dir, _ := healthy(t)
	require.Equal(t, Audit{Open: 1, Finished: 3, Memories: 1, Findings: []Finding{}}, check(t, dir))
	j := open(t, dir)
	defer j.Close()
	audit, err := j.Check(t.Context())
	require.NoError(t, err)
	require.Empty(t, audit.Findings, "also by the daemon that holds it")
}

func TestCheckTellsWhatIsWrongAndWhere(t *testing.T) {
	const head = `{"v":1,"seq":9,"request":"x","kind":"create","count":2,"reason":{"code":""},`
	const times = `"intended":"2026-03-01T12:00:00Z","sent":"2026-03-01T12:00:00Z"`
	for _, bad := range []struct{ bucket, key, data, says string }{
		{"operations", "demo\x00x", `{"v":1,`, "journal is damaged: no versioned record"},
		{"operations", "demo\x00x", `{"v":7}`, "newer version"},
		{"operations", "demo\x00x", head + `"phase":"odd",` + times + `}`, `phase "odd"`},
		{"operations", "demo\x00y", head + `"phase":"sent",` + times + `}`, "the record is of request x"},
		{"operations", "other\x00b", `{"v":1,"seq":9,"request":"b","kind":"create","phase":"sent","count":1,"reason":{},` + times + `}`, "request b is also in"},
		{"operations", "demo\x00x", `{"v":1,"seq":1,"request":"x","kind":"create","phase":"sent","count":1,"reason":{},` + times + `}`, "its place in the order, 1, is also that of operations demo/a"},
		{"operations", "demo\x00x", head + `"phase":"short","ended":"2026-03-01T12:00:00Z",` + times + `}`, "phase short does not belong there"},
		{"finished", "demo\x00x", head + `"phase":"sent",` + times + `}`, "phase sent does not belong there"},
		{"operations", "demo\x00x", head + `"phase":"sent","sent":"2026-03-01T12:00:00Z"}`, "no time of intent"},
		{"operations", "demo\x00x", head + `"phase":"sent","intended":"2026-03-01T12:00:00Z"}`, "no time of sending"},
		{"operations", "demo\x00x", head + `"phase":"accepted",` + times + `}`, "no time of the answer"},
		{"finished", "demo\x00x", head + `"phase":"short",` + times + `}`, "do not go together"},
		{"operations", "demo\x00x", head + `"phase":"sent","ended":"2026-03-01T12:00:00Z",` + times + `}`, "do not go together"},
		{"finished", "demo\x00x", head + `"phase":"short","ended":"2026-03-01T11:00:00Z",` + times + `}`, "it was ended at 2026-03-01T11:00:00Z, before it was intended"},
		{"operations", "demo\x00x", `{"v":1,"seq":9,"request":"x","kind":"create","phase":"sent","reason":{},` + times + `}`, "it asks for 0 nodes"},
		{"operations", "demo\x00x", `{"v":1,"seq":9,"request":"x","kind":"remove","count":1,"phase":"sent","reason":{},` + times + `}`, "it names no node"},
		{"operations", "demo\x00x", head + `"phase":"sent","nodes":["n","m","n"],` + times + `}`, "names a node twice"},
		{"operations", "demo\x00x", head + `"phase":"sent","history":[{"phase":"short"},{"phase":"sent"}],` + times + `}`, "its history goes from short to sent"},
		{"operations", "demo\x00x", head + `"phase":"sent","history":[{"phase":"sent"},{"phase":"absent"}],` + times + `}`, "its history ends in absent, and its phase is sent"},
		{"memory", "demo\x00", `{"v":1,"memory":{"nodes":7}}`, "memory: journal is damaged"},
		{"memory", "demo", `{"v":1,"memory":{}}`, "the key is no cluster's name"},
		{"meta", "schema", `{"v":2}`, "schema 2, this one reads up to 1"},
	} {
		t.Run(bad.says, func(t *testing.T) {
			dir, file := healthy(t)
			rewrite(t, file, []byte(bad.bucket), []byte(bad.key), bad.data)
			audit := check(t, dir)
			require.Len(t, audit.Findings, 1, "%+v", audit.Findings)
			require.Contains(t, audit.Findings[0].Problem, bad.says)
			require.NotEmpty(t, audit.Findings[0].Where)
		})
	}
}

func TestCheckOfACutFile(t *testing.T) {
	dir, file := filled(t)
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, data[:len(data)/2], 0o600))
	opts := testOptions()
	opts.ReadOnly, opts.Unchecked = true, true
	j, err := Open(dir, opts)
	require.NoError(t, err)
	defer j.Close()
	_, err = j.Check(t.Context())
	require.ErrorIs(t, err, ErrCorrupt)
}
