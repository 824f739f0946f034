package anka

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

const redacted = "<redacted>"

// Script is what a VM runs, as raw bytes; the client encodes it. It may hold a
// single-use credential, so that it prints as <redacted>, in JSON too.
//
// It goes to the controller in the clear but for TLS, and controllers since 1.49
// log the whole request of a start: nothing that outlives its first use belongs
// into a script.
type Script []byte

// Format prints <redacted>, whatever the verb.
func (s Script) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// MarshalJSON writes "<redacted>": requests are encoded by the client.
func (s Script) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// encoded is the form in which a script travels.
func (s Script) encoded() string { return base64.StdEncoding.EncodeToString(s) }

// readScript takes a script as it travels; what isn't base64 is kept as it is.
func readScript(d *jsontext.Decoder, s *Script) error {
	raw, err := d.ReadValue()
	if err != nil {
		return err
	}
	if kind := raw.Kind(); kind != '"' && kind != 'n' {
		return fmt.Errorf("%v where a script should be", kind)
	}
	*s = nil
	written := text(raw)
	if written == "" {
		return nil
	}
	if *s, err = base64.StdEncoding.DecodeString(written); err != nil {
		*s = Script(written)
	}
	return nil
}

// gram is the shortest piece of a script that counts as the script, in bytes.
const gram = 8

// hide removes the whole of a text that repeats a piece of the script, plain or
// as it travels: the text may have been cut anywhere, so that no part of it can
// be told from the script.
func (s Script) hide(text string) string {
	if len(s) == 0 {
		return text
	}
	for _, word := range strings.FieldsFunc(string(s), apart) {
		if len(word) >= gram && strings.Contains(text, word) {
			return redacted
		}
	}
	encoded := s.encoded()
	pieces := make(map[string]bool, len(encoded))
	for i := 0; i+2*gram <= len(encoded); i++ {
		pieces[encoded[i:i+2*gram]] = true
	}
	for i := 0; i+2*gram <= len(text); i++ {
		if pieces[text[i:i+2*gram]] {
			return redacted
		}
	}
	return text
}

// apart tells what stands between a script's words, and may be written in
// another way when it is repeated inside of JSON or HTML.
func apart(r rune) bool { return r <= ' ' || strings.ContainsRune("\"'\\<>&=;`|()", r) }

// Hidden is a text that prints as <redacted>, in JSON too: string(h) is the text.
type Hidden string

// Format prints <redacted>, whatever the verb; nothing for the empty text.
func (h Hidden) Format(f fmt.State, _ rune) {
	if h != "" {
		_, _ = f.Write([]byte(redacted))
	}
}

// MarshalJSON writes "<redacted>": requests are encoded by the client.
func (h Hidden) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// hide removes the hidden text from another one.
func (h Hidden) hide(text string) string {
	if h == "" {
		return text
	}
	return strings.ReplaceAll(text, string(h), redacted)
}

// private finds members of a JSON object that nobody should read in an error,
// even where the text is cut in the middle of one or stands, escaped, in a string.
var private = regexp.MustCompile(`(?i)(\\*"[a-z_]*(?:script|password|secret|token|sessionid|connection_string|stdout|stderr)\\*"\s*:\s*\\*")(?:[^"\\]|\\.)*`)

// hideFields removes the content of private members.
func hideFields(text string) string { return private.ReplaceAllString(text, "${1}"+redacted) }
