package github

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"autoscaled/internal/rest"
)

// Error is a failed call: method, path, status, meaning, GitHub's words, and
// the request's names in GitHub's logs. It never holds tokens or JIT configs.
type Error = rest.Error

// What an error means, to be tested with errors.Is. The service tells failures
// by the name of an exception, found by substring; its statuses vary.
var (
	ErrConfig       = rest.ErrConfig       // the options are wrong, or what was asked for can't be
	ErrUnauthorized = rest.ErrUnauthorized // credentials are wrong, or not enough
	ErrNotFound     = rest.ErrNotFound     // no such thing; the errors below that end in NotFound are this too
	ErrInvalidInput = rest.ErrInvalidInput // the service refuses what was asked
	ErrConflict     = rest.ErrConflict     // it contradicts what the service holds
	ErrThrottled    = rest.ErrThrottled    // too many requests
	ErrUnavailable  = rest.ErrUnavailable  // no answer, or a server error
	ErrMalformed    = rest.ErrMalformed    // the answer isn't what the protocol promises
	ErrUncertain    = rest.ErrUncertain    // the request may have been handled; comes beside one of the others

	// ErrSetNotFound: no scale set has this id or name. A set that nobody listened
	// to for seven days is deleted; made anew it has another id.
	ErrSetNotFound = fmt.Errorf("scale set %w", rest.ErrNotFound)
	// ErrGroupNotFound: no runner group has this name.
	ErrGroupNotFound = fmt.Errorf("runner group %w", rest.ErrNotFound)
	// ErrSessionConflict: the set has another session; there is one at a time. How
	// long a session outlives its owner is nowhere documented.
	ErrSessionConflict = fmt.Errorf("the scale set has another session: %w", rest.ErrConflict)
	// ErrSessionExpired: the service knows the session no more; open another.
	ErrSessionExpired = fmt.Errorf("the session expired: %w", rest.ErrInvalidInput)
	// ErrRunnerExists: a runner of this name is registered.
	ErrRunnerExists = fmt.Errorf("the runner exists: %w", rest.ErrConflict)
	// ErrRunnerNotFound: no runner with this id or name is registered. That proves
	// nothing about its job: records were pruned seconds before they took one.
	ErrRunnerNotFound = fmt.Errorf("runner %w", rest.ErrNotFound)
	// ErrRunnerBusy: the runner runs a job.
	ErrRunnerBusy = fmt.Errorf("the runner is busy: %w", rest.ErrConflict)
)

// exceptions are the names by which the service tells what went wrong.
var exceptions = []struct {
	name string
	kind error
}{
	{"RunnerScaleSetNotFoundException", ErrSetNotFound},
	{"RunnerScaleSetSessionConflictException", ErrSessionConflict},
	{"RunnerScaleSetSessionExpiredException", ErrSessionExpired},
	{"AgentExistsException", ErrRunnerExists},
	{"AgentNotFoundException", ErrRunnerNotFound},
	{"JobStillRunningException", ErrRunnerBusy},
}

// explain finds an exception's name in a refusal: {typeName, message}, plain
// text, or nothing at all. A 401 stays what it is, whatever it says: new
// credentials come first.
func explain(status int, head []byte) error {
	if status == http.StatusUnauthorized {
		return nil
	}
	var answer struct {
		TypeName string `json:"typeName"`
	}
	text := string(trimBOM(head))
	if json.Unmarshal([]byte(text), &answer) == nil && answer.TypeName != "" {
		text = answer.TypeName // and not what its message may quote
	}
	for _, e := range exceptions {
		if strings.Contains(text, e.name) {
			return e.kind
		}
	}
	return nil
}

// trimBOM removes the byte order mark that the service may put before its JSON.
func trimBOM(b []byte) []byte { return bytes.TrimPrefix(b, []byte("\uFEFF")) }
