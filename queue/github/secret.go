package github

import (
	"fmt"
	"io"
	"regexp"
)

const redacted = "<redacted>"

// JITConfig is the encoded configuration of one runner, base64 of a JSON object
// of files. Whoever has it is that runner, so it prints as <redacted> in every
// form; Reveal is for the start-up script alone, which gives it to the runner's
// run.sh in ACTIONS_RUNNER_INPUT_JITCONFIG. The zero value is empty.
type JITConfig struct {
	encoded *string // a pointer: fmt doesn't ask Format of what stands in an unexported field
}

// Reveal returns the configuration itself.
func (c JITConfig) Reveal() string {
	if c.encoded == nil {
		return ""
	}
	return *c.encoded
}

// String returns <redacted>.
func (c JITConfig) String() string { return redacted }

// Format prints <redacted> whatever the verb.
func (c JITConfig) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText writes <redacted>, in JSON, YAML and log fields.
func (c JITConfig) MarshalText() ([]byte, error) { return []byte(redacted), nil }

var (
	// secretMember is a member of an answer whose value nobody should read; the
	// text may be cut before the value ends, and quotes may be escaped.
	secretMember = regexp.MustCompile(`(?i)([a-z_]*(?:token|jit_?config)\\?"\s*:\s*\\?")[^"\\]*`)
	// tokenLike finds what looks like a token or a config, wherever it stands.
	tokenLike = regexp.MustCompile(`ey[IJ][A-Za-z0-9_.+/=-]{8,}|\b(?:gh[a-z]|github_pat)_[A-Za-z0-9_]{8,}|[A-Za-z0-9+/=_-]{48,}`)
)

// hideSecrets removes what answers of this protocol carry and no error may show.
func hideSecrets(text string) string {
	return tokenLike.ReplaceAllString(secretMember.ReplaceAllString(text, "${1}"+redacted), redacted)
}
