package web

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Problem is why the daemon isn't ready.
type Problem struct {
	// Part is which one is concerned: queue, cloud, journal, config, tick.
	Part string `json:"part"`
	// Problem is one sentence that names what is wrong and where.
	Problem string `json:"problem"`
}

// Options are what the handler shows.
type Options struct {
	Metrics prometheus.Gatherer
	// Problems are why the daemon isn't ready at this moment; none: it is.
	Problems func() []Problem
	// Notes are what a visitor of the first page should know, such as that a pool is
	// paused; each is one sentence. nil: nothing.
	Notes func() []string
	// Version is shown on the first page.
	Version string
}

// Handler serves metrics, health and a first page that links to them.
func Handler(o Options) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(o.Metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { answerText(w, http.StatusOK, "alive\n") })
	mux.HandleFunc("GET /readyz", o.ready)
	mux.HandleFunc("GET /{$}", o.home)
	return mux
}

// readiness is the JSON form of /readyz.
type readiness struct {
	Ready    bool      `json:"ready"`
	Problems []Problem `json:"problems"`
}

func (o Options) ready(w http.ResponseWriter, r *http.Request) {
	problems := o.Problems()
	code := http.StatusOK
	if len(problems) > 0 {
		code = http.StatusServiceUnavailable
	}
	if prefersJSON(r.Header.Get("Accept")) {
		answerJSON(w, code, readiness{Ready: len(problems) == 0, Problems: append([]Problem{}, problems...)})
		return
	}
	var text strings.Builder
	for _, p := range problems {
		fmt.Fprintf(&text, "%s: %s\n", p.Part, p.Problem)
	}
	if len(problems) == 0 {
		text.WriteString("ready\n")
	}
	answerText(w, code, text.String())
}

const homePage = `<!DOCTYPE html>
<title>autoscaled</title>
<h1>autoscaled %s</h1>
%s<ul>
<li><a href="metrics">/metrics</a></li>
<li><a href="livez">/livez</a></li>
<li><a href="readyz">/readyz</a></li>
</ul>
`

func (o Options) home(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, homePage, o.Version, o.notes("<p>", "</p>\n", html.EscapeString))
		return
	}
	plain := o.notes("", "\n", func(note string) string { return note })
	answerText(w, http.StatusOK, "autoscaled "+o.Version+"\n"+plain+"/metrics\n/livez\n/readyz\n")
}

// notes writes each note between two texts.
func (o Options) notes(before, after string, escape func(string) string) string {
	if o.Notes == nil {
		return ""
	}
	var text strings.Builder
	for _, note := range o.Notes() {
		text.WriteString(before + escape(note) + after)
	}
	return text.String()
}

// prefersJSON tells whether an Accept header ranks JSON above text. What names
// neither wants text.
func prefersJSON(accept string) bool {
	best, json := 0.0, false
	for entry := range strings.SplitSeq(accept, ",") {
		kind, params, _ := strings.Cut(strings.TrimSpace(entry), ";")
		q := 1.0
		if value, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			q, _ = strconv.ParseFloat(value, 64)
		}
		isJSON := strings.TrimSpace(kind) == "application/json"
		isText := strings.HasPrefix(kind, "text/") || kind == "*/*"
		if (isJSON || isText) && q > best {
			best, json = q, isJSON
		}
	}
	return json
}

func answerText(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, text)
}

func answerJSON(w http.ResponseWriter, code int, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		http.Error(w, "encode the answer: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = w.Write(append(text, '\n'))
}
