package ankatest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Server is an Anka Build Cloud controller in memory. All methods are safe for concurrent use.
type Server struct {
	cfg    Config
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
		cfg: cfg, clock: clock,
		faults: newFaultPlan(seed, cfg.Faults),
		world:  newWorld(cfg, seed, clock.Now()),
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
	retryAfter  string
	body        []byte
	cut         bool
}

// call is one request, its body read.
type call struct {
	*http.Request
	body []byte
}

// query is a parameter of the URL.
func (c call) query(key string) string { return c.URL.Query().Get(key) }

// handling answers a call while the server's lock is held and the world is at the present.
type handling func(w *world, c call) *answer

// maxBodyBytes bounds what a request may send.
const maxBodyBytes = 8 << 20

// api wraps a call in what befalls every call: faults, authentication, the lock and the clock.
func (s *Server) api(handle handling, open bool) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		delay, fault := s.faults.draw(r.Method, r.URL.Path)
		s.count(r.Pattern, delay, fault)
		body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxBodyBytes))
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
			refuse(http.StatusRequestEntityTooLarge, "The body is larger than 8 MiB").write(rw)
			return
		}
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		inTime := wait(r.Context(), delay)
		a := fault.instead()
		if a == nil {
			a = fault.spoil(s.answer(handle, call{r, body}, open))
		}
		if !inTime {
			// A caller that gave up has been served all the same, as by a real server.
			panic(http.ErrAbortHandler)
		}
		a.write(rw)
	})
}

func (s *Server) answer(handle handling, c call, open bool) *answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.present()
	if !open && !w.admits(c.Request) {
		return refuse(http.StatusUnauthorized, authenticationRequired)
	}
	a := handle(w, c)
	w.checkLimits()
	if a.status >= 400 && a.status < 500 && s.errorsOK() {
		a.status = http.StatusOK
	}
	return a
}

// errorsOK tells whether refusals have HTTP 200. Failed authentication keeps its status in both
// styles.
func (s *Server) errorsOK() bool {
	if s.cfg.Errors == "" {
		return s.cfg.Shapes == Shapes2019
	}
	return s.cfg.Errors == ErrorsOK
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

// envelope is around every answer of the API. Answers to commands have no body at all.
type envelope struct {
	Status  string `json:"status"`
	Message string `json:"message"`
	Body    *any   `json:"body,omitempty"`
}

// succeed answers OK with a body, which may be nil: null, as some answers have it.
func succeed(body any) *answer {
	return &answer{status: http.StatusOK, body: mustMarshal(envelope{Status: "OK", Body: &body})}
}

// done answers OK without a body.
func done() *answer {
	return &answer{status: http.StatusOK, body: mustMarshal(envelope{Status: "OK"})}
}

// refuse answers FAIL.
func refuse(status int, format string, args ...any) *answer {
	return &answer{status: status, body: mustMarshal(envelope{Status: "FAIL", Message: fmt.Sprintf(format, args...)})}
}

// invalid answers FAIL to what no controller could act on.
func invalid(err error) *answer { return refuse(http.StatusBadRequest, "%v", err) }

func (a *answer) write(rw http.ResponseWriter) {
	if a.cut {
		panic(http.ErrAbortHandler)
	}
	h := rw.Header()
	h.Set("Content-Type", orDefault(a.contentType, "application/json"))
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	if a.retryAfter != "" {
		h.Set("Retry-After", a.retryAfter)
	}
	rw.WriteHeader(a.status)
	_, _ = rw.Write(a.body) // the caller may be gone; nothing here depends on it
}

// mustMarshal serialises what was decoded from JSON or YAML or made here; neither can fail.
func mustMarshal(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic("ankatest: serialise: " + err.Error())
	}
	return text
}
