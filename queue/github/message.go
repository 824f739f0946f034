package github

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// EventKind is what happened to a job.
type EventKind string

// The kinds that we know.
const (
	// JobAvailable: a job may be acquired. GitHub Enterprise Server wants
	// [Session.Acquire]; github.com assigns by itself.
	JobAvailable EventKind = "JobAvailable"
	JobAssigned  EventKind = "JobAssigned"  // the job is the set's
	JobStarted   EventKind = "JobStarted"   // on the runner named
	JobCompleted EventKind = "JobCompleted" // with a result; Runner fields are 0 and "" if it never ran
)

// JobKey names a job. Since the middle of 2025 github.com gives every job the
// request id 0, and GitHub Enterprise Server may leave out the job id.
type JobKey struct {
	JobID     string // not the REST API's job id
	RequestID int64
}

// Event is one entry of a message. Which fields are set depends on its kind;
// times that the service left open are zero.
type Event struct {
	Kind          EventKind `json:"messageType"`
	RequestID     int64     `json:"runnerRequestId"`
	JobID         string    `json:"jobId"`
	Repository    string    `json:"repositoryName"`
	Owner         string    `json:"ownerName"`
	WorkflowRef   string    `json:"jobWorkflowRef"`
	DisplayName   string    `json:"jobDisplayName"`
	WorkflowRunID int64     `json:"workflowRunId"` // the REST API's run id
	EventName     string    `json:"eventName"`
	Labels        []string  `json:"requestLabels"`
	QueueTime     time.Time `json:"queueTime"`
	AssignTime    time.Time `json:"scaleSetAssignTime"`
	RunnerTime    time.Time `json:"runnerAssignTime"`
	FinishTime    time.Time `json:"finishTime"`
	AcquireURL    string    `json:"acquireJobUrl"`
	RunnerID      int64     `json:"runnerId"`
	RunnerName    string    `json:"runnerName"`
	Result        string    `json:"result"` // such as "succeeded", "canceled", "abandoned"
}

// Key names the event's job.
func (e Event) Key() JobKey { return JobKey{e.JobID, e.RequestID} }

// Message is what one poll brings. It comes again until it is acknowledged.
type Message struct {
	ID     int64
	Events []Event
	// Skipped are entries of kinds that we don't know.
	Skipped int
	// Unread tells what of the message could not be read. Such a message is no
	// error of the poll, for it would come again for ever: report it, go by the
	// statistics, and acknowledge it.
	Unread []error
	// Statistics are nil where the message has none, or none that can be read.
	Statistics *Statistics
}

// messageType is the only kind of message there is.
const messageType = "RunnerScaleSetJobMessages"

// wireMessage is a message as it comes. Only the id must be right: without it
// the message can't be acknowledged.
type wireMessage struct {
	ID         *int64          `json:"messageId"`
	Type       string          `json:"messageType"`
	Body       json.RawMessage `json:"body"`
	Statistics json.RawMessage `json:"statistics"`
}

func (w *wireMessage) check() error {
	if w.ID == nil || *w.ID <= 0 {
		return errors.New("a message without messageId")
	}
	return nil
}

// message reads what can be read.
func (w *wireMessage) message() *Message {
	m := &Message{ID: *w.ID}
	if len(w.Statistics) > 0 && string(w.Statistics) != "null" {
		var s Statistics
		if err := s.UnmarshalJSON(w.Statistics); err != nil {
			m.unread(err)
		} else {
			m.Statistics = &s
		}
	}
	if w.Type != messageType {
		m.Skipped = 1
		return m
	}
	m.readBody(w.Body)
	return m
}

func (m *Message) unread(err error) {
	m.Unread = append(m.Unread, fmt.Errorf("message %d: %w: %s", m.ID, ErrMalformed, hideSecrets(err.Error())))
}

// readBody reads a JSON string that holds a JSON array, or nothing.
func (m *Message) readBody(body json.RawMessage) {
	var text string
	if len(body) > 0 {
		if err := json.Unmarshal(body, &text); err != nil {
			m.unread(fmt.Errorf("the body is no string: %w; read: %s", err, head(body)))
			return
		}
	}
	if text == "" {
		return
	}
	var entries []json.RawMessage
	if err := json.Unmarshal(trimBOM([]byte(text)), &entries); err != nil {
		m.unread(fmt.Errorf("the body holds no array: %w; read: %s", err, head([]byte(text))))
		return
	}
	for i, raw := range entries {
		m.readEvent(i, raw)
	}
}

func (m *Message) readEvent(i int, raw json.RawMessage) {
	var kind struct {
		Kind EventKind `json:"messageType"`
	}
	if err := json.Unmarshal(raw, &kind); err != nil {
		m.unread(fmt.Errorf("entry %d: %w; read: %s", i, err, head(raw)))
		return
	}
	switch kind.Kind {
	case JobAvailable, JobAssigned, JobStarted, JobCompleted:
	default:
		m.Skipped++
		return
	}
	var e Event
	if err := json.Unmarshal(raw, &e); err != nil {
		m.unread(fmt.Errorf("entry %d: %w; read: %s", i, err, head(raw)))
		return
	}
	if err := e.check(); err != nil {
		m.unread(fmt.Errorf("entry %d: %w; read: %s", i, err, head(raw)))
		return
	}
	m.Events = append(m.Events, e)
}

// check wants a job that can be told from others.
func (e *Event) check() error {
	switch {
	case e.JobID == "" && e.RequestID == 0:
		return fmt.Errorf("a %s without jobId and runnerRequestId", e.Kind)
	case e.Kind == JobStarted && e.RunnerName == "" && e.RunnerID == 0:
		return fmt.Errorf("a %s that names no runner", e.Kind)
	}
	return nil
}

// maxHead bounds what an error repeats of a message, in bytes.
const maxHead = 200

func head(text []byte) string {
	if len(text) > maxHead {
		return fmt.Sprintf("%q…", hideSecrets(string(text[:maxHead])))
	}
	return fmt.Sprintf("%q", hideSecrets(string(text)))
}

// leavesJobs tells that by its events the set has a job at the message's end.
func (m *Message) leavesJobs() bool {
	has := map[JobKey]bool{}
	for _, e := range m.Events {
		switch e.Kind {
		case JobAssigned, JobStarted:
			has[e.Key()] = true
		case JobCompleted:
			delete(has, e.Key())
		}
	}
	return len(has) > 0
}
