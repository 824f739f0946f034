package githubtest

import (
	"bytes"
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// Config says what the server accepts and how it behaves. The zero value takes
// no credentials at all.
type Config struct {
	PAT string // the personal access token that is accepted; "": none
	// AppID, Installation and AppKey are those of the App that is accepted; a nil
	// key: none.
	AppID        string
	Installation int64
	AppKey       *rsa.PublicKey

	AdminLife time.Duration // of admin tokens; 0: an hour
	QueueLife time.Duration // of queue tokens; 0: an hour
	// PollWait is how long an empty poll waits, in the caller's own time.
	PollWait time.Duration
	// Acquire leaves jobs available until they are acquired.
	Acquire bool
	// Mark puts a byte order mark before every answer of the service.
	Mark bool
	// RequestIDs numbers jobs; otherwise runnerRequestId is 0, as on github.com.
	RequestIDs bool
	// UnknownIs404 answers 404 to the deletion of a runner that isn't there; otherwise
	// that succeeds.
	UnknownIs404 bool
	// Terse lists runners without status, busy and ephemeral.
	Terse bool
	// OneLabel keeps the first label of a set and drops the others without a word, as
	// GitHub Enterprise Server 3.18 to 3.20 does.
	OneLabel bool
}

// Server is GitHub's scale set service. All methods are safe for concurrent use.
type Server struct {
	cfg    Config
	clock  Clock
	routes *http.ServeMux

	mu      sync.Mutex
	changed chan struct{} // closed when a poll may have something to tell
	faults  []*Fault
	calls   map[string]int
	serial  int64
	mute    bool // polls bring nothing

	tokens  map[string]*grant
	sets    map[int]*set
	runners map[int64]*Runner
	pruned  []*Runner // without a record; their processes don't know
}

// New makes a server.
func New(cfg Config, clock Clock) *Server {
	if cfg.AdminLife == 0 {
		cfg.AdminLife = time.Hour
	}
	if cfg.QueueLife == 0 {
		cfg.QueueLife = time.Hour
	}
	s := &Server{
		cfg: cfg, clock: clock, changed: make(chan struct{}),
		calls: map[string]int{}, tokens: map[string]*grant{}, sets: map[int]*set{}, runners: map[int64]*Runner{},
	}
	s.routes = s.route()
	return s
}

// call is one request, its body read.
type call struct {
	*http.Request
	body []byte
}

// decode reads the body; false: it is not what it should be.
func (c call) decode(v any) bool { return json.Unmarshal(c.body, v) == nil }

// answer is what a call gives back.
type answer struct {
	status int
	body   []byte
	cut    bool
}

func succeed(v any) *answer {
	body, err := json.Marshal(v)
	if err != nil {
		panic("githubtest: serialise: " + err.Error())
	}
	return &answer{status: http.StatusOK, body: body}
}

func nothing(status int) *answer { return &answer{status: status} }

// refuse answers as the service does: by the name of an exception.
func refuse(status int, exception, format string, args ...any) *answer {
	a := succeed(map[string]any{
		"typeName": "GitHub.Actions.Runtime.WebApi." + exception + ", GitHub.Actions.Runtime.WebApi",
		"message":  fmt.Sprintf(format, args...),
	})
	a.status = status
	return a
}

func listOf[T any](all []T) *answer {
	return succeed(map[string]any{"count": len(all), "value": all})
}

// handling answers a call; the caller holds the lock.
type handling func(c call) *answer

// Paths: the API, the service whose address registration tells, and the queue.
const (
	api     = "/api/v3"
	service = "/service/rest"
	setPath = service + "/_apis/runtime/runnerscalesets"
	agents  = service + "/_apis/distributedtask/pools/0/agents"
	queue   = "/queue/message"
)

func (s *Server) route() *http.ServeMux {
	mux := http.NewServeMux()
	handle := func(pattern string, h handling) { mux.Handle(pattern, s.serve(h)) }
	handle("POST "+api+"/app/installations/{installation}/access_tokens", s.installation)
	for _, scope := range []string{"/orgs/{owner}", "/repos/{owner}/{repo}", "/enterprises/{owner}"} {
		handle("POST "+api+scope+"/actions/runners/registration-token", s.registrationToken)
	}
	handle("POST "+api+"/actions/runner-registration", s.register)
	admin := func(pattern string, h handling) { handle(pattern, s.admin(h)) }
	admin("GET "+service+"/_apis/runtime/runnergroups/{$}", s.groups)
	admin("GET "+setPath, s.listSets)
	admin("POST "+setPath, s.createSet)
	admin("GET "+setPath+"/{set}", s.onSet(s.showSet))
	admin("PATCH "+setPath+"/{set}", s.onSet(s.updateSet))
	admin("DELETE "+setPath+"/{set}", s.onSet(s.deleteSet))
	admin("POST "+setPath+"/{set}/sessions", s.onSet(s.openSession))
	admin("PATCH "+setPath+"/{set}/sessions/{session}", s.onSet(s.refreshSession))
	admin("DELETE "+setPath+"/{set}/sessions/{session}", s.onSet(s.closeSession))
	admin("GET "+setPath+"/{set}/acquirablejobs", s.onSet(s.acquirable))
	admin("POST "+setPath+"/{set}/generatejitconfig", s.onSet(s.generate))
	admin("GET "+agents, s.listRunners)
	admin("GET "+agents+"/{runner}", s.showRunner)
	admin("DELETE "+agents+"/{runner}", s.deleteRunner)
	handle("POST "+setPath+"/{set}/acquirejobs", s.onSet(s.acquire))
	mux.HandleFunc("GET "+queue, s.poll)
	handle("DELETE "+queue+"/{message}", s.acknowledge)
	return mux
}

// Handler serves the API, the service and the queue.
func (s *Server) Handler() http.Handler { return s.routes }

// Calls counts the requests that came, by method and pattern of the path, such
// as "GET /queue/message".
func (s *Server) Calls() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := map[string]int{}
	for pattern, n := range s.calls {
		calls[pattern] = n
	}
	return calls
}

// maxBody bounds what a request may send, in bytes.
const maxBody = 1 << 20

// serve wraps a call in what befalls every call: faults, the lock, the books.
func (s *Server) serve(h handling) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		s.mu.Lock()
		a := s.handle(call{r, body}, h)
		s.mu.Unlock()
		s.write(w, a)
	})
}

func (s *Server) handle(c call, h handling) *answer {
	s.calls[c.Pattern]++
	fault := s.draw(c.Request)
	if fault == nil {
		return h(c)
	}
	if fault.Handled {
		h(c)
	}
	return fault.answer()
}

func (s *Server) write(w http.ResponseWriter, a *answer) {
	if a.cut {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("ActivityId", "activity-1")
	w.Header().Set("X-GitHub-Request-Id", "REQ:1")
	w.WriteHeader(a.status)
	if s.cfg.Mark && len(a.body) > 0 {
		_, _ = io.WriteString(w, "\uFEFF")
	}
	_, _ = w.Write(a.body) // the caller may be gone; nothing here depends on it
}

// wake tells waiting polls that something happened; the caller holds the lock.
func (s *Server) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Server) next() int64 {
	s.serial++
	return s.serial
}

// Transport calls the handler without sockets, so that time can be virtual.
func (s *Server) Transport() http.RoundTripper { return direct{s.routes} }

type direct struct{ handler http.Handler }

// RoundTrip runs the handler to its end, or until the caller gives up.
func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	if in.Body == nil {
		in.Body = http.NoBody
	}
	in.RequestURI = r.URL.RequestURI()
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	out := &recorder{header: http.Header{}}
	done := make(chan error, 1)
	go func() {
		defer func() {
			switch cause := recover(); cause {
			case nil:
			case http.ErrAbortHandler:
				done <- errors.New("the connection was cut")
			default:
				panic(cause)
			}
		}()
		d.handler.ServeHTTP(out, in)
		done <- nil
	}()
	select {
	case err := <-done:
		if err != nil {
			return nil, err
		}
		return out.response(r), nil
	case <-r.Context().Done():
		return nil, context.Cause(r.Context())
	}
}

// recorder is an answer in memory.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header { return w.header }

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *recorder) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}

func (w *recorder) response(r *http.Request) *http.Response {
	w.WriteHeader(http.StatusOK)
	return &http.Response{
		StatusCode: w.status, Header: w.header, Body: io.NopCloser(&w.body),
		ContentLength: int64(w.body.Len()), Request: r, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
}
