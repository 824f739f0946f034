package slurm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"autoscaled/autoscale"
)

// maxRecords bounds how many records an answer may have. Slurm's own bound on jobs,
// MaxJobCount, is 10,000 by default.
const maxRecords = 2_000_000

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
	d := newDecoder(r)
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
			_, err = d.value()
		}
		return err
	})
	if err == nil {
		err = d.end()
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
	var (
		full   [][]T
		last   = make([]T, 0, 64)
		count  int
		reader = recordReader[T]{fields: k.fields}
	)
	err := d.elements("a list", func() error {
		if count++; count > maxRecords {
			return fmt.Errorf("it has more than %d records", maxRecords)
		}
		if len(last) == cap(last) { // a list that grew would be copied again and again
			full, last = append(full, last), make([]T, 0, 4096)
		}
		last = append(last, *new(T))
		one := &last[len(last)-1]
		wrong, err := reader.read(d, one)
		if err == nil {
			err = wrong
			if err == nil {
				err = k.check(one)
			}
		}
		if err != nil {
			return fmt.Errorf("record %d (%s): %w", count, k.describe(one), err)
		}
		return nil
	})
	if err != nil || len(full) == 0 {
		return last, err
	}
	return slices.Concat(append(full, last)...), nil
}

// recordReader reads records that are alike: it expects of each the members that others
// had, in their order, and those that nobody wants to know as they were. So most of a
// record is only compared.
type recordReader[T any] struct {
	fields  fields[T]
	members []member[T]
	place   map[string]int // among members, by name as it is written
	next    int            // of members: the one that is expected
}

// member is one that records have.
type member[T any] struct {
	name []byte // as it is written, quotes included
	read func(*decoder, *T) error
	rest []byte // of one that is not read: all that came after its name
	seen seen   // of one that is read
}

const (
	// maxRest bounds what is kept to be compared, in bytes: what is long differs.
	maxRest = 512
	// maxMembers bounds how many are known by name. Slurm has some 130.
	maxMembers = 1024
)

// read reads one record to its end, so that what is wrong in it can be told with its
// id, wherever that is.
func (k *recordReader[T]) read(d *decoder, t *T) (wrong, err error) {
	if d.peek() != '{' {
		return nil, d.wrong("an object")
	}
	d.pos++
	if d.peek() == '}' {
		d.pos++
		return nil, nil
	}
	k.next = 0
	for {
		bad, err := k.member(d, t)
		if err != nil {
			return wrong, err
		}
		if wrong == nil {
			wrong = bad
		}
		if more, err := d.more('}'); !more {
			return wrong, err
		}
	}
}

// member reads the member that comes next.
func (k *recordReader[T]) member(d *decoder, t *T) (wrong, err error) {
	m, err := k.name(d)
	if err != nil {
		return nil, err
	}
	if m.read == nil {
		return nil, m.skip(d.scanner)
	}
	if err := d.take(':'); err != nil {
		return nil, err
	}
	d.seen = &m.seen
	bad := m.read(d, t)
	d.seen = nil
	if _, ok := errors.AsType[*valueError](bad); ok {
		return fmt.Errorf("%s: %w", d.unquote(m.name), bad), nil
	}
	return nil, bad
}

// name goes past a member's name and tells which it is.
func (k *recordReader[T]) name(d *decoder) (*member[T], error) {
	if d.peek() != '"' {
		return nil, d.unexpected()
	}
	if k.next < len(k.members) && bytes.HasPrefix(d.buf[d.pos:], k.members[k.next].name) {
		m := &k.members[k.next]
		d.pos += len(m.name)
		k.next++
		return m, nil
	}
	raw, err := d.value()
	if err != nil {
		return nil, err
	}
	if at, known := k.place[string(raw)]; known {
		k.next = at + 1
		return &k.members[at], nil
	}
	m := member[T]{name: bytes.Clone(raw), read: k.fields[d.unquote(raw)]}
	if len(k.members) == maxMembers {
		return &m, nil
	}
	if k.place == nil {
		k.place = make(map[string]int)
	}
	k.place[string(m.name)] = len(k.members)
	k.members = append(k.members, m)
	k.next = len(k.members)
	return &k.members[k.next-1], nil
}

// skip goes past a colon and a value.
func (m *member[T]) skip(s *scanner) error {
	if s.same(m.rest) {
		return nil
	}
	from := s.base + int64(s.pos)
	if err := s.take(':'); err != nil {
		return err
	}
	if _, err := s.value(); err != nil {
		return err
	}
	m.rest = m.rest[:0]
	if from >= s.base && s.base+int64(s.pos)-from <= maxRest { // else it is out of view, or long
		m.rest = append(m.rest, s.buf[from-s.base:s.pos]...)
	}
	return nil
}
