package gitlab

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
)

// into decodes an answer to v, set afresh, and checks it. Members we don't know are
// ignored: the API grows.
func into[T any](v *T, check func(*T) error) func(io.Reader) error {
	return func(r io.Reader) error {
		text, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		var fresh T
		if len(bytes.TrimSpace(text)) == 0 {
			return errors.New("the answer is empty")
		}
		if err := json.Unmarshal(text, &fresh); err != nil {
			return fmt.Errorf("not what was expected: %w", err)
		}
		if err := check(&fresh); err != nil {
			return err
		}
		*v = fresh
		return nil
	}
}

// intoList decodes a list and checks what is in it. null is none.
func intoList[T any](v *[]T, check func(*T) error) func(io.Reader) error {
	return into(v, func(list *[]T) error {
		if *list == nil {
			return errors.New("no list")
		}
		for i := range *list {
			if err := check(&(*list)[i]); err != nil {
				return fmt.Errorf("element %d: %w", i, err)
			}
		}
		return nil
	})
}

// nextPage finds the query of the next page in a Link header (RFC 8288); nil: there is
// none. Whatever server it names, the query is asked of the same path as before.
func nextPage(link string) (url.Values, error) {
	for part := range strings.SplitSeq(link, ",") {
		target, params, ok := strings.Cut(part, ";")
		if !ok || !strings.Contains(strings.ReplaceAll(params, " ", ""), `rel="next"`) {
			continue
		}
		u, err := url.Parse(strings.Trim(strings.TrimSpace(target), "<>"))
		if err != nil || u.RawQuery == "" {
			return nil, errors.New("the link to the next page is none")
		}
		return u.Query(), nil
	}
	return nil, nil
}

// globalID reads the number at the end of a global id such as gid://gitlab/Ci::Build/7.
func globalID(id string) (kind string, number int64, err error) {
	rest, ok := strings.CutPrefix(id, "gid://gitlab/")
	kind, digits, whole := strings.Cut(rest, "/")
	number, bad := strconv.ParseInt(digits, 10, 64)
	if !ok || !whole || bad != nil || number <= 0 {
		return "", 0, fmt.Errorf("%.80q is no global id", id)
	}
	return kind, number, nil
}
