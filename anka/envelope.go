package anka

import (
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"autoscaled/internal/rest"
)

// envelope is what every answer of the API comes in. Members may stand in any
// order.
type envelope struct {
	Status  string         `json:"status"` // OK or FAIL
	Message jsontext.Value `json:"message"`
	Body    jsontext.Value `json:"body"`
}

// words is the message as text.
func (e envelope) words() string { return text(e.Message) }

// text is a JSON string's content, nothing for null, and else the JSON itself.
func text(v jsontext.Value) string {
	switch v.Kind() {
	case 0, 'n':
		return ""
	case '"':
		plain, _ := jsontext.AppendUnquote(nil, v)
		return string(plain)
	}
	return string(v)
}

func decodeEnvelope(answer []byte) (envelope, error) {
	var e envelope
	if err := decode(answer, &e); err != nil {
		return envelope{}, err
	}
	if e.Status != "OK" && e.Status != "FAIL" {
		return envelope{}, fmt.Errorf("status is %.40q where OK or FAIL should be", e.Status)
	}
	return e, nil
}

// intoEnvelope decodes an answer with a success status: a FAIL becomes the same
// error as one that came as 4xx.
func intoEnvelope[T any](k call, out *T, check func(*T) error) func(io.Reader) error {
	return func(r io.Reader) error {
		answer, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		e, err := decodeEnvelope(answer)
		if err != nil {
			return err
		}
		if e.Status == "FAIL" {
			return refusal(e.words(), k.about)
		}
		if out == nil {
			return nil
		}
		return intoBody(e.Body, out, check)
	}
}

// refusal is a FAIL that came with a success status. Where the words tell of
// trouble behind the controller, what was asked may have been half done.
func refusal(words string, about error) *rest.Refusal {
	kind := classify(words, about)
	if kind == nil {
		kind = ErrInvalidInput
	}
	if words == "" {
		words = "the controller says FAIL and not why"
	}
	return &rest.Refusal{Kind: kind, Words: words, Uncertain: errors.Is(kind, ErrUnavailable)}
}

func intoBody[T any](body jsontext.Value, out *T, check func(*T) error) error {
	if body == nil {
		return errors.New("status is OK and the body is missing")
	}
	var fresh T
	if err := decode(body, &fresh); err != nil {
		return fmt.Errorf("body: %w", err)
	}
	if check != nil {
		if err := check(&fresh); err != nil {
			return err
		}
	}
	*out = fresh
	return nil
}
