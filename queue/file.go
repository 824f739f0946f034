package queue

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"autoscaled/autoscale"
)

// DefaultMaxBytes bounds a document: a million jobs fit, and a command that never
// stops talking does not cost the daemon its memory.
const DefaultMaxBytes = 256 << 20

// FileOptions says which file to read.
type FileOptions struct {
	// Path of the document. A symbolic link is followed each time.
	Path string
	// MaxBytes bounds the document; 0 means DefaultMaxBytes.
	MaxBytes int64
	// MaxAge is how old the file may be before it is taken for abandoned by
	// whoever writes it, and demand for unknown. 0: any age.
	MaxAge time.Duration
}

// File is a demand document in a file. It is safe for concurrent use.
//
// The file is parsed again only when it has changed. Whoever writes it should
// write a new file beside it and rename that over it: a reader then never sees
// half of a document. Half of a JSON document is an error here in any case;
// half of a YAML document may look like a whole one.
type File struct {
	options FileOptions
	now     func() time.Time

	mu     sync.Mutex
	seen   fileState // of the file that demand is from; the zero value: none
	demand autoscale.Demand
}

// NewFile makes the source. The file itself may be missing until it is read.
func NewFile(o FileOptions) (*File, error) {
	switch {
	case o.Path == "":
		return nil, errors.New("queue file: the path is missing")
	case o.MaxBytes < 0 || o.MaxAge < 0:
		return nil, fmt.Errorf("queue file %s: a bound is negative", o.Path)
	case o.MaxBytes == 0:
		o.MaxBytes = DefaultMaxBytes
	}
	return &File{options: o, now: time.Now}, nil
}

// Demand reads the file, or returns what was read if it has not changed since.
// The answers share maps and slices: they must not be changed.
func (f *File) Demand(ctx context.Context) (autoscale.Demand, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	demand, err := f.read(ctx)
	if err != nil {
		f.seen, f.demand = fileState{}, autoscale.Demand{}
		if _, ok := errors.AsType[*DocumentError](err); ok {
			return autoscale.Demand{}, err
		}
		return autoscale.Demand{}, &sourceError{"read queue file", fileKind(err), err}
	}
	return demand, nil
}

func (f *File) read(ctx context.Context) (autoscale.Demand, error) {
	if err := ctx.Err(); err != nil {
		return autoscale.Demand{}, err
	}
	info, err := os.Stat(f.options.Path)
	if err != nil {
		return autoscale.Demand{}, err
	}
	if !info.Mode().IsRegular() {
		return autoscale.Demand{}, fmt.Errorf("%s is not a regular file", f.options.Path)
	}
	if age := f.now().Sub(info.ModTime()); f.options.MaxAge > 0 && age > f.options.MaxAge {
		return autoscale.Demand{}, fmt.Errorf("%s was last written %s ago (limit %s)",
			f.options.Path, age.Round(time.Second), f.options.MaxAge)
	}
	if f.seen != (fileState{}) && f.seen == stateOf(info) {
		return f.demand, nil
	}
	data, state, err := f.content()
	if err != nil {
		return autoscale.Demand{}, err
	}
	demand, err := Parse(data, f.options.Path)
	if err != nil {
		return autoscale.Demand{}, err
	}
	f.seen, f.demand = state, demand
	if f.now().Sub(info.ModTime()) < settleTime {
		f.seen = fileState{} // it may change again without looking changed
	}
	return demand, nil
}

// settleTime is longer than the steps of any file system's clock (FAT has two
// seconds): a file that was written within it may be written once more and keep
// its size and times.
const settleTime = 3 * time.Second

// content reads a file that nobody writes meanwhile.
func (f *File) content() ([]byte, fileState, error) {
	file, err := os.Open(f.options.Path)
	if err != nil {
		return nil, fileState{}, err
	}
	defer file.Close()
	before, err := file.Stat()
	if err != nil {
		return nil, fileState{}, err
	}
	data, err := readBounded(file, f.options.MaxBytes)
	if err != nil {
		return nil, fileState{}, err
	}
	if err := checkSize(f.options.Path, len(data), f.options.MaxBytes); err != nil {
		return nil, fileState{}, err
	}
	after, err := file.Stat()
	if err != nil {
		return nil, fileState{}, err
	}
	if stateOf(before) != stateOf(after) || after.Size() != int64(len(data)) {
		return nil, fileState{}, fmt.Errorf("%s changed while it was read", f.options.Path)
	}
	return data, stateOf(after), nil
}

// readBounded reads one byte more than allowed at most.
func readBounded(r io.Reader, most int64) ([]byte, error) {
	return io.ReadAll(io.LimitReader(r, most+1))
}

// fileState tells one content of a file from another without reading it.
type fileState struct {
	modified, changed int64 // nanoseconds since 1970; changed also moves when modified is set back
	size              int64
	device, inode     uint64
}
