package slurm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"autoscaled/autoscale"
)

// maxRecords bounds how many records an answer may have. Slurm's own bound on jobs,
// MaxJobCount, is 10,000 by default.
const maxRecords = 2_000_000

// syntax is what is forgiven: names given twice, the last one counting, and bytes that
// aren't UTF-8, since users name jobs as they like.
var syntax = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// ErrAnswer is an answer of Slurm's that can't be used: it is not what its
// documentation promises, or tells of an error. It is never taken for an empty list.
var ErrAnswer = fmt.Errorf("slurm's answer can't be used: %w", autoscale.ErrUnavailable)

// ReadJobs reads what squeue --json, scontrol show job --json and the REST service's
// /jobs answer. It reads both generations of it, value by value: the plain numbers and
// words of Slurm 22.05, and what data_parser plugins write since 23.02, with
// {set, infinite, number} for numbers and lists for states. Members it doesn't know are
// skipped. An error is [ErrAnswer] and tells of the job and what was read.
func ReadJobs(r io.Reader) ([]Job, error) {
	a, err := readAnswer(r, jobRecords)
	return a.list, err
}

// ReadNodes reads what scontrol show node --json and the REST service's /nodes answer,
// and what sinfo --json did up to Slurm 22.05. Otherwise it is as [ReadJobs].
func ReadNodes(r io.Reader) ([]Node, error) {
	a, err := readAnswer(r, nodeRecords)
	return a.list, err
}

// ReadPartitions reads what scontrol show partition --json and the REST service's
// /partitions answer since 23.11. What came before does not tell whether jobs share
// nodes, and is refused. Otherwise it is as [ReadJobs].
func ReadPartitions(r io.Reader) ([]Partition, error) {
	a, err := readAnswer(r, partitionRecords)
	return a.list, err
}

// recordKind is a kind of records: the member of an answer that lists them, and how one
// is read, told of and checked.
type recordKind[T any] struct {
	key      string
	fields   fields[T]
	describe func(*T) string
	check    func(*T) error
}

var (
	jobRecords       = recordKind[Job]{"jobs", jobFields, func(j *Job) string { return fmt.Sprintf("job_id %d", j.ID) }, checkJob}
	nodeRecords      = recordKind[Node]{"nodes", nodeFields, func(n *Node) string { return fmt.Sprintf("name %q", n.Name) }, checkNode}
	partitionRecords = recordKind[Partition]{"partitions", partitionFields, func(p *Partition) string { return fmt.Sprintf("name %q", p.Name) }, checkPartition}
)

// answered is what an answer tells.
type answered[T any] struct {
	list []T
	// updated is the controller's time, in seconds of Unix time, to be asked for what
	// changed since. 0: nothing changed since the time that was asked for. -1: not told.
	updated int64
}

func checkJob(j *Job) error {
	switch {
	case j.ID <= 0:
		return errors.New("it has no job_id")
	case j.State == "":
		return errors.New("it has no job_state")
	}
	return nil
}

func checkNode(n *Node) error {
	switch {
	case n.Name == "":
		return errors.New("it has no name")
	case n.State == "":
		return errors.New("it has no state")
	}
	return nil
}

// fields read the members of a record by their names.
type fields[T any] map[string]func(d *decoder, t *T) error

// readAnswer reads the records of a kind.
func readAnswer[T any](r io.Reader, k recordKind[T]) (answered[T], error) {
	d := &decoder{Decoder: jsontext.NewDecoder(r, syntax), words: make(map[string]string)}
	a, err := answer(d, k)
	if err != nil {
		return answered[T]{}, fmt.Errorf("read %s: %w: %w", k.key, ErrAnswer, err)
	}
	return a, nil
}

func answer[T any](d *decoder, k recordKind[T]) (answered[T], error) {
	var (
		a     = answered[T]{updated: -1}
		found bool
		told  error
	)
	err := d.members(func(name string) (err error) {
		switch name {
		case k.key:
			found = true
			a.list, err = records(d, k)
		case "errors":
			told, err = d.errors()
		case "last_update":
			a.updated, err = d.number()
		default:
			err = d.SkipValue()
		}
		return err
	})
	if err == nil {
		_, err = d.ReadToken()
		if err == nil {
			err = errors.New("more follows after its end")
		} else if err == io.EOF {
			err = nil
		}
	}
	switch {
	case told != nil:
		return a, told
	case err != nil:
		return a, err
	case !found:
		return a, fmt.Errorf("it has no %s", k.key)
	}
	return a, nil
}

// records reads a list of records. The first that is wrong ends it.
func records[T any](d *decoder, k recordKind[T]) ([]T, error) {
	list := make([]T, 0, 64)
	err := d.elements("a list", func() error {
		if len(list) == maxRecords {
			return fmt.Errorf("it has more than %d records", maxRecords)
		}
		var one T
		wrong, err := record(d, k.fields, &one)
		if err == nil {
			err = wrong
			if err == nil {
				err = k.check(&one)
			}
		}
		if err != nil {
			return fmt.Errorf("record %d (%s): %w", len(list)+1, k.describe(&one), err)
		}
		list = append(list, one)
		return nil
	})
	return list, err
}

// record reads one record to its end, so that what is wrong in it can be told with its
// id, wherever that is.
func record[T any](d *decoder, known fields[T], t *T) (wrong, err error) {
	err = d.members(func(name string) error {
		read := known[name]
		if read == nil {
			return d.SkipValue()
		}
		bad := read(d, t)
		var value *valueError
		if !errors.As(bad, &value) {
			return bad
		}
		if wrong == nil {
			wrong = fmt.Errorf("%s: %w", name, bad)
		}
		return nil
	})
	return wrong, err
}

// decoder reads values of either generation.
type decoder struct {
	*jsontext.Decoder
	// words are texts that were read before: most jobs have the same ones.
	words map[string]string
}

// valueError is a value of another type than the one expected. It was read to its end.
type valueError struct{ text string }

func (e *valueError) Error() string { return e.text }

func unexpected(want string, got jsontext.Value) error {
	return &valueError{fmt.Sprintf("want %s, not %s", want, short(string(got)))}
}

// members calls read for each member of an object.
func (d *decoder) members(read func(name string) error) error {
	if d.PeekKind() != '{' {
		return d.wrong("an object")
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for d.PeekKind() == '"' {
		raw, err := d.ReadValue()
		if err != nil {
			return err
		}
		name, err := d.unquote(raw)
		if err != nil {
			return err
		}
		if err := read(name); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

// elements calls read for each element of a list.
func (d *decoder) elements(want string, read func() error) error {
	if d.PeekKind() != '[' {
		return d.wrong(want)
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for d.PeekKind() != ']' {
		if err := read(); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

// wrong reads a value that isn't what was wanted.
func (d *decoder) wrong(want string) error {
	raw, err := d.ReadValue()
	if err != nil {
		return err
	}
	return unexpected(want, raw)
}

// errors reads what the service says went wrong; told is nil where that is nothing.
func (d *decoder) errors() (told, err error) {
	raw, err := d.ReadValue()
	if err != nil {
		return nil, err
	}
	switch text := bytes.Join(bytes.Fields(raw), []byte(" ")); {
	case raw.Kind() == 'n', bytes.Equal(text, []byte("[]")), bytes.Equal(text, []byte("[ ]")):
		return nil, nil
	default:
		return fmt.Errorf("it tells of errors: %.300s", text), nil
	}
}

// maxWords bounds the texts that are kept to be shared.
const maxWords = 1 << 16

// unquote reads a text; equal ones share their memory.
func (d *decoder) unquote(raw jsontext.Value) (string, error) {
	text := []byte(raw)
	if bytes.IndexByte(text, '\\') < 0 {
		text = text[1 : len(text)-1]
	} else {
		plain, err := jsontext.AppendUnquote(nil, text)
		if err != nil {
			return "", err
		}
		text = plain
	}
	if word, known := d.words[string(text)]; known {
		return word, nil
	}
	word := strings.ToValidUTF8(string(text), "\uFFFD")
	if len(d.words) < maxWords {
		d.words[word] = word
	}
	return word, nil
}

// text reads a text. null is the empty one, and a list is its texts with separator
// between.
func (d *decoder) text(separator string) (string, error) {
	switch d.PeekKind() {
	case 'n':
		return "", d.SkipValue()
	case '[':
		return d.texts(separator)
	}
	raw, err := d.ReadValue()
	switch {
	case err != nil:
		return "", err
	case raw.Kind() != '"':
		return "", unexpected("a text", raw)
	}
	return d.unquote(raw)
}

func (d *decoder) texts(separator string) (string, error) {
	var (
		words []string
		wrong error
	)
	err := d.elements("a list of texts", func() error {
		raw, err := d.ReadValue()
		if err != nil {
			return err
		}
		if raw.Kind() != '"' {
			wrong = unexpected("a text", raw)
			return nil
		}
		word, err := d.unquote(raw)
		words = append(words, word)
		return err
	})
	if err != nil || wrong != nil || len(words) == 0 {
		return "", errors.Join(err, wrong)
	}
	if len(words) == 1 {
		return words[0], nil
	}
	joined := strings.Join(words, separator)
	if word, known := d.words[joined]; known {
		return word, nil
	}
	if len(d.words) < maxWords {
		d.words[joined] = joined
	}
	return joined, nil
}

// number reads a whole number: plain, null, or {set, infinite, number}. One that is
// not set, or infinite, is 0.
func (d *decoder) number() (int64, error) {
	switch d.PeekKind() {
	case 'n':
		return 0, d.SkipValue()
	case '{':
		return d.numberObject()
	}
	raw, err := d.ReadValue()
	if err != nil {
		return 0, err
	}
	return wholeNumber(raw)
}

// numberObject reads {set, infinite, number}.
func (d *decoder) numberObject() (n int64, err error) {
	var (
		set, infinite, given bool
		wrong                error
	)
	err = d.members(func(name string) error {
		raw, err := d.ReadValue()
		if err != nil {
			return err
		}
		var bad error
		switch name {
		case "set":
			set, bad = truth(raw)
		case "infinite":
			infinite, bad = truth(raw)
		case "number":
			given = true
			n, bad = wholeNumber(raw)
		}
		if wrong == nil {
			wrong = bad
		}
		return nil
	})
	switch {
	case err != nil:
		return 0, err
	case wrong != nil:
		return 0, wrong
	case infinite || !set && given:
		return 0, nil
	case !given:
		return 0, &valueError{"want a number, not an object without one"}
	}
	return n, nil
}

func truth(raw jsontext.Value) (bool, error) {
	if k := raw.Kind(); k != 't' && k != 'f' {
		return false, unexpected("true or false", raw)
	}
	return raw.Kind() == 't', nil
}

func wholeNumber(raw jsontext.Value) (int64, error) {
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		return 0, unexpected("a whole number", raw)
	}
	return n, nil
}

// flag reads true or false; null is false.
func (d *decoder) flag() (bool, error) {
	raw, err := d.ReadValue()
	if err != nil || raw.Kind() == 'n' {
		return false, err
	}
	return truth(raw)
}
