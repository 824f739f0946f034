package slurm

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"runtime"
	"sync"
)

const (
	// maxLine bounds a line, in bytes: a job on thousands of nodes fits many times.
	maxLine = 4 << 20
	// partSize is how much text is read and cut at a time, in bytes.
	partSize = 512 << 10
)

// eachLine calls read for each line of at most maxLine bytes.
func eachLine(r io.Reader, read func(line []byte) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	n := 1
	for ; lines.Scan(); n++ {
		if n > maxRecords {
			return tooManyLines()
		}
		if err := read(lines.Bytes()); err != nil {
			return wrongLine(n, lines.Bytes(), err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("line %d: %w", n, err)
	}
	return nil
}

func tooManyLines() error { return fmt.Errorf("it has more than %d lines", maxRecords) }

func wrongLine(n int, line []byte, err error) error {
	line = line[:min(len(line), maxShown)]
	return fmt.Errorf("line %d, %s: %w", n, short(string(bytes.ReplaceAll(line, []byte{Separator}, []byte("|")))), err)
}

// part is some whole lines of a text.
type part struct {
	text []byte
	// before is how many lines come before it, and lines how many it has.
	before, lines int
}

// readParts reads a text to its end, cut where lines end. So the number of its records
// is known before the first is made, and several processors can share them.
func readParts(r io.Reader) (parts []part, lines int, err error) {
	var open []byte // of a line whose end is still to come
	for size, ended := 64<<10, false; !ended; size = partSize {
		text := make([]byte, len(open)+size)
		copy(text, open)
		n, err := io.ReadFull(r, text[len(open):])
		switch err {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			ended = true
		default:
			return nil, 0, fmt.Errorf("line %d: %w", lines+1, err)
		}
		text = text[:len(open)+n]
		whole := len(text)
		if !ended {
			whole = bytes.LastIndexByte(text, '\n') + 1
		}
		p := part{text: text[:whole], before: lines, lines: bytes.Count(text[:whole], []byte("\n"))}
		if whole > 0 && text[whole-1] != '\n' {
			p.lines++
		}
		if open = text[whole:]; len(open) > maxLine {
			return nil, 0, fmt.Errorf("line %d: %w", lines+p.lines+1, bufio.ErrTooLong)
		}
		if lines += p.lines; lines > maxRecords {
			return nil, 0, tooManyLines()
		}
		if p.lines > 0 {
			parts = append(parts, p)
		}
	}
	return parts, lines, nil
}

// each calls read for each line, with its number less one.
func (p part) each(read func(i int, line []byte) error) error {
	text := p.text
	for i := p.before; len(text) > 0; i++ {
		end := bytes.IndexByte(text, '\n')
		next := end + 1
		if end < 0 {
			end, next = len(text), len(text)
		}
		line := bytes.TrimSuffix(text[:end], []byte("\r"))
		if len(line) > maxLine {
			return fmt.Errorf("line %d: %w", i+1, bufio.ErrTooLong)
		}
		if err := read(i, line); err != nil {
			return wrongLine(i+1, line, err)
		}
		text = text[next:]
	}
	return nil
}

// shareOut lets all processors work on parts, each on some that follow one another, and
// gives the error of the first part that has one.
func shareOut(parts []part, work func([]part) error) error {
	workers := min(runtime.GOMAXPROCS(0), len(parts))
	failed := make([]error, workers)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() { failed[w] = work(parts[w*len(parts)/workers : (w+1)*len(parts)/workers]) })
	}
	all.Wait()
	for _, err := range failed {
		if err != nil {
			return err
		}
	}
	return nil
}
