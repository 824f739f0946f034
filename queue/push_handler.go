package queue

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"autoscaled/autoscale"
)

// PushPath is where demand is pushed to.
const PushPath = "/api/v1/demand"

// LeaseHeader of a push asks for a shorter lease, as text such as 90s or a number of
// seconds.
const LeaseHeader = "Autoscaled-Lease"

// pushPatience bounds how long a document may take to arrive.
const pushPatience = time.Minute

// Handler takes pushes and shows the last one. Pages of other sites that a browser
// has open are refused.
func (p *Push) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+PushPath, p.post)
	mux.HandleFunc("GET "+PushPath, p.get)
	return http.NewCrossOriginProtection().Handler(mux)
}

// refusal is why a push was not taken.
type refusal struct {
	status int
	result PushResult
	text   string
}

func (p *Push) post(w http.ResponseWriter, r *http.Request) {
	// Servers that can't bound one body (a test's recorder) have bounds of their own.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(pushPatience))
	taken, refused := p.receive(w, r)
	if refused != nil {
		p.observe(refused.result, time.Time{})
		p.refuse(w, refused)
		return
	}
	p.take(taken)
	p.observe(PushTaken, taken.at)
	if p.options.Wake != nil {
		p.options.Wake()
	}
	w.WriteHeader(http.StatusNoContent)
}

// receive reads a document whole before it looks at it.
func (p *Push) receive(w http.ResponseWriter, r *http.Request) (pushed, *refusal) {
	if refused := p.admit(r); refused != nil {
		return pushed{}, refused
	}
	lease, err := p.lease(r.Header.Values(LeaseHeader))
	if err != nil {
		return pushed{}, &refusal{http.StatusBadRequest, PushMistaken, err.Error()}
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" {
		return pushed{}, &refusal{http.StatusUnsupportedMediaType, PushMistaken, fmt.Sprintf("the document is encoded as %q; send it as it is", encoding)}
	}
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	default:
		return pushed{}, &refusal{http.StatusTooManyRequests, PushBusy, fmt.Sprintf("%d pushes are being read already; try again", maxPushes)}
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, p.options.MaxBytes))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return pushed{}, &refusal{http.StatusRequestEntityTooLarge, PushTooLarge, fmt.Sprintf("pushed document: is longer than %d bytes", p.options.MaxBytes)}
	}
	if err != nil {
		return pushed{}, &refusal{http.StatusBadRequest, PushCut, "the document did not arrive whole: " + err.Error()}
	}
	next := pushed{turn: p.arrived(), document: data, at: p.now()}
	next.until = next.at.Add(lease)
	if next.demand, err = Parse(data, "pushed document"); err != nil {
		return pushed{}, &refusal{http.StatusBadRequest, PushMistaken, err.Error()}
	}
	return next, nil
}

// admit compares the bearer's token, where one is asked for.
func (p *Push) admit(r *http.Request) *refusal {
	if p.options.Token == nil {
		return nil
	}
	want, err := p.options.Token()
	if err != nil {
		return &refusal{http.StatusInternalServerError, PushUnauthorized, "the daemon can't read the token that it is to compare"}
	}
	scheme, got, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	a, b := sha256.Sum256([]byte(got)), sha256.Sum256([]byte(want))
	if want == "" || !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(a[:], b[:]) != 1 {
		return &refusal{http.StatusUnauthorized, PushUnauthorized, "the bearer token is missing or wrong"}
	}
	return nil
}

// lease is how long a push is to hold.
func (p *Push) lease(asked []string) (time.Duration, error) {
	if len(asked) == 0 {
		return p.options.Lease, nil
	}
	r := &reader{name: "header " + LeaseHeader}
	n := &node{kind: kindText, text: strings.Join(asked, ", ")}
	if isNumber(n.text) {
		n.kind = kindNumber
	}
	lease := r.runtime(n)
	if err := r.err(); err != nil {
		return 0, err
	}
	if lease > p.options.Lease {
		return 0, fmt.Errorf("header %s: %s is longer than the lease that the daemon gives (%s)", LeaseHeader, lease, p.options.Lease)
	}
	return lease, nil
}

func (p *Push) observe(result PushResult, taken time.Time) {
	if p.options.Observer != nil {
		p.options.Observer(result, taken)
	}
}

func (p *Push) refuse(w http.ResponseWriter, why *refusal) {
	switch why.status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="autoscaled"`)
	case http.StatusTooManyRequests:
		w.Header().Set("Retry-After", "1")
	}
	http.Error(w, why.text, why.status)
}

// lastPush is what GET tells.
type lastPush struct {
	PushedAt   time.Time `json:"pushed_at"`
	HoldsUntil time.Time `json:"holds_until"`
	Holds      bool      `json:"holds"`
	Jobs       int       `json:"jobs"`
	// Hosts in use; null: the document does not tell what runs.
	Hosts    *int   `json:"hosts"`
	Document string `json:"document"`
}

func (p *Push) get(w http.ResponseWriter, r *http.Request) {
	if refused := p.admit(r); refused != nil {
		p.refuse(w, refused)
		return
	}
	held := p.last()
	if held.turn == 0 {
		http.Error(w, "no demand has been pushed since the daemon's start", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(lastPush{ // a reader that has gone can't be told
		PushedAt: held.at.UTC(), HoldsUntil: held.until.UTC(), Holds: p.now().Before(held.until),
		Jobs: held.demand.Jobs(), Hosts: hostsOf(held.demand), Document: string(held.document),
	})
}

func hostsOf(d autoscale.Demand) *int {
	if !d.Vouched {
		return nil
	}
	n := len(d.Use)
	return &n
}
