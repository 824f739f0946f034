package journal

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

// twoClusters makes a state directory with records of two clusters.
func twoClusters(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, cluster := range []string{"demo", "other"} {
		opts := testOptions()
		opts.Cluster = cluster
		j, err := Open(dir, opts)
		require.NoError(t, err)
		written(t, j, cluster+"-b", autoscale.OpConverged)
		written(t, j, cluster+"-a", autoscale.OpAbsent)
		m := autoscale.Memory{}
		populate(t, reflect.ValueOf(&m).Elem(), 1)
		require.NoError(t, j.Save(t.Context(), m))
		require.NoError(t, j.Close())
	}
	return dir
}

func export(t *testing.T, j *Journal) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, j.Export(t.Context(), &out))
	return out.String()
}

func TestExportIsStableAndReadsBack(t *testing.T) {
	dir := twoClusters(t)
	j := open(t, dir)
	text := export(t, j)
	require.Equal(t, text, export(t, j))
	require.NoError(t, j.Close())
	opts := testOptions()
	opts.ReadOnly = true
	j, err := Open(dir, opts)
	require.NoError(t, err)
	defer j.Close()
	require.Equal(t, text, export(t, j), "a reader writes the same")

	require.Equal(t, 8, strings.Count(text, "\n"), text)
	require.True(t, strings.HasPrefix(text, `{"kind":"journal","v":1}`+"\n"), text)
	require.True(t, strings.HasSuffix(text, `{"kind":"end","records":6}`+"\n"), text)

	c, err := ReadExport(strings.NewReader(text))
	require.NoError(t, err)
	var ids []string
	for _, e := range c.Entries {
		ids = append(ids, e.Cluster+" "+string(e.Operation.Request))
	}
	require.Equal(t, []string{"demo demo-b", "demo demo-a", "other other-b", "other other-a"}, ids)
	require.Equal(t, create("demo-a", autoscale.OpAbsent), c.Entries[1].Operation)
	m, err := j.Memory(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string]autoscale.Memory{"demo": m, "other": m}, c.Memories)
}

func TestReadExportRefuses(t *testing.T) {
	dir := twoClusters(t)
	j := open(t, dir)
	defer j.Close()
	text := export(t, j)
	lines := strings.SplitAfter(text, "\n")
	for name, bad := range map[string]struct{ text, says string }{
		"nothing":        {"", "unexpected EOF"},
		"no first line":  {strings.Join(lines[1:], ""), "does not begin as one"},
		"cut off":        {strings.Join(lines[:3], ""), "unexpected EOF"},
		"a line lacking": {strings.Join(append(lines[:2:2], lines[3:]...), ""), "5 records of 6"},
		"newer form":     {strings.Replace(text, `"v":1}`, `"v":2}`, 1), "newer version"},
		"newer record":   {strings.Replace(text, `{"v":1,"seq"`, `{"v":2,"seq"`, 1), "line 2: operation: journal was written by a newer version"},
		"damaged memory": {strings.Replace(text, `"memory":{`, `"memory":7,"x":{`, 1), "journal is damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ReadExport(strings.NewReader(bad.text))
			require.ErrorContains(t, err, bad.says)
		})
	}
	_, err := ReadExport(strings.NewReader(lines[0] + `{"kind":"weather"}` + "\n" + `{"kind":"end"}`))
	require.NoError(t, err, "kinds of line that come later say nothing of records")
}

func TestHistoryTellsEachPhaseAndCall(t *testing.T) {
	j := open(t, t.TempDir())
	defer j.Close()
	at := start
	step := func(phase autoscale.OperationPhase, attempts, seen int) {
		op := create("a", phase)
		op.Since, op.Attempts, op.Added = at, attempts, seen
		require.NoError(t, j.Put(t.Context(), op))
		at = at.Add(time.Minute)
	}
	step(autoscale.OpSent, 1, 0)
	step(autoscale.OpSent, 1, 0) // nothing new
	step(autoscale.OpSent, 2, 0)
	step(autoscale.OpAbsent, 2, 0)
	step(autoscale.OpAccepted, 2, 1)
	step(autoscale.OpAccepted, 2, 2)
	step(autoscale.OpConverged, 2, 2)
	c, err := ReadExport(strings.NewReader(export(t, j)))
	require.NoError(t, err)
	minute := func(n int) time.Time { return start.Add(time.Duration(n) * time.Minute) }
	require.Equal(t, []Passage{
		{autoscale.OpSent, minute(0)}, {autoscale.OpSent, minute(2)}, {autoscale.OpAbsent, minute(3)},
		{autoscale.OpAccepted, minute(4)}, {autoscale.OpConverged, minute(6)},
	}, c.Entries[0].History)
}

// Operations of older daemons say when they entered some of their phases only.
func TestHistoryOfOlderRecords(t *testing.T) {
	op := create("a", autoscale.OpIntended)
	op.Sent, op.Answered, op.Ended = start.Add(1), start.Add(2), start.Add(3)
	for phase, at := range map[autoscale.OperationPhase]time.Time{
		autoscale.OpIntended: start, autoscale.OpSent: start.Add(1), autoscale.OpAccepted: start.Add(2),
		autoscale.OpShort: start.Add(3), autoscale.OpAbsent: {},
	} {
		op.Phase = phase
		require.Equal(t, at, entered(op), phase)
	}
}
