package github

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// FuzzRecords: whatever a store gives back is understood whole or refused, and what
// is understood is written and read again without loss.
func FuzzRecords(f *testing.F) {
	whole := encodeRecords(map[string]record{"a": {
		Host: "A", Request: "r", Pool: "p", Set: "s", SetID: 3, Runner: 7, Registered: time.Unix(1e9, 0).UTC(),
		Deleting: true, Started: true, Job: "j", Over: time.Unix(2e9, 0).UTC(), heard: true,
	}})
	for _, seed := range []string{"", string(whole), `{"version":1,"runners":null}`, `{"version":1}{}`, `{"version":1,"runners":[{"host":"a","set":"s","runner":-1}]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		records, err := decodeRecords(text)
		if err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			return
		}
		again, err := decodeRecords(encodeRecords(records))
		require.NoError(t, err)
		before, err := json.Marshal(records)
		require.NoError(t, err)
		after, err := json.Marshal(again)
		require.NoError(t, err)
		require.Equal(t, string(before), string(after))
		for host, r := range records {
			require.Equal(t, strings.ToLower(r.Host), host)
		}
	})
}
