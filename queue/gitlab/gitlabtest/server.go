package gitlabtest

import (
	"bytes"
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

// Rights are what a token may do.
type Rights struct {
	// Admin is an administrator's.
	Admin bool
	// Read, Create and Manage are read_api, create_runner and manage_runner.
	Read, Create, Manage bool
	// Projects are the full paths of those that it sees. nil: all.
	Projects []string
}

// All are the rights of an administrator.
func All() Rights { return Rights{Admin: true, Read: true, Create: true, Manage: true} }

// Config says what the server accepts.
type Config struct {
	// Token is the one that is accepted, and Rights are its.
	Token  string
	Rights Rights
	Now    func() time.Time
	// PerMinute is the limit of calls in each minute of the clock. 0: none.
	PerMinute int
	// Old leaves out of answers what GitLab tells since 18.4.
	Old bool
}

// Server is a GitLab. All methods are safe for concurrent use.
type Server struct {
	cfg    Config
	routes *http.ServeMux

	mu       sync.Mutex
	rights   Rights
	faults   []*Fault
	calls    map[string]int
	minute   int64 // the minute in which counted were made
	counted  int
	serial   int64
	groups   map[string]int64
	projects map[int64]*project
	jobs     map[int64]*Job
	runners  map[int64]*Runner
}

// New makes a server without projects.
func New(cfg Config) *Server {
	s := &Server{
		cfg: cfg, rights: cfg.Rights, calls: map[string]int{}, groups: map[string]int64{},
		projects: map[int64]*project{}, jobs: map[int64]*Job{}, runners: map[int64]*Runner{},
	}
	s.routes = s.route()
	return s
}

// call is one request, its body read.
type call struct {
	*http.Request
	body []byte
}

// number reads an id from the path.
func (c call) number(name string) int64 {
	n, err := strconv.ParseInt(c.PathValue(name), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// answer is what a call gives back.
type answer struct {
	status int
	body   []byte
	header http.Header
	cut    bool
}

func give(status int, v any) *answer {
	body, err := json.Marshal(v)
	if err != nil {
		panic("gitlabtest: serialise: " + err.Error())
	}
	return &answer{status: status, body: body}
}

func refuse(status int, words string) *answer {
	return give(status, map[string]string{"message": strconv.Itoa(status) + " " + words})
}

// handling answers a call; the caller holds the lock.
type handling func(c call) *answer

const api = "/api/v4"

func (s *Server) route() *http.ServeMux {
	mux := http.NewServeMux()
	for pattern, h := range map[string]handling{
		"GET " + api + "/projects/{id}":         s.showProject,
		"GET " + api + "/projects/{id}/jobs":    s.projectJobs,
		"GET " + api + "/projects/{id}/runners": s.listRunners("project_type"),
		"GET " + api + "/groups/{id}/runners":   s.listRunners("group_type"),
		"GET " + api + "/runners/all":           s.listRunners("instance_type"),
		"GET " + api + "/runners/{id}":          s.onRunner(s.showRunner),
		"PUT " + api + "/runners/{id}":          s.onRunner(s.updateRunner),
		"DELETE " + api + "/runners/{id}":       s.onRunner(s.deleteRunner),
		"GET " + api + "/runners/{id}/jobs":     s.onRunner(s.runnerJobs),
		"POST " + api + "/user/runners":         s.createRunner,
		"POST /api/graphql":                     s.graphql,
	} {
		mux.Handle(pattern, s.serve(h))
	}
	return mux
}

// Handler serves the API.
func (s *Server) Handler() http.Handler { return s.routes }

// Calls counts the requests that came, by method and pattern of the path.
func (s *Server) Calls() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := map[string]int{}
	for pattern, n := range s.calls {
		calls[pattern] = n
	}
	return calls
}

// SetRights changes what the token may do.
func (s *Server) SetRights(r Rights) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rights = r
}

// maxBody bounds what a request may send, in bytes.
const maxBody = 1 << 20

func (s *Server) serve(h handling) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		s.mu.Lock()
		a := s.handle(call{r, body}, h)
		s.limits(w.Header())
		s.mu.Unlock()
		if a.cut {
			panic(http.ErrAbortHandler)
		}
		for name, values := range a.header {
			w.Header()[name] = values
		}
		w.WriteHeader(a.status)
		_, _ = w.Write(a.body) // the caller may be gone; nothing here depends on it
	})
}

func (s *Server) handle(c call, h handling) *answer {
	s.calls[c.Pattern]++
	if minute := s.cfg.Now().Unix() / 60; minute != s.minute {
		s.minute, s.counted = minute, 0
	}
	s.counted++
	if s.cfg.PerMinute > 0 && s.counted > s.cfg.PerMinute {
		a := refuse(http.StatusTooManyRequests, "Retry later")
		a.header = http.Header{"Retry-After": {strconv.FormatInt(60-s.cfg.Now().Unix()%60, 10)}}
		return a
	}
	fault := s.draw(c.Request)
	if fault == nil || fault.Handled {
		a := s.let(c, h)
		if fault == nil {
			return a
		}
	}
	return fault.answer()
}

// limits tells of the limit, as GitLab does with every answer.
func (s *Server) limits(h http.Header) {
	h.Set("Date", s.cfg.Now().UTC().Format(http.TimeFormat))
	if s.cfg.PerMinute > 0 {
		h.Set("RateLimit-Limit", strconv.Itoa(s.cfg.PerMinute))
		h.Set("RateLimit-Remaining", strconv.Itoa(max(0, s.cfg.PerMinute-s.counted)))
		h.Set("RateLimit-Reset", strconv.FormatInt((s.minute+1)*60, 10))
	}
}

// let checks the token's rights for a call.
func (s *Server) let(c call, h handling) *answer {
	if s.cfg.Token != "" && c.Header.Get("Private-Token") != s.cfg.Token {
		return give(http.StatusUnauthorized, map[string]string{"message": "401 Unauthorized"})
	}
	manages := s.rights.Manage && c.PathValue("id") != "" && bytes.Contains([]byte(c.URL.Path), []byte(api+"/runners/"))
	ok := s.rights.Read && (c.Method == http.MethodGet || c.URL.Path == "/api/graphql") || manages ||
		s.rights.Create && c.URL.Path == api+"/user/runners"
	if !ok {
		return give(http.StatusForbidden, map[string]string{
			"error": "insufficient_scope", "error_description": "The request requires higher privileges than provided by the access token.",
		})
	}
	return h(c)
}

func (s *Server) next() int64 {
	s.serial++
	return s.serial
}

// Fault is an order: the calls that it matches from now on go wrong.
type Fault struct {
	Method string // "": any
	Path   string // part of the path, such as "/runners"; "": any
	Times  int    // 0: once; negative: for ever

	Handled bool   // the call takes effect before it goes wrong
	Cut     bool   // no answer; otherwise Status and Body
	Status  int    // 0: 200
	Body    string // "": empty
}

// Fail orders a fault.
func (s *Server) Fail(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.Times == 0 {
		f.Times = 1
	}
	s.faults = append(s.faults, &f)
}

// Heal ends all faults.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

func (s *Server) draw(r *http.Request) *Fault {
	for _, f := range s.faults {
		if f.Times == 0 || f.Method != "" && f.Method != r.Method || !bytes.Contains([]byte(r.URL.Path), []byte(f.Path)) {
			continue
		}
		if f.Times > 0 {
			f.Times--
		}
		return f
	}
	return nil
}

func (f *Fault) answer() *answer {
	if f.Cut {
		return &answer{cut: true}
	}
	status := f.Status
	if status == 0 {
		status = http.StatusOK
	}
	return &answer{status: status, body: []byte(f.Body)}
}

// Transport calls the handler without sockets, so that time can be virtual.
func (s *Server) Transport() http.RoundTripper { return direct{s.routes} }

type direct struct{ handler http.Handler }

// RoundTrip runs the handler to its end.
func (d direct) RoundTrip(r *http.Request) (response *http.Response, err error) {
	if err := context.Cause(r.Context()); err != nil {
		return nil, err
	}
	in := r.Clone(r.Context())
	if in.Body == nil {
		in.Body = http.NoBody
	}
	in.RequestURI, in.Host = r.URL.RequestURI(), r.URL.Host
	defer func() {
		switch cause := recover(); cause {
		case nil:
		case http.ErrAbortHandler:
			response, err = nil, errors.New("the connection was cut")
		default:
			panic(cause)
		}
	}()
	out := &recorder{header: http.Header{}, status: http.StatusOK}
	d.handler.ServeHTTP(out, in)
	return &http.Response{
		StatusCode: out.status, Status: fmt.Sprint(out.status), Header: out.header, Body: io.NopCloser(&out.body),
		ContentLength: int64(out.body.Len()), Request: r, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}, nil
}

// recorder is an answer in memory.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header         { return w.header }
func (w *recorder) WriteHeader(status int)      { w.status = status }
func (w *recorder) Write(p []byte) (int, error) { return w.body.Write(p) }
