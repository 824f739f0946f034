package anka

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// The controller has no codes: what a failure means stands in its words. Those
// of missing templates, tags and instances and of missing credentials are known
// from real controllers; the other patterns are our own reading of what it may
// say, and what none of them knows is ErrInvalidInput with the words shown.
var (
	licenceWords = regexp.MustCompile(`\blicen[cs]|\bhigher tier\b|\benterprise (tier|licen)|\brequires? (an? )?(anka )?(build )?enterprise\b`)
	authWords    = regexp.MustCompile(`\bauthentication required\b|\bunauthori[sz]ed\b|\bnot authori[sz]ed\b|\bforbidden\b|\bpermission denied\b|\baccess denied\b`)
	troubleWords = regexp.MustCompile(`\bconnection (refused|reset)\b|\bno such host\b|\bi/o timeout\b|\btimed out\b|\bdeadline exceeded\b|\betcd|\binternal (server )?error\b|\btry again\b|\btemporarily\b|\bunavailable\b|\b(unreachable|not reachable)\b`)
	missingWords = regexp.MustCompile(`\bnot found\b|\bno such\b|\bdoes not exist\b|\bdoesn't exist\b|\bnot in the registry\b|\b(can't|cannot|could not) find\b`)
	existsWords  = regexp.MustCompile(`\balready (exists|in use)\b`)
)

// subjects are things that a message about something missing may name, the
// narrower first.
var subjects = []struct {
	word string
	kind error
}{
	{"tag", ErrTagNotFound}, {"version", ErrTagNotFound}, {"template", ErrTemplateNotFound},
	{"group", ErrGroupNotFound}, {"node", ErrNodeNotFound}, {"instance", ErrInstanceNotFound},
}

// classify finds what a message means; nil: unknown. about is what a bare "Not
// found" is about.
func classify(words string, about error) error {
	text := strings.ToLower(strings.TrimSpace(words))
	switch {
	case strings.HasPrefix(text, "vm not in the registry"):
		return ErrTemplateNotFound
	case strings.HasPrefix(text, "no such tag"): // what follows is a name, which may hold any word
		return ErrTagNotFound
	case authWords.MatchString(text):
		return ErrUnauthorized
	case licenceWords.MatchString(text):
		return ErrLicence
	case troubleWords.MatchString(text):
		return ErrUnavailable
	case missingWords.MatchString(text):
		return missing(text, about)
	case existsWords.MatchString(text):
		return ErrConflict
	}
	return nil
}

// missing finds what is not there: what the call is about if the words name it
// or nothing at all, else the first subject that they name.
func missing(text string, about error) error {
	names := func(subject string) bool {
		return slices.ContainsFunc(strings.FieldsFunc(text, notLetter), func(w string) bool { return w == subject || w == subject+"s" })
	}
	found := about
	for _, s := range slices.Backward(subjects) {
		if !names(s.word) {
			continue
		}
		if s.kind == about {
			return about
		}
		found = s.kind
	}
	if found == nil {
		return ErrNotFound
	}
	return found
}

func notLetter(r rune) bool { return r < 'a' || r > 'z' }

// explain finds what an answer outside 2xx means; nil: its status tells. 401 is
// about credentials whatever the words, and behind a 5xx the words may be a
// proxy's.
func (k call) explain(status int, head []byte) error {
	if status == http.StatusUnauthorized || status == http.StatusTooManyRequests || status >= 500 || status < 400 {
		return nil
	}
	answer, err := decodeEnvelope(head)
	if err != nil {
		if status == http.StatusNotFound || status == http.StatusMethodNotAllowed {
			return ErrNoEndpoint
		}
		return nil
	}
	kind := classify(answer.words(), k.about)
	if status == http.StatusForbidden && kind != ErrLicence {
		return nil
	}
	if kind == nil && status == http.StatusNotFound {
		return missing("", k.about)
	}
	return kind
}
