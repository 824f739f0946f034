package githubresttest

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Config says what the server accepts and how it behaves.
type Config struct {
	// Token is the personal access token that is accepted; "": any.
	Token string
	// Limit is how many calls an hour count. 0: 5,000.
	Limit int
	// PerPage is the most that a page has. 0: 100.
	PerPage int
	// Latency is how long an answer takes, in the caller's own time.
	Latency time.Duration
}

// Server is GitHub. All methods are safe for concurrent use.
type Server struct {
	cfg    Config
	now    func() time.Time
	routes *http.ServeMux

	mu      sync.Mutex
	token   string
	faults  []*Fault
	calls   map[string]int // by method and route
	counted int            // in this hour
	total   int            // ever
	saved   int            // answers 304
	reset   time.Time
	serial  int64
	repos   map[string]*repository
	runners map[int64]*Runner
	ghosts  map[string]*Runner // pruned and at work or ready for it, by name in lower case
}

// New makes a server with repositories, each owner/name. now is its clock.
func New(cfg Config, now func() time.Time, repositories ...string) *Server {
	if cfg.Limit == 0 {
		cfg.Limit = 5000
	}
	if cfg.PerPage == 0 {
		cfg.PerPage = 100
	}
	s := &Server{
		cfg: cfg, now: now, token: cfg.Token, calls: map[string]int{}, repos: map[string]*repository{},
		runners: map[int64]*Runner{}, ghosts: map[string]*Runner{}, reset: now().Add(time.Hour),
	}
	for _, name := range repositories {
		s.repos[name] = &repository{id: s.next(), name: name, jobs: map[int64]*Job{}}
	}
	s.routes = s.route()
	return s
}

// next gives a number that was never used; the caller holds the lock.
func (s *Server) next() int64 {
	s.serial++
	return s.serial
}

const api = "/api/v3"

// call is one request and what the server found out about it.
type call struct {
	*http.Request
	repo *repository
}

// answer is what a call gives back.
type answer struct {
	status int
	body   []byte
	header http.Header
	cut    bool
}

func succeed(v any) *answer {
	body, err := json.Marshal(v)
	if err != nil {
		panic("githubresttest: serialise: " + err.Error())
	}
	return &answer{status: http.StatusOK, body: body, header: http.Header{}}
}

func refuse(status int, format string, args ...any) *answer {
	a := succeed(map[string]any{"message": fmt.Sprintf(format, args...), "documentation_url": "https://docs.github.com/rest"})
	a.status = status
	return a
}

// handling answers a call; the caller holds the lock.
type handling func(c call) *answer

func (s *Server) route() *http.ServeMux {
	mux := http.NewServeMux()
	for _, repo := range []string{"/repos/{owner}/{repo}", "/repositories/{id}"} {
		mux.Handle("GET "+api+repo+"/actions/runs", s.serve("runs", s.listRuns))
		mux.Handle("GET "+api+repo+"/actions/runs/{run}/jobs", s.serve("jobs", s.listJobs))
		mux.Handle("GET "+api+repo+"/actions/jobs/{job}", s.serve("job", s.getJob))
	}
	for _, owner := range []string{"/orgs/{org}", "/repos/{owner}/{repo}"} {
		mux.Handle("GET "+api+owner+"/actions/runners", s.serve("runners", s.listRunners))
		mux.Handle("POST "+api+owner+"/actions/runners/generate-jitconfig", s.serve("register", s.register))
		mux.Handle("DELETE "+api+owner+"/actions/runners/{runner}", s.serve("delete", s.remove))
	}
	return mux
}

// Handler serves the API.
func (s *Server) Handler() http.Handler { return s.routes }

// Transport calls the server without a socket, for virtual time.
func (s *Server) Transport() http.RoundTripper { return direct{s} }

type direct struct{ s *Server }

func (d direct) RoundTrip(r *http.Request) (response *http.Response, err error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	defer func() {
		if p := recover(); p == http.ErrAbortHandler {
			response, err = nil, fmt.Errorf("connection cut")
		} else if p != nil {
			panic(p)
		}
	}()
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	in := r.Clone(r.Context())
	in.RequestURI, in.Host = r.URL.RequestURI(), r.URL.Host
	d.s.routes.ServeHTTP(w, in)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return w.Result(), nil
}

func (s *Server) serve(name string, h handling) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.cfg.Latency > 0 {
			timer := time.NewTimer(s.cfg.Latency)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-r.Context().Done():
				panic(http.ErrAbortHandler)
			}
		}
		a := s.handle(name, r, h)
		if a.cut {
			panic(http.ErrAbortHandler)
		}
		maps.Copy(w.Header(), a.header)
		w.WriteHeader(a.status)
		_, _ = w.Write(a.body)
	})
}

func (s *Server) handle(name string, r *http.Request, h handling) *answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[name]++
	if now := s.now(); !now.Before(s.reset) {
		s.counted, s.reset = 0, now.Add(time.Hour)
	}
	fault := s.draw(r)
	if fault != nil && !fault.Handled {
		return s.limited(fault.answer())
	}
	a := s.limited(s.tag(r, s.answer(r, h)))
	if fault != nil {
		return fault.answer()
	}
	return a
}

func (s *Server) answer(r *http.Request, h handling) *answer {
	if s.token != "" && r.Header.Get("Authorization") != "Bearer "+s.token {
		return refuse(http.StatusUnauthorized, "Bad credentials")
	}
	if s.counted >= s.cfg.Limit {
		return refuse(http.StatusForbidden, "API rate limit exceeded for user ID 1.")
	}
	c := call{Request: r}
	if r.PathValue("repo") != "" || r.PathValue("id") != "" {
		for _, repo := range s.repos {
			if strings.EqualFold(repo.name, r.PathValue("owner")+"/"+r.PathValue("repo")) || strconv.FormatInt(repo.id, 10) == r.PathValue("id") {
				c.repo = repo
			}
		}
		if c.repo == nil {
			return refuse(http.StatusNotFound, "Not Found")
		}
	}
	return h(c)
}

// tag gives an answer its ETag, and answers 304 to who knows it.
func (s *Server) tag(r *http.Request, a *answer) *answer {
	if r.Method != http.MethodGet || a.status != http.StatusOK {
		return a
	}
	tag := fmt.Sprintf(`W/"%x"`, sha256.Sum256(append([]byte(r.Header.Get("Authorization")), a.body...)))
	a.header.Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		a.status, a.body = http.StatusNotModified, nil
	}
	return a
}

// limited counts a call and tells of the limit.
func (s *Server) limited(a *answer) *answer {
	if a.status == http.StatusNotModified {
		s.saved++
	} else {
		s.total++
		s.counted = min(s.counted+1, s.cfg.Limit)
	}
	if a.header == nil {
		a.header = http.Header{}
	}
	a.header.Set("X-Ratelimit-Limit", strconv.Itoa(s.cfg.Limit))
	a.header.Set("X-Ratelimit-Remaining", strconv.Itoa(s.cfg.Limit-s.counted))
	a.header.Set("X-Ratelimit-Reset", strconv.FormatInt(s.reset.Unix(), 10))
	a.header.Set("X-Ratelimit-Resource", "core")
	return a
}

// paged gives a page of a list.
func paged[T any](s *Server, r *http.Request, repo *repository, name string, list []T, total int) *answer {
	size := s.cfg.PerPage
	if n, err := strconv.Atoi(r.URL.Query().Get("per_page")); err == nil && n > 0 {
		size = min(n, size)
	}
	page, err := strconv.Atoi(r.URL.Query().Get("page"))
	if err != nil || page < 1 {
		page = 1
	}
	from := min((page-1)*size, len(list))
	to := min(from+size, len(list))
	a := succeed(map[string]any{"total_count": total, name: slices.Clone(list[from:to])})
	if to < len(list) {
		q := r.URL.Query()
		q.Set("page", strconv.Itoa(page+1))
		path := r.URL.Path
		if repo != nil { // as GitHub does, by the repository's number
			path = strings.Replace(path, "/repos/"+r.PathValue("owner")+"/"+r.PathValue("repo"), fmt.Sprintf("/repositories/%d", repo.id), 1)
		}
		a.header.Set("Link", fmt.Sprintf(`<http://%s%s?%s>; rel="next", <http://%s%s?page=99>; rel="last"`, r.Host, path, q.Encode(), r.Host, path))
	}
	return a
}

// Calls counts calls by what was asked for: runs, jobs, job, runners, register, delete.
func (s *Server) Calls() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.calls)
}

// Counted is how many calls counted against the limit, ever, and how many were 304.
func (s *Server) Counted() (counted, notModified int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total, s.saved
}

// Spend lets others make calls that count against the limit of this hour.
func (s *Server) Spend(calls int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counted = min(s.counted+calls, s.cfg.Limit)
}

// SetToken makes another token the one that is accepted.
func (s *Server) SetToken(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token = token
}
