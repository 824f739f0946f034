package gitlab

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Waits where GitLab does not say how long, and at most: its limits are by the minute.
// Both are our own choice.
const (
	blockedFor  = time.Minute
	blockedMost = 15 * time.Minute
)

// limiter keeps to our own budget and to what GitLab said of its limits.
type limiter struct {
	now       func() time.Time
	perMinute int // negative: no bound

	mu      sync.Mutex
	sent    []time.Time // of the last minute, the oldest first
	blocked time.Time   // nothing is sent until then
}

// admit counts a call that is about to be sent, or tells why it must not be.
func (l *limiter) admit() (why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if left := l.blocked.Sub(now); left > 0 {
		return fmt.Sprintf("not sent: GitLab asked to wait, for another %s", left.Round(time.Second))
	}
	old := 0
	for old < len(l.sent) && now.Sub(l.sent[old]) >= time.Minute {
		old++
	}
	l.sent = l.sent[old:]
	if l.perMinute >= 0 && len(l.sent) >= l.perMinute {
		left := l.sent[0].Add(time.Minute).Sub(now)
		return fmt.Sprintf("not sent: the budget of %d calls a minute is used up for another %s", l.perMinute, left.Round(time.Second))
	}
	l.sent = append(l.sent, now)
	return ""
}

// moved is told that the clock is set, forward by that much: the last minute is the same.
func (l *limiter) moved(by time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.sent {
		l.sent[i] = l.sent[i].Add(by)
	}
	l.blocked = l.blocked.Add(by)
}

// used is how many calls were sent in the last minute.
func (l *limiter) used() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	for _, at := range l.sent {
		if now.Sub(at) < time.Minute {
			n++
		}
	}
	return n
}

// block sends nothing for so long; 0: GitLab did not say how long.
func (l *limiter) block(d time.Duration) {
	if d <= 0 {
		d = blockedFor
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if until := l.now().Add(min(d, blockedMost)); until.After(l.blocked) {
		l.blocked = until
	}
}

// note reads what an answer says of GitLab's limit: RateLimit-Remaining calls until
// RateLimit-Reset, a Unix time by GitLab's own clock, which Date tells.
func (l *limiter) note(h http.Header) {
	left, err := strconv.ParseInt(h.Get("RateLimit-Remaining"), 10, 64)
	if err != nil || left > 0 {
		return
	}
	reset, err := strconv.ParseInt(h.Get("RateLimit-Reset"), 10, 64)
	if err != nil {
		return
	}
	now := l.now()
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	l.block(time.Unix(reset, 0).Sub(now))
}
