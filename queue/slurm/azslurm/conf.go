package azslurm

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Bounds of a configuration: Slurm's largest have some thousand lines.
const (
	maxConf     = 16 << 20 // bytes of one file
	maxIncludes = 100
)

// Conf is what slurm.conf and the files that it includes say.
type Conf struct {
	// Files are those that were read, in the order in which Slurm reads them.
	Files []string
	// Settings are the values by the key in lower case. Of a key that is given twice
	// Slurm takes the last.
	Settings map[string]string
	// Nodes, Partitions and Sets are the lines that begin with NodeName,
	// PartitionName and NodeSet.
	Nodes, Partitions, Sets []Line
}

// Line is a line of several keys, such as "NodeName=htc-[1-8] CPUs=4 State=CLOUD".
type Line struct {
	// Name is the value of the first key.
	Name string
	// Values are those of the others, by the key in lower case.
	Values map[string]string
}

// ReadConf reads a slurm.conf and all that it includes. Files that it includes lie in
// its folder unless they say otherwise.
func ReadConf(path string) (*Conf, error) {
	c := &Conf{Settings: make(map[string]string)}
	if err := c.read(path, filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("read Slurm's configuration: %w", err)
	}
	return c, nil
}

func (c *Conf) read(path, folder string) error {
	if slices.Contains(c.Files, path) || len(c.Files) == maxIncludes {
		return fmt.Errorf("%s: it is included once more, or more than %d files are", path, maxIncludes)
	}
	c.Files = append(c.Files, path)
	text, err := readFile(path, maxConf)
	if err != nil {
		return err
	}
	for number, line := range logicalLines(string(text)) {
		if err := c.line(line, folder); err != nil {
			return fmt.Errorf("%s:%d: %w", path, number, err)
		}
	}
	return nil
}

// readFile reads a file of at most so many bytes.
func readFile(path string, most int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > most {
		return nil, fmt.Errorf("%s: want a file of at most %d bytes", path, most)
	}
	return os.ReadFile(path)
}

// logicalLines are the lines that say something, by the number of their first, without
// comments and with those joined that end in a backslash.
func logicalLines(text string) func(yield func(int, string) bool) {
	return func(yield func(int, string) bool) {
		joined, first := "", 0
		number := 0
		for line := range strings.Lines(text) {
			number++
			if first == 0 {
				first = number
			}
			line = uncomment(strings.TrimRight(line, "\r\n"))
			if before, more := strings.CutSuffix(line, `\`); more {
				joined += before
				continue
			}
			if whole := strings.TrimSpace(joined + line); whole != "" && !yield(first, whole) {
				return
			}
			joined, first = "", 0
		}
		if whole := strings.TrimSpace(joined); whole != "" {
			yield(first, whole)
		}
	}
}

// uncomment cuts a line at the first # that no backslash stands before.
func uncomment(line string) string {
	for i := range len(line) {
		if line[i] == '#' && (i == 0 || line[i-1] != '\\') {
			return line[:i]
		}
	}
	return line
}

func (c *Conf) line(line, folder string) error {
	if word := strings.Fields(line)[0]; strings.EqualFold(word, "include") {
		path := unquoted(line[len(word):])
		if path == "" {
			return errors.New("an Include names no file")
		}
		if !filepath.IsAbs(path) {
			path = filepath.Join(folder, path)
		}
		return c.read(path, folder)
	}
	key, value, ok := strings.Cut(line, "=")
	key = strings.ToLower(strings.TrimSpace(key))
	if !ok || key == "" {
		return fmt.Errorf("%q is no Key=Value", shortened(line))
	}
	where := map[string]*[]Line{"nodename": &c.Nodes, "partitionname": &c.Partitions, "nodeset": &c.Sets}[key]
	if where == nil {
		c.Settings[key] = unquoted(value)
		return nil
	}
	l, err := lineOf(line)
	if err == nil {
		*where = append(*where, l)
	}
	return err
}

func unquoted(text string) string { return strings.Trim(strings.TrimSpace(text), `"`) }

// lineOf reads a line of several keys. Values with spaces are in quotes, and around an equals
// sign there may be spaces (tried on 22.05).
func lineOf(line string) (Line, error) {
	l := Line{Values: make(map[string]string)}
	first := true
	for rest := strings.TrimSpace(line); rest != ""; first = false {
		key, value, ok := strings.Cut(rest, "=")
		key = strings.ToLower(strings.TrimSpace(key))
		if !ok || key == "" || strings.ContainsAny(key, " \t\"") {
			return l, fmt.Errorf("%q is no Key=Value", shortened(rest))
		}
		value = strings.TrimSpace(value)
		end := valueEnd(value)
		if word := strings.Trim(value[:end], `"`); first {
			l.Name = word
		} else {
			l.Values[key] = word
		}
		rest = strings.TrimSpace(value[end:])
	}
	if l.Name == "" {
		return l, errors.New("it names nothing")
	}
	return l, nil
}

// valueEnd is where a value ends that a text begins with: at the first space that is not quoted.
func valueEnd(text string) int {
	quoted := false
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ' ' || c == '\t'):
			return i
		}
	}
	return len(text)
}

// shortened is the beginning of a text that is shown in an error.
func shortened(text string) string {
	const most = 60
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}
