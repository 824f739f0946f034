package fleet_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

// weather breaks calls by chance, as long as it is bad. What befalls a call is drawn from
// the seed, what the call is and how many such there were.
type weather struct {
	seed uint64
	rate float64 // of calls that read; those that act fail three times as often

	mu    sync.Mutex
	fair  bool
	calls map[string]int
	count map[string]int // of what befell calls
	late  sync.WaitGroup // calls under way that were given up
}

func newWeather(seed uint64, rate float64) *weather {
	return &weather{seed: seed, rate: rate, calls: map[string]int{}, count: map[string]int{}}
}

// lot draws a number for a subject.
func (w *weather) lot(subject ...any) uint64 {
	h := fnv.New64a()
	_, _ = fmt.Fprintln(h, append([]any{w.seed}, subject...)...)
	x := h.Sum64() // FNV leaves the high bits of alike texts alike
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// chance draws a number from 0 to 1.
func (w *weather) chance(subject ...any) float64 { return float64(w.lot(subject...)>>11) / (1 << 53) }

// clear ends the bad weather.
func (w *weather) clear() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fair = true
}

// What may befall a call: those that read can't arrive late, nor harm by having arrived.
var (
	readFaults = []string{"cut", "cut after", "error", "malformed", "truncated", "html", "slow"}
	actFaults  = []string{"cut", "cut after", "cut after", "error", "error after", "malformed", "html", "slow", "late", "late"}
)

// ids are parts of paths that differ from run to run.
var ids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]+|[0-9]+`)

// draw tells what befalls a call; empty: nothing. pick is for the particulars.
func (w *weather) draw(r *http.Request) (fault string, pick uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := r.Method + " " + ids.ReplaceAllString(r.URL.Path, "N")
	w.calls[key]++
	rate, faults := w.rate, readFaults
	if r.Method != http.MethodGet {
		rate, faults = 3*w.rate, actFaults
	}
	if w.fair || w.chance("fault", key, w.calls[key]) >= rate {
		return "", 0
	}
	pick = w.lot("which", key, w.calls[key])
	fault = faults[pick%uint64(len(faults))]
	w.count[fault]++
	return fault, pick / uint64(len(faults))
}

// wire is a transport in this weather.
type wire struct {
	*weather
	http.RoundTripper
}

var errCut = &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}

func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	fault, pick := w.draw(r)
	if fault == "" {
		return w.RoundTripper.RoundTrip(r)
	}
	switch fault {
	case "cut":
		return nil, errCut
	case "error":
		return answered(r, []int{429, 500, 502, 503}[pick%4], "unable to answer"), nil
	case "html":
		return answered(r, 200, "<!DOCTYPE html><html><body><h1>Please sign in</h1></body></html>"), nil
	case "slow":
		time.Sleep(time.Duration(pick%40) * time.Second)
		if err := r.Context().Err(); err != nil {
			return nil, err
		}
	case "late":
		return nil, w.holdBack(r, time.Duration(pick%100)*time.Second)
	}
	answer, err := w.RoundTripper.RoundTrip(r)
	if err != nil || fault == "slow" {
		return answer, err
	}
	return spoil(r, answer, fault)
}

// spoil is what becomes of the answer to a call that took effect.
func spoil(r *http.Request, answer *http.Response, fault string) (*http.Response, error) {
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	switch fault {
	case "error after":
		return answered(r, http.StatusBadGateway, "unable to answer"), nil
	case "malformed":
		return answered(r, answer.StatusCode, "{,"+string(body)), nil
	case "truncated":
		return answered(r, answer.StatusCode, string(body[:len(body)/2])), nil
	}
	return nil, errCut
}

// holdBack lets a call arrive that its caller has given up.
func (w wire) holdBack(r *http.Request, after time.Duration) error {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return err
		}
	}
	inner := r.Clone(context.WithoutCancel(r.Context()))
	w.late.Go(func() {
		time.Sleep(after)
		inner.Body = io.NopCloser(bytes.NewReader(body))
		_, _ = w.RoundTripper.RoundTrip(inner)
	})
	return errCut
}

func answered(r *http.Request, status int, body string) *http.Response {
	return &http.Response{
		Status: fmt.Sprint(status), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}
}

var errDead = errors.New("the daemon was killed")
