package githubtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// session is the one that listens to a set.
type session struct {
	id, owner string
	capacity  int // last told; -1: never
}

// message is delivered until it is acknowledged.
type message struct {
	id         int64
	body       string
	statistics map[string]int
}

// maxEvents is how many events one message holds.
const maxEvents = 50

func (s *Server) openSession(c call, x *set) *answer {
	var asked struct {
		Owner string `json:"ownerName"`
	}
	if !c.decode(&asked) || asked.Owner == "" {
		return refuse(http.StatusBadRequest, "ArgumentException", "no owner")
	}
	if x.session != nil {
		return refuse(http.StatusConflict, "RunnerScaleSetSessionConflictException", "the set has a session of %s", x.session.owner)
	}
	x.session = &session{id: fmt.Sprintf("00000000-0000-4000-8000-%012d", s.next()), owner: asked.Owner, capacity: -1}
	return s.showSession(c, x)
}

func (s *Server) showSession(c call, x *set) *answer {
	token := s.issue("queue", s.cfg.QueueLife)
	s.tokens[token].set = x.id
	return succeed(map[string]any{
		"sessionId": x.session.id, "ownerName": x.session.owner, "runnerScaleSet": x.wire(nil),
		"messageQueueUrl":         fmt.Sprintf("http://%s%s?sessionId=%s&set=%d", c.Host, queue, x.session.id, x.id),
		"messageQueueAccessToken": token, "statistics": s.statistics(x),
	})
}

func (x *set) has(c call) bool { return x.session != nil && x.session.id == c.PathValue("session") }

func expired(c call) *answer {
	return refuse(http.StatusBadRequest, "RunnerScaleSetSessionExpiredException", "no session %s", c.PathValue("session"))
}

func (s *Server) refreshSession(c call, x *set) *answer {
	if !x.has(c) {
		return expired(c)
	}
	return s.showSession(c, x)
}

func (s *Server) closeSession(c call, x *set) *answer {
	if !x.has(c) {
		return expired(c)
	}
	x.session = nil
	return nothing(http.StatusNoContent)
}

// DropSession ends the session of a set, as GitHub does with those of the dead.
func (s *Server) DropSession(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.named(name).session = nil
}

// LoseNews drops what a set has to tell and was not acknowledged.
func (s *Server) LoseNews(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.named(name)
	x.events, x.messages = nil, nil
}

// HasSession tells whether somebody listens to a set.
func (s *Server) HasSession(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.named(name).session != nil
}

// Capacity is what the session of a set told last; -1: nothing.
func (s *Server) Capacity(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.named(name); x.session != nil {
		return x.session.capacity
	}
	return -1
}

// Unacknowledged counts the messages of a set that would come again.
func (s *Server) Unacknowledged(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.named(name).messages)
}

// HasNews tells whether a poll of the session with this id would bring something, or what
// it brought was not acknowledged yet.
func (s *Server) HasNews(session string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.sets {
		if x.session != nil && x.session.id == session {
			return !s.mute && len(x.events)+len(x.messages) > 0
		}
	}
	return false
}

// listening finds the set of a request to the queue.
func (s *Server) listening(r *http.Request) (*set, *answer) {
	g, ok := s.valid(r, "Bearer", "queue")
	if !ok {
		return nil, nothing(http.StatusUnauthorized)
	}
	x := s.sets[g.set]
	if x == nil || x.session == nil || r.URL.Query().Get("sessionId") != x.session.id {
		return nil, refuse(http.StatusBadRequest, "RunnerScaleSetSessionExpiredException", "the session is over")
	}
	if r.Header.Get("Accept") != "application/json; api-version=6.0-preview" {
		return nil, nothing(http.StatusNotAcceptable)
	}
	return x, nil
}

// poll waits for a message.
func (s *Server) poll(w http.ResponseWriter, r *http.Request) {
	timer := time.NewTimer(s.cfg.PollWait)
	defer timer.Stop()
	s.mu.Lock()
	a := s.handle(call{r, nil}, s.deliver)
	changed := s.changed
	s.mu.Unlock()
	for a.status == http.StatusAccepted {
		select {
		case <-changed:
		case <-timer.C:
			s.write(w, a)
			return
		case <-r.Context().Done():
			return
		}
		s.mu.Lock()
		a = s.deliver(call{r, nil})
		changed = s.changed
		s.mu.Unlock()
	}
	s.write(w, a)
}

// deliver answers a poll as of now.
func (s *Server) deliver(c call) *answer {
	x, refused := s.listening(c.Request)
	if refused != nil {
		return refused
	}
	capacity, err := strconv.Atoi(c.Header.Get("X-ScaleSetMaxCapacity"))
	if err != nil || capacity < 0 {
		return refuse(http.StatusBadRequest, "ArgumentException", "no capacity")
	}
	x.session.capacity = capacity
	last, _ := strconv.ParseInt(c.URL.Query().Get("lastMessageId"), 10, 64)
	if s.mute {
		return nothing(http.StatusAccepted)
	}
	s.pack(x)
	for _, m := range x.messages {
		if m.id > last {
			return succeed(map[string]any{
				"messageId": m.id, "messageType": "RunnerScaleSetJobMessages", "body": m.body, "statistics": m.statistics,
			})
		}
	}
	return nothing(http.StatusAccepted)
}

// Mute lets polls bring nothing, whatever there is to tell, until it is called with
// false.
func (s *Server) Mute(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mute = on
	s.wake()
}

// pack puts events into a message, if all before them have been delivered.
func (s *Server) pack(x *set) {
	if len(x.messages) > 0 || len(x.events) == 0 {
		return
	}
	n := min(len(x.events), maxEvents)
	body, err := json.Marshal(x.events[:n])
	if err != nil {
		panic("githubtest: serialise: " + err.Error())
	}
	x.events = x.events[n:]
	x.messages = append(x.messages, &message{id: s.next(), body: string(body), statistics: s.statistics(x)})
}

// Send puts a message of the test's own into the queue of a set. statistics may
// be nil.
func (s *Server) Send(name, body string, statistics map[string]int) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.named(name)
	m := &message{id: s.next(), body: body, statistics: statistics}
	x.messages = append(x.messages, m)
	s.wake()
	return m.id
}

func (s *Server) acknowledge(c call) *answer {
	x, refused := s.listening(c.Request)
	if refused != nil {
		return refused
	}
	id, err := strconv.ParseInt(c.PathValue("message"), 10, 64)
	if err != nil {
		return nothing(http.StatusBadRequest)
	}
	for i, m := range x.messages {
		if m.id == id {
			x.messages = append(x.messages[:i:i], x.messages[i+1:]...)
			break
		}
	}
	return nothing(http.StatusNoContent)
}

// named finds a set for a test, which knows that it is there.
func (s *Server) named(name string) *set {
	for _, x := range s.sets {
		if strings.EqualFold(x.name, name) {
			return x
		}
	}
	panic("githubtest: no scale set " + name)
}
