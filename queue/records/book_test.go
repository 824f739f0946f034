package records

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

type record struct {
	Host  string `json:"host"`
	Ended bool   `json:"ended,omitempty"`

	heard bool // of this process alone
}

func check(r *record) (string, error) {
	if r.Host == "" {
		return "", errors.New("a record without host")
	}
	return r.Host, nil
}

// memory is a store whose errors are to order.
type memory struct {
	text   []byte
	err    error
	writes int
}

func (m *memory) Load(context.Context) ([]byte, error) { return m.text, m.err }

func (m *memory) Save(ctx context.Context, text []byte) error {
	if m.err != nil || ctx.Err() != nil {
		return errors.Join(m.err, ctx.Err())
	}
	m.text = text
	m.writes++
	return nil
}

func newBook(m *memory) *Book[record] {
	return &Book[record]{Store: m, Name: "runners", Check: check}
}

func note(host string, r record, durable bool) func(map[string]record) bool {
	return func(records map[string]record) bool {
		records[host] = r
		return durable
	}
}

func TestWhatMattersIsSavedAndReadAgain(t *testing.T) {
	m := &memory{}
	b := newBook(m)
	require.NoError(t, b.Commit(t.Context(), note("b", record{Host: "B", heard: true}, false)))
	require.Zero(t, m.writes)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, b.Commit(gone, note("a", record{Host: "a", Ended: true}, true)), "though its caller has gone")
	require.Equal(t, map[string]record{"a": {Host: "a", Ended: true}, "b": {Host: "B", heard: true}}, b.Records)
	require.Equal(t, `{"version":1,"runners":[{"host":"a","ended":true},{"host":"B"}]}`, string(m.text))
	require.Equal(t, []string{"a", "b"}, b.Hosts(func(*record) bool { return true }))
	require.Equal(t, []string{"a"}, b.Hosts(func(r *record) bool { return r.Ended }))

	again := newBook(m)
	require.NoError(t, again.Load(t.Context()))
	require.Equal(t, map[string]record{"a": {Host: "a", Ended: true}, "b": {Host: "B"}}, again.Records)
	m.err = errors.New("gone")
	require.NoError(t, again.Load(t.Context()), "it is read once")
}

func TestWhatCannotBeSavedStaysAsItWas(t *testing.T) {
	m := &memory{}
	b := newBook(m)
	require.NoError(t, b.Commit(t.Context(), note("a", record{Host: "a"}, true)))
	m.err = errors.New("disk full")
	err := b.Commit(t.Context(), note("a", record{Host: "a", Ended: true}, true))
	require.ErrorIs(t, err, autoscale.ErrUnavailable)
	require.ErrorContains(t, err, "save the records of runners: disk full")
	require.False(t, b.Records["a"].Ended)
	b.ReadOnly = true
	require.NoError(t, b.Commit(t.Context(), note("a", record{Host: "a", Ended: true}, true)))
	require.True(t, b.Records["a"].Ended)

	err = newBook(m).Commit(t.Context(), func(map[string]record) bool { panic("nothing is known") })
	require.ErrorIs(t, err, autoscale.ErrUnavailable)
	require.ErrorContains(t, err, "read the records of runners: disk full")
}

func TestWhatIsNotUnderstoodIsAnError(t *testing.T) {
	for text, want := range map[string]string{
		`{"version":2,"runners":[]}`:                          `of version "2"`,
		`{"runners":[]}`:                                      `of version ""`,
		`{"version":1,"hosts":[]}`:                            "more than a version and runners",
		`{"version":1,"runners":[],"more":1}`:                 "more than a version and runners",
		`{"version":1,"runners":{}}`:                          "cannot unmarshal object",
		`{"version":1,"runners":[{"host":"a","new":1}]}`:      `unknown field "new"`,
		`{"version":1,"runners":[{"host":""}]}`:               "a record without host",
		`{"version":1,"runners":[{"host":"a"},{"host":"A"}]}`: `two records of "a"`,
		`{"version":1,"runners":[]}{}`:                        "after top-level value",
		`{"version":1,"runners":[`:                            "unexpected end",
		`[]`:                                                  "cannot unmarshal array",
	} {
		b := newBook(&memory{text: []byte(text)})
		err := b.Load(t.Context())
		require.ErrorIs(t, err, autoscale.ErrMalformed, text)
		require.ErrorContains(t, err, want, text)
		require.Nil(t, b.Records)
	}
}

// FuzzBook: whatever a store gives back is understood whole or refused, and what is
// understood is written and read again without loss.
func FuzzBook(f *testing.F) {
	for _, seed := range []string{
		"", "{}", `{"version":1}`, `{"version":1,"runners":null}`, `{"version":1}{}`, `{"version":1,"runners":[{"host":"A","ended":true},{"host":"b"}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m := &memory{text: text}
		b := newBook(m)
		if err := b.Load(t.Context()); err != nil {
			require.ErrorIs(t, err, autoscale.ErrMalformed)
			return
		}
		for host, r := range b.Records {
			require.Equal(t, strings.ToLower(r.Host), host)
		}
		require.NoError(t, b.Commit(t.Context(), func(map[string]record) bool { return true }))
		again := newBook(m)
		require.NoError(t, again.Load(t.Context()))
		require.Equal(t, b.Records, again.Records)
	})
}

func TestNodesAreFoundByNameAndHost(t *testing.T) {
	nodes := []autoscale.Node{{ID: "1", Name: "Htc-1", Host: "ip-1"}, {ID: "2", Host: "IP-2"}, {ID: "3", Name: "x", Phase: autoscale.PhaseGone}}
	require.Equal(t, map[string]*autoscale.Node{"htc-1": &nodes[0], "ip-1": &nodes[0], "ip-2": &nodes[1]},
		NodesByHost(autoscale.Supply{Nodes: nodes}))
}
