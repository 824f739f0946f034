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
	"os"
	"path/filepath"

	"autoscaled/autoscale"
)

// Socket is the control socket's name in the state directory.
const Socket = "control.sock"

// socketMode lets the daemon's group in, and nobody else.
const socketMode = 0o660

// maxSocketPath is what the kernel takes, in bytes, the closing zero apart.
const maxSocketPath = 107

// State is what a daemon has on record.
type State struct {
	// Cluster is the cluster's name in the config.
	Cluster string `json:"cluster"`
	// Operations are those that are not final.
	Operations []autoscale.Operation `json:"operations"`
	Memory     autoscale.Memory      `json:"memory"`
	// Notes are what others keep in the journal, by name.
	Notes map[string]json.RawMessage `json:"notes,omitempty"`
}

// Control is what the socket gives access to.
type Control struct {
	State func(context.Context) (State, error)
	// Plan is the last plan in the form of `plan -o json`; not ok: there was none.
	Plan func() (plan json.RawMessage, ok bool)
	// Wake asks for a tick.
	Wake func()
	// Export writes all that is in the journal, as JSON lines.
	Export func(context.Context, io.Writer) error
	// Check is what a check of the journal finds, to be sent as JSON.
	Check func(context.Context) (any, error)
	// Pause keeps a pool as it is, or all; Resume ends that.
	Pause  func(context.Context, PauseRequest) (autoscale.Pause, error)
	Resume func(context.Context, ResumeRequest) (Resumed, error)
	// Adopt takes nodes for the daemon's own.
	Adopt func(context.Context, AdoptRequest) (Adopted, error)
	// Orphans lists what the daemon does not know, and what it does not find; not ok:
	// there was no tick yet.
	Orphans func() (orphans json.RawMessage, ok bool)
	// Status is how the daemon stands, and Why what becomes of a job, in the form of
	// `status -o json` and `why -o json`.
	Status func(context.Context) (json.RawMessage, error)
	Why    func(job string) (json.RawMessage, error)
}

// PauseRequest asks for a pause.
type PauseRequest struct {
	// Pool is the policy's name of it. Empty: all pools.
	Pool string `json:"pool,omitempty"`
	// Seconds is how long. 0: until it is resumed.
	Seconds float64 `json:"seconds,omitempty"`
	// Why is for those who see it paused.
	Why string `json:"why,omitempty"`
}

// ResumeRequest asks for the end of a pause.
type ResumeRequest struct {
	// Pool is the policy's name of it. Empty: every pause ends.
	Pool string `json:"pool,omitempty"`
}

// AdoptRequest asks that nodes be taken for the daemon's own.
type AdoptRequest struct {
	// Nodes are their names or ids.
	Nodes []string `json:"nodes"`
}

// Adopted answers an AdoptRequest.
type Adopted struct {
	Nodes []autoscale.Node `json:"nodes"`
}

// Resumed answers a ResumeRequest.
type Resumed struct {
	// Paused are the pauses that last: of other pools, or of all.
	Paused []autoscale.Pause `json:"paused"`
}

// controlHandler serves what Client asks.
func controlHandler(c Control) http.Handler {
	mux := http.NewServeMux()
	c.addReads(mux)
	c.addJournal(mux)
	c.addRequests(mux)
	return mux
}

// addReads serves what only tells.
func (c Control) addReads(mux *http.ServeMux) {
	mux.HandleFunc("GET /v1/state", func(w http.ResponseWriter, r *http.Request) {
		state, err := c.State(r.Context())
		if err != nil {
			answerJSON(w, http.StatusInternalServerError, failure{err.Error()})
			return
		}
		answerJSON(w, http.StatusOK, state)
	})
	mux.HandleFunc("GET /v1/plan", func(w http.ResponseWriter, _ *http.Request) {
		plan, ok := c.Plan()
		if !ok {
			answerJSON(w, http.StatusNotFound, failure{"there was no plan yet"})
			return
		}
		answerJSON(w, http.StatusOK, plan)
	})
	mux.HandleFunc("GET /v1/orphans", func(w http.ResponseWriter, _ *http.Request) {
		orphans, ok := c.Orphans()
		if !ok {
			answerJSON(w, http.StatusNotFound, failure{"there was no tick yet"})
			return
		}
		answerJSON(w, http.StatusOK, orphans)
	})
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, r *http.Request) {
		answerOr(w, func() (json.RawMessage, error) { return c.Status(r.Context()) })
	})
	mux.HandleFunc("GET /v1/why", func(w http.ResponseWriter, r *http.Request) {
		answerOr(w, func() (json.RawMessage, error) { return c.Why(r.URL.Query().Get("job")) })
	})
}

// addJournal serves what is on record.
func (c Control) addJournal(mux *http.ServeMux) {
	mux.HandleFunc("GET /v1/journal", func(w http.ResponseWriter, r *http.Request) {
		var lines bytes.Buffer // an answer that has begun can't become an error
		if err := c.Export(r.Context(), &lines); err != nil {
			answerJSON(w, http.StatusInternalServerError, failure{err.Error()})
			return
		}
		w.Header().Set("Content-Type", "application/jsonl")
		_, _ = lines.WriteTo(w)
	})
	mux.HandleFunc("GET /v1/journal/check", func(w http.ResponseWriter, r *http.Request) {
		found, err := c.Check(r.Context())
		if err != nil {
			answerJSON(w, http.StatusInternalServerError, failure{err.Error()})
			return
		}
		answerJSON(w, http.StatusOK, found)
	})
}

// addRequests serves what changes something.
func (c Control) addRequests(mux *http.ServeMux) {
	mux.HandleFunc("POST /v1/wake", func(w http.ResponseWriter, _ *http.Request) {
		c.Wake()
		answerJSON(w, http.StatusAccepted, struct{}{})
	})
	mux.HandleFunc("POST /v1/pause", func(w http.ResponseWriter, r *http.Request) {
		answerTo(w, r, c.Pause)
	})
	mux.HandleFunc("POST /v1/resume", func(w http.ResponseWriter, r *http.Request) {
		answerTo(w, r, c.Resume)
	})
	mux.HandleFunc("POST /v1/adopt", func(w http.ResponseWriter, r *http.Request) {
		answerTo(w, r, c.Adopt)
	})
}

// answerOr answers what can be had, or why it can't.
func answerOr(w http.ResponseWriter, get func() (json.RawMessage, error)) {
	text, err := get()
	if err != nil {
		answerJSON(w, http.StatusInternalServerError, failure{err.Error()})
		return
	}
	answerJSON(w, http.StatusOK, text)
}

// maxRequest bounds what is read of a request, in bytes.
const maxRequest = 1 << 20

// answerTo reads a request and answers what came of it.
func answerTo[Request, Answer any](w http.ResponseWriter, r *http.Request, do func(context.Context, Request) (Answer, error)) {
	var request Request
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&request); err != nil {
		answerJSON(w, http.StatusBadRequest, failure{"the request makes no sense: " + err.Error()})
		return
	}
	answer, err := do(r.Context(), request)
	if err != nil {
		answerJSON(w, http.StatusConflict, failure{err.Error()})
		return
	}
	answerJSON(w, http.StatusOK, answer)
}

// failure is the body of an answer that is no success.
type failure struct {
	Error string `json:"error"`
}

// ListenControl makes the socket. Only who holds the state directory may call
// it: a socket that is there already is taken for a dead daemon's and replaced.
// Closing the listener removes the socket.
func ListenControl(stateDir string) (net.Listener, error) {
	path := filepath.Join(stateDir, Socket)
	if len(path) > maxSocketPath-len(".new") {
		return nil, fmt.Errorf("make control socket %s: its path is longer than %d bytes; choose a shorter state_dir", path, maxSocketPath-len(".new"))
	}
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() != fs.ModeSocket {
		return nil, fmt.Errorf("make control socket %s: there is something else of that name", path)
	}
	// Made under another name and moved, so that nobody meets it with a mode
	// that is too wide, or that is not listened on.
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("make control socket: %w", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: fresh, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("make control socket: %w", err)
	}
	l.SetUnlinkOnClose(false)
	err = os.Chmod(fresh, socketMode)
	if err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		l.Close()
		os.Remove(fresh)
		return nil, fmt.Errorf("make control socket: %w", err)
	}
	made, err := os.Lstat(path)
	if err != nil {
		l.Close()
		return nil, fmt.Errorf("make control socket: %w", err)
	}
	return controlListener{l, path, made}, nil
}

// controlListener removes its socket when it is closed, and nobody else's.
type controlListener struct {
	*net.UnixListener
	path string
	made fs.FileInfo
}

func (l controlListener) Close() error {
	if there, err := os.Lstat(l.path); err == nil && os.SameFile(there, l.made) {
		_ = os.Remove(l.path) // best effort: the next daemon replaces it
	}
	return l.UnixListener.Close()
}

// ServeControl answers on the socket until ctx ends.
func ServeControl(ctx context.Context, l net.Listener, c Control) error {
	server := &http.Server{Handler: controlHandler(c), ReadHeaderTimeout: readHeader}
	return serve(ctx, server, func() error { return server.Serve(l) }, Socket)
}
