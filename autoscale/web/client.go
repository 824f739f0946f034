package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"syscall"
	"time"
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
}

// NewClient makes a client; nothing is sent yet.
func NewClient(stateDir string) *Client {
	c := &Client{path: filepath.Join(stateDir, Socket)}
	c.http = http.Client{Timeout: clientTimeout, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", c.path)
		},
	}}
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

func (c *Client) call(ctx context.Context, method, route string, into any) error {
	request, err := http.NewRequestWithContext(ctx, method, "http://daemon"+route, nil)
	if err != nil {
		return fmt.Errorf("ask daemon: %w", err)
	}
	answer, err := c.http.Do(request)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
			return fmt.Errorf("ask daemon at %s: %w", c.path, ErrNoDaemon)
		}
		return fmt.Errorf("ask daemon at %s: %w", c.path, err)
	}
	defer answer.Body.Close()
	body := json.NewDecoder(io.LimitReader(answer.Body, maxAnswer))
	if answer.StatusCode/100 != 2 {
		var f failure
		if body.Decode(&f) != nil || f.Error == "" {
			f.Error = answer.Status
		}
		return fmt.Errorf("ask daemon at %s: %s", c.path, f.Error)
	}
	if into == nil {
		return nil
	}
	if err := body.Decode(into); err != nil {
		return fmt.Errorf("ask daemon at %s: its answer makes no sense: %w", c.path, err)
	}
	return nil
}
