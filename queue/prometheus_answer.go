package queue

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"autoscaled/internal/rest"
)

// errEmptyVector tells of an answer that has no series.
var errEmptyVector = errors.New("the query's answer is empty, and so it would be if the metric had gone; make it tell zeros, or set empty_is_zero")

// promSample is one series of an answer and its value.
type promSample struct {
	labels map[string]string
	at     string // seconds since 1970, as it was written
	value  string
}

// text is the series as PromQL writes it; empty where it has no labels.
func (s *promSample) text() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(s.labels)) {
		if name != "__name__" {
			parts = append(parts, name+"="+strconv.Quote(s.labels[name]))
		}
	}
	name := s.labels["__name__"]
	if len(parts) == 0 {
		return name
	}
	return name + "{" + strings.Join(parts, ",") + "}"
}

// promAnswer is the envelope of the HTTP API, version 1. Members that we don't know
// are ignored: the API grows.
type promAnswer struct {
	Status    string   `json:"status"`
	ErrorType string   `json:"errorType"`
	Error     string   `json:"error"`
	Warnings  []string `json:"warnings"`
	Data      *struct {
		ResultType string         `json:"resultType"`
		Result     jsontext.Value `json:"result"`
	} `json:"data"`
}

// decodeAnswer reads the answer to an instant query: a vector, or a scalar, which is
// one series without labels. A warning means that something is missing in it.
func decodeAnswer(r io.Reader) ([]promSample, error) {
	var a promAnswer
	if err := json.UnmarshalRead(r, &a); err != nil {
		return nil, err
	}
	if err := a.check(); err != nil {
		return nil, err
	}
	switch a.Data.ResultType {
	case "vector":
		return decodeVector(a.Data.Result)
	case "scalar":
		sample := promSample{}
		if err := sample.decodeValue(a.Data.Result); err != nil {
			return nil, fmt.Errorf("the scalar: %w", err)
		}
		return []promSample{sample}, nil
	case "matrix":
		return nil, errors.New("the query has a range as its value (a matrix), not one value for each series; leave out [ ] or put a function around it")
	default:
		return nil, fmt.Errorf("the query has a %s as its value, not a vector or a scalar", quoteShort(a.Data.ResultType))
	}
}

// check finds what makes an answer unusable as a whole.
func (a *promAnswer) check() error {
	switch {
	case a.Status == "error":
		return &rest.Refusal{Kind: rest.ErrInvalidInput, Words: a.ErrorType + ": " + a.Error}
	case a.Status != "success":
		return fmt.Errorf("status is %s, neither success nor error", quoteShort(a.Status))
	case a.Data == nil:
		return errors.New("there is no data in it")
	}
	for _, w := range a.Warnings {
		if !strings.HasPrefix(w, infoPrefix) {
			return &rest.Refusal{Kind: rest.ErrUnavailable, Words: "the answer has a warning, and may be a part only: " + w}
		}
	}
	return nil
}

// infoPrefix begins remarks on how an expression is written. Servers before 3.0 put
// them among the warnings; they are not about what was read.
const infoPrefix = "PromQL info:"

func decodeVector(raw jsontext.Value) ([]promSample, error) {
	var list []struct {
		Metric    map[string]string `json:"metric"`
		Value     jsontext.Value    `json:"value"`
		Histogram jsontext.Value    `json:"histogram"`
	}
	if raw.Kind() != '[' {
		return nil, fmt.Errorf("the vector is no list: %s", quoteShort(string(raw)))
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("the vector: %w", err)
	}
	samples := make([]promSample, len(list))
	for i := range list {
		s := &samples[i]
		s.labels = list[i].Metric
		if list[i].Histogram != nil {
			return nil, fmt.Errorf("%s is a histogram, not a number", s.text())
		}
		if list[i].Metric == nil {
			return nil, fmt.Errorf("element %d of the vector has no metric", i)
		}
		if err := s.decodeValue(list[i].Value); err != nil {
			return nil, fmt.Errorf("element %d of the vector: %w", i, err)
		}
	}
	return samples, nil
}

// decodeValue reads [time, "value"].
func (s *promSample) decodeValue(raw jsontext.Value) error {
	var pair []jsontext.Value
	if raw.Kind() != '[' || json.Unmarshal(raw, &pair) != nil || len(pair) != 2 || pair[0].Kind() != '0' || pair[1].Kind() != '"' {
		return fmt.Errorf("want a time and a value in quotes, not %s", quoteShort(string(raw)))
	}
	s.at = string(pair[0])
	if _, err := secondsOf(s.at); err != nil {
		return err
	}
	return json.Unmarshal(pair[1], &s.value)
}

// secondsOf reads a time or an age that a clock can have.
func secondsOf(text string) (float64, error) {
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(seconds) || math.Abs(seconds) > maxUnixSeconds {
		return 0, fmt.Errorf("%s is no number of seconds", quoteShort(text))
	}
	return seconds, nil
}
