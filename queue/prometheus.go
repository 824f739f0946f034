package queue

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"autoscaled/autoscale"
	"autoscaled/internal/rest"
)

// PrometheusOptions says which server to ask what, and what its answers mean.
type PrometheusOptions struct {
	// URL of the server, perhaps with the path before /api/v1.
	URL string
	// Query is a PromQL expression whose value is how many tasks wait, by labels.
	Query string
	// Running is one whose value is what runs on a host. Empty: it is not known.
	Running string
	// RunningCores: the value of Running is cores in use. Without it, it is any
	// count of what runs, and a host where something runs is full.
	RunningCores bool
	// ListedOnly: a host that Running doesn't list is unknown, not idle.
	ListedOnly bool
	// EmptyIsZero: an answer without any series is an empty queue, and says that
	// nothing runs. Without it nothing is known, for a metric that has gone looks the same.
	EmptyIsZero bool
	Rounding    Rounding
	// MaxAge is how old any sample may be that a query reads, and how far the
	// server's clock may be from ours. 0: it is not looked at.
	MaxAge time.Duration
	Labels PrometheusLabels
	// Auth adds credentials: rest.Basic or rest.Bearer. nil: none.
	Auth rest.Auth
	TLS  rest.TLS
	// Timeout limits one attempt of one call; 0 means rest.DefaultTimeout.
	Timeout time.Duration
	// UserAgent names this program to the server.
	UserAgent string
	// Observer is told of every attempt, for metrics; nil: nobody.
	Observer func(rest.Observation)
	// Retries and WaitMin are those of rest.Options.
	Retries int
	WaitMin time.Duration
}

// maxAnswerBytes bounds an answer: a hundred thousand series fit.
const maxAnswerBytes = 64 << 20

// Prometheus is demand as PromQL expressions tell it, each asked as an instant
// query of HTTP API v1. It is safe for concurrent use.
//
// A server answers with the newest sample of a series for as long as its look-back
// is (five minutes, if nobody changed it), and tells no sample's own time: the time
// in an answer is that of the query. Therefore what the expressions read is found in
// their text, and the age of the oldest sample is asked beside them.
type Prometheus struct {
	options PrometheusOptions
	client  *rest.Client
	now     func() time.Time
}

// NewPrometheus checks the options. Errors name no secret and are rest.ErrConfig.
func NewPrometheus(o PrometheusOptions) (*Prometheus, error) {
	switch {
	case o.Query == "":
		return nil, fmt.Errorf("queue prometheus: %w: the query is missing", rest.ErrConfig)
	case o.MaxAge < 0:
		return nil, fmt.Errorf("queue prometheus: %w: the greatest age is negative", rest.ErrConfig)
	case o.Running != "" && o.Labels.Host == "":
		return nil, fmt.Errorf("queue prometheus: %w: no label names the host where something runs", rest.ErrConfig)
	}
	client, err := rest.New(rest.Options{
		BaseURL: o.URL, Auth: o.Auth, TLS: o.TLS, Timeout: o.Timeout, MaxBody: maxAnswerBytes,
		Retries: o.Retries, WaitMin: o.WaitMin, Observer: o.Observer, UserAgent: o.UserAgent,
	})
	if err != nil {
		return nil, fmt.Errorf("queue prometheus: %w", err)
	}
	return &Prometheus{options: o, client: client, now: time.Now}, nil
}

// Demand asks all queries as of one moment, the server's own time.
func (p *Prometheus) Demand(ctx context.Context) (autoscale.Demand, error) {
	at, err := p.serverTime(ctx)
	if err != nil {
		return autoscale.Demand{}, p.failed("ask Prometheus for its time", err)
	}
	waiting, err := p.fresh(ctx, p.options.Query, at)
	if err != nil {
		return autoscale.Demand{}, p.failed("ask Prometheus what waits", err)
	}
	if len(waiting) == 0 && !p.options.EmptyIsZero {
		return autoscale.Demand{}, &sourceError{"ask Prometheus what waits", autoscale.ErrNotFound, errEmptyVector}
	}
	jobs, err := p.jobs(waiting)
	if err != nil {
		return autoscale.Demand{}, err
	}
	demand := autoscale.Demand{Classes: autoscale.Intern(jobs)}
	if p.options.Running == "" {
		return demand, nil
	}
	running, err := p.fresh(ctx, p.options.Running, at)
	if err != nil {
		return autoscale.Demand{}, p.failed("ask Prometheus what runs", err)
	}
	if demand.Use, err = p.hosts(running); err != nil {
		return autoscale.Demand{}, err
	}
	demand.Vouched = !p.options.ListedOnly && (len(running) > 0 || p.options.EmptyIsZero)
	return demand, nil
}

// failed tells what was attempted.
func (p *Prometheus) failed(attempt string, err error) error {
	if stale, ok := err.(*staleError); ok {
		return &sourceError{attempt, autoscale.ErrUnavailable, stale}
	}
	return &sourceError{attempt, httpKind(err), err}
}

// serverTime is the moment as the server writes it, in seconds since 1970.
func (p *Prometheus) serverTime(ctx context.Context) (string, error) {
	samples, err := p.ask(ctx, "time()", "")
	if err != nil {
		return "", err
	}
	if len(samples) != 1 || len(samples[0].labels) > 0 {
		return "", &staleError{"time() has no single value there"}
	}
	return samples[0].at, p.near(samples[0].at, p.now())
}

// near refuses a time that is further from another than samples may be old.
func (p *Prometheus) near(at string, wanted time.Time) error {
	seconds, err := secondsOf(at)
	if err != nil {
		return err
	}
	told := time.UnixMilli(int64(seconds * 1000))
	if off := told.Sub(wanted).Abs(); p.options.MaxAge > 0 && off > p.options.MaxAge {
		return &staleError{fmt.Sprintf("the answer is of %s, which is %s from %s (max_age %s)",
			told.UTC().Format(time.RFC3339), off.Round(time.Second), wanted.UTC().Format(time.RFC3339), p.options.MaxAge)}
	}
	return nil
}

// fresh asks a query, and then how old the samples are that it reads.
func (p *Prometheus) fresh(ctx context.Context, query, at string) ([]promSample, error) {
	samples, err := p.ask(ctx, query, at)
	if err != nil {
		return nil, err
	}
	seconds, err := secondsOf(at)
	if err != nil {
		return nil, err
	}
	for i := range samples {
		if err := p.near(samples[i].at, time.UnixMilli(int64(seconds*1000))); err != nil {
			return nil, err
		}
	}
	if p.options.MaxAge == 0 {
		return samples, nil
	}
	for _, selector := range selectorsOf(query) {
		if err := p.checkAge(ctx, selector, at); err != nil {
			return nil, err
		}
	}
	return samples, nil
}

// checkAge asks for the oldest sample that a selector finds.
func (p *Prometheus) checkAge(ctx context.Context, selector, at string) error {
	ages, err := p.ask(ctx, "topk(1, time() - timestamp("+selector+"))", at)
	if err != nil {
		return err
	}
	for _, age := range ages {
		seconds, err := secondsOf(age.value)
		if err != nil {
			return err
		}
		if old := time.Duration(seconds * float64(time.Second)); old > p.options.MaxAge {
			return &staleError{fmt.Sprintf("the newest sample of %s%s is %s old (max_age %s)",
				selector, age.text(), old.Round(time.Second), p.options.MaxAge)}
		}
	}
	return nil
}

// staleError is an answer that is not of now.
type staleError struct{ text string }

func (e *staleError) Error() string { return e.text }

// ask sends one instant query. An empty time is the server's now.
func (p *Prometheus) ask(ctx context.Context, query, at string) ([]promSample, error) {
	values := url.Values{"query": {query}}
	if at != "" {
		values.Set("time", at)
	}
	var samples []promSample
	_, err := p.client.Do(ctx, rest.Call{
		Method: http.MethodGet, Route: "/api/v1/query", Path: "/api/v1/query", Query: values,
		Into: func(r io.Reader) (err error) {
			samples, err = decodeAnswer(r)
			return err
		},
	})
	return samples, err
}
