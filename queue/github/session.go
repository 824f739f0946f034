package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"autoscaled/internal/rest"
)

// Session listens to one scale set. Next is for one goroutine at a time; all
// methods are otherwise safe for concurrent use.
type Session struct {
	client *Client
	set    int

	renewal chan struct{} // held while the session is refreshed

	mu      sync.Mutex
	now     grip
	acked   int64 // the newest message acknowledged
	tracker Tracker
}

// grip is what a session gave us: it changes when the session is refreshed.
type grip struct {
	id     string
	token  string
	until  time.Time // when to renew the token; zero: it doesn't say
	server string    // of the queue
	path   string
	query  url.Values
}

// wireSession is a session as it comes.
type wireSession struct {
	ID         string      `json:"sessionId"`
	QueueURL   string      `json:"messageQueueUrl"`
	QueueToken string      `json:"messageQueueAccessToken"`
	Statistics *Statistics `json:"statistics"`
}

// check refuses a session that can't be listened to, or knows nothing: empty
// addresses were seen.
func (w *wireSession) check() error {
	for _, member := range []struct{ name, value string }{
		{"sessionId", w.ID}, {"messageQueueUrl", w.QueueURL}, {"messageQueueAccessToken", w.QueueToken},
	} {
		if member.value == "" {
			return fmt.Errorf("a session without %s", member.name)
		}
	}
	if w.Statistics == nil {
		return errors.New("a session without statistics")
	}
	return nil
}

func (a address) grip(w *wireSession) (grip, error) {
	if err := w.check(); err != nil {
		return grip{}, err
	}
	u, err := a.foreign(w.QueueURL)
	if err != nil {
		return grip{}, fmt.Errorf("messageQueueUrl: %w", err)
	}
	g := grip{
		id: w.ID, token: w.QueueToken, server: u.Scheme + "://" + u.Host,
		path: strings.TrimRight(u.EscapedPath(), "/"), query: u.Query(),
	}
	if ends, ok := expiry(w.QueueToken); ok {
		g.until = ends.Add(-renewEarly)
	}
	return g, nil
}

const sessionRoute = setRoute + "/sessions/{session}"

func sessionPath(set int, id string) string {
	return setPath(set) + "/sessions/" + url.PathEscape(id)
}

// Open opens the session of a set. owner tells people whose it is.
// ErrSessionConflict: the set has one already; it may be that of a process that
// died, and nobody documents how long it stays: try again for some minutes. A
// session that lacks its queue or its statistics is closed, and an error.
func (c *Client) Open(ctx context.Context, set int, owner string) (*Session, error) {
	s := &Session{client: c, set: set, renewal: make(chan struct{}, 1)}
	body := struct {
		Owner string `json:"ownerName"`
	}{owner}
	seen, err := s.take(ctx, rest.Call{
		Method: http.MethodPost, Path: setPath(set) + "/sessions", Route: setRoute + "/sessions", Body: body,
	})
	if err == nil {
		return s, nil
	}
	err = fmt.Errorf("open a session of scale set %d: %w", set, err)
	if seen != "" { // it is open, and would keep us out
		if left := c.closeSession(ctx, set, seen); left != nil {
			return nil, errors.Join(err, left)
		}
	}
	return nil, err
}

// take makes a call that answers with a session and puts it in force. It returns
// the id that it saw even where the rest was no good.
func (s *Session) take(ctx context.Context, k rest.Call) (seen string, err error) {
	var (
		w wireSession
		g grip
	)
	k.Into = into(&w, func(w *wireSession) error {
		seen = w.ID
		g, err = s.client.address.grip(w)
		return err
	})
	if _, err := s.client.call(ctx, k); err != nil {
		return seen, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = g
	s.tracker.Reset(*w.Statistics)
	return g.id, nil
}

// Refresh renews the session and its token, and reads absolute statistics.
// ErrSessionExpired: open another.
func (s *Session) Refresh(ctx context.Context) error {
	return s.renew(ctx, s.grip().token)
}

// renew refreshes the session unless its token is another by now.
func (s *Session) renew(ctx context.Context, used string) error {
	select {
	case s.renewal <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("refresh the session of scale set %d: %w", s.set, ctx.Err())
	}
	defer func() { <-s.renewal }()
	now := s.grip()
	if now.token != used {
		return nil
	}
	if _, err := s.take(ctx, rest.Call{Method: http.MethodPatch, Path: sessionPath(s.set, now.id), Route: sessionRoute}); err != nil {
		return fmt.Errorf("refresh the session of scale set %d: %w", s.set, err)
	}
	return nil
}

func (s *Session) grip() grip {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// withToken makes a call that carries the queue token, which is renewed a minute
// before it ends if it tells when, and once if the server answers 401.
func (s *Session) withToken(ctx context.Context, send func(grip) error) error {
	now := s.grip()
	if !now.until.IsZero() && !time.Now().Before(now.until) {
		if err := s.renew(ctx, now.token); err != nil {
			return err
		}
		now = s.grip()
	}
	err := send(now)
	if e, ok := errors.AsType[*Error](err); !ok || e.Status != http.StatusUnauthorized {
		return err
	}
	if err := s.renew(ctx, now.token); err != nil {
		return err
	}
	return send(s.grip())
}

// Next waits for the next message, up to about 50 s. capacity is how many runners
// the set may have, 0 or more. nil without an error: nothing is new, and what was
// known stays so. A message comes again until it is acknowledged. The call itself
// is not repeated when it fails.
func (s *Session) Next(ctx context.Context, capacity int) (*Message, error) {
	m, err := s.next(ctx, capacity)
	if err != nil {
		return nil, fmt.Errorf("poll scale set %d: %w", s.set, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tracker.Take(m)
	return m, nil
}

func (s *Session) next(ctx context.Context, capacity int) (m *Message, err error) {
	if capacity < 0 {
		return nil, fmt.Errorf("%w: a capacity of %d", ErrConfig, capacity)
	}
	err = s.withToken(ctx, func(g grip) error {
		queue, err := s.client.servers.at(server{base: g.server, poll: true})
		if err != nil {
			return err
		}
		_, err = queue.Do(ctx, s.pollCall(g, capacity, func(w *wireMessage) { m = w.message() }))
		return err
	})
	return m, err
}

func (s *Session) pollCall(g grip, capacity int, take func(*wireMessage)) rest.Call {
	query := url.Values{}
	for name, values := range g.query {
		query[name] = values
	}
	s.mu.Lock()
	if s.acked > 0 {
		query.Set("lastMessageId", strconv.FormatInt(s.acked, 10))
	}
	s.mu.Unlock()
	var w wireMessage
	return rest.Call{
		Method: http.MethodGet, Route: "/{queue}", Path: g.path, Query: query, Auth: authorized(g.token),
		Header:  http.Header{"Accept": {queueAccept}, "X-Scalesetmaxcapacity": {strconv.Itoa(capacity)}},
		Explain: explain, Hide: hideSecrets, Empty: []int{http.StatusAccepted},
		Into: into(&w, func(w *wireMessage) error {
			if err := w.check(); err != nil {
				return err
			}
			take(w)
			return nil
		}),
	}
}

const queueAccept = "application/json; api-version=" + apiVersion

// Ack keeps a message from coming again. Messages that could not be read, or tell
// of runners unknown to us, must be acknowledged too: they block those after them.
func (s *Session) Ack(ctx context.Context, message int64) error {
	err := s.withToken(ctx, func(g grip) error {
		queue, err := s.client.servers.at(server{base: g.server})
		if err != nil {
			return err
		}
		k := deletion(g.path+"/"+strconv.FormatInt(message, 10), "/{queue}/{message}")
		k.Query, k.Auth, k.Explain, k.Hide = g.query, authorized(g.token), explain, hideSecrets
		k.Header = http.Header{"Accept": {queueAccept}}
		_, err = queue.Do(ctx, k)
		return err
	})
	if err != nil {
		return fmt.Errorf("acknowledge message %d of scale set %d: %w", message, s.set, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acked = max(s.acked, message)
	return nil
}

// Statistics are the last counts that the set told of itself; known is false
// where they contradict what else it told.
func (s *Session) Statistics() (counts Statistics, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tracker.Statistics()
}

// Close ends the session so that another may open at once. One that has expired
// is closed.
func (s *Session) Close(ctx context.Context) error {
	return s.client.closeSession(ctx, s.set, s.grip().id)
}

func (c *Client) closeSession(ctx context.Context, set int, id string) error {
	_, err := c.call(ctx, deletion(sessionPath(set, id), sessionRoute))
	if err == nil || errors.Is(err, ErrSessionExpired) || errors.Is(err, ErrSetNotFound) {
		return nil
	}
	return fmt.Errorf("close the session of scale set %d: %w", set, err)
}
