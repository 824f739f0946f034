package pbs

import (
	"context"
	"errors"
	"maps"
	"strings"

	"autoscaled/autoscale"
	"autoscaled/queue/records"
)

// record is a vnode that is ours to delete once its VM is gone. It is written before the
// vnode is made. A vnode of which there is none is never deleted.
type record struct {
	Host string           `json:"host"` // the vnode's name
	Node autoscale.NodeID `json:"node"` // CycleCloud's id: what ccnodeid is set to
}

func (r *record) key() string { return strings.ToLower(r.Host) }

func newBook(o Options) records.Book[record] {
	return records.Book[record]{Store: o.Store, Name: "hosts", Check: (*record).check}
}

// check refuses a record that was read and can't be.
func (r *record) check() (host string, err error) {
	if r.Host == "" || r.Node == "" {
		return "", errors.New("one of them names no host or no node")
	}
	return r.Host, nil
}

// commit changes records durably. If they can't be saved, they stay as they were.
func (s *Source) commit(ctx context.Context, change func(next map[string]record)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.book.Commit(ctx, func(next map[string]record) (durable bool) {
		change(next)
		return !maps.Equal(next, s.book.Records)
	})
}

// all are the records by the vnodes' names in lower case.
func (s *Source) all(ctx context.Context) (map[string]record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.book.Load(ctx); err != nil {
		return nil, err
	}
	return maps.Clone(s.book.Records), nil
}
