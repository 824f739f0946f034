package rest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/internal/rest"
)

// scripted answers a client without sockets, so that time can be virtual.
type scripted func(*http.Request) (*http.Response, error)

func (s scripted) RoundTrip(r *http.Request) (*http.Response, error) { return s(r) }

func answer(status int, header http.Header, body string) *http.Response {
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), ContentLength: -1}
}

func client(t *testing.T, o rest.Options) *rest.Client {
	t.Helper()
	if o.BaseURL == "" {
		o.BaseURL = "http://server.test"
	}
	c, err := rest.New(o)
	require.NoError(t, err)
	return c
}

func get(c *rest.Client, ctx context.Context) error {
	_, err := c.Do(ctx, rest.Call{Method: http.MethodGet, Route: "/x/{y}", Path: "/x/1"})
	return err
}

// waits runs a GET against a server that fails with these answers for ever, and
// returns when each attempt was made, and when the call ended, in virtual time.
func waits(t *testing.T, o rest.Options, timeout time.Duration, status int, header http.Header) (at []time.Duration, err error) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		o.Transport = scripted(func(*http.Request) (*http.Response, error) {
			at = append(at, time.Since(begin))
			return answer(status, header, "try later"), nil
		})
		ctx := t.Context()
		if timeout > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, timeout)
			defer cancel()
		}
		err = get(client(t, o), ctx)
		at = append(at, time.Since(begin))
	})
	return at, err
}

func TestWaitsGrowWithJitterUpToTheirCap(t *testing.T) {
	at, err := waits(t, rest.Options{Retries: 6, WaitMin: time.Second, WaitMax: 8 * time.Second}, 0, 503, nil)
	require.ErrorIs(t, err, rest.ErrUnavailable)
	require.ErrorContains(t, err, "try later")
	require.ErrorContains(t, err, "7 attempts")
	require.Len(t, at, 8)
	for i, longest := range []time.Duration{1, 2, 4, 8, 8, 8} {
		wait := at[i+1] - at[i]
		require.LessOrEqual(t, wait, longest*time.Second, i)
		require.GreaterOrEqual(t, wait, longest*time.Second/2, i)
	}
}

func TestRetryAfterIsHonouredUpToItsCap(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"7":                             7 * time.Second,
		"100000":                        20 * time.Second,
		"Sat, 01 Jan 2000 00:00:12 GMT": 12 * time.Second, // synctest's time begins at midnight
		"99999999999999999999":          time.Second,
		"soon":                          time.Second,
		"-5":                            time.Second,
	} {
		for _, status := range []int{429, 503} {
			at, err := waits(t, rest.Options{Retries: 1, WaitMin: time.Second, AfterMax: 20 * time.Second}, 0, status, http.Header{"Retry-After": {header}})
			require.Error(t, err)
			require.Len(t, at, 3)
			if want == time.Second {
				require.LessOrEqual(t, at[1], want, header)
			} else {
				require.Equal(t, want, at[1], header)
			}
		}
	}
}

func TestRetriesEndBeforeTheDeadline(t *testing.T) {
	at, err := waits(t, rest.Options{Retries: 9, WaitMin: 8 * time.Second}, 10*time.Second, 503, nil)
	require.LessOrEqual(t, len(at), 4)
	require.Less(t, at[len(at)-1], 10*time.Second)
	require.ErrorContains(t, err, "try later", "the failure says more than a deadline")
	require.ErrorIs(t, err, rest.ErrUnavailable)

	at, err = waits(t, rest.Options{Retries: 9}, 10*time.Second, 429, http.Header{"Retry-After": {"11"}})
	require.Equal(t, []time.Duration{0, 0}, at, "one attempt, and what can't be waited for isn't waited for")
	require.ErrorIs(t, err, rest.ErrThrottled)
	failure, ok := errors.AsType[*rest.Error](err)
	require.True(t, ok)
	require.Equal(t, 11*time.Second, failure.RetryAfter)
}

func TestCancelEndsAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c := client(t, rest.Options{WaitMin: time.Hour, WaitMax: time.Hour, Transport: scripted(func(*http.Request) (*http.Response, error) {
			time.AfterFunc(time.Second, cancel)
			return answer(500, nil, "out of order"), nil
		})})
		begin := time.Now()
		err := get(c, ctx)
		require.Equal(t, time.Second, time.Since(begin))
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorContains(t, err, "out of order")
	})
}

func TestWhatIsRepeated(t *testing.T) {
	boom := errors.New("boom")
	for name, test := range map[string]struct {
		method string
		answer *http.Response
		err    error
		want   int
	}{
		"read, connection":   {"GET", nil, boom, 4},
		"head, connection":   {"HEAD", nil, boom, 4},
		"read, 408":          {"GET", answer(408, nil, ""), nil, 4},
		"read, 429":          {"GET", answer(429, nil, ""), nil, 4},
		"read, 500":          {"GET", answer(500, nil, ""), nil, 4},
		"read, 504":          {"GET", answer(504, nil, ""), nil, 4},
		"read, 501":          {"GET", answer(501, nil, ""), nil, 1},
		"read, 400":          {"GET", answer(400, nil, ""), nil, 1},
		"read, 401":          {"GET", answer(401, nil, ""), nil, 1},
		"read, 404":          {"GET", answer(404, nil, ""), nil, 1},
		"change, connection": {"POST", nil, boom, 1},
		"change, 503":        {"POST", answer(503, nil, ""), nil, 1},
		"change, 429":        {"POST", answer(429, nil, ""), nil, 1},
		"put, 503":           {"PUT", answer(503, nil, ""), nil, 1},
		"delete, 503":        {"DELETE", answer(503, nil, ""), nil, 1},
	} {
		var sent atomic.Int32
		c := client(t, rest.Options{WaitMin: time.Microsecond, Transport: scripted(func(*http.Request) (*http.Response, error) {
			sent.Add(1)
			return test.answer, test.err
		})})
		_, err := c.Do(t.Context(), rest.Call{Method: test.method, Path: "/", Body: map[string]int{"a": 1}})
		require.Error(t, err, name)
		require.EqualValues(t, test.want, sent.Load(), name)
		changes := test.method != "GET" && test.method != "HEAD"
		uncertain := changes && (test.err != nil || test.answer.StatusCode == 503)
		require.Equal(t, uncertain, errors.Is(err, rest.ErrUncertain), name)
		if test.err != nil {
			require.ErrorIs(t, err, boom, name)
		}
	}
}

func TestObserverIsToldOfEveryAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []rest.Observation
		turn := 0
		c := client(t, rest.Options{
			Observer: func(o rest.Observation) { seen = append(seen, o) },
			Transport: scripted(func(*http.Request) (*http.Response, error) {
				time.Sleep(3 * time.Second) // virtual: how long the server takes
				turn++
				switch turn {
				case 1:
					return nil, errors.New("boom")
				case 2:
					return answer(503, nil, ""), nil
				}
				return answer(200, nil, ""), nil
			}),
		})
		require.NoError(t, get(c, t.Context()))
		require.Len(t, seen, 3)
		for i, code := range []int{0, 503, 200} {
			require.Equal(t, rest.Observation{Method: "GET", Route: "/x/{y}", Code: code, Duration: 3 * time.Second}, seen[i])
		}
	})
}

func TestDecoderStartsAfreshAfterACutAnswer(t *testing.T) {
	turn := 0
	c := client(t, rest.Options{WaitMin: time.Microsecond, Transport: scripted(func(*http.Request) (*http.Response, error) {
		if turn++; turn == 1 {
			return &http.Response{StatusCode: 200, Body: io.NopCloser(io.MultiReader(strings.NewReader("half"), cut{}))}, nil
		}
		return answer(200, nil, "whole"), nil
	})})
	var got []string
	_, err := c.Do(t.Context(), rest.Call{Method: "GET", Path: "/", Into: func(r io.Reader) error {
		b, err := io.ReadAll(r)
		got = append(got, string(b))
		return err
	}})
	require.NoError(t, err)
	require.Equal(t, []string{"half", "whole"}, got)
}

type cut struct{}

func (cut) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestServersWords(t *testing.T) {
	for body, want := range map[string]string{
		`{"message":"no quota"}`:                       "no quota",
		`{"Error":"Conflict","Message":"seen before"}`: "Conflict: seen before",
		`{"code":7}`:                     `{"code":7}`,
		"plain\n\n  text\x07":            "plain text",
		"<html><body>gate</body></html>": "HTML page: gate",
		"":                               "",
	} {
		c := client(t, rest.Options{Transport: scripted(func(*http.Request) (*http.Response, error) { return answer(400, nil, body), nil })})
		err := get(c, t.Context())
		failure, ok := errors.AsType[*rest.Error](err)
		require.True(t, ok)
		require.Equal(t, want, failure.Words)
		require.Equal(t, "GET /x/1 400", strings.Join([]string{failure.Method, failure.Path, "400"}, " "))
	}
	c := client(t, rest.Options{Transport: scripted(func(*http.Request) (*http.Response, error) {
		return answer(400, nil, strings.Repeat("ö", 5000)), nil
	})})
	require.Less(t, len(get(c, t.Context()).Error()), 400)
}

func TestBasePathAndHeaders(t *testing.T) {
	var got []byte
	c := client(t, rest.Options{BaseURL: "http://server.test/cycle%20cloud/", UserAgent: "autoscaled/1", Auth: rest.Bearer{Token: rest.Static("tok")},
		Transport: scripted(func(r *http.Request) (*http.Response, error) {
			got, _ = httputil.DumpRequest(r, true)
			return answer(200, nil, ""), nil
		})})
	_, err := c.Do(t.Context(), rest.Call{Method: "POST", Path: "/a%2Fb", Query: map[string][]string{"q": {"x y"}}, Body: []int{1}})
	require.NoError(t, err)
	for _, line := range []string{"POST /cycle%20cloud/a%2Fb?q=x+y ", "User-Agent: autoscaled/1", "Authorization: Bearer tok", "Content-Type: application/json", "\r\n\r\n[1]"} {
		require.Contains(t, string(got), line)
	}
}

func TestDialErrorsAreCertainThroughOurTransport(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	c := client(t, rest.Options{BaseURL: "http://" + l.Addr().String()})
	_, err = c.Do(t.Context(), rest.Call{Method: "POST", Path: "/"})
	require.ErrorIs(t, err, rest.ErrUnavailable)
	require.NotErrorIs(t, err, rest.ErrUncertain)
	require.ErrorContains(t, err, "connection refused")
}

func TestCallsThatCannotBeWritten(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	c := client(t, rest.Options{BaseURL: s.URL})
	for _, call := range []rest.Call{{Method: "GE T", Path: "/"}, {Method: "GET", Path: "/\x00"}, {Method: "POST", Path: "/", Body: func() {}}} {
		_, err := c.Do(t.Context(), call)
		require.ErrorIs(t, err, rest.ErrConfig)
		require.NotErrorIs(t, err, rest.ErrUncertain)
	}
}

// A success may be none, and a failure may mean more than its status says.
func TestVendorsOwnMeanings(t *testing.T) {
	noTemplate := fmt.Errorf("no template: %w", rest.ErrNotFound)
	c := func(status int, body string) *rest.Client {
		return client(t, rest.Options{Retries: -1, Transport: scripted(func(*http.Request) (*http.Response, error) { return answer(status, nil, body), nil })})
	}
	for _, uncertain := range []bool{false, true} {
		for _, method := range []string{"GET", "POST"} {
			_, err := c(200, "FAIL").Do(t.Context(), rest.Call{Method: method, Path: "/", Into: func(r io.Reader) error {
				words, _ := io.ReadAll(r)
				return fmt.Errorf("wrapped: %w", &rest.Refusal{Kind: noTemplate, Words: string(words) + "\nhidden", Uncertain: uncertain})
			}, Hide: func(text string) string { return strings.ReplaceAll(text, "hidden", "-") }})
			require.ErrorIs(t, err, noTemplate)
			require.ErrorIs(t, err, rest.ErrNotFound)
			require.NotErrorIs(t, err, rest.ErrMalformed)
			require.EqualError(t, err, method+" /: 200 OK: no template: not found: FAIL -"+map[bool]string{true: " (the request may have been handled)"}[uncertain && method == "POST"])
		}
	}
	explain := func(status int, head []byte) error {
		if status == 400 && string(head) == "gone" {
			return noTemplate
		}
		return nil
	}
	_, err := c(400, "gone").Do(t.Context(), rest.Call{Method: "POST", Path: "/", Explain: explain})
	require.ErrorIs(t, err, noTemplate)
	require.ErrorContains(t, err, ": gone")
	_, err = c(409, "gone").Do(t.Context(), rest.Call{Method: "POST", Path: "/", Explain: explain, Hide: func(string) string { return "nothing to see" }})
	require.ErrorIs(t, err, rest.ErrConflict)
	require.ErrorContains(t, err, ": nothing to see")
	_, err = c(200, "{hidden").Do(t.Context(), rest.Call{Method: "GET", Path: "/", Into: func(r io.Reader) error {
		_, _ = io.ReadAll(r)
		return errors.New("hidden is odd")
	}, Hide: func(text string) string { return strings.ReplaceAll(text, "hidden", "-") }})
	require.ErrorContains(t, err, "malformed answer: - is odd; read: {-")
}

// A vendor's own kind of trouble is repeated as the kind it wraps.
func TestVendorsOwnTroubleIsRepeated(t *testing.T) {
	for _, kind := range []error{rest.ErrUnavailable, rest.ErrThrottled, rest.ErrNotFound} {
		own, turns := fmt.Errorf("own: %w", kind), 0
		c := client(t, rest.Options{WaitMin: time.Microsecond, Transport: scripted(func(*http.Request) (*http.Response, error) { return answer(200, nil, ""), nil })})
		_, err := c.Do(t.Context(), rest.Call{Method: "GET", Path: "/", Into: func(io.Reader) error {
			turns++
			return &rest.Refusal{Kind: own}
		}})
		require.ErrorIs(t, err, own)
		require.Equal(t, map[bool]int{true: 1, false: 4}[kind == rest.ErrNotFound], turns)
	}
}

// fetched credentials come of a call of their own, whose failure is the call's.
type fetched struct{ from *rest.Client }

func (f fetched) Authorize(*http.Request) ([]string, error) {
	_, err := f.from.Do(context.Background(), rest.Call{Method: "GET", Path: "/token"})
	return nil, err
}

func TestCredentialsThatCannotBeFetched(t *testing.T) {
	for status, want := range map[int]error{503: rest.ErrUnavailable, 401: rest.ErrUnauthorized, 404: rest.ErrNotFound} {
		asked, sent := 0, 0
		from := client(t, rest.Options{Retries: -1, Transport: scripted(func(*http.Request) (*http.Response, error) {
			asked++
			return answer(status, nil, "no"), nil
		})})
		c := client(t, rest.Options{WaitMin: time.Microsecond, Auth: fetched{from}, Transport: scripted(func(*http.Request) (*http.Response, error) {
			sent++
			return answer(200, nil, ""), nil
		})})
		_, err := c.Do(t.Context(), rest.Call{Method: "POST", Path: "/thing"})
		require.ErrorIs(t, err, want)
		require.NotErrorIs(t, err, rest.ErrUncertain)
		require.ErrorContains(t, err, "POST /thing: ")
		require.ErrorContains(t, err, "GET /token: ")
		require.Equal(t, 1, asked)
		require.ErrorIs(t, get(c, t.Context()), want)
		require.Equal(t, map[bool]int{true: 5, false: 2}[status == 503], asked, "a read waits for what may pass")
		require.Zero(t, sent)
	}
}
