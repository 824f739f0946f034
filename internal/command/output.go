package command

import (
	"fmt"
	"os"
	"strings"
	"time"
	"unicode"
)

// lingerTime is how long an output is still read after its program has ended
// while something else keeps it open, such as a connection that ssh shares.
const lingerTime = 500 * time.Millisecond

// output is a pipe that a program writes to. It is not exec.Cmd's own, whose
// Wait would last as long as any process holds the other end.
type output struct {
	reader, writer *os.File
	done           chan struct{}
}

func newOutput() (*output, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	return &output{reader: r, writer: w, done: make(chan struct{})}, nil
}

func (o *output) close() {
	o.writer.Close()
	o.reader.Close()
}

// read hands on what is written from now on. It closes our copy of the writing
// end, which the started program has inherited.
func (o *output) read(add func([]byte)) {
	o.writer.Close()
	go func() {
		defer close(o.done)
		buffer := make([]byte, 64<<10)
		for {
			n, err := o.reader.Read(buffer)
			add(buffer[:n])
			if err != nil {
				return
			}
		}
	}()
}

// finish waits for the rest of the output.
func (o *output) finish() {
	// Pipes can have deadlines; without one a wait could only last longer.
	_ = o.reader.SetReadDeadline(time.Now().Add(lingerTime))
	<-o.done
}

// pieceSize is the size of the pieces in which an output is kept, in bytes: a list of
// them grows without being copied.
const pieceSize = 256 << 10

// pieces keep what is added, as long as it is not more than it may be.
type pieces struct {
	list [][]byte
	left int64  // bytes still allowed; negative: it was too long
	full func() // called when it is too long
}

func (p *pieces) add(part []byte) {
	if p.left < 0 {
		return
	}
	if p.left -= int64(len(part)); p.left < 0 {
		p.list = nil
		p.full()
		return
	}
	for len(part) > 0 {
		last := len(p.list) - 1
		if last < 0 || len(p.list[last]) == cap(p.list[last]) {
			size := pieceSize
			if last < 0 {
				size = max(len(part), 4<<10) // most answers are short
			}
			p.list = append(p.list, make([]byte, 0, size))
			last++
		}
		n := min(len(part), cap(p.list[last])-len(p.list[last]))
		p.list[last] = append(p.list[last], part[:n]...)
		part = part[n:]
	}
}

// maxTail bounds what is kept of standard error, in bytes.
const maxTail = 1 << 10

// tail keeps the end of what is added.
type tail struct {
	text []byte
	cut  bool
}

func (t *tail) add(part []byte) {
	t.text = append(t.text, part...)
	if more := len(t.text) - maxTail; more > 0 {
		t.text, t.cut = append(t.text[:0], t.text[more:]...), true
	}
}

// line is the tail on one line.
func (t *tail) line() string {
	line := strings.Join(strings.FieldsFunc(strings.ToValidUTF8(string(t.text), "\uFFFD"), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
	if t.cut && line != "" {
		line = "…" + line
	}
	return line
}
