package queue

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/internal/rest"
)

// fakePrometheus answers queries with results as they stand in the API's data.
type fakePrometheus struct {
	t       *testing.T
	answers map[string]string // by query; missing: an empty vector
	raw     map[string]string // whole bodies
	skew    time.Duration
	asked   []string
}

const (
	waitingQuery = `sum by (slots) (queue_waiting)`
	runningQuery = `queue_running`
	fakeAt       = 1795365179.872
)

func ageOf(selector string) string { return "topk(1, time() - timestamp(" + selector + "))" }

func (f *fakePrometheus) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	require.Equal(f.t, "/prom/api/v1/query", r.URL.Path)
	user, password, _ := r.BasicAuth()
	require.Equal(f.t, "me:secret", user+":"+password)
	query, at := r.URL.Query().Get("query"), r.URL.Query().Get("time")
	f.asked = append(f.asked, query)
	if body, ok := f.raw[query]; ok {
		fmt.Fprint(w, body)
		return
	}
	if query == "time()" {
		require.Empty(f.t, at)
		seconds := fakeAt + f.skew.Seconds()
		fmt.Fprintf(w, `{"status":"success","data":{"resultType":"scalar","result":[%[1]f,"%[1]f"]}}`, seconds)
		return
	}
	require.NotEmpty(f.t, at, "every query is of one moment")
	fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":[%s]}}`, strings.ReplaceAll(f.answers[query], "AT", at))
}

// series writes one element of a vector.
func series(value string, labels ...string) string {
	metric := map[string]string{}
	for i := 0; i < len(labels); i += 2 {
		metric[labels[i]] = labels[i+1]
	}
	text, _ := json.Marshal(metric)
	return fmt.Sprintf(`{"metric":%s,"value":[AT,%q]}`, text, value)
}

func newPrometheus(t *testing.T, f *fakePrometheus, o PrometheusOptions) *Prometheus {
	t.Helper()
	f.t = t
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	o.URL, o.Auth = server.URL+"/prom", rest.Basic{User: "me", Password: rest.Static("secret")}
	o.Retries, o.WaitMin = -1, time.Millisecond
	if o.Query == "" {
		o.Query = waitingQuery
	}
	p, err := NewPrometheus(o)
	require.NoError(t, err)
	p.now = func() time.Time { return time.UnixMilli(1795365180000) }
	return p
}

func demandOf(t *testing.T, p *Prometheus) autoscale.Demand {
	t.Helper()
	d, err := p.Demand(t.Context())
	require.NoError(t, err)
	return d
}

// Labels become what a document would say.
func TestPrometheusReadsSeriesAsJobs(t *testing.T) {
	f := &fakePrometheus{answers: map[string]string{
		waitingQuery: strings.Join([]string{
			series("3", "slots", "4", "ram", "2GiB", "cards", "1", "prio", "-7", "partition", "htc", "class", "big", "title", "first"),
			series("1e+06", "slots", "8.0", "ram", "4096", "cards", "0", "prio", "2", "partition", "HPC", "class", "a b", "title", "second"),
			series("0"), series("-0", "title", "first"),
		}, ","),
	}}
	p := newPrometheus(t, f, PrometheusOptions{Labels: PrometheusLabels{
		Name: "title", Cores: "slots", Memory: "ram", GPUs: "cards", Priority: "prio",
		Pools: []PoolLabel{{"nodearray", "partition"}, {"class", "class"}},
	}})
	want, err := Parse([]byte(`
jobs:
  - {id: first, tasks: 3, cores: 4, memory: 2GiB, gpus: 1, priority: -7, selector: {all: [{label: nodearray, in: htc}, {label: class, in: big}]}}
  - {id: second, tasks: 1000000, cores: 8, memory: 4096, gpus: 0, priority: 2, selector: {all: [{label: nodearray, in: HPC}, {label: class, in: a b}]}}
`), "")
	require.NoError(t, err)
	require.Equal(t, want, demandOf(t, p))
}

// Without labels to go by a series is a job of its own name whose tasks take a core.
func TestPrometheusWithoutMapping(t *testing.T) {
	f := &fakePrometheus{answers: map[string]string{waitingQuery: series("2", "__name__", "q", "b", `x"y`, "a", "1")}}
	want, err := Parse([]byte(`jobs: [{id: 'q{a="1",b="x\"y"}', tasks: 2}]`), "")
	require.NoError(t, err)
	require.Equal(t, want, demandOf(t, newPrometheus(t, f, PrometheusOptions{})))

	f.raw = map[string]string{waitingQuery: `{"status":"success","data":{"resultType":"scalar","result":[1795365179.872,"5"]}}`}
	want, err = Parse([]byte(`jobs: [{id: "{}", tasks: 5}]`), "")
	require.NoError(t, err)
	require.Equal(t, want, demandOf(t, newPrometheus(t, f, PrometheusOptions{})))
}

func TestPrometheusRounding(t *testing.T) {
	for value, c := range map[string]struct{ none, up, nearest int }{
		"0": {0, 0, 0}, "2": {2, 2, 2}, "0.4": {-1, 1, 0}, "0.5": {-1, 1, 1}, "1.2": {-1, 2, 1},
		"NaN": {-1, -1, -1}, "+Inf": {-1, -1, -1}, "-1": {-1, -1, -1}, "-0.2": {-1, -1, -1}, "1000000001": {-1, -1, -1}, "many": {-1, -1, -1},
	} {
		for rounding, tasks := range map[Rounding]int{RoundNone: c.none, RoundUp: c.up, RoundNearest: c.nearest} {
			f := &fakePrometheus{answers: map[string]string{waitingQuery: series(value, "q", "x")}}
			d, err := newPrometheus(t, f, PrometheusOptions{Rounding: rounding}).Demand(t.Context())
			if tasks < 0 {
				require.ErrorIs(t, err, autoscale.ErrMalformed, "%s %s", value, rounding)
				require.ErrorContains(t, err, `answer of queue.prometheus.query: {q="x"}: its value must `)
				require.ErrorContains(t, err, value)
				require.Equal(t, autoscale.Demand{}, d)
				continue
			}
			require.NoError(t, err, "%s %s", value, rounding)
			total := 0
			for _, class := range d.Classes {
				total += class.Tasks
			}
			require.Equal(t, tasks, total, "%s %s", value, rounding)
		}
	}
}

// An answer without series is unknown demand, unless the config knows better.
func TestPrometheusEmptyAnswer(t *testing.T) {
	f := &fakePrometheus{}
	o := PrometheusOptions{Running: runningQuery, Labels: PrometheusLabels{Host: "host"}}
	_, err := newPrometheus(t, f, o).Demand(t.Context())
	require.ErrorIs(t, err, autoscale.ErrNotFound)
	require.ErrorContains(t, err, "empty_is_zero")

	f.answers = map[string]string{waitingQuery: series("0")}
	d := demandOf(t, newPrometheus(t, f, o))
	require.Zero(t, d.Jobs(), "a zero that is told is one")
	require.False(t, d.Vouched, "nobody told what runs")

	f.answers = nil
	o.EmptyIsZero = true
	d = demandOf(t, newPrometheus(t, f, o))
	require.Zero(t, d.Jobs())
	require.True(t, d.Vouched)
	require.Empty(t, d.Use)
}

func TestPrometheusTellsWhatRuns(t *testing.T) {
	f := &fakePrometheus{answers: map[string]string{
		waitingQuery: series("0"),
		runningQuery: strings.Join([]string{series("2", "host", "IP-1"), series("0", "host", "ip-2"), series("0.3", "host", "ip-3"), series("1", "host", "ip-1", "job", "x")}, ","),
	}}
	o := PrometheusOptions{Running: runningQuery, Rounding: RoundNearest, Labels: PrometheusLabels{Host: "host"}}
	d := demandOf(t, newPrometheus(t, f, o))
	require.True(t, d.Vouched)
	require.Equal(t, map[string]autoscale.HostUse{"ip-1": {Whole: true}, "ip-2": {}, "ip-3": {Whole: true}}, d.Use)

	o.RunningCores, o.ListedOnly = true, true
	d = demandOf(t, newPrometheus(t, f, o))
	require.False(t, d.Vouched)
	used := func(cores int) autoscale.HostUse { return autoscale.HostUse{Used: autoscale.Resources{Cores: cores}} }
	require.Equal(t, map[string]autoscale.HostUse{"ip-1": used(3), "ip-2": {}, "ip-3": used(1)}, d.Use)

	d = demandOf(t, newPrometheus(t, f, PrometheusOptions{}))
	require.False(t, d.Vouched)
	require.Nil(t, d.Use)

	f.answers[runningQuery] = series("1")
	_, err := newPrometheus(t, f, o).Demand(t.Context())
	require.ErrorIs(t, err, autoscale.ErrMalformed)
	require.ErrorContains(t, err, "answer of queue.prometheus.running_query: {}: has no label host")
}

// Labels that don't fit are mistakes that name the series, all at once.
func TestPrometheusMistakes(t *testing.T) {
	labels := PrometheusLabels{Name: "n", Cores: "c", Memory: "m", Pools: []PoolLabel{{"nodearray", "p"}}}
	for name, c := range map[string]struct{ answer, says string }{
		"no label":   {series("1", "n", "a", "c", "1", "m", "1"), `{c="1",m="1",n="a"}: has no label p`},
		"no name":    {series("1", "c", "1", "m", "1", "p", "x"), `has no label n`},
		"cores":      {series("1", "n", "a", "c", "four", "m", "1", "p", "x"), `.cores: must be a whole decimal number, not four`},
		"half cores": {series("1", "n", "a", "c", "0.5", "m", "1", "p", "x"), `.cores: must be a whole decimal number, not 0.5`},
		"memory":     {series("1", "n", "a", "c", "1", "m", "much", "p", "x"), `.memory: must be bytes as a number or text such as 512MiB, 4GiB or 4GB, not "much"`},
		"twice":      {series("1", "n", "a", "c", "1", "m", "1", "p", "x") + "," + series("1", "n", "a", "c", "2", "m", "1", "p", "x"), `{c="2",m="1",n="a",p="x"}: has the same id as {c="1",m="1",n="a",p="x"}`},
		"too long":   {series("1", "n", strings.Repeat("x", 257), "c", "1", "m", "1", "p", "x"), `.id: must not be longer than 256 bytes`},
		"several":    {series("NaN") + "," + series("-1"), "2 mistakes:"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakePrometheus{answers: map[string]string{waitingQuery: c.answer}}
			d, err := newPrometheus(t, f, PrometheusOptions{Labels: labels}).Demand(t.Context())
			require.ErrorIs(t, err, autoscale.ErrMalformed)
			require.ErrorContains(t, err, c.says)
			require.ErrorContains(t, err, "answer of queue.prometheus.query")
			require.Equal(t, autoscale.Demand{}, d)
		})
	}
}

// Samples that are too old, and answers of another time, are unknown demand.
func TestPrometheusStaleness(t *testing.T) {
	fresh := func() *fakePrometheus {
		return &fakePrometheus{answers: map[string]string{
			waitingQuery: series("5", "slots", "4"), runningQuery: series("1", "host", "a"),
			ageOf("queue_waiting"): series("59.9", "instance", "x"), ageOf(runningQuery): series("0"),
		}}
	}
	o := PrometheusOptions{Running: runningQuery, MaxAge: time.Minute, Labels: PrometheusLabels{Host: "host"}}
	f := fresh()
	require.Equal(t, 1, demandOf(t, newPrometheus(t, f, o)).Jobs())
	require.Equal(t, []string{"time()", waitingQuery, ageOf("queue_waiting"), runningQuery, ageOf(runningQuery)}, f.asked)

	for name, c := range map[string]struct {
		change func(*fakePrometheus)
		says   string
	}{
		"old demand":     {func(f *fakePrometheus) { f.answers[ageOf("queue_waiting")] = series("60.6", "instance", "x") }, `ask Prometheus what waits: the newest sample of queue_waiting{instance="x"} is 1m1s old (max_age 1m0s)`},
		"old use":        {func(f *fakePrometheus) { f.answers[ageOf(runningQuery)] = series("90") }, "ask Prometheus what runs: the newest sample of queue_running is 1m30s old"},
		"no age":         {func(f *fakePrometheus) { f.answers[ageOf(runningQuery)] = series("NaN") }, "no number of seconds"},
		"ahead":          {func(f *fakePrometheus) { f.skew = 2 * time.Minute }, "ask Prometheus for its time: the answer is of 2026-11-22T16:34:59Z, which is 2m0s from"},
		"behind":         {func(f *fakePrometheus) { f.skew = -2 * time.Minute }, "which is 2m0s from"},
		"another moment": {func(f *fakePrometheus) { f.answers[waitingQuery] = `{"metric":{},"value":[1795360000,"1"]}` }, "ask Prometheus what waits: the answer is of 2026-11-22T15:06:40Z"},
	} {
		t.Run(name, func(t *testing.T) {
			f := fresh()
			c.change(f)
			d, err := newPrometheus(t, f, o).Demand(t.Context())
			require.ErrorIs(t, err, autoscale.ErrUnavailable)
			require.ErrorContains(t, err, c.says)
			require.Equal(t, autoscale.Demand{}, d)

			old := o
			old.MaxAge = 0
			if name != "no age" {
				f = fresh()
				c.change(f)
				require.Equal(t, 1, demandOf(t, newPrometheus(t, f, old)).Jobs(), "not looked at")
				require.Equal(t, []string{"time()", waitingQuery, runningQuery}, f.asked)
			}
		})
	}
}

// badAnswers are answers to a query that can't be used, with what is said of them.
func badAnswers() map[string]struct {
	body string
	kind error
	says string
} {
	const ok = `{"status":"success","data":`
	type bad = struct {
		body string
		kind error
		says string
	}
	return map[string]bad{
		"nothing":         {"", autoscale.ErrMalformed, ""},
		"HTML":            {"<!DOCTYPE html><html><title>Login</title></html>", autoscale.ErrMalformed, "Login"},
		"cut":             {ok + `{"resultType":"vector","result":[`, autoscale.ErrMalformed, "resultType"},
		"no status":       {`{}`, autoscale.ErrMalformed, `status is ""`},
		"other status":    {`{"status":"partial"}`, autoscale.ErrMalformed, `status is "partial"`},
		"no data":         {`{"status":"success"}`, autoscale.ErrMalformed, "no data"},
		"null":            {`null`, autoscale.ErrMalformed, "status"},
		"failure":         {`{"status":"error","errorType":"execution","error":"too many samples"}`, autoscale.ErrRejected, "execution: too many samples"},
		"warning":         {`{"status":"success","warnings":["store-1: connection refused"],"data":{"resultType":"vector","result":[]}}`, autoscale.ErrUnavailable, "may be a part only: store-1: connection refused"},
		"matrix":          {ok + `{"resultType":"matrix","result":[]}}`, autoscale.ErrMalformed, "a range as its value (a matrix)"},
		"text":            {ok + `{"resultType":"string","result":[1,"x"]}}`, autoscale.ErrMalformed, `"string" as its value`},
		"no type":         {ok + `{"result":[]}}`, autoscale.ErrMalformed, "not a vector or a scalar"},
		"no result":       {ok + `{"resultType":"vector"}}`, autoscale.ErrMalformed, "the vector is no list"},
		"null result":     {ok + `{"resultType":"vector","result":null}}`, autoscale.ErrMalformed, "the vector is no list: \"null\""},
		"no metric":       {ok + `{"resultType":"vector","result":[{"value":[1,"1"]}]}}`, autoscale.ErrMalformed, "element 0 of the vector has no metric"},
		"no value":        {ok + `{"resultType":"vector","result":[{"metric":{}}]}}`, autoscale.ErrMalformed, "want a time and a value in quotes"},
		"bare value":      {ok + `{"resultType":"vector","result":[{"metric":{},"value":[1,1]}]}}`, autoscale.ErrMalformed, `want a time and a value in quotes, not "[1,1]"`},
		"three":           {ok + `{"resultType":"scalar","result":[1,"1","2"]}}`, autoscale.ErrMalformed, "want a time and a value in quotes"},
		"far future":      {ok + `{"resultType":"scalar","result":[1e300,"1"]}}`, autoscale.ErrMalformed, "no number of seconds"},
		"histogram":       {ok + `{"resultType":"vector","result":[{"metric":{"a":"b"},"histogram":[1,{}]}]}}`, autoscale.ErrMalformed, `{a=\"b\"} is a histogram`},
		"label no text":   {ok + `{"resultType":"vector","result":[{"metric":{"a":1},"value":[1,"1"]}]}}`, autoscale.ErrMalformed, "metric"},
		"something after": {ok + `{"resultType":"vector","result":[]}} {}`, autoscale.ErrMalformed, ""},
		"twice":           {ok + `{"resultType":"vector","resultType":"scalar","result":[1,"1"]}}`, autoscale.ErrMalformed, "duplicate"},
	}
}

func TestPrometheusBadAnswers(t *testing.T) {
	for name, c := range badAnswers() {
		t.Run(name, func(t *testing.T) {
			f := &fakePrometheus{raw: map[string]string{waitingQuery: c.body}}
			d, err := newPrometheus(t, f, PrometheusOptions{EmptyIsZero: true}).Demand(t.Context())
			require.ErrorIs(t, err, c.kind, "%v", err)
			require.ErrorContains(t, err, strings.ReplaceAll(c.says, `\"`, `"`))
			require.ErrorContains(t, err, "ask Prometheus what waits: ")
			require.NotContains(t, err.Error(), "secret")
			require.Equal(t, autoscale.Demand{}, d)
		})
	}
}

// What servers add, and remarks on how a query is written, are no mistakes.
func TestPrometheusIgnoresRemarks(t *testing.T) {
	f := &fakePrometheus{raw: map[string]string{waitingQuery: `{"status":"success","infos":["PromQL info: x"],"warnings":["PromQL info: metric might not be a counter"],
		"data":{"resultType":"vector","result":[{"metric":{},"value":[1795365179.872,"1"]}],"stats":{"x":1}}}`}}
	require.Equal(t, 1, demandOf(t, newPrometheus(t, f, PrometheusOptions{})).Jobs())
}

func TestPrometheusRefusals(t *testing.T) {
	for status, kind := range map[int]error{400: autoscale.ErrRejected, 401: autoscale.ErrUnauthorized, 404: autoscale.ErrNotFound, 422: autoscale.ErrRejected, 429: autoscale.ErrThrottled, 503: autoscale.ErrUnavailable} {
		server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			fmt.Fprint(w, `{"status":"error","errorType":"bad_data","error":"parse error: unexpected end"}`)
		})
		p, err := NewPrometheus(PrometheusOptions{URL: server.URL, Query: "x", Retries: -1})
		require.NoError(t, err)
		_, err = p.Demand(t.Context())
		require.ErrorIs(t, err, kind)
		require.ErrorContains(t, err, "parse error: unexpected end")
	}
}

func TestPrometheusOptionsAreChecked(t *testing.T) {
	for _, o := range []PrometheusOptions{
		{}, {URL: "http://x"}, {URL: "http://x?y", Query: "q"}, {URL: "x", Query: "q"}, {URL: "http://me:secret@x", Query: "q"},
		{URL: "http://x", Query: "q", MaxAge: -1}, {URL: "http://x", Query: "q", Running: "r"},
	} {
		_, err := NewPrometheus(o)
		require.ErrorIs(t, err, rest.ErrConfig)
		require.NotContains(t, err.Error(), "secret")
	}
}
