package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"syscall"
	"time"

	"autoscaled/autoscale"
)

// ErrNoDaemon: no daemon listens in the state directory.
var ErrNoDaemon = errors.New("no daemon is running")

const (
	// clientTimeout limits one call; the daemon answers from memory and disk.
	clientTimeout = 10 * time.Second
	maxAnswer     = 256 << 20 // bytes
)

// Client asks the daemon of a state directory.
type Client struct {
	path string
	http http.Client
	// patient waits as long as its context: for a tick under way to end.
	patient http.Client
}

// NewClient makes a client; nothing is sent yet.
func NewClient(stateDir string) *Client {
	c := &Client{path: filepath.Join(stateDir, Socket)}
	c.patient = http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", c.path)
		},
	}}
	c.http = http.Client{Timeout: clientTimeout, Transport: c.patient.Transport}
	return c
}

// State asks what the daemon has on record. ErrNoDaemon: there is none.
func (c *Client) State(ctx context.Context) (State, error) {
	var s State
	return s, c.call(ctx, http.MethodGet, "/v1/state", &s)
}

// Plan asks for the last plan, in the form of `plan -o json`.
func (c *Client) Plan(ctx context.Context) (json.RawMessage, error) {
	var plan json.RawMessage
	return plan, c.call(ctx, http.MethodGet, "/v1/plan", &plan)
}

// Wake asks for a tick as soon as possible, and doesn't wait for it.
func (c *Client) Wake(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, "/v1/wake", nil)
}

// Orphans asks what the daemon does not know, and what it does not find.
func (c *Client) Orphans(ctx context.Context) (json.RawMessage, error) {
	var orphans json.RawMessage
	return orphans, c.call(ctx, http.MethodGet, "/v1/orphans", &orphans)
}

// Status asks how the daemon stands, in the form of `status -o json`.
func (c *Client) Status(ctx context.Context) (json.RawMessage, error) {
	var status json.RawMessage
	return status, c.call(ctx, http.MethodGet, "/v1/status", &status)
}

// Why asks what becomes of a job, in the form of `why -o json`.
func (c *Client) Why(ctx context.Context, job string) (json.RawMessage, error) {
	var why json.RawMessage
	return why, c.call(ctx, http.MethodGet, "/v1/why?"+url.Values{"job": {job}}.Encode(), &why)
}

// Pause keeps a pool as it is, and returns once nothing is sent for it any more. That
// may take as long as a tick; ctx bounds it.
func (c *Client) Pause(ctx context.Context, p PauseRequest) (autoscale.Pause, error) {
	var pause autoscale.Pause
	return pause, c.tell(ctx, "/v1/pause", p, &pause)
}

// Resume ends a pause, likewise, and returns those that last.
func (c *Client) Resume(ctx context.Context, r ResumeRequest) ([]autoscale.Pause, error) {
	var answer Resumed
	return answer.Paused, c.tell(ctx, "/v1/resume", r, &answer)
}

// Adopt hands nodes over to the daemon, likewise, and returns them.
func (c *Client) Adopt(ctx context.Context, r AdoptRequest) ([]autoscale.Node, error) {
	var answer Adopted
	return answer.Nodes, c.tell(ctx, "/v1/adopt", r, &answer)
}

// Journal asks for all that is in the journal, and writes it to out as it comes: JSON
// lines, of which a whole export has a last one that says so.
func (c *Client) Journal(ctx context.Context, out io.Writer) error {
	body, err := c.ask(ctx, &c.http, http.MethodGet, "/v1/journal", nil)
	if err != nil {
		return err
	}
	defer body.Close()
	if _, err := io.Copy(out, io.LimitReader(body, maxAnswer)); err != nil {
		return fmt.Errorf("ask daemon at %s: %w", c.path, err)
	}
	return nil
}

// Check asks the daemon to check its journal, and decodes what it found.
func (c *Client) Check(ctx context.Context, into any) error {
	return c.call(ctx, http.MethodGet, "/v1/journal/check", into)
}

func (c *Client) call(ctx context.Context, method, route string, into any) error {
	body, err := c.ask(ctx, &c.http, method, route, nil)
	return c.read(body, err, into)
}

// tell sends what, and waits for the answer as long as it takes.
func (c *Client) tell(ctx context.Context, route string, what, into any) error {
	text, err := json.Marshal(what)
	if err != nil {
		return fmt.Errorf("ask daemon: %w", err)
	}
	body, err := c.ask(ctx, &c.patient, http.MethodPost, route, bytes.NewReader(text))
	return c.read(body, err, into)
}

// read decodes an answer, if there is one and it is wanted.
func (c *Client) read(body io.ReadCloser, err error, into any) error {
	if err != nil {
		return err
	}
	defer body.Close()
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(body, maxAnswer)).Decode(into); err != nil {
		return fmt.Errorf("ask daemon at %s: its answer makes no sense: %w", c.path, err)
	}
	return nil
}

// ask sends one request, and returns the body of a successful answer.
func (c *Client) ask(ctx context.Context, by *http.Client, method, route string, what io.Reader) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://daemon"+route, what)
	if err != nil {
		return nil, fmt.Errorf("ask daemon: %w", err)
	}
	answer, err := by.Do(request)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
			return nil, fmt.Errorf("ask daemon at %s: %w", c.path, ErrNoDaemon)
		}
		return nil, fmt.Errorf("ask daemon at %s: %w", c.path, err)
	}
	if answer.StatusCode/100 == 2 {
		return answer.Body, nil
	}
	defer answer.Body.Close()
	var f failure
	if json.NewDecoder(io.LimitReader(answer.Body, maxAnswer)).Decode(&f) != nil || f.Error == "" {
		f.Error = answer.Status
	}
	return nil, fmt.Errorf("ask daemon at %s: %s", c.path, f.Error)
}
