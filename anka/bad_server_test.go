package anka_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/anka"
)

// instancesOf lists the instances of a server, with few and short waits.
func instancesOf(t *testing.T, h http.Handler, change ...func(*anka.Options)) ([]anka.Instance, error) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	o := anka.Options{URL: s.URL, RetryWait: time.Millisecond, RootToken: func() (string, error) { return "s3cret-token", nil }}
	for _, f := range change {
		f(&o)
	}
	c, err := anka.New(o)
	require.NoError(t, err)
	return c.Instances(t.Context())
}

func says(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

// body is an answer that says OK.
func body(json string) string { return `{"status":"OK","message":"","body":` + json + `}` }

func TestAnswersThatAreNoList(t *testing.T) {
	for answer, words := range map[string]string{
		`<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please <b>log in</b></body></html>`: "HTML page: Sign in Please log in",
		body(`[{"instance_id":"a"`):            "read: ",
		body(`[]`) + ` trailing`:               "trailing",
		body(`[]`)[:20]:                        "EOF",
		body(`null`):                           "null where a list should be",
		body(`{}`):                             "body: ",
		body(`7`):                              "body: ",
		body(`"no"`):                           "body: ",
		body(`[null]`):                         "no instance_state",
		body(`[7]`):                            "body: ",
		body(`[{}]`):                           "no instance_state",
		body(`[{"instance_state":"Started"}]`): "instance 0 has no id",
		body(`[{"instance_id":"a"}]`):          `instance "a" has no instance_state`,
		body(`[{"instance_id":"a","vm":{}}]`):  `instance "a" has no instance_state`,
		body(`[{"instance_id":"a","instance_state":7}]`):                                                      "instance_state",
		body(`[{"instance_id":"a","instance_state":" "}]`):                                                    "no instance_state",
		body(`[{"instance_id":"a","vm":{"instance_id":"b","instance_state":"Started"}}]`):                     `instance_id is "a" and, inside of vm, "b"`,
		body(`[{"instance_id":"a","external_id":"x","vm":{"external_id":"y","instance_state":"Started"}}]`):   `external_id is "x" and, inside of vm, "y"`,
		body(`[{"instance_id":"a","instance_state":"Error"},{"instance_id":"a","instance_state":"Started"}]`): `instance "a" is listed twice`,
		body(`[{"instance_id":"a","instance_state":"Started","ts":"yesterday"}]`):                             `"yesterday" where a time should be`,
		body(`[{"instance_id":"a","instance_state":"Started","ts":1577364097}]`):                              "1577364097 where a time should be",
		body(`[{"instance_id":"a","instance_state":"Started","version":"3"}]`):                                `"3" where a whole number should be`,
		body(`[{"instance_id":"a","instance_state":"Started","version":1.5}]`):                                "1.5 where a whole number should be",
		body(`[{"instance_id":"a","instance_state":"Started","vminfo":{"cpu_cores":1e300}}]`):                 "1e300 where a whole number should be",
		body(`[{"instance_id":"a","instance_state":"Started","vminfo":{"port_forwarding":{}}}]`):              "port_forwarding",
		body(`[{"instance_id":"a","instance_state":"Started","metadata":[]}]`):                                "metadata",
		`{"message":"","body":[]}`:       `status is "" where OK or FAIL should be`,
		`{"status":"ok","body":[]}`:      `status is "ok"`,
		`{"status":true,"body":[]}`:      "status",
		`{"status":"OK","message":""}`:   "the body is missing",
		`{"status":"OK"}`:                "the body is missing",
		`{}`:                             "where OK or FAIL should be",
		`null`:                           "where OK or FAIL should be",
		`[]`:                             "read: []",
		``:                               "EOF",
		"\x00\x01\xff\xfe binary":        "binary",
		body(strings.Repeat(`[`, 20000)): "read: ",
		body(`[],"x":` + strings.Repeat(`{"a":`, 2e5)): "read: ",
	} {
		_, err := instancesOf(t, says(answer))
		require.ErrorIs(t, err, anka.ErrMalformed, "%.80q", answer)
		require.ErrorContains(t, err, words, "%.80q", answer)
		require.Less(t, len(err.Error()), 1000, "shortened")
		require.NotContains(t, err.Error(), "\n")
		require.NotErrorIs(t, err, anka.ErrUncertain)
	}
	list, err := instancesOf(t, says(body(`[]`)))
	require.NoError(t, err)
	require.Empty(t, list)
}

// Each of the other reads refuses what it can't be.
func TestOtherAnswersThatCannotBe(t *testing.T) {
	node := func(more string) string { return body(`[{"node_id":"x","state":"Active"` + more + `}]`) }
	for _, test := range []struct {
		call   func(context.Context, *anka.Client) error
		answer string
		words  string
	}{
		{nodes, body(`null`), "null where a list"},
		{nodes, body(`[{"state":"Active"}]`), "has no node_id"},
		{nodes, body(`[{"node_id":"x"}]`), "has no state"},
		{nodes, node(`,"vm_count":-1`), "has a vm_count of -1"},
		{nodes, node(`,"capacity":"2"`), `"2" where a whole number`},
		{nodes, node(`,"groups":["a"]`), "groups"},
		{nodes, body(`[{"node_id":"x","state":"Active"},{"node_id":"x","state":"Active"}]`), "listed twice"},
		{showNode, body(`[{"node_id":"y","state":"Active"}]`), `1 nodes answer, the first is "y"`},
		{showNode, body(`[{"node_id":"x","state":"Active"},{"node_id":"y","state":"Active"}]`), "2 nodes answer"},
		{showNode, body(`{"node_id":"x"}`), "body: "},
		{showInstance, body(`null`), "no instance_state"},
		{showInstance, body(`[]`), "body: "},
		{showInstance, body(`{"instance_id":"y","instance_state":"Started"}`), `about instance "y"`},
		{templates, body(`[{"name":"n"}]`), "template 0 has no id"},
		{showTemplate, body(`{"id":"y","versions":[]}`), `about template "y"`},
		{showTemplate, body(`{"id":"x"}`), "versions are missing"},
		{distributions, body(`[{}]`), "distribution 0 has no id"},
		{showDistribution, body(`{"request":{"request_id":"y"}}`), `about distribution "y"`},
		{showDistribution, body(`{"request":{"request_id":"x"},"distribute_status":[]}`), "distribute_status"},
		{images, body(`[{"id":"x"}]`), "has no status"},
		{showImage, body(`{"id":"y","status":"done"}`), `about save image request "y"`},
		{showImage, body(`{"id":"x","status":"done","request":{"Script":7}}`), "number where a script should be"},
		{groups, body(`[{"id":"a"},{"id":"a"}]`), "listed twice"},
		{groups, body(`null`), "null where a list"},
		{usb, body(`{"iphone7":{"available":-1}}`), "-1 are available"},
		{usb, body(`[]`), "body: "},
		{status, body(`{}`), "status is missing"},
		{status, body(`null`), "status is missing"},
		{disk, body(`{}`), "0 bytes are free of 0"},
		{disk, body(`{"total":1,"free":2}`), "2 bytes are free of 1"},
	} {
		s := httptest.NewServer(says(test.answer))
		c, err := anka.New(anka.Options{URL: s.URL})
		require.NoError(t, err)
		err = test.call(t.Context(), c)
		require.ErrorIs(t, err, anka.ErrMalformed, test.answer)
		require.ErrorContains(t, err, test.words, test.answer)
		s.Close()
	}
	s := httptest.NewServer(says(body(`[]`)))
	t.Cleanup(s.Close)
	c, err := anka.New(anka.Options{URL: s.URL})
	require.NoError(t, err)
	require.ErrorIs(t, showNode(t.Context(), c), anka.ErrNodeNotFound, "an empty list names no node")
}

func instances(ctx context.Context, c *anka.Client) error     { return ask(c.Instances(ctx)) }
func showInstance(ctx context.Context, c *anka.Client) error  { return ask(c.Instance(ctx, "x")) }
func nodes(ctx context.Context, c *anka.Client) error         { return ask(c.Nodes(ctx)) }
func showNode(ctx context.Context, c *anka.Client) error      { return ask(c.Node(ctx, "x")) }
func templates(ctx context.Context, c *anka.Client) error     { return ask(c.Templates(ctx)) }
func showTemplate(ctx context.Context, c *anka.Client) error  { return ask(c.Template(ctx, "x")) }
func distributions(ctx context.Context, c *anka.Client) error { return ask(c.Distributions(ctx)) }
func showDistribution(ctx context.Context, c *anka.Client) error {
	return ask(c.Distribution(ctx, "x"))
}
func images(ctx context.Context, c *anka.Client) error    { return ask(c.ImageSaves(ctx)) }
func showImage(ctx context.Context, c *anka.Client) error { return ask(c.ImageSave(ctx, "x")) }
func groups(ctx context.Context, c *anka.Client) error    { return ask(c.Groups(ctx)) }
func usb(ctx context.Context, c *anka.Client) error       { return ask(c.USBDevices(ctx)) }
func status(ctx context.Context, c *anka.Client) error    { return ask(c.Status(ctx)) }
func disk(ctx context.Context, c *anka.Client) error      { return ask(c.RegistryDisk(ctx)) }

func start(ctx context.Context, c *anka.Client) error {
	return ask(c.StartInstances(ctx, anka.StartRequest{TemplateID: "t"}))
}

// An answer to a change that can't be is no answer: what became of it is asked.
func TestImpossibleAnswersToChanges(t *testing.T) {
	distribute := func(ctx context.Context, c *anka.Client) error {
		return ask(c.Distribute(ctx, anka.DistributeRequest{TemplateID: "t"}))
	}
	save := func(ctx context.Context, c *anka.Client) error {
		return ask(c.SaveImage(ctx, anka.SaveImageRequest{InstanceID: "i", NewTemplateName: "n"}))
	}
	create := func(ctx context.Context, c *anka.Client) error {
		return ask(c.CreateGroup(ctx, anka.GroupRequest{Name: "n"}))
	}
	end := func(ctx context.Context, c *anka.Client) error { return c.TerminateInstance(ctx, "i") }
	for _, test := range []struct {
		call   func(context.Context, *anka.Client) error
		answer string
		words  string
	}{
		{start, body(`[]`), "no ids"},
		{start, body(`null`), "no ids"},
		{start, `{"status":"OK"}`, "the body is missing"},
		{start, body(`"a"`), "body: "},
		{start, body(`[""]`), "has no id"},
		{start, body(`["a","b"]`), "2 instances answer 1 asked for"},
		{start, body(`[7]`), "body: "},
		{start, `<html>Accepted</html>`, "HTML page: Accepted"},
		{end, `<html>Accepted</html>`, "HTML page: Accepted"},
		{end, ``, "EOF"},
		{distribute, body(`{}`), "request_id is missing"},
		{save, body(`null`), "request_id is missing"},
		{create, body(`{"name":"n"}`), "no id"},
	} {
		s := httptest.NewServer(says(test.answer))
		c, err := anka.New(anka.Options{URL: s.URL})
		require.NoError(t, err)
		err = test.call(t.Context(), c)
		require.ErrorIs(t, err, anka.ErrMalformed, test.answer)
		require.ErrorIs(t, err, anka.ErrUncertain, test.answer)
		require.ErrorContains(t, err, test.words, test.answer)
		s.Close()
	}
}

func TestHugeAnswersAreRefused(t *testing.T) {
	endless := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"status":"OK","junk":"`)
		for junk := bytes.Repeat([]byte("x"), 1<<16); ; {
			if _, err := w.Write(junk); err != nil {
				return
			}
		}
	})
	_, err := instancesOf(t, endless, func(o *anka.Options) { o.MaxBody = 1 << 20 })
	require.ErrorIs(t, err, anka.ErrTooLarge)
	require.ErrorContains(t, err, "more than 1048576 bytes")
	_, err = instancesOf(t, endless)
	require.ErrorContains(t, err, "more than 67108864 bytes", "by default")

	fits := body(`[]`)
	_, err = instancesOf(t, says(fits), func(o *anka.Options) { o.MaxBody = int64(len(fits)) })
	require.NoError(t, err)
	_, err = instancesOf(t, says(fits), func(o *anka.Options) { o.MaxBody = int64(len(fits)) - 1 })
	require.ErrorIs(t, err, anka.ErrTooLarge)
}

func TestLongWordsAreShortened(t *testing.T) {
	_, err := instancesOf(t, says(`{"status":"FAIL","message":"`+strings.Repeat(`no\n`, 5000)+`"}`))
	require.ErrorIs(t, err, anka.ErrInvalidInput)
	require.Less(t, len(err.Error()), 400)
	require.NotContains(t, err.Error(), "\n")
	for answer, words := range map[string]string{
		`{"status":"FAIL"}`:                                  "says FAIL and not why",
		`{"status":"FAIL","message":null}`:                   "says FAIL and not why",
		`{"status":"FAIL","message":{"code":7},"body":[]}`:   `{"code":7}`,
		`{"body":"whatever","message":"no","status":"FAIL"}`: ": no",
	} {
		_, err := instancesOf(t, says(answer))
		require.ErrorIs(t, err, anka.ErrInvalidInput, answer)
		require.ErrorContains(t, err, words)
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
	for _, beginning := range []string{"", `{"status":"OK","body":[`} {
		server := httptest.NewServer(hang(t, beginning))
		c, err := anka.New(anka.Options{URL: server.URL, Timeout: 50 * time.Millisecond, Retries: -1})
		require.NoError(t, err)
		err = instances(t.Context(), c)
		require.ErrorIs(t, err, anka.ErrUnavailable, beginning)
		require.ErrorIs(t, err, context.DeadlineExceeded, beginning)
		err = start(t.Context(), c)
		require.ErrorIs(t, err, anka.ErrUnavailable, beginning)
		require.ErrorIs(t, err, anka.ErrUncertain, "the controller may have acted")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err = start(ctx, c)
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, anka.ErrUncertain, "nothing was sent")
		t.Cleanup(server.CloseClientConnections)
	}
}

func TestRefusedConnectionIsCertain(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := "http://" + l.Addr().String()
	require.NoError(t, l.Close())
	c, err := anka.New(anka.Options{URL: address, RetryWait: time.Millisecond})
	require.NoError(t, err)
	err = start(t.Context(), c)
	require.ErrorIs(t, err, anka.ErrUnavailable)
	require.NotErrorIs(t, err, anka.ErrUncertain)
}

// A cut connection is repeated for a read, wherever it was cut, and never for a change.
func TestCutConnections(t *testing.T) {
	for _, beginning := range []string{"", `{"status":"OK","body":[`} {
		var reads, starts atomic.Int32
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				starts.Add(1)
			} else if reads.Add(1) == 3 {
				_, _ = io.WriteString(w, body(`[]`))
				return
			}
			if beginning != "" {
				_, _ = io.WriteString(w, beginning)
				w.(http.Flusher).Flush()
			}
			panic(http.ErrAbortHandler)
		}))
		c, err := anka.New(anka.Options{URL: s.URL, RetryWait: time.Millisecond})
		require.NoError(t, err)
		require.NoError(t, instances(t.Context(), c))
		require.EqualValues(t, 3, reads.Load())
		require.ErrorIs(t, start(t.Context(), c), anka.ErrUncertain)
		require.EqualValues(t, 1, starts.Load())
		s.Close()
	}
}

// Whatever goes wrong, no error shows the token.
func TestNoErrorShowsTheToken(t *testing.T) {
	const token = `t&ken "1"/23`
	echo := func(r *http.Request) string {
		user, pass, _ := r.BasicAuth()
		return fmt.Sprintf(`{"status":"FAIL","message":"user %s, token %s, header %s"}`, user, strings.ReplaceAll(pass, `"`, `\"`), r.Header.Get("Authorization"))
	}
	for name, h := range map[string]http.HandlerFunc{
		"FAIL":    func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, echo(r)) },
		"refused": func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(401); _, _ = io.WriteString(w, echo(r)) },
		"broken":  func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500); _, _ = io.WriteString(w, echo(r)) },
		"odd":     func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, echo(r)+"x") },
		"text":    func(w http.ResponseWriter, r *http.Request) { _, p, _ := r.BasicAuth(); http.Error(w, "no "+p, 400) },
		"html": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `<html>t&amp;ken &quot;1&quot;/23</html>`)
		},
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://root:t%26ken@h/?p="+r.Header.Get("Authorization"), http.StatusFound)
		},
		"cut": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		_, err := instancesOf(t, h, func(o *anka.Options) { o.RootToken = func() (string, error) { return token, nil } })
		require.Error(t, err, name)
		for e := err; e != nil; e = errors.Unwrap(e) {
			for _, secret := range []string{token, `t&ken \"1\"/23`, "t%26ken", "cm9vdDp0JmtlbiAiMSIvMjM="} {
				require.NotContains(t, fmt.Sprintf("%v %+v", e, e), secret, name)
			}
		}
	}
}
