package githubresttest

import (
	"net/http"
	"strings"
)

// Fault is an order: the calls that it matches from now on go wrong.
type Fault struct {
	Method string // "": any
	Path   string // part of the path, such as "/runners"; "": any
	Times  int    // 0: once; negative: for ever

	Handled bool        // the call takes effect before it goes wrong
	Cut     bool        // no answer; otherwise Status, Header and Body
	Status  int         // 0: 200
	Header  http.Header // beside those of the limit
	Body    string      // "": empty
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

// draw finds the fault that befalls a call; the caller holds the lock.
func (s *Server) draw(r *http.Request) *Fault {
	for _, f := range s.faults {
		if f.Times == 0 || f.Method != "" && f.Method != r.Method || !strings.Contains(r.URL.Path, f.Path) {
			continue
		}
		if f.Times > 0 {
			f.Times--
		}
		return f
	}
	return nil
}

// answer is what the fault makes of a call.
func (f *Fault) answer() *answer {
	status := f.Status
	if status == 0 {
		status = http.StatusOK
	}
	header := f.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	return &answer{status: status, body: []byte(f.Body), header: header, cut: f.Cut}
}
