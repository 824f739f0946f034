package queue

import (
	"fmt"
	"strings"

	"autoscaled/autoscale"
)

// maxMistakes is how many mistakes of one document are told.
const maxMistakes = 20

// Mistake is one thing wrong with a document.
type Mistake struct {
	// Line from 1; 0 where it is about the whole text.
	Line int
	// Where is the field's place, such as "jobs[2].cores (job 4711)". Empty:
	// the document itself.
	Where string
	// What is the rest of the sentence.
	What string
}

// String is the sentence: line, place, what.
func (m Mistake) String() string {
	var b strings.Builder
	if m.Line > 0 {
		fmt.Fprintf(&b, "line %d: ", m.Line)
	}
	if m.Where != "" {
		b.WriteString(m.Where + ": ")
	}
	b.WriteString(m.What)
	return b.String()
}

// DocumentError tells everything that is wrong with a document, in the order of
// its lines. It is autoscale.ErrMalformed.
type DocumentError struct {
	// Name of the document: a path, an address, a command.
	Name string
	// Mistakes are the first 20.
	Mistakes []Mistake
	// More is how many mistakes are not listed.
	More int
}

// Error is one line for one mistake, and a list for several.
func (e *DocumentError) Error() string {
	name := e.Name
	if name == "" {
		name = "queue document"
	}
	if len(e.Mistakes) == 1 {
		return name + ": " + e.Mistakes[0].String()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d mistakes:", name, len(e.Mistakes)+e.More)
	for _, m := range e.Mistakes {
		b.WriteString("\n  " + m.String())
	}
	if e.More > 0 {
		fmt.Fprintf(&b, "\n  and %d more", e.More)
	}
	return b.String()
}

// Is matches autoscale.ErrMalformed.
func (e *DocumentError) Is(target error) bool { return target == autoscale.ErrMalformed }

// otherNames are what people write who think of another program's words.
var otherNames = map[string]string{
	"name": "id", "job_id": "id", "jobid": "id",
	"cpus": "cores", "cpu": "cores", "vcpus": "cores", "slots": "cores",
	"mem": "memory", "ram": "memory", "gres": "resources", "custom": "resources",
	"queue": "nodearray", "partition": "nodearray", "vm_size": "machine_type", "size": "machine_type",
	"start": "earliest_start", "begin": "earliest_start", "after": "depends_on", "dependency": "depends_on",
	"runtime": "expected_runtime", "walltime": "expected_runtime", "time_limit": "expected_runtime",
	"hostname": "host", "node": "host", "licenses": "licences", "submit_time": "submitted", "hold": "held",
}

// nearest is the known key most like a wrong one, or "" if none is near.
func nearest(wrong string, known []string) string {
	wrong = strings.ToLower(strings.ReplaceAll(wrong, "-", "_"))
	if len(wrong) > 40 {
		return ""
	}
	best, least := "", max(1, min(3, len(wrong)/3))+1
	for _, key := range known {
		if key == otherNames[wrong] {
			return key
		}
		if d := distance(wrong, key); d < least {
			best, least = key, d
		}
	}
	return best
}

// distance is Levenshtein's: how many letters must be changed, added or taken.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
