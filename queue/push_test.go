package queue

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

// pushTo sends a document without sockets, and returns status and words.
func pushTo(p *Push, body io.Reader, header ...string) (int, string) {
	r := httptest.NewRequest(http.MethodPost, PushPath, body)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	p.Handler().ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func newPush(t *testing.T, o PushOptions) *Push {
	t.Helper()
	if o.Lease == 0 {
		o.Lease = time.Minute
	}
	p, err := NewPush(o)
	require.NoError(t, err)
	return p
}

// Demand holds as long as its lease, is renewed by the next push, and is unknown
// before the first and after the last.
func TestPushHoldsForItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		woken := 0
		p := newPush(t, PushOptions{Wake: func() { woken++ }})
		d, err := p.Demand(t.Context())
		require.ErrorIs(t, err, autoscale.ErrNotFound)
		require.ErrorContains(t, err, "none has been pushed since the start")
		require.Equal(t, autoscale.Demand{}, d)

		push := func(document string, header ...string) {
			code, says := pushTo(p, strings.NewReader(document), header...)
			require.Equal(t, http.StatusNoContent, code, says)
			require.Empty(t, says)
		}
		push("jobs: [{id: 1}]\nrunning: []")
		require.Equal(t, 1, woken)
		time.Sleep(59 * time.Second)
		require.Equal(t, 1, jobsOf(t, p))
		push(`{"jobs": [{"id": 1}, {"id": 2}]}`)
		time.Sleep(59 * time.Second)
		require.Equal(t, 2, jobsOf(t, p))
		time.Sleep(time.Second)
		d, err = p.Demand(t.Context())
		require.ErrorIs(t, err, autoscale.ErrUnavailable)
		require.ErrorContains(t, err, "pushed 1m0s ago and held for 1m0s; it was not renewed")
		require.Equal(t, autoscale.Demand{}, d)

		push("jobs: []", LeaseHeader, "10s")
		time.Sleep(9 * time.Second)
		require.Zero(t, jobsOf(t, p))
		time.Sleep(time.Second)
		_, err = p.Demand(t.Context())
		require.ErrorIs(t, err, autoscale.ErrUnavailable)
		require.Equal(t, 3, woken)
	})
}

// cutBody ends before it is whole.
type cutBody struct{ io.Reader }

func (c cutBody) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// What is refused changes nothing, wakes nobody and tells what is wrong.
func TestPushRefuses(t *testing.T) {
	const good = "jobs: [{id: 1}, {id: 2}, {id: 3}]"
	for name, c := range map[string]struct {
		body   io.Reader
		header []string
		code   int
		result PushResult
		says   string
	}{
		"mistakes":       {strings.NewReader("jobs: [{id: 1, cores: -1}, {id: 1}]"), nil, 400, PushMistaken, "pushed document: 2 mistakes:\n  line 1: jobs[0].cores (job 1): must not be negative: -1\n  line 1: jobs[1].id (job 1): is given twice, first in line 1"},
		"empty":          {strings.NewReader(""), nil, 400, PushMistaken, "is empty; an empty queue is written jobs: []"},
		"half of JSON":   {strings.NewReader(`{"jobs": [`), nil, 400, PushMistaken, "pushed document: line 1: is not JSON: unexpected EOF"},
		"cut":            {cutBody{strings.NewReader("jobs: []\n")}, nil, 400, PushCut, "did not arrive whole"},
		"too large":      {strings.NewReader("jobs: [] #" + strings.Repeat("x", 200)), nil, 413, PushTooLarge, "is longer than 200 bytes"},
		"no duration":    {strings.NewReader("jobs: []"), []string{LeaseHeader, "soon"}, 400, PushMistaken, `header Autoscaled-Lease: must be a duration such as 90m or 1d12h, or seconds, not "soon"`},
		"no lease":       {strings.NewReader("jobs: []"), []string{LeaseHeader, "0"}, 400, PushMistaken, "must be more than 0"},
		"negative":       {strings.NewReader("jobs: []"), []string{LeaseHeader, "-5"}, 400, PushMistaken, "must be more than 0"},
		"longer":         {strings.NewReader("jobs: []"), []string{LeaseHeader, "61s"}, 400, PushMistaken, "1m1s is longer than the lease that the daemon gives (1m0s)"},
		"two leases":     {strings.NewReader("jobs: []"), []string{LeaseHeader, "5s", LeaseHeader, "6s"}, 400, PushMistaken, `not "5s, 6s"`},
		"packed":         {strings.NewReader("jobs: []"), []string{"Content-Encoding", "gzip"}, 415, PushMistaken, `encoded as "gzip"`},
		"no token":       {strings.NewReader("jobs: []"), []string{"Authorization", ""}, 401, PushUnauthorized, "missing or wrong"},
		"wrong token":    {strings.NewReader("jobs: []"), []string{"Authorization", "Bearer secre"}, 401, PushUnauthorized, "missing or wrong"},
		"other scheme":   {strings.NewReader("jobs: []"), []string{"Authorization", "Basic secret"}, 401, PushUnauthorized, "missing or wrong"},
		"another site's": {strings.NewReader("jobs: []"), []string{"Sec-Fetch-Site", "cross-site"}, 403, "", "cross-origin"},
	} {
		t.Run(name, func(t *testing.T) {
			var results []PushResult
			woken := 0
			p := newPush(t, PushOptions{
				MaxBytes: 200, Token: func() (string, error) { return "secret", nil }, Wake: func() { woken++ },
				Observer: func(r PushResult, at time.Time) {
					require.Equal(t, r == PushTaken, !at.IsZero())
					results = append(results, r)
				},
			})
			code, says := pushTo(p, strings.NewReader(good), "Authorization", "bearer secret")
			require.Equal(t, http.StatusNoContent, code, says)
			header := c.header
			if len(header) == 0 || header[0] != "Authorization" {
				header = append([]string{"Authorization", "Bearer secret"}, header...)
			}
			code, says = pushTo(p, c.body, header...)
			require.Equal(t, c.code, code, says)
			require.Contains(t, says, c.says)
			require.NotContains(t, says, "secret")
			want := []PushResult{PushTaken, c.result}
			if c.result == "" { // refused before it was looked at
				want = want[:1]
			}
			require.Equal(t, want, results)
			require.Equal(t, 1, woken)
			require.Equal(t, 3, jobsOf(t, p), "what was pushed before holds")
		})
	}
}

// A token that can't be read lets nobody in, and is not an empty one.
func TestPushTokenIsReadAnew(t *testing.T) {
	token, failure := "one", error(nil)
	p := newPush(t, PushOptions{Token: func() (string, error) { return token, failure }})
	push := func(bearer string) int {
		code, _ := pushTo(p, strings.NewReader("jobs: []"), "Authorization", "Bearer "+bearer)
		return code
	}
	require.Equal(t, 204, push("one"))
	token = "two"
	require.Equal(t, 401, push("one"))
	require.Equal(t, 204, push("two"))
	failure = errors.New("open /etc/hidden: permission denied")
	require.Equal(t, 500, push("two"))
	token, failure = "", nil
	require.Equal(t, 401, push(""))
}

// GET shows the last push, also when it holds no longer, to those who may push.
func TestPushShowsTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPush(t, PushOptions{Token: func() (string, error) { return "secret", nil }})
		get := func(token string) (int, string) {
			r := httptest.NewRequest(http.MethodGet, PushPath, nil)
			r.Header.Set("Authorization", "Bearer "+token)
			w := httptest.NewRecorder()
			p.Handler().ServeHTTP(w, r)
			return w.Code, w.Body.String()
		}
		code, says := get("wrong")
		require.Equal(t, 401, code, says)
		code, says = get("secret")
		require.Equal(t, 404, code, says)
		for _, document := range []string{"jobs: [{id: 1}]\n# ü", `{"jobs": [{"id": 1}], "running": [{"host": "a"}]}`} {
			at := time.Now()
			code, says = pushTo(p, strings.NewReader(document), "Authorization", "Bearer secret", LeaseHeader, "20")
			require.Equal(t, 204, code, says)
			for _, holds := range []bool{true, false} {
				code, says = get("secret")
				require.Equal(t, 200, code)
				var shown lastPush
				require.NoError(t, json.Unmarshal([]byte(says), &shown))
				want := lastPush{PushedAt: at.UTC(), HoldsUntil: at.UTC().Add(20 * time.Second), Holds: holds, Jobs: 1, Document: document}
				if strings.Contains(document, "running") {
					one := 1
					want.Hosts = &one
				}
				require.Equal(t, want, shown)
				time.Sleep(20 * time.Second)
			}
		}
	})
}

// Of pushes at the same time the one that came whole last holds, however long each
// took to be understood; each is taken or refused as a whole.
func TestPushTheLastWholeOneHolds(t *testing.T) {
	p := newPush(t, PushOptions{})
	first, second := pushed{turn: p.arrived(), until: time.Now().Add(time.Hour)}, pushed{turn: p.arrived(), until: time.Now().Add(time.Hour)}
	second.document = []byte("second")
	p.take(second)
	p.take(first)
	require.Equal(t, "second", string(p.last().document))

	var group sync.WaitGroup
	for i := 1; i <= 50; i++ {
		group.Go(func() {
			document := `{"jobs": [` + strings.TrimSuffix(strings.Repeat(`{"id": "%d"},`, i), ",") + `]}`
			ids := make([]any, i)
			for j := range ids {
				ids[j] = j
			}
			code, _ := pushTo(p, strings.NewReader(fmt.Sprintf(document, ids...)))
			require.Contains(t, []int{http.StatusNoContent, http.StatusTooManyRequests}, code)
			_, _ = p.Demand(t.Context())
		})
	}
	group.Wait()
	held := p.last()
	require.Equal(t, bytes.Count(held.document, []byte("id")), jobsOf(t, p))
}

// waitingBody arrives when it is let.
type waitingBody struct {
	begun, go_ chan struct{}
}

func (b waitingBody) Read([]byte) (int, error) {
	b.begun <- struct{}{}
	<-b.go_
	return 0, io.EOF
}

// So many documents are read at a time and no more.
func TestPushBoundsWhatItReadsAtOnce(t *testing.T) {
	p := newPush(t, PushOptions{})
	slow := waitingBody{make(chan struct{}), make(chan struct{})}
	var group sync.WaitGroup
	for range maxPushes {
		group.Go(func() { pushTo(p, slow) })
		<-slow.begun
	}
	code, says := pushTo(p, strings.NewReader("jobs: []"))
	require.Equal(t, http.StatusTooManyRequests, code, says)
	close(slow.go_)
	group.Wait()
	code, says = pushTo(p, strings.NewReader("jobs: []"))
	require.Equal(t, http.StatusNoContent, code, says)
}

func TestPushOptionsAreChecked(t *testing.T) {
	for _, o := range []PushOptions{{}, {Lease: -1}, {Lease: 1, MaxBytes: -1}} {
		_, err := NewPush(o)
		require.ErrorContains(t, err, "queue push: ")
	}
	require.Len(t, PushResults(), 6)
}

// FuzzPush: whatever comes, it is taken whole or refused with words, and then what
// was there before stays.
func FuzzPush(f *testing.F) {
	for _, data := range examples(f) {
		f.Add(data, "")
	}
	f.Add([]byte("jobs: []"), "10s")
	f.Add([]byte("jobs: [{id: 1}"), "1h")
	f.Add([]byte("running: []"), "\x00")
	f.Fuzz(func(t *testing.T, data []byte, lease string) {
		p := newPush(t, PushOptions{})
		pushTo(p, strings.NewReader(`{"jobs": []}`))
		var header []string
		if lease != "" {
			header = []string{LeaseHeader, lease}
		}
		code, says := pushTo(p, bytes.NewReader(data), header...)
		held := p.last()
		if code == http.StatusNoContent {
			want, err := Parse(data, "pushed document")
			require.NoError(t, err)
			require.Equal(t, want, held.demand)
			require.LessOrEqual(t, held.until.Sub(held.at), p.options.Lease)
			return
		}
		require.Equal(t, http.StatusBadRequest, code)
		require.NotEmpty(t, says)
		require.Equal(t, `{"jobs": []}`, string(held.document))
	})
}
