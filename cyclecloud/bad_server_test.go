package cyclecloud_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/cyclecloud"
)

// statusOf asks a server for a status, with few and short waits.
func statusOf(t *testing.T, h http.Handler, change ...func(*cyclecloud.Options)) error {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	o := cyclecloud.Options{URL: s.URL, User: "admin", RetryWait: time.Millisecond,
		Password: func() (string, error) { return "s3cret-pass", nil }}
	for _, f := range change {
		f(&o)
	}
	c, err := cyclecloud.New(o)
	require.NoError(t, err)
	_, err = c.Status(t.Context(), "demo", true)
	return err
}

func says(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

func TestAnswersThatAreNoStatus(t *testing.T) {
	for body, words := range map[string]string{
		`<!DOCTYPE html><html><head><title>Sign in</title><script>var x</script></head><body>Please <b>log in</b></body></html>`: "HTML page: Sign in Please log in",
		`{"state":"Started","nodearrays":[{"name":"a"`:          "unexpected EOF",
		`{"state":"Started","nodearrays":[]} trailing`:          "trailing",
		`{"state":7,"nodearrays":[]}`:                           "state",
		`{"nodearrays":{}}`:                                     "nodearrays",
		`{"nodearrays":[{"buckets":[{"activeCount":"many"}]}]}`: "/nodearrays/0/buckets/0/activeCount",
		`{"nodearrays":[{"buckets":[{"activeCount":1.5}]}]}`:    "1.5",
		`{"nodearrays":[{"buckets":[{"activeCount":1e300}]}]}`:  "1e300",
		`{"nodearrays":[],"nodes":[null]}`:                      "null where a node's record should be",
		`{"nodearrays":[],"nodes":[7]}`:                         "node 0: number",
		`{"nodearrays":[],"nodes":{}}`:                          "nodes",
		`{"nodearrays":[],"nodes":[{"Name":"a",]}`:              "node 0",
		`{}`:                      "nodearrays are missing",
		`{"nodearrays":null}`:     "nodearrays are missing",
		`null`:                    "nodearrays are missing",
		`[]`:                      "read: []",
		``:                        "EOF",
		"\x00\x01\xff\xfe binary": "binary",
		`{"nodearrays":[` + strings.Repeat(`[`, 20000):            "nodearrays",
		`{"nodearrays":[],"x":` + strings.Repeat(`{"a":`, 200000): "nodearrays",
	} {
		err := statusOf(t, says(body))
		require.ErrorIs(t, err, cyclecloud.ErrMalformed, "%.80q", body)
		require.ErrorContains(t, err, words)
		require.Less(t, len(err.Error()), 1000, "shortened")
		require.NotContains(t, err.Error(), "\n")
		require.NotErrorIs(t, err, cyclecloud.ErrUncertain)
	}
}

func TestOddNodesAreKept(t *testing.T) {
	s := newServer(t).on("GET /clusters/demo/nodes", ok(`{"nodes":[
		{"Name":7,"CoreCount":"4","Memory":{"GB":8},"KeepAlive":"true","Status":["Ready"],"Region":null,"Fixed":null,"CoreCount":4.0},
		{"N\u0061me":"caf\u00e9 \"1\"","Own\ter":1,"CoreCount":2.5,"Memory":1e999},
		{}]}`))
	list, err := s.client(t).Nodes(t.Context(), "demo", cyclecloud.NodeQuery{})
	require.NoError(t, err)
	odd := list.Nodes[0]
	require.Equal(t, []string{"Name", "CoreCount", "Memory", "KeepAlive", "Status"}, odd.Odd)
	require.Equal(t, 4, odd.CoreCount)
	raw, found := odd.Attr("Memory")
	require.True(t, found)
	require.JSONEq(t, `{"GB":8}`, string(raw))
	require.Equal(t, `café "1"`, list.Nodes[1].Name)
	require.Equal(t, []string{"CoreCount", "Memory"}, list.Nodes[1].Odd)
	require.Empty(t, list.Nodes[2].Odd)
}

func TestUnknownAttributesAreKept(t *testing.T) {
	var n cyclecloud.Node
	require.NoError(t, n.UnmarshalJSON([]byte(`{"Name":"a","A":{"b.c":{"d":1},"b":{"c":{"d":2,"e":3}}},"B":[1, 2],"CoreCount":3,"Z":"\u00e9"}`)))
	names := []string{}
	for name := range n.Attrs() {
		names = append(names, name)
	}
	require.Equal(t, []string{"A", "B", "Z"}, names)
	for path, want := range map[string]string{"A.b.c.d": "1", "A.b.c.e": "3", "B": "[1, 2]", "Z": `"\u00e9"`, "A.b.c": `{"d":1}`} {
		got, found := n.Lookup(path)
		require.True(t, found, path)
		require.Equal(t, want, string(got), path)
	}
	for _, path := range []string{"A.x", "B.0", "Name", "", "A.b.c.d.e", "A."} {
		_, found := n.Lookup(path)
		require.False(t, found, path)
	}
	for range n.Attrs() {
		break // stopping early is allowed
	}
	_, found := n.Attr("b")
	require.False(t, found)
}

func TestHugeAnswersAreRefused(t *testing.T) {
	endless := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"nodearrays":[],"junk":"`)
		for junk := bytes.Repeat([]byte("x"), 1<<16); ; {
			if _, err := w.Write(junk); err != nil {
				return
			}
		}
	})
	err := statusOf(t, endless, func(o *cyclecloud.Options) { o.MaxBody = 1 << 20 })
	require.ErrorIs(t, err, cyclecloud.ErrTooLarge)
	require.ErrorContains(t, err, "more than 1048576 bytes")

	fits := `{"nodearrays":[]}`
	require.NoError(t, statusOf(t, says(fits), func(o *cyclecloud.Options) { o.MaxBody = int64(len(fits)) }))
	require.ErrorIs(t, statusOf(t, says(fits), func(o *cyclecloud.Options) { o.MaxBody = int64(len(fits)) - 1 }), cyclecloud.ErrTooLarge)
}

// An answer to a create that can't be is no answer: what became of it is asked.
func TestImpossibleCreates(t *testing.T) {
	for body, words := range map[string]string{
		`{"operationId":"x","sets":[{"added":-3}]}`:  "-3 nodes were added to set 0, of 1 asked for",
		`{"operationId":"x","sets":[{"added":2}]}`:   "2 nodes were added to set 0, of 1 asked for",
		`{"operationId":"x","sets":[{"added":"1"}]}`: "added",
		`{"operationId":"x","sets":[]}`:              "0 sets answer 1",
		`{"operationId":"x","sets":null}`:            "0 sets answer 1",
		`<html>Accepted</html>`:                      "HTML page: Accepted",
	} {
		_, err := newServer(t).on("POST /clusters/demo/nodes/create", ok(body)).client(t).CreateNodes(t.Context(), "demo", oneNode())
		require.ErrorIs(t, err, cyclecloud.ErrMalformed, body)
		require.ErrorIs(t, err, cyclecloud.ErrUncertain, body)
		require.ErrorContains(t, err, words)
	}
}

// A server may say nothing, at length: what is kept of it stays small.
func TestNoiseIsNotKept(t *testing.T) {
	for name, noise := range map[string]string{"a word": "x", "white space": " ", "nodes": `{"A":1},`} {
		before := heapFromSystem()
		err := statusOf(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"nodearrays":[],"nodes":[`+map[string]string{"a word": `"`}[name])
			for chunk := bytes.Repeat([]byte(noise), 1<<17); ; { // large, for the race detector looks at all that is kept with each read
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}), func(o *cyclecloud.Options) { o.Retries, o.Timeout = -1, time.Hour }) // the size ends it, not the time
		require.ErrorIs(t, err, cyclecloud.ErrMalformed, name)
		require.ErrorContains(t, err, "more than", name)
		require.Less(t, heapFromSystem(), before+400<<20, "bytes from the system: %s", name)
	}
}

// heapFromSystem is how many bytes the heap has of the system. It may give some back.
func heapFromSystem() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapSys
}

func TestRedirects(t *testing.T) {
	var reached, hops, posts atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	t.Cleanup(elsewhere.Close)

	err := statusOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, strings.Replace(elsewhere.URL, "://", "://admin:s3cret-pass@", 1)+"/login?token=abc", http.StatusFound)
	}))
	require.ErrorIs(t, err, cyclecloud.ErrRedirect)
	require.ErrorContains(t, err, elsewhere.URL+"/login")
	require.NotContains(t, err.Error(), "s3cret")
	require.NotContains(t, err.Error(), "token")
	require.Zero(t, reached.Load(), "credentials go to no other server")

	err = statusOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hops.Add(1)
		http.Redirect(w, r, "/again", http.StatusTemporaryRedirect)
	}))
	require.ErrorIs(t, err, cyclecloud.ErrRedirect)
	require.EqualValues(t, 6, hops.Load())

	require.NoError(t, statusOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, _, _ := r.BasicAuth(); r.URL.Path == "/v2/status" && user == "admin" {
			_, _ = io.WriteString(w, `{"nodearrays":[]}`)
			return
		}
		http.Redirect(w, r, "/v2/status", http.StatusMovedPermanently)
	})), "within one server a read is followed")

	for _, code := range []int{301, 302, 303, 307, 308} {
		posts.Store(0)
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			posts.Add(1)
			http.Redirect(w, r, "/other", code)
		}))
		c, err := cyclecloud.New(cyclecloud.Options{URL: s.URL})
		require.NoError(t, err)
		_, err = c.CreateNodes(t.Context(), "demo", oneNode())
		require.ErrorIs(t, err, cyclecloud.ErrRedirect, code)
		require.NotErrorIs(t, err, cyclecloud.ErrUncertain, code)
		require.EqualValues(t, 1, posts.Load(), code)
		s.Close()
	}
}

// hang answers nothing, or only a beginning, until the test ends.
func hang(t *testing.T, beginning string) http.Handler {
	end := make(chan struct{})
	t.Cleanup(func() { close(end) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if beginning != "" {
			_, _ = io.WriteString(w, beginning)
			w.(http.Flusher).Flush()
		}
		<-end
	})
}

func TestSlowServersAreLeft(t *testing.T) {
	for _, beginning := range []string{"", `{"nodearrays":[`} {
		server := httptest.NewServer(hang(t, beginning))
		c, err := cyclecloud.New(cyclecloud.Options{URL: server.URL, Timeout: 50 * time.Millisecond, Retries: -1})
		require.NoError(t, err)

		_, err = c.Status(t.Context(), "demo", true)
		require.ErrorIs(t, err, cyclecloud.ErrUnavailable, beginning)
		require.ErrorIs(t, err, context.DeadlineExceeded, beginning)
		_, err = c.CreateNodes(t.Context(), "demo", oneNode())
		require.ErrorIs(t, err, cyclecloud.ErrUnavailable, beginning)
		require.ErrorIs(t, err, cyclecloud.ErrUncertain, "the server may have acted")

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = c.CreateNodes(ctx, "demo", oneNode())
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, cyclecloud.ErrUncertain, "nothing was sent")
		t.Cleanup(server.CloseClientConnections)
	}
}

func TestRefusedConnectionIsCertain(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := "http://" + l.Addr().String()
	require.NoError(t, l.Close())
	for _, url := range []string{address, "http://no-such-host.invalid"} {
		c, err := cyclecloud.New(cyclecloud.Options{URL: url, RetryWait: time.Millisecond})
		require.NoError(t, err)
		_, err = c.CreateNodes(t.Context(), "demo", oneNode())
		require.ErrorIs(t, err, cyclecloud.ErrUnavailable)
		require.NotErrorIs(t, err, cyclecloud.ErrUncertain)
	}
}

// A cut connection is repeated for a read, wherever it was cut, and never for a create.
func TestCutConnections(t *testing.T) {
	for _, beginning := range []string{"", `{"state":"Started","nodearrays":[`} {
		var reads, creates atomic.Int32
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				creates.Add(1)
			} else if reads.Add(1) == 3 {
				_, _ = io.WriteString(w, `{"nodearrays":[]}`)
				return
			}
			if beginning != "" {
				_, _ = io.WriteString(w, beginning)
				w.(http.Flusher).Flush()
			}
			panic(http.ErrAbortHandler)
		}))
		c, err := cyclecloud.New(cyclecloud.Options{URL: s.URL, RetryWait: time.Millisecond})
		require.NoError(t, err)
		_, err = c.Status(t.Context(), "demo", true)
		require.NoError(t, err)
		require.EqualValues(t, 3, reads.Load())
		_, err = c.CreateNodes(t.Context(), "demo", oneNode())
		require.ErrorIs(t, err, cyclecloud.ErrUncertain)
		require.EqualValues(t, 1, creates.Load())
		s.Close()
	}
}

// Whatever goes wrong, no error and no address in it shows the password.
func TestNoErrorShowsThePassword(t *testing.T) {
	const password = `p&ss w"rd/7`
	echo := func(w http.ResponseWriter, r *http.Request) string {
		user, pass, _ := r.BasicAuth()
		return fmt.Sprintf(`{"message":"user %s, password %s, header %s"}`, user, strings.ReplaceAll(pass, `"`, `\"`), r.Header.Get("Authorization"))
	}
	for name, h := range map[string]http.HandlerFunc{
		"refused": func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(401); _, _ = io.WriteString(w, echo(w, r)) },
		"broken":  func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500); _, _ = io.WriteString(w, echo(w, r)) },
		"odd":     func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, echo(w, r)) },
		"text":    func(w http.ResponseWriter, r *http.Request) { _, p, _ := r.BasicAuth(); http.Error(w, "no "+p, 400) },
		"html": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, `<html>p&amp;ss w&quot;rd/7</html>`)
		},
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://u:p%26ss%20w%22rd%2F7@h/?p="+r.Header.Get("Authorization"), http.StatusFound)
		},
		"cut": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		err := statusOf(t, h, func(o *cyclecloud.Options) { o.Password = func() (string, error) { return password, nil } })
		require.Error(t, err, name)
		for e := err; e != nil; e = errors.Unwrap(e) {
			for _, secret := range []string{password, `p&ss w\"rd/7`, "p%26ss", "YWRtaW46cCZzcyB3InJkLzc="} {
				require.NotContains(t, e.Error(), secret, name)
				require.NotContains(t, fmt.Sprintf("%+v", e), secret, name)
			}
		}
	}
	for _, url := range []string{
		"https://admin:s3cret-pass@example.com", "https://admin:s3cret-pass@exa mple.com", "admin:s3cret-pass@example.com",
		"https://example.com/?password=s3cret-pass", "http://admin:s3cret-pass@:80", "", "https://", "ftp://h", "https://h/#s3cret-pass",
	} {
		_, err := cyclecloud.New(cyclecloud.Options{URL: url})
		require.ErrorIs(t, err, cyclecloud.ErrConfig, url)
		require.NotContains(t, err.Error(), "s3cret", url)
	}
	_, err := cyclecloud.New(cyclecloud.Options{URL: "https://h", TLS: cyclecloud.TLS{Fingerprint: "12"}})
	require.ErrorIs(t, err, cyclecloud.ErrConfig)
}

func TestPasswordIsAskedAnewAndItsErrorIsShown(t *testing.T) {
	passwords := []string{"first", "second"}
	s := newServer(t).on("GET /clusters/demo/status", refusal(503, ""), ok(`{"nodearrays":[]}`))
	c := s.client(t, func(o *cyclecloud.Options) {
		o.Password = func() (string, error) {
			if len(passwords) == 0 {
				return "", errors.New("password file is empty")
			}
			p := passwords[0]
			passwords = passwords[1:]
			return p, nil
		}
	})
	_, err := c.Status(t.Context(), "demo", false)
	require.NoError(t, err)
	require.Equal(t, "first second", s.all()[0].password+" "+s.all()[1].password)

	_, err = c.CreateNodes(t.Context(), "demo", oneNode())
	require.ErrorIs(t, err, cyclecloud.ErrUnauthorized)
	require.ErrorContains(t, err, "password file is empty")
	require.NotErrorIs(t, err, cyclecloud.ErrUncertain)
	require.Len(t, s.all(), 2)
}
