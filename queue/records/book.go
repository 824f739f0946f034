package records

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"autoscaled/autoscale"
)

// Store keeps what must survive a restart: one text, written whole. It holds no secret.
type Store interface {
	// Load returns what Save wrote last, or nil.
	Load(ctx context.Context) ([]byte, error)
	// Save writes durably before it returns.
	Save(ctx context.Context, text []byte) error
}

// Book is the records of a queue's hosts, R being that of one: a struct whose exported
// fields are saved as JSON. A book is used under the lock of whoever has it.
type Book[R any] struct {
	Store Store
	// Name is what the records are of, in the store and in errors: runners.
	Name string
	// Check names the host of a record that was read, and refuses what can't be.
	Check func(r *R) (host string, err error)
	// ReadOnly: changes are never saved.
	ReadOnly bool
	// Records are by host in lower case; nil: they were not read yet. Who changes them in
	// place changes what is of this process alone.
	Records map[string]R
}

// Load reads the store, if that was not done. Its errors are ErrUnavailable or ErrMalformed
// of package autoscale.
func (b *Book[R]) Load(ctx context.Context) error {
	if b.Records != nil {
		return nil
	}
	text, err := b.Store.Load(ctx)
	if err != nil {
		return fmt.Errorf("read the records of %s: %w: %w", b.Name, err, autoscale.ErrUnavailable)
	}
	records, err := b.decode(text)
	if err != nil {
		return fmt.Errorf("read the records of %s: %w: %w", b.Name, err, autoscale.ErrMalformed)
	}
	b.Records = records
	return nil
}

// Commit changes a copy of the records, which are replaced by it once it is saved. It is
// saved only where change says that the change matters after a restart. If it can't be,
// the records stay as they were, and the error is as Load's.
func (b *Book[R]) Commit(ctx context.Context, change func(records map[string]R) (durable bool)) error {
	if err := b.Load(ctx); err != nil {
		return err
	}
	next := maps.Clone(b.Records)
	if change(next) && !b.ReadOnly {
		// What a call brought about is saved though its caller has gone.
		if err := b.Store.Save(context.WithoutCancel(ctx), b.encode(next)); err != nil {
			return fmt.Errorf("save the records of %s: %w: %w", b.Name, err, autoscale.ErrUnavailable)
		}
	}
	b.Records = next
	return nil
}

// Hosts lists, in order, the hosts of the records that are meant.
func (b *Book[R]) Hosts(meant func(r *R) bool) (hosts []string) {
	for _, host := range slices.Sorted(maps.Keys(b.Records)) {
		if r := b.Records[host]; meant(&r) {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// version is of the form in which the store has the records: an object of this number and
// of a list that is called as they are.
const version = 1

func (b *Book[R]) encode(records map[string]R) []byte {
	list := make([]R, 0, len(records))
	for _, host := range slices.Sorted(maps.Keys(records)) {
		list = append(list, records[host])
	}
	text, err := json.Marshal(list)
	if err != nil {
		panic("records of " + b.Name + " have no JSON form: " + err.Error()) // their type is at fault
	}
	return fmt.Appendf(nil, `{"version":%d,%q:%s}`, version, b.Name, text)
}

// decode reads what encode wrote. Whatever it does not understand is an error: a host
// forgotten might be one at work.
func (b *Book[R]) decode(text []byte) (map[string]R, error) {
	records := map[string]R{}
	if len(text) == 0 {
		return records, nil
	}
	list, err := b.list(text)
	if err != nil {
		return nil, err
	}
	for i := range list {
		host, err := b.Check(&list[i])
		if err != nil {
			return nil, err
		}
		host = strings.ToLower(host)
		if _, twice := records[host]; twice {
			return nil, fmt.Errorf("two records of %q", host)
		}
		records[host] = list[i]
	}
	return records, nil
}

// list is the records of a text of our version, which holds nothing else.
func (b *Book[R]) list(text []byte) (list []R, err error) {
	var form map[string]json.RawMessage
	if err := json.Unmarshal(text, &form); err != nil {
		return nil, err
	}
	if got := string(form["version"]); got != strconv.Itoa(version) {
		return nil, fmt.Errorf("they are of version %q, and this program knows %d", got, version)
	}
	saved, there := form[b.Name]
	if len(form) > 2 || len(form) == 2 && !there {
		return nil, errors.New("there is more than a version and " + b.Name)
	}
	if !there {
		return nil, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(saved))
	decoder.DisallowUnknownFields()
	return list, decoder.Decode(&list)
}
