package pbs

import (
	"errors"
	"fmt"
	"io"

	"autoscaled/autoscale"
)

// form is how a command's output is laid out.
type form int

const (
	jsonForm form = iota
	textForm
)

// listing says what an output lists: the key of the objects in JSON, and what stands
// before each one's name in text.
type listing struct{ key, header string }

var (
	listOfJobs    = listing{"Jobs", "Job Id: "}
	listOfQueues  = listing{"Queue", "Queue: "}
	listOfServers = listing{"Server", "Server: "}
	listOfNodes   = listing{"nodes", ""}
)

// read tells the attributes of all listed objects, object by object. An object without
// any attribute is told with an empty one in text, and not at all in JSON.
func (l listing) read(r io.Reader, f form, visit func(object, attribute, resource, value []byte)) error {
	if f == textForm {
		return malformed(readText(r, l.header, visit))
	}
	head := false
	err := readDocument(r, func(path [][]byte, value []byte) {
		switch {
		case len(path) == 1:
			head = head || string(path[0]) == "pbs_version" || string(path[0]) == "timestamp"
		case len(path) == 3 && string(path[0]) == l.key:
			visit(path[1], path[2], nil, value)
		case len(path) == 4 && string(path[0]) == l.key:
			visit(path[1], path[2], path[3], value)
		}
	})
	if err == nil && !head {
		err = errors.New("is no document of PBS's: it has neither timestamp nor pbs_version")
	}
	return malformed(err)
}

// malformed makes an error of an output what it means.
func malformed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("the output %w: %w", err, autoscale.ErrMalformed)
}

// words keeps one copy of each text that many objects have, as far as these are few.
type words map[string]string

// maxWords bounds how many texts are kept.
const maxWords = 1 << 16

func (w words) text(b []byte) string {
	if s, known := w[string(b)]; known {
		return s
	}
	s := string(b)
	if len(w) < maxWords {
		w[s] = s
	}
	return s
}
