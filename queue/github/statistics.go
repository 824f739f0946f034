package github

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Statistics are a scale set's own counts at one moment.
type Statistics struct {
	Available  int `json:"totalAvailableJobs"` // not yet acquired; may stay stale once a set idles
	Acquired   int `json:"totalAcquiredJobs"`  // acquired, not assigned; may stay stale as well
	Assigned   int `json:"totalAssignedJobs"`  // the set's own, running ones included: this is demand
	Running    int `json:"totalRunningJobs"`
	Registered int `json:"totalRegisteredRunners"`
	Busy       int `json:"totalBusyRunners"`
	Idle       int `json:"totalIdleRunners"`
}

// UnmarshalJSON wants every count: one that is missing must not pass for zero.
func (s *Statistics) UnmarshalJSON(text []byte) error {
	var counts map[string]json.RawMessage
	if err := json.Unmarshal(text, &counts); err != nil {
		return fmt.Errorf("statistics are no object: %w", err)
	}
	if counts == nil {
		return errors.New("statistics are null")
	}
	var fresh Statistics
	for _, f := range fresh.fields() {
		raw, ok := counts[f.name]
		if !ok || string(raw) == "null" {
			return fmt.Errorf("statistics lack %s", f.name)
		}
		if err := json.Unmarshal(raw, f.count); err != nil {
			return fmt.Errorf("statistics: %s: %w", f.name, err)
		}
		if *f.count < 0 {
			return fmt.Errorf("statistics: %s is %d", f.name, *f.count)
		}
	}
	*s = fresh
	return nil
}

type countField struct {
	name  string
	count *int
}

func (s *Statistics) fields() []countField {
	return []countField{
		{"totalAvailableJobs", &s.Available}, {"totalAcquiredJobs", &s.Acquired},
		{"totalAssignedJobs", &s.Assigned}, {"totalRunningJobs", &s.Running},
		{"totalRegisteredRunners", &s.Registered}, {"totalBusyRunners", &s.Busy}, {"totalIdleRunners", &s.Idle},
	}
}

// Tracker keeps the last statistics of a set. Its zero value knows nothing. It
// is not safe for concurrent use.
type Tracker struct {
	last  Statistics
	known bool
}

// Reset takes what a session said when it was opened or refreshed: it is
// absolute.
func (t *Tracker) Reset(s Statistics) { t.last, t.known = s, true }

// Take takes a message. nil, an empty poll, changes nothing: no news is not zero.
// A message makes the counts unknown if it has none, or if they are all zero
// while its events tell of a job that the set has: GitHub was seen to say so.
// They stay unknown until a message or [Session.Refresh] says more.
func (t *Tracker) Take(m *Message) {
	if m == nil {
		return
	}
	if m.Statistics == nil || *m.Statistics == (Statistics{}) && m.leavesJobs() {
		t.known = false
		return
	}
	t.last, t.known = *m.Statistics, true
}

// Statistics returns the last counts; known is false where there are none to rely
// on.
func (t *Tracker) Statistics() (s Statistics, known bool) {
	if !t.known {
		return Statistics{}, false
	}
	return t.last, true
}
