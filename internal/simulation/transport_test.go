package simulation

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"

	"autoscaled/autoscale"
	"autoscaled/cyclecloud/cyclecloudtest"
)

const (
	// fastest and slowest bound how long a call takes to arrive. Drawn by what the call
	// is, it decides the order in which calls made together arrive.
	fastest, slowest = time.Millisecond, 80 * time.Millisecond
	// callTimeout is that of the client.
	callTimeout = 20 * time.Second
	// latest is how long a call may be under way that the caller has given up.
	latest = 4 * time.Minute
)

// faultArrivesLate is a call whose connection breaks and that is handled all the same,
// after the caller has asked what became of it.
const faultArrivesLate = "arrives late"

// wire carries the calls of one life to the simulator's handler.
type wire struct {
	life *life
	*paper
}

// request is a call that changes something, as the wire reads it.
type request struct {
	action    string
	RequestID string   `json:"requestId"`
	IDs       []string `json:"ids"`
	Sets      []struct {
		Count            int    `json:"count"`
		PlacementGroupID string `json:"placementGroupId"`
	} `json:"sets"`
}

func (r request) removes() bool {
	return slices.Contains([]string{"terminate", "remove", "shutdown", "deallocate"}, r.action)
}

func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	l := w.life
	body, err := bodyOf(r)
	if err != nil {
		return nil, err
	}
	key := fmt.Sprintf("%s %s %x", r.Method, r.URL, lot(0, string(body)))
	n := l.nth(key)
	l.tally(func(c *counts) { c.calls++ })
	travel := fastest + time.Duration(lot(l.seed, "travel", key, n)%uint64(slowest-fastest))
	onItsWay := !sleep(r.Context(), travel)
	if onItsWay && lot(l.seed, "dies under way", key, n)%2 == 0 {
		return nil, r.Context().Err()
	}
	if r.Method == http.MethodGet {
		return w.read(r, body, key, n)
	}
	return w.act(r, body, key, n)
}

// sleep waits; false: the context ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func bodyOf(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	defer r.Body.Close()
	return io.ReadAll(r.Body)
}

func (w wire) read(r *http.Request, body []byte, key string, n int) (*http.Response, error) {
	l := w.life
	if l.reach(pointReading) {
		return nil, errDead
	}
	status := strings.HasSuffix(r.URL.Path, "/status")
	kind := w.fault(r, key, n)
	if status {
		l.saw(&l.sawCloud, false)
	}
	asked := time.Now()
	at := asked.Add(-l.scenario.cloud.Timing.StatusAge)
	if status {
		l.mu.Lock()
		l.noteStanding()
		l.mu.Unlock()
	}
	answer, err := w.pass(r, body)
	whole := kind == "" || kind == string(cyclecloudtest.FaultLatency)
	if status && whole && err == nil && answer.StatusCode == http.StatusOK {
		l.state.Lock()
		l.sawCloud, l.sawAt, l.askedAt = true, at, asked
		l.state.Unlock()
	}
	return answer, err
}

// act passes on a call that changes something, once what must hold of it was looked at.
func (w wire) act(r *http.Request, body []byte, key string, n int) (*http.Response, error) {
	l := w.life
	q := request{action: path.Base(r.URL.Path)}
	if err := json.Unmarshal(body, &q); err != nil {
		l.violate("a call that is no JSON: %v", err)
		return nil, err
	}
	before, after := pointBeforeSend, pointAfterSend
	if q.removes() {
		before, after = pointBeforeTerminate, pointAfterTerminate
	} else {
		l.acted()
	}
	if l.reach(before) && lot(l.seed, "left already", key, n)%2 == 0 {
		return nil, errDead
	}
	w.checkCall(q)
	kind := w.fault(r, key, n)
	l.tally(func(c *counts) { c.posts++ })
	l.note("%s %s, %d nodes named, fault %q", q.action, q.RequestID, len(q.IDs), kind)
	if kind == faultArrivesLate {
		w.holdBack(r, body, q, time.Duration(lot(l.seed, "late", key, n)%uint64(latest)))
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	}
	w.letPass(q)
	answer, err := w.handle(r, body, q)
	if kind == "" && err == nil && answer.StatusCode == http.StatusConflict {
		w.noteSeen(q)
	}
	if l.reach(after) {
		return nil, errDead
	}
	return answer, err
}

// lateCall is a call under way: hurry lets it arrive, done tells that it has.
type lateCall struct{ hurry, done chan struct{} }

// holdBack lets a call arrive later, or when another with its request id overtakes it.
func (w wire) holdBack(r *http.Request, body []byte, q request, after time.Duration) {
	l := w.life
	c := lateCall{make(chan struct{}), make(chan struct{})}
	l.mu.Lock()
	l.pending[q.RequestID] = c
	l.mu.Unlock()
	l.late.Go(func() {
		defer close(c.done)
		select {
		case <-time.After(after):
		case <-c.hurry:
		}
		l.note("%s %s arrives now", q.action, q.RequestID)
		l.mu.Lock()
		delete(l.pending, q.RequestID)
		for _, set := range q.Sets {
			l.lateNodes += set.Count
		}
		l.mu.Unlock()
		_, _ = w.handle(r.WithContext(context.WithoutCancel(r.Context())), body, q)
	})
}

// letPass lets an earlier call under the same request id arrive first, every other time.
func (w wire) letPass(q request) {
	l := w.life
	l.mu.Lock()
	c, waits := l.pending[q.RequestID]
	if waits = waits && lot(l.seed, "pass", q.RequestID)%2 == 0; waits {
		delete(l.pending, q.RequestID)
	}
	l.mu.Unlock()
	if waits {
		close(c.hurry)
		<-c.done
	}
}

// noteSeen notes that the server refused a request id that it had handled before.
func (w wire) noteSeen(q request) {
	l := w.life
	for _, c := range l.cloud.Books().Creates {
		if c.RequestID == q.RequestID {
			l.note("%s has been seen before", q.RequestID)
			l.mu.Lock()
			l.seen[q.RequestID] = true
			l.mu.Unlock()
			l.tally(func(c *counts) { c.seenBefore++ })
		}
	}
}

// handle lets the simulator handle a call in a world that is up to date before and after.
func (w wire) handle(r *http.Request, body []byte, q request) (*http.Response, error) {
	l := w.life
	l.mu.Lock()
	l.follow()
	if q.removes() {
		w.checkTargets(q)
	}
	l.mu.Unlock()
	answer, err := w.pass(r, body)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.follow()
	return answer, err
}

func (w wire) pass(r *http.Request, body []byte) (*http.Response, error) {
	inner := r.Clone(r.Context())
	inner.Body = io.NopCloser(bytes.NewReader(body))
	return w.life.cloud.RoundTripper().RoundTrip(inner)
}

// faultKinds are those of calls that read and of those that act, to be drawn from.
var faultKinds = map[string][]string{
	http.MethodGet: {
		"cut-before", "cut-after", "status", "malformed", "truncated", "html", "latency",
	},
	http.MethodPost: {
		"cut-before", "cut-after", "cut-after", "status", "status-after", "malformed", "truncated", "html", "latency",
		faultArrivesLate, faultArrivesLate, faultArrivesLate,
	},
}

var (
	refusals = []int{400, 401, 409, 429, 500, 503}
	failures = []int{500, 502, 503, 504}
)

// fault draws what befalls a call, and orders it where the simulator is to play it.
func (w wire) fault(r *http.Request, key string, n int) string {
	l := w.life
	f := cyclecloudtest.Fault{Method: r.Method, Path: r.URL.Path}
	kinds := faultKinds[r.Method]
	pick := lot(l.seed, "which fault", key, n)
	switch {
	case l.calmed():
		return ""
	case l.away(eventCloudGone):
		f.Kind, f.Status = cyclecloudtest.FaultStatus, 503
	case l.away(eventRefused):
		f.Kind, f.Status = cyclecloudtest.FaultStatus, 401
	case fraction(l.seed, "fault", key, n) < l.faults*eagerness(r.Method):
		f.Kind = cyclecloudtest.FaultKind(kinds[pick%uint64(len(kinds))])
		pick /= uint64(len(kinds))
	default:
		return ""
	}
	switch f.Kind {
	case faultArrivesLate:
		if isRemoval(r.URL.Path) {
			f.Kind = cyclecloudtest.FaultCutBefore
		}
	case cyclecloudtest.FaultLatency:
		f.Latency = time.Duration(pick%40+1) * time.Second
	case cyclecloudtest.FaultStatus:
		if f.Status == 0 {
			f.Status = refusals[pick%uint64(len(refusals))]
		}
		f.RetryAfter = time.Duration(pick % 3 * uint64(time.Second))
	case cyclecloudtest.FaultStatusAfter:
		f.Status = failures[pick%uint64(len(failures))]
	}
	l.tally(func(c *counts) { c.faults[string(f.Kind)]++ })
	if f.Kind != faultArrivesLate {
		if err := l.cloud.Order(f); err != nil {
			l.violate("order a fault: %v", err)
		}
	}
	return string(f.Kind)
}

// eagerness makes calls that act fail more often than those that read, of which there
// are many more.
func eagerness(method string) float64 {
	if method == http.MethodPost {
		return 3
	}
	return 0.5
}

func isRemoval(address string) bool { return request{action: path.Base(address)}.removes() }

// calmed tells whether faults have stopped.
func (w *world) calmed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.peace
}

// checkCall holds a call against the journal: what leaves is on record, as it is, and
// leaves once for each time that the record says so.
func (w wire) checkCall(q request) {
	l := w.life
	op, known := w.get(autoscale.RequestID(q.RequestID))
	wanted := 0
	for _, set := range q.Sets {
		wanted += set.Count
	}
	sent := l.nth("sent " + q.RequestID)
	l.state.Lock()
	sawCloud, sawQueue := l.sawCloud, l.sawQueue
	l.state.Unlock()
	switch {
	case !known:
		l.violate("%s %q leaves and is not in the journal", q.action, q.RequestID)
	case op.Phase != autoscale.OpSent:
		l.violate("%s %s leaves and the journal says that it is %s", q.action, q.RequestID, op.Phase)
	case sent > op.Attempts:
		l.violate("%s %s leaves for the %dth time; the journal knows of %d", q.action, q.RequestID, sent, op.Attempts)
	case q.action == "create" && (wanted != op.Count || q.Sets[0].PlacementGroupID != op.Group):
		l.violate("create %s asks for %d nodes in %q, the journal says %d in %q", q.RequestID, wanted, q.Sets[0].PlacementGroupID, op.Count, op.Group)
	case !sawCloud:
		l.violate("%s %s leaves though the cloud could not be read", q.action, q.RequestID)
	case !sawQueue && (q.action == "create" || q.action == "start"):
		l.violate("%s %s leaves though the queue could not be read", q.action, q.RequestID)
	}
	for _, id := range q.IDs {
		if known && !slices.Contains(op.Nodes, autoscale.NodeID(id)) {
			l.violate("%s %s names node %s, the journal does not", q.action, q.RequestID, id)
		}
	}
}

// acted notes that a call leaves that makes or starts nodes, which may take long.
func (l *life) acted() {
	l.state.Lock()
	defer l.state.Unlock()
	l.actedAt = time.Now()
}

// checkTargets looks at each node that is about to be removed. The caller holds the
// world's lock.
func (w wire) checkTargets(q request) {
	l := w.life
	l.state.Lock()
	sawAt, askedAt, actedAt := l.sawAt, l.askedAt, l.actedAt
	l.state.Unlock()
	w.checkMinimum(q, sawAt)
	for _, id := range q.IDs {
		host, takesJobs := l.joined[id]
		since, kept := l.kept[id]
		if takesJobs && l.joinAt[id].After(sawAt) {
			l.raced[id] = true
			l.tally(func(c *counts) { c.cameUp++ })
		}
		switch {
		case takesJobs && !l.readMarked[id] && !askedAt.After(actedAt):
			l.violate("%s of node %s, which is not marked, without another look after other calls", q.action, id)
		case l.foreign[id]:
			l.violate("%s of node %s, which somebody else made", q.action, id)
		case kept && since.Before(sawAt) && !l.peace:
			l.violate("%s of node %s, which is kept alive", q.action, id)
		case l.raced[id]:
		case takesJobs && l.jobs.Busy(host) && (l.drains || l.readBusy[id]):
			l.violate("%s of node %s, which is busy", q.action, id)
		case takesJobs && l.drains && !l.readMarked[id]:
			l.violate("%s of node %s, which the queue did not show drained", q.action, id)
		}
	}
}
