package gitlab

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
)

const redacted = "<redacted>"

// RunnerToken is the authentication token of one runner. Whoever has it is that runner,
// so it prints as <redacted> in every form; Reveal is for the start-up script alone. The
// zero value is empty.
type RunnerToken struct {
	text *string // a pointer: fmt doesn't ask Format of what stands in an unexported field
}

// Reveal returns the token itself.
func (t RunnerToken) Reveal() string {
	if t.text == nil {
		return ""
	}
	return *t.text
}

// String returns <redacted>.
func (t RunnerToken) String() string { return redacted }

// Format prints <redacted> whatever the verb.
func (t RunnerToken) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText writes <redacted>, in JSON, YAML and log fields.
func (t RunnerToken) MarshalText() ([]byte, error) { return []byte(redacted), nil }

var (
	// secretMember is a member of an answer whose value nobody should read; the text may
	// be cut before the value ends, and quotes may be escaped.
	secretMember = regexp.MustCompile(`(?i)([a-z_]*token\\?"\s*:\s*\\?")[^"\\]*`)
	// tokenLike finds what looks like one of GitLab's tokens (glrt-, glpat-, ...).
	tokenLike = regexp.MustCompile(`\bgl[a-z]{2,8}-[A-Za-z0-9_.\-]{8,}`)
)

// hideSecrets removes what answers of this API carry and no error may show.
func hideSecrets(text string) string {
	return tokenLike.ReplaceAllString(secretMember.ReplaceAllString(text, "${1}"+redacted), redacted)
}

// header sends the token as GitLab wants it.
type header struct{ token func() (string, error) }

// Authorize sets the PRIVATE-TOKEN header.
func (h header) Authorize(r *http.Request) ([]string, error) {
	token, err := h.token()
	if err != nil {
		return nil, err
	}
	r.Header.Set("Private-Token", token)
	return []string{token}, nil
}
