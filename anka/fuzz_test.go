package anka_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"autoscaled/anka"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// fed is a client whose controller answers everything with the same bytes.
func fed(t testing.TB, status int, body []byte) *anka.Client {
	c, err := anka.New(anka.Options{URL: "http://anka.test", Retries: -1, Transport: roundTrip(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body))}, nil
	})})
	require.NoError(t, err)
	return c
}

// seeds are the recorded answers of both ages.
func seeds(f *testing.F) [][]byte {
	files, err := filepath.Glob("testdata/*/*.json")
	require.NoError(f, err)
	require.Greater(f, len(files), 30)
	var all [][]byte
	for _, name := range files {
		text, err := os.ReadFile(name)
		require.NoError(f, err)
		all = append(all, text)
	}
	return all
}

// No answer to any call makes the client panic, or an error that isn't one line,
// typed, and silent about what the call carries.
func FuzzAnswers(f *testing.F) {
	for _, seed := range seeds(f) {
		f.Add(200, seed)
	}
	for _, seed := range []string{`{"status":"FAIL","message":"Not found"}`, `{"status":"FAIL","message":{"a":1}}`, `<html><title>x</title>`, "\xff", ``, `{"status":"OK","body":null}`} {
		f.Add(200, []byte(seed))
		f.Add(400, []byte(seed))
		f.Add(404, []byte(seed))
	}
	calls := []func(context.Context, *anka.Client) error{
		instances, showInstance, nodes, showNode, templates, showTemplate, distributions, showDistribution, images, showImage, groups, usb, status, disk, start,
		func(ctx context.Context, c *anka.Client) error { return c.TerminateInstance(ctx, "x") },
		func(ctx context.Context, c *anka.Client) error {
			return ask(c.Distribute(ctx, anka.DistributeRequest{TemplateID: "x"}))
		},
		func(ctx context.Context, c *anka.Client) error {
			return ask(c.CreateGroup(ctx, anka.GroupRequest{Name: "x"}))
		},
		func(ctx context.Context, c *anka.Client) error { return c.Ready(ctx) },
	}
	kinds := []error{
		anka.ErrUnauthorized, anka.ErrNotFound, anka.ErrInvalidInput, anka.ErrConflict, anka.ErrThrottled, anka.ErrUnavailable, anka.ErrMalformed, anka.ErrLicence,
	}
	f.Fuzz(func(t *testing.T, code int, body []byte) {
		if code < 200 || code > 599 || code/100 == 3 {
			return
		}
		for _, call := range calls {
			err := call(t.Context(), fed(t, code, body))
			if err == nil {
				continue
			}
			require.True(t, utf8.ValidString(err.Error()))
			require.NotContains(t, err.Error(), "\n")
			require.Less(t, len(err.Error()), 3000)
			known := false
			for _, kind := range kinds {
				known = known || errors.Is(err, kind)
			}
			require.True(t, known, err)
		}
	})
}

// Instances that are taken keep what the package promises of them.
func FuzzInstances(f *testing.F) {
	for _, seed := range seeds(f) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		list, err := fed(t, 200, body).Instances(t.Context())
		if err != nil {
			return
		}
		ids := map[string]bool{}
		for _, i := range list {
			require.NotEmpty(t, i.ID)
			require.NotEmpty(t, i.State)
			require.False(t, ids[i.ID])
			ids[i.ID] = true
			_, err := json.Marshal(i.Metadata["x"].String())
			require.NoError(t, err)
		}
	})
}

// Nodes that are taken have an id, a state, and no count below zero.
func FuzzNodes(f *testing.F) {
	for _, seed := range seeds(f) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		list, err := fed(t, 200, body).Nodes(t.Context())
		if err != nil {
			return
		}
		for _, n := range list {
			require.NotEmpty(t, n.ID)
			require.NotEmpty(t, n.State)
			require.GreaterOrEqual(t, min(n.Capacity, n.VMCount, n.VCPUs, n.VRAM, n.VCPUOverride, n.RAMOverride, n.RAM, n.CPUs), 0)
		}
	})
}

// A value of metadata is what its JSON is, or is kept as it was.
func FuzzValue(f *testing.F) {
	for _, seed := range []string{`"a"`, `1`, `-0`, `1.5`, `true`, `null`, `{"a":[]}`, `"\ud800"`, `9223372036854775808`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var v, again anka.Value
		if json.Unmarshal(raw, &v) != nil {
			return
		}
		written, err := json.Marshal(v)
		if err != nil {
			require.NotEmpty(t, v.String())
			return
		}
		require.NoError(t, json.Unmarshal(written, &again))
		require.Equal(t, v, again)
	})
}
