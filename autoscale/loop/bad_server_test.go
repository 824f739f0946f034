package loop_test

import (
	"bytes"
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/cyclecloud"
)

// spoiler turns a server's answers to reads into others.
type spoiler struct {
	next  http.RoundTripper
	spoil func(*http.Request, *http.Response, string) *http.Response
}

func (s *spoiler) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := s.next.RoundTrip(r)
	if err != nil || s.spoil == nil || r.Method != http.MethodGet {
		return answer, err
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	return s.spoil(r, answer, string(text)), nil
}

// saying replaces the answer's text.
func saying(change func(string) string) func(*http.Request, *http.Response, string) *http.Response {
	return func(_ *http.Request, a *http.Response, text string) *http.Response {
		a.Body = io.NopCloser(strings.NewReader(change(text)))
		a.ContentLength = -1
		return a
	}
}

// replaced replaces all that match, of which there must be some.
func replaced(pattern, by string) func(*http.Request, *http.Response, string) *http.Response {
	return saying(func(text string) string {
		changed := regexp.MustCompile(pattern).ReplaceAllString(text, by)
		if changed == text {
			panic("nothing of the answer matches " + pattern)
		}
		return changed
	})
}

// drip gives a byte a second, as long as anybody waits.
type drip struct{ ctx context.Context }

func (d drip) Read(p []byte) (int, error) {
	select {
	case <-d.ctx.Done():
		return 0, d.ctx.Err()
	case <-time.After(time.Second):
		p[0] = ' '
		return 1, nil
	}
}

func (drip) Close() error { return nil }

// endless is a gigabyte.
func endless() io.ReadCloser {
	return io.NopCloser(io.MultiReader(strings.NewReader(`{"nodearrays":[],"junk":"`),
		io.LimitReader(repeating{bytes.Repeat([]byte("x"), 1<<16)}, 1<<30)))
}

type repeating struct{ text []byte }

func (r repeating) Read(p []byte) (int, error) { return copy(p, r.text), nil }

// badReads are answers to reads that say nothing true. words are what the
// operator reads.
var badReads = []struct {
	name  string
	words string
	spoil func(*http.Request, *http.Response, string) *http.Response
}{
	{"a byte a second", "unavailable: context deadline exceeded", func(r *http.Request, a *http.Response, _ string) *http.Response {
		a.Body, a.ContentLength = drip{r.Context()}, -1
		return a
	}},
	{"a gigabyte, as it says", "answer too large: more than 268435456 bytes", func(_ *http.Request, a *http.Response, _ string) *http.Response {
		a.Body, a.ContentLength = endless(), 1<<30
		return a
	}},
	{"a gigabyte", "one value of more than 16777216 bytes", func(_ *http.Request, a *http.Response, _ string) *http.Response {
		a.Body, a.ContentLength = endless(), -1
		return a
	}},
	{"a web page", "HTML page: Sign in", saying(func(string) string { return "<html><h1>Sign in</h1></html>" })},
	{"half an answer", "unexpected EOF", saying(func(text string) string { return text[:len(text)/2] })},
	{"nothing", "EOF", saying(func(string) string { return "" })},
	{"a list of clusters", "nodearrays are missing", saying(func(string) string { return `{"clusters":[]}` })},
	{"null", "nodearrays are missing", saying(func(string) string { return "null" })},
	{"a number where a list should be", "nodearrays", replaced(`"nodearrays":\[`, `"nodearrays":7,"was":[`)},
	{"a text where a count should be", "activeCount", replaced(`"activeCount":\d+`, `"activeCount":"many"`)},
	{"half a node", "activeCount", replaced(`"activeCount":\d+`, `"activeCount":0.5`)},
	{"null where a node should be", "null where a node's record should be", replaced(`"nodes":\[`, `"nodes":[null,`)},
	{"null where a nodearray's record should be", "null where a node's record should be", replaced(`"nodearray":\{`, `"nodearray":null,"was":{`)},
	{"null where a nodearray should be", "nodearray 0 has no name", replaced(`"nodearrays":\[`, `"nodearrays":[null,`)},
	{"one id for all nodes", "have the same id", replaced(`"NodeId":"[^"]*"`, `"NodeId":"7"`)},
	{"a redirect to itself", "more than 5 redirects", func(r *http.Request, a *http.Response, _ string) *http.Response {
		return &http.Response{StatusCode: http.StatusFound, Header: http.Header{"Location": {r.URL.Path}}, Body: http.NoBody, Request: r}
	}},
}

// badSite has two nodes that are idle for long and a job that wants a third, and
// a cloud whose answers to reads are spoiled from now on.
func badSite(t *testing.T) (*site, *spoiler) {
	s := newSite(t, t.TempDir(), 1, nil)
	bad := &spoiler{next: s.cloud.RoundTripper()}
	require.NoError(t, s.file.Close())
	s.serve = func() (*cyclecloud.Provider, error) {
		client, err := cyclecloud.New(cyclecloud.Options{
			URL: "http://cyclecloud.test", User: "admin", Transport: bad, Retries: -1,
			Password: func() (string, error) { return "demo-password", nil },
		})
		return cyclecloud.NewProvider(cyclecloud.ProviderOptions{Client: client, Cluster: "demo", Now: s.clock.Now}), err
	}
	s.boot()
	*s.queue = wholeNodes(2)
	s.ticks(25)
	require.Len(t, s.healthy(), 2)
	return s, bad
}

// What can't be understood is told in words, and nothing is created or removed on
// it, for however long: neither for jobs that wait nor for nodes without any.
func TestNothingIsDoneOnABadRead(t *testing.T) {
	for _, c := range badReads {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, bad := badSite(t)
				bad.spoil = c.spoil
				before := s.cloud.Books()
				ticks := 12
				if strings.HasPrefix(c.name, "a gigabyte") {
					ticks = 5 // for it takes its time
				}
				for _, wanted := range []int{0, 5} {
					*s.queue = wholeNodes(wanted)
					report := s.ticks(ticks)
					require.ErrorContains(t, report.Err(), c.words)
					require.ErrorContains(t, report.Err(), "GET /clusters/demo/status")
					require.NotContains(t, report.Err().Error(), "\n")
					require.Less(t, len(report.Err().Error()), 1000)
					require.ErrorContains(t, s.loop.Ready(), c.words)
				}
				after := s.cloud.Books()
				require.Equal(t, before.Creates, after.Creates)
				require.Equal(t, before.Manages, after.Manages)

				bad.spoil = nil
				s.ticks(25)
				require.Len(t, s.healthy(), 5, "all is well again")
				require.NoError(t, s.file.Close())
			})
		})
	}
}

// A read that is odd in parts is used for the rest: nothing is created where the
// counts can't be, and no node removed whose record is.
func TestNothingIsDoneOnOddRecords(t *testing.T) {
	for name, spoil := range map[string]func(*http.Request, *http.Response, string) *http.Response{
		"negative counts":                   replaced(`"(availableCount|availableCoreCount)":\d+`, `"$1":-5`),
		"negative ceilings":                 replaced(`"(maxCount|maxCoreCount)":\d+`, `"$1":-5`),
		"nodes of a nodearray that is none": replaced(`"Template":"execute"`, `"Template":"ghost"`),
		"numbers where texts should be":     replaced(`"(MachineType|TargetState)":"[^"]*"`, `"$1":7`),
		"a word where a flag should be":     replaced(`"KeepAlive":false`, `"KeepAlive":"perhaps"`),
		"null where texts should be":        replaced(`"(NodeId|TargetState)":"[^"]*"`, `"$1":null`),
	} {
		t.Run(name, func(t *testing.T) {
			s, bad := badSite(t)
			bad.spoil = spoil
			before := s.cloud.Books()
			*s.queue = nil
			if strings.HasPrefix(name, "negative") { // the nodes themselves are well
				*s.queue = wholeNodes(5)
			}
			s.ticks(60)
			after := s.cloud.Books()
			require.Equal(t, before.Creates, after.Creates)
			require.Equal(t, before.Manages, after.Manages)
			require.NoError(t, s.file.Close())
		})
	}
}

// The server's idea of the time decides nothing.
func TestTheServersClockDecidesNothing(t *testing.T) {
	for name, date := range map[string]string{"past": "Thu, 01 Jan 1970 00:00:00 GMT", "future": "Fri, 31 Dec 2100 23:59:59 GMT", "none": "yesterday"} {
		t.Run(name, func(t *testing.T) {
			s, bad := badSite(t)
			bad.spoil = func(_ *http.Request, a *http.Response, text string) *http.Response {
				a.Header.Set("Date", date)
				a.Body = io.NopCloser(strings.NewReader(text))
				return a
			}
			*s.queue = wholeNodes(3)
			s.ticks(25)
			require.Len(t, s.healthy(), 3)
			*s.queue = nil
			s.ticks(40)
			require.Empty(t, s.alive())
			s.checkBooks(t)
			require.NoError(t, s.file.Close())
		})
	}
}

// A certificate that nobody vouches for: no password is sent, nothing is done.
func TestNothingIsDoneOnAWrongCertificate(t *testing.T) {
	s, _ := badSite(t)
	asked := 0
	stranger := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	stranger.Config.ErrorLog = log.New(io.Discard, "", 0)
	stranger.StartTLS()
	defer stranger.Close()
	before := s.cloud.Books()
	require.NoError(t, s.file.Close())
	for words, tls := range map[string]cyclecloud.TLS{
		"certificate signed by unknown authority": {},
		"fingerprint": {Fingerprint: strings.Repeat("ab", 32)},
	} {
		s.serve = func() (*cyclecloud.Provider, error) {
			client, err := cyclecloud.New(cyclecloud.Options{URL: stranger.URL, User: "admin", TLS: tls, Retries: -1,
				Password: func() (string, error) { return "demo-password", nil }})
			return cyclecloud.NewProvider(cyclecloud.ProviderOptions{Client: client, Cluster: "demo", Now: s.clock.Now}), err
		}
		s.boot()
		for _, wanted := range []int{0, 5} {
			*s.queue = wholeNodes(wanted)
			require.ErrorContains(t, s.ticks(12).Err(), words)
		}
		require.NoError(t, s.file.Close())
	}
	require.Zero(t, asked, "nobody was told the password")
	require.Equal(t, before.Creates, s.cloud.Books().Creates)
	require.Equal(t, before.Manages, s.cloud.Books().Manages)
}
