package config

import (
	"fmt"
	"io"
	"os"
	"strings"
)

const redacted = "<redacted>"

// maxSecret bounds a secret file, in bytes: whatever is longer is no password.
const maxSecret = 64 << 10

// Secret is a password or token. However it is printed or encoded, it prints as
// <redacted>; only Reveal gives it away.
type Secret struct{ value string }

// NewSecret wraps a value.
func NewSecret(value string) Secret { return Secret{value} }

// Reveal returns the value, for the one place that sends it.
func (s Secret) Reveal() string { return s.value }

// String is <redacted>.
func (s Secret) String() string { return redacted }

// GoString is <redacted>.
func (s Secret) GoString() string { return redacted }

// Format prints <redacted> for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText is <redacted>; encoding/json and zap use it too.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON is "<redacted>".
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalYAML is <redacted>.
func (s Secret) MarshalYAML() (any, error) { return redacted, nil }

// SecretSource is where a secret is: a file or an environment variable. The
// zero SecretSource has none.
type SecretSource struct {
	File string
	Env  string
}

// IsZero tells that there is no secret.
func (s SecretSource) IsZero() bool { return s == SecretSource{} }

// Read reads the secret as it is now, so that a changed file is followed. A
// line end at the close of a file is not part of it. Errors name the source and
// never hold what was read.
func (s SecretSource) Read() (Secret, error) {
	switch {
	case s.File != "":
		return readSecretFile(s.File)
	case s.Env != "":
		value := os.Getenv(s.Env)
		if value == "" {
			return Secret{}, fmt.Errorf("environment variable %s is empty or not set", s.Env)
		}
		return Secret{value}, nil
	}
	return Secret{}, nil
}

func readSecretFile(path string) (Secret, error) {
	f, err := os.Open(path)
	if err != nil {
		return Secret{}, fmt.Errorf("read secret: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return Secret{}, fmt.Errorf("read secret: %w", err)
	}
	if len(text) > maxSecret {
		return Secret{}, fmt.Errorf("read secret: %s is longer than %d bytes", path, maxSecret)
	}
	value := strings.TrimRight(string(text), "\r\n")
	if value == "" {
		return Secret{}, fmt.Errorf("read secret: %s is empty", path)
	}
	return Secret{value}, nil
}

// Password is where the server's password is.
func (c CycleCloud) Password() SecretSource {
	return SecretSource{File: c.PasswordFile, Env: c.PasswordEnv}
}

// Password is where the password for basic authentication is.
func (q HTTPQueue) Password() SecretSource {
	return SecretSource{File: q.PasswordFile, Env: q.PasswordEnv}
}

// Token is where the bearer token is.
func (q HTTPQueue) Token() SecretSource {
	return SecretSource{File: q.TokenFile, Env: q.TokenEnv}
}

// credentials checks that there is one way to sign in, or none.
func (s *source) credentials(at, user string, password, token SecretSource) {
	s.secret(at, "password", password)
	s.secret(at, "token", token)
	switch {
	case !token.IsZero() && (user != "" || !password.IsZero()):
		s.add(at, "has both a token and a user or password; keep one")
	case user == "" && !password.IsZero():
		s.add(at+".user", "is missing; there is a password")
	case user != "" && password.IsZero() && !s.within(at+".password"):
		s.add(at, "has a user and no password; set password_file or password_env")
	}
}
