package anka

import (
	"errors"
	"fmt"

	"autoscaled/internal/rest"
)

// Error is a failed call: method, path, status, meaning and the controller's
// words. It never holds credentials, scripts or VNC passwords. A failure that
// the controller told with status 200 has Status 200.
type Error = rest.Error

// What an error means, to be tested with errors.Is.
var (
	ErrConfig       = rest.ErrConfig       // the client's options are wrong
	ErrUnauthorized = rest.ErrUnauthorized // token, key or certificate are missing, wrong, or not enough
	ErrNotFound     = rest.ErrNotFound     // no such thing; the errors below that end in NotFound are this too
	ErrInvalidInput = rest.ErrInvalidInput // the controller, or this client, refuses what was asked
	ErrConflict     = rest.ErrConflict     // it contradicts what the controller holds
	ErrThrottled    = rest.ErrThrottled    // too many requests
	ErrUnavailable  = rest.ErrUnavailable  // no answer, a server error, or a FAIL that tells of one
	ErrCertificate  = rest.ErrCertificate  // the controller's certificate isn't trusted
	ErrRedirect     = rest.ErrRedirect     // the controller points elsewhere
	ErrMalformed    = rest.ErrMalformed    // the answer isn't what the API promises
	ErrTooLarge     = rest.ErrTooLarge     // the answer exceeds Options.MaxBody
	ErrUncertain    = rest.ErrUncertain    // the request may have been handled; comes beside one of the others

	// ErrTemplateNotFound: the registry has no such template.
	ErrTemplateNotFound = fmt.Errorf("no such template: %w", rest.ErrNotFound)
	// ErrTagNotFound: the template has no such tag or version.
	ErrTagNotFound = fmt.Errorf("no such tag: %w", rest.ErrNotFound)
	// ErrInstanceNotFound: the controller knows no such instance (any more).
	ErrInstanceNotFound = fmt.Errorf("no such instance: %w", rest.ErrNotFound)
	// ErrNodeNotFound: no such node has joined the controller.
	ErrNodeNotFound = fmt.Errorf("no such node: %w", rest.ErrNotFound)
	// ErrGroupNotFound: no such group of nodes.
	ErrGroupNotFound = fmt.Errorf("no such group: %w", rest.ErrNotFound)
	// ErrDistributionNotFound: no such request to distribute a template.
	ErrDistributionNotFound = fmt.Errorf("no such distribution: %w", rest.ErrNotFound)
	// ErrImageSaveNotFound: no such request to save an image.
	ErrImageSaveNotFound = fmt.Errorf("no such save image request: %w", rest.ErrNotFound)
	// ErrNoEndpoint: the server has no such call. The controller may be too old
	// for it, or the address isn't a controller's.
	ErrNoEndpoint = fmt.Errorf("no such endpoint: %w", rest.ErrNotFound)
	// ErrLicence: the controller's licence doesn't cover what was asked.
	ErrLicence = errors.New("not covered by the licence")
)

// refuse is an input that is not even sent.
func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalidInput, fmt.Sprintf(format, args...))
}

// named refuses a call that names nothing: without an id a controller might
// take it for one about everything.
func named(what, id string) error {
	if id == "" {
		return refuse("no id of %s given", what)
	}
	return nil
}
