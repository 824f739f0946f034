package pbs

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
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

// record is a vnode that is ours to delete once its VM is gone. It is written before the
// vnode is made. A vnode of which there is none is never deleted.
type record struct {
	Host string           `json:"host"` // the vnode's name
	Node autoscale.NodeID `json:"node"` // CycleCloud's id: what ccnodeid is set to
}

func (r *record) key() string { return strings.ToLower(r.Host) }

// savedRecords is the form in which the store has them.
type savedRecords struct {
	Version int      `json:"version"`
	Hosts   []record `json:"hosts"`
}

// savedVersion is of savedRecords.
const savedVersion = 1

func encodeRecords(records map[string]record) []byte {
	saved := savedRecords{Version: savedVersion, Hosts: slices.SortedFunc(maps.Values(records), func(a, b record) int { return cmp.Compare(a.key(), b.key()) })}
	text, err := json.Marshal(saved)
	if err != nil { // texts and lists of them always have a JSON form
		panic("pbs: records have no JSON form: " + err.Error())
	}
	return text
}

func decodeRecords(text []byte) (map[string]record, error) {
	records := make(map[string]record)
	if len(bytes.TrimSpace(text)) == 0 {
		return records, nil
	}
	var saved savedRecords
	if err := json.Unmarshal(text, &saved); err != nil {
		return nil, err
	}
	if saved.Version != savedVersion {
		return nil, fmt.Errorf("they are of version %d, and this program knows %d", saved.Version, savedVersion)
	}
	for _, r := range saved.Hosts {
		if r.Host == "" || r.Node == "" {
			return nil, errors.New("one of them names no host or no node")
		}
		records[r.key()] = r
	}
	return records, nil
}

// load reads the store once; the caller holds the lock.
func (s *Source) load(ctx context.Context) error {
	if s.records != nil {
		return nil
	}
	text, err := s.Store.Load(ctx)
	if err != nil {
		return fmt.Errorf("read the records of vnodes: %w: %w", err, autoscale.ErrUnavailable)
	}
	records, err := decodeRecords(text)
	if err != nil {
		return fmt.Errorf("read the records of vnodes: %w: %w", err, autoscale.ErrMalformed)
	}
	s.records = records
	return nil
}

// commit changes records durably. If they can't be saved, they stay as they were.
func (s *Source) commit(ctx context.Context, change func(records map[string]record)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.load(ctx); err != nil {
		return err
	}
	next := maps.Clone(s.records)
	change(next)
	if maps.Equal(next, s.records) {
		return nil
	}
	if err := s.Store.Save(context.WithoutCancel(ctx), encodeRecords(next)); err != nil {
		return fmt.Errorf("save the records of vnodes: %w: %w", err, autoscale.ErrUnavailable)
	}
	s.records = next
	return nil
}

// all are the records by the vnodes' names in lower case.
func (s *Source) all(ctx context.Context) (map[string]record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.load(ctx); err != nil {
		return nil, err
	}
	return maps.Clone(s.records), nil
}
