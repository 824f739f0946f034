package journal

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	bolt "go.etcd.io/bbolt"

	"autoscaled/autoscale"
)

// exportVersion is the form of what Export writes.
const exportVersion = 1

// line is one line of an export: the kind says which fields are there.
type line struct {
	Kind string `json:"kind"` // journal, operation, memory, note, or end
	V    int    `json:"v,omitempty"`
	// Cluster and Record are of an operation, a memory or a note, which has a Name; the
	// record is as it is stored.
	Cluster string          `json:"cluster,omitempty"`
	Name    string          `json:"name,omitempty"`
	Record  json.RawMessage `json:"record,omitempty"`
	// Records is how many there were, at the end.
	Records int `json:"records,omitempty"`
}

// Entry is an operation with what the journal keeps beside it.
type Entry struct {
	Cluster   string
	Operation autoscale.Operation
	// Seq orders operations as they were first written.
	Seq uint64
	// History is how it came to its phase. Empty: an older daemon wrote it.
	History []Passage
}

// Contents are all records of a journal, of whatever cluster.
type Contents struct {
	// Entries in the order in which they were first written.
	Entries []Entry
	// Memories by the cluster's name.
	Memories map[string]autoscale.Memory
	// Notes counts those that there are.
	Notes int
}

// Export writes all records of all clusters as JSON lines: a first line with the
// version of this form, the operations in the order in which they were first
// written, the memories and notes by cluster, and a last line with their number. Equal
// journals give equal exports. All is read before anything is written, so a slow
// reader holds nothing up.
func (j *Journal) Export(ctx context.Context, out io.Writer) error {
	var lines []line
	err := j.view(ctx, func(tx *bolt.Tx) (err error) {
		if lines, err = operationLines(tx); err != nil {
			return err
		}
		if err := tx.Bucket(memoryBucket).ForEach(func(key, stored []byte) error {
			data, err := unseal(key, stored)
			lines = append(lines, line{Kind: "memory", Cluster: clusterOf(key), Record: bytes.Clone(data)})
			return err
		}); err != nil {
			return err
		}
		return eachNote(tx, func(key, stored []byte) error {
			data, err := unseal(key, stored)
			_, name, _ := strings.Cut(string(key), "\x00")
			lines = append(lines, line{Kind: "note", Cluster: clusterOf(key), Name: name, Record: bytes.Clone(data)})
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("export journal: %w", err)
	}
	count := len(lines)
	lines = slices.Concat([]line{{Kind: "journal", V: exportVersion}}, lines, []line{{Kind: "end", Records: count}})
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for i := range lines {
		if err := encoder.Encode(lines[i]); err != nil {
			return fmt.Errorf("export journal: %w", err)
		}
	}
	return nil
}

// operationLines are those of all operations in the order of their Seq.
func operationLines(tx *bolt.Tx) ([]line, error) {
	type sequenced struct {
		seq uint64
		line
	}
	var list []sequenced
	for _, name := range [][]byte{operationsBucket, finishedBucket} {
		err := tx.Bucket(name).ForEach(func(key, stored []byte) error {
			data, err := unseal(key, stored)
			if err != nil {
				return err
			}
			r, err := decodeOperation(data)
			list = append(list, sequenced{r.Seq, line{Kind: "operation", Cluster: clusterOf(key), Record: bytes.Clone(data)}})
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(list, func(a, b sequenced) int { return cmp.Compare(a.seq, b.seq) })
	lines := make([]line, len(list))
	for i := range list {
		lines[i] = list[i].line
	}
	return lines, nil
}

// clusterOf is the cluster whose name a key begins with.
func clusterOf(key []byte) string {
	name, _, _ := bytes.Cut(key, []byte{0})
	return string(name)
}

// ReadExport is the inverse of Export. Its errors wrap ErrCorrupt or ErrNewer, or are
// the reader's. An export that lacks its end is refused.
func ReadExport(in io.Reader) (Contents, error) {
	c := Contents{Memories: make(map[string]autoscale.Memory)}
	decoder := json.NewDecoder(in)
	for n := 0; ; n++ {
		var l line
		if err := decoder.Decode(&l); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return Contents{}, fmt.Errorf("read export, line %d: %w", n+1, err)
		}
		if n == 0 && l.Kind != "journal" {
			return Contents{}, fmt.Errorf("read export: %w: it does not begin as one", ErrCorrupt)
		}
		if l.V > exportVersion {
			return Contents{}, fmt.Errorf("read export: %w: version %d, this one reads up to %d", ErrNewer, l.V, exportVersion)
		}
		if l.Kind == "end" {
			if read := len(c.Entries) + len(c.Memories) + c.Notes; read != l.Records {
				return Contents{}, fmt.Errorf("read export: %w: %d records of %d", ErrCorrupt, read, l.Records)
			}
			return c, nil
		}
		if err := c.add(l); err != nil {
			return Contents{}, fmt.Errorf("read export, line %d: %w", n+1, err)
		}
	}
}

// add takes one record. Lines of other kinds say nothing about records.
func (c *Contents) add(l line) error {
	switch l.Kind {
	case "operation":
		r, err := decodeOperation(l.Record)
		if err != nil {
			return err
		}
		c.Entries = append(c.Entries, Entry{Cluster: l.Cluster, Operation: r.operation(), Seq: r.Seq, History: r.History})
	case "memory":
		m, err := decodeMemory(l.Record)
		if err != nil {
			return err
		}
		c.Memories[l.Cluster] = m
	case "note":
		c.Notes++
	}
	return nil
}
