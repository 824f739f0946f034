package rest_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/internal/rest"
)

func TestACallMayBringItsOwnHeadersAndCredentials(t *testing.T) {
	var seen http.Header
	c := client(t, rest.Options{
		Auth: rest.Bearer{Token: rest.Static("the client's")},
		Transport: scripted(func(r *http.Request) (*http.Response, error) {
			seen = r.Header
			return answer(403, nil, "no entry for the call's"), nil
		}),
	})
	call := rest.Call{
		Method: http.MethodGet, Path: "/x", Auth: rest.Bearer{Token: rest.Static("the call's")},
		Header: http.Header{"Accept": {"text/special"}, "X-Capacity": {"3"}},
	}
	_, err := c.Do(t.Context(), call)
	require.ErrorIs(t, err, rest.ErrUnauthorized)
	require.NotContains(t, err.Error(), "the call's")
	require.Equal(t, "Bearer the call's", seen.Get("Authorization"))
	require.Equal(t, []string{"text/special"}, seen.Values("Accept"))
	require.Equal(t, "3", seen.Get("X-Capacity"))
	require.Error(t, get(c, t.Context()))
	require.Equal(t, "Bearer the client's", seen.Get("Authorization"))
}

func TestAStatusMayMeanThatThereIsNothing(t *testing.T) {
	for status, decoded := range map[int]bool{200: true, 202: false} {
		called := false
		c := client(t, rest.Options{Transport: scripted(func(*http.Request) (*http.Response, error) { return answer(status, nil, ""), nil })})
		got, err := c.Do(t.Context(), rest.Call{
			Method: http.MethodGet, Path: "/x", Empty: []int{http.StatusAccepted},
			Into: func(io.Reader) error { called = true; return errors.New("empty") },
		})
		require.Equal(t, decoded, called)
		require.Equal(t, decoded, errors.Is(err, rest.ErrMalformed))
		if !decoded {
			require.Equal(t, status, got.Status)
		}
	}
}

func TestErrorsKeepTheNameOfTheirRequest(t *testing.T) {
	attempts := 0
	c := client(t, rest.Options{
		Retries: 1, WaitMin: 1, WaitMax: 1, Correlation: []string{"X-Request-Id", "ActivityId"},
		Transport: scripted(func(*http.Request) (*http.Response, error) {
			attempts++
			if attempts == 2 {
				return nil, errors.New("cut")
			}
			return answer(500, http.Header{"X-Request-Id": {"7b1"}, "Activityid": {"a-9"}}, "\uFEFF"+`{"message":"broken"}`), nil
		}),
	})
	err := get(c, t.Context())
	failure, ok := errors.AsType[*rest.Error](err)
	require.True(t, ok)
	require.Empty(t, failure.Correlation, "the second attempt had no answer")
	attempts = 10
	err = get(c, t.Context())
	require.ErrorContains(t, err, "unavailable: broken [X-Request-Id 7b1, ActivityId a-9]")
}

func TestACallIsShownTheHeadersOfEveryAnswer(t *testing.T) {
	for _, status := range []int{200, 304, 403, 500} {
		c := client(t, rest.Options{Retries: -1, Transport: scripted(func(*http.Request) (*http.Response, error) {
			return answer(status, http.Header{"X-Left": {"7"}}, ""), nil
		})})
		left := ""
		_, err := c.Do(t.Context(), rest.Call{Method: http.MethodGet, Path: "/x", Seen: func(got int, h http.Header) {
			require.Equal(t, status, got)
			left = h.Get("X-Left")
		}})
		require.Equal(t, "7", left)
		require.Equal(t, status == 200, err == nil)
	}
}

// TestSocket: a server may listen on a unix socket; the address's host is then only a name.
func TestSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "server.socket")
	listener, err := net.Listen("unix", path)
	require.NoError(t, err)
	server := httptest.Server{Listener: listener, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Host)
	})}}
	server.Start()
	defer server.Close()
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	c := client(t, rest.Options{Socket: path, BaseURL: "http://named.test"})
	var host []byte
	_, err = c.Do(t.Context(), rest.Call{Method: http.MethodGet, Path: "/", Into: func(r io.Reader) (err error) {
		host, err = io.ReadAll(r)
		return err
	}})
	require.NoError(t, err)
	require.Equal(t, "named.test", string(host))

	_, err = rest.New(rest.Options{BaseURL: "http://a.test", Socket: path, Transport: scripted(nil)})
	require.ErrorIs(t, err, rest.ErrConfig)
	absent := client(t, rest.Options{Socket: path + "-gone", Retries: -1})
	require.ErrorIs(t, get(absent, t.Context()), rest.ErrUnavailable)
}
