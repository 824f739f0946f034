package queue

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

// FuzzParse: whatever the text, there is a whole demand or an error that tells
// why not, and nothing passes that the schema refuses.
func FuzzParse(f *testing.F) {
	for _, data := range examples(f) {
		f.Add(data)
	}
	for _, bad := range badDocuments() {
		f.Add([]byte(bad.text))
	}
	compiled := compiledSchema(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := Parse(data, "")
		if err != nil {
			document, ok := errors.AsType[*DocumentError](err)
			require.True(t, ok)
			require.NotEmpty(t, document.Mistakes)
			require.LessOrEqual(t, len(document.Mistakes), maxMistakes)
			require.Equal(t, autoscale.Demand{}, d)
			return
		}
		requireSound(t, d)
		root, err := parseSyntax(data, "")
		require.NoError(t, err)
		require.NoError(t, compiled.Validate(plain(&root)), "the parser lets pass what the schema refuses")
		again, err := Parse(data, "")
		require.NoError(t, err)
		require.Equal(t, d, again)
	})
}

func requireSound(t *testing.T, d autoscale.Demand) {
	t.Helper()
	ids := map[autoscale.JobID]bool{}
	for _, c := range d.Classes {
		require.NotEmpty(t, c.Members)
		for _, m := range c.Members {
			require.NotEmpty(t, m.ID)
			require.False(t, ids[m.ID])
			ids[m.ID] = true
		}
		require.Positive(t, c.Tasks)
		require.LessOrEqual(t, c.AtLeast, c.Tasks)
		require.True(t, len(c.Names) == 0 && c.Group == "" || len(c.Names) == c.Tasks)
		require.GreaterOrEqual(t, c.ExpectedRuntime, c.ExpectedRuntime.Abs(), "never negative")
		requireNotNegative(t, c.PerTask)
		for _, draw := range c.Draws {
			require.Positive(t, draw.Amount)
		}
	}
	require.Equal(t, d.Vouched, d.Use != nil)
	for host, use := range d.Use {
		require.Equal(t, strings.ToLower(host), host)
		require.NotEmpty(t, host)
		requireNotNegative(t, use.Used)
	}
}

func requireNotNegative(t *testing.T, r autoscale.Resources) {
	t.Helper()
	require.True(t, r.Cores >= 0 && r.Memory >= 0 && r.GPUs >= 0, r)
	for name, n := range r.Custom {
		require.GreaterOrEqual(t, n, int64(0), name)
	}
}

// FuzzJSON: JSON is read just where encoding/json takes it.
func FuzzJSON(f *testing.F) {
	for _, text := range []string{`{"jobs":[{"id":1}]}`, `[1 2]`, `{"a":1,}`, `{"a" 1}`, `[]]`, `"a`, `{"a":{"a":[null,true,"\ud83d"]}}`, `1e5`, `{1:2}`, ``} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if !utf8.Valid(data) {
			return // refused before
		}
		root, err := parseJSON(string(data))
		if err != nil && strings.Contains(err.Error(), "nested") {
			return
		}
		require.Equal(t, json.Valid(data), err == nil, err)
		if err != nil {
			syntax, ok := errors.AsType[*syntaxError](err)
			require.True(t, ok)
			require.LessOrEqual(t, syntax.line, 1+strings.Count(string(data), "\n"))
			return
		}
		var want any
		decoder := json.NewDecoder(strings.NewReader(string(data)))
		decoder.UseNumber()
		require.NoError(t, decoder.Decode(&want))
		require.Equal(t, want, plain(&root))
	})
}
