package cyclecloudtest

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Server is a CycleCloud server in memory. All methods are safe for concurrent use.
type Server struct {
	clock  Clock
	faults *faultPlan
	routes http.Handler

	mu    sync.Mutex
	world *world

	listening sync.Mutex // guards http
	http      *http.Server
}

// New makes a server of a config. Equal configs, seeds, clocks and requests give equal servers.
func New(cfg Config, clock Clock, seed uint64) (*Server, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("simulator config: %w", err)
	}
	s := &Server{
		clock:  clock,
		faults: newFaultPlan(seed, cfg.Faults),
		world:  newWorld(cfg, seed, clock.Now()),
	}
	s.world.checkLimits()
	if v := s.world.books.Violations; len(v) > 0 {
		return nil, fmt.Errorf("simulator config: the head nodes alone exceed a limit: %s", v[0].Text)
	}
	s.routes = s.route()
	return s, nil
}

// Handler serves the API. A cut connection is http.ErrAbortHandler, which net/http turns into a
// closed socket.
func (s *Server) Handler() http.Handler { return s.routes }

// answer is what a call gives back, held until faults have had their turn.
type answer struct {
	status      int
	contentType string // default: JSON
	location    string // path of an operation
	retryAfter  string
	body        []byte
	cut         bool
}

// call is one request, its body read.
type call struct {
	*http.Request
	body []byte
}

// handling answers a call while the server's lock is held and the world is at the present.
type handling func(w *world, c call) *answer

// maxBodyBytes bounds what a request may send; the largest real ones name some thousand nodes.
const maxBodyBytes = 8 << 20

func (s *Server) route() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.help)
	for pattern, handle := range apiRoutes() {
		mux.Handle(pattern, s.api(handle))
	}
	return mux
}

// api wraps a call in what befalls every call: faults, authentication, the lock and the clock.
func (s *Server) api(handle handling) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		delay, fault := s.faults.draw(r.Method, r.URL.Path)
		s.count(r.Pattern, delay, fault)
		body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxBodyBytes))
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
			refuse(&refusal{http.StatusRequestEntityTooLarge, "The body is larger than 8 MiB"}).write(rw, r)
			return
		}
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		inTime := wait(r.Context(), delay)
		a := fault.instead()
		if a == nil {
			a = fault.spoil(s.answer(handle, call{r, body}))
		}
		if !inTime {
			// A caller that gave up has been served all the same, as by a real server.
			panic(http.ErrAbortHandler)
		}
		a.write(rw, r)
	})
}

func (s *Server) answer(handle handling, c call) *answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.present()
	if !w.admits(c.Request) {
		return refuse(&refusal{401, "Authentication required"})
	}
	return handle(w, c)
}

// present brings the world to what the clock shows; the caller holds the lock.
func (s *Server) present() *world {
	s.world.advance(s.clock.Now())
	return s.world
}

func (s *Server) count(pattern string, delay time.Duration, fault Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	books := &s.world.books
	books.Calls[pattern]++
	if delay > 0 {
		books.Faults[FaultLatency]++
	}
	if fault.Kind != "" {
		books.Faults[fault.Kind]++
	}
}

func (w *world) admits(r *http.Request) bool {
	user, password, ok := r.BasicAuth()
	sameUser := subtle.ConstantTimeCompare([]byte(user), []byte(w.cfg.User)) == 1
	samePassword := subtle.ConstantTimeCompare([]byte(password), []byte(w.cfg.Password)) == 1
	return ok && sameUser && samePassword
}

// wait lets a delay pass in the caller's own time; false means that the caller gave up.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func succeed(status int, body []byte) *answer { return &answer{status: status, body: body} }

// accept answers 202 with the URL of the operation.
func accept(operationID string, body any) *answer {
	return &answer{status: http.StatusAccepted, location: "/operations/" + operationID, body: mustMarshal(body)}
}

func refuse(r *refusal) *answer {
	return &answer{status: r.status, contentType: "text/plain; charset=utf-8", body: []byte(r.text + "\n")}
}

func (a *answer) write(rw http.ResponseWriter, r *http.Request) {
	if a.cut {
		panic(http.ErrAbortHandler)
	}
	h := rw.Header()
	h.Set("Content-Type", orDefault(a.contentType, "application/json"))
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	if a.location != "" {
		h.Set("Location", baseURL(r)+a.location)
	}
	if a.retryAfter != "" {
		h.Set("Retry-After", a.retryAfter)
	}
	if a.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Basic realm="CycleCloud"`)
	}
	rw.WriteHeader(a.status)
	_, _ = rw.Write(a.body) // the caller may be gone; nothing here depends on it
}

func baseURL(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + orDefault(r.Host, r.URL.Host)
}

// help tells a visitor without password what this is.
func (s *Server) help(rw http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	var clusters []string
	for _, c := range s.world.clusters {
		clusters = append(clusters, c.name)
	}
	s.mu.Unlock()
	rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintf(rw, helpText, strings.Join(clusters, ", "), clusters[0])
}

const helpText = `CycleCloud simulator: the REST API of a CycleCloud server, without the cloud.

Clusters: %[1]s
Every call below needs basic authentication.

  GET  /clusters/%[2]s/status?nodes=true
  GET  /clusters/%[2]s/nodes?request_id=ID | ?operation=ID
  POST /clusters/%[2]s/nodes/create         {"requestId": "...", "sets": [{"nodearray": "...", "count": 1}]}
  POST /clusters/%[2]s/nodes/terminate      {"ids": ["..."]}, or names, hostnames, ip_addresses, filter
       also: remove, deallocate, shutdown, start, restart, reimage
  POST /clusters/%[2]s/nodes/NODE/ghr?category=...&description=...    (GET reads it)
  POST /clusters/%[2]s/scale/NODEARRAY?totalNodeCount=N | ?totalCoreCount=N
  GET  /clusters/%[2]s/usage?timeframe=monthToDate&granularity=daily
  GET  /operations/?request_id=ID
  GET  /operations/ID
`
