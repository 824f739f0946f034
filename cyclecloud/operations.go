package cyclecloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// OperationStatus is one operation. It has no word on completion: the nodes tell.
type OperationStatus struct {
	Action    string    `json:"action"` // create, terminate, …
	StartTime time.Time `json:"startTime"`

	Extra map[string]json.RawMessage `json:",embed"`
}

// Operations lists operations: all, or with a request id the one it started.
func (c *Client) Operations(ctx context.Context, requestID string) ([]OperationStatus, error) {
	query := url.Values{}
	if requestID != "" {
		query.Set("request_id", requestID)
	}
	var list []OperationStatus
	err := get(ctx, c, route{template: "/operations/", path: "/operations/"}, query, &list, func(l *[]OperationStatus) error {
		if *l == nil {
			return errors.New("null where a list of operations should be")
		}
		return nil
	})
	return list, err
}

// Operation reads one operation by its id.
func (c *Client) Operation(ctx context.Context, id string) (OperationStatus, error) {
	var status OperationStatus
	r, err := at("/operations/{id}", id)
	if err != nil {
		return status, err
	}
	err = get(ctx, c, r, nil, &status, nil)
	return status, err
}

// Lookup is what a server knows of a request id.
type Lookup struct {
	// Seen: the server has handled the request. All else is zero if not.
	Seen bool
	// Operation it started, where the server tells.
	Operation OperationStatus
	// Nodes it made or acted on that still are there.
	Nodes []Node
}

// LookupRequest asks what became of a request id. An id that the server doesn't
// know is an answer and no error: Seen is false. Both calls that take a request
// id are asked, and either may vouch for it, since servers of different age
// answer differently for one they don't know: an empty list, 404, or 400.
func (c *Client) LookupRequest(ctx context.Context, cluster, requestID string) (Lookup, error) {
	if requestID == "" {
		return Lookup{}, refuse("look up a request: no request id")
	}
	operations, err := c.Operations(ctx, requestID)
	if err != nil && !unknown(err) {
		return Lookup{}, err
	}
	listed := err == nil
	var found Lookup
	if len(operations) > 0 {
		found.Seen, found.Operation = true, operations[0]
	}
	list, err := c.Nodes(ctx, cluster, NodeQuery{RequestID: requestID})
	switch {
	case err == nil:
		found.Nodes = list.Nodes
		found.Seen = found.Seen || len(list.Nodes) > 0 || list.Operation != nil
		if len(operations) == 0 && list.Operation != nil {
			found.Operation = *list.Operation
		}
	case !unknown(err):
		return Lookup{}, err
	case !listed && !aboutRequest(err, requestID):
		return Lookup{}, err // perhaps the cluster is what isn't there
	}
	return found, nil
}

// unknown tells refusals that may mean "no such request id".
func unknown(err error) bool {
	return errors.Is(err, ErrNotFound) || errors.Is(err, ErrInvalidInput)
}

// aboutRequest tells whether the server's words are about the request id.
func aboutRequest(err error, requestID string) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return false
	}
	words := strings.ToLower(e.Words)
	return strings.Contains(words, "operation") || strings.Contains(words, "request id") ||
		strings.Contains(words, strings.ToLower(requestID))
}

// explainConflict tells the two meanings of a 409 apart by asking for the
// request id. Any other error passes as it is.
func (c *Client) explainConflict(ctx context.Context, cluster, requestID string, err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Kind != ErrConflict {
		return err
	}
	if requestID != "" {
		found, lookupErr := c.LookupRequest(ctx, cluster, requestID)
		if lookupErr != nil {
			e.Uncertain = true // an earlier request under this id may have been handled
			return fmt.Errorf("%w; its request id can't be looked up: %w", e, lookupErr)
		}
		if found.Seen {
			return &RequestSeenError{RequestID: requestID, Found: found}
		}
	}
	e.Kind = ErrInvalidInput
	return e
}
