package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFile bounds a config, in bytes.
const maxFile = 1 << 20

// Load reads and checks a config, and the price files and scripts that it names. All mistakes of the file and the environment
// are told at once, as [Problems]; then there is no config.
func Load(path string) (*Config, error) {
	text, err := readFile(path, maxFile)
	if err != nil {
		return nil, Problems{{File: path, What: err.Error()}}
	}
	return parseFile(path, text, (*source).named)
}

// named reads the files that belong to the policy.
func (s *source) named(c *Config) {
	s.prices(c)
	s.scripts(c)
}

func readFile(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, short(err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	switch {
	case err != nil:
		return nil, short(err)
	case int64(len(text)) > most:
		return nil, fmt.Errorf("is longer than %d MiB", most>>20)
	}
	return text, nil
}

// short drops operation and path, which the problem tells already.
func short(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// Parse is Load on the text of a file, price files left out; path is its name in problems, and its
// folder is where relative paths start.
func Parse(path string, text []byte) (*Config, error) {
	return parseFile(path, text, nil)
}

// parseFile looks for mistakes of one more kind if more is not nil.
func parseFile(path string, text []byte, more func(*source, *Config)) (*Config, error) {
	s := &source{file: path, lines: map[string]int{}, env: map[string]string{}, bad: map[string]bool{}}
	file := map[string]any{}
	if top := s.document(text); top != nil {
		file = s.section(&root, top, "", false)
	}
	if len(s.problems) > 0 && len(file) == 0 {
		return nil, s.problems.err() // there is nothing more to look at
	}
	cfg, err := s.merge(file)
	if err != nil {
		return nil, append(s.problems, Problem{File: path, What: err.Error()}).err()
	}
	cfg.resolve(filepath.Dir(path))
	s.validate(cfg)
	if more != nil {
		more(s, cfg)
	}
	if len(s.problems) > 0 {
		return nil, s.problems.err()
	}
	return cfg, nil
}

// document finds the one map that a file must be.
func (s *source) document(text []byte) *yaml.Node {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var doc yaml.Node
	err := decoder.Decode(&doc)
	switch {
	case errors.Is(err, io.EOF):
		s.wrong("", 0, "is empty", "")
		return nil
	case err != nil:
		s.syntax(err)
		return nil
	}
	var second yaml.Node
	if err := decoder.Decode(&second); err == nil {
		s.wrong("", second.Line, "a second document begins here; there must be one", "")
	} else if !errors.Is(err, io.EOF) {
		s.syntax(err)
	}
	top := doc.Content[0]
	if top.Kind != yaml.MappingNode {
		s.wrong("", top.Line, "must hold keys: "+strings.Join(root.keys(), ", "), "")
		return nil
	}
	return top
}

var syntaxLine = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?`)

// syntax words what the YAML reader says.
func (s *source) syntax(err error) {
	at := syntaxLine.FindStringSubmatch(err.Error())
	line, _ := strconv.Atoi(at[1])
	s.wrong("", line, "not YAML: "+shown(strings.TrimPrefix(err.Error(), at[0])), "")
}

// resolve makes file names absolute. They are relative to the config's folder,
// so that it doesn't matter where the daemon is started.
func (c *Config) resolve(dir string) {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	resolvePaths(reflect.ValueOf(c).Elem(), dir)
	for i := range c.Clusters {
		if q := c.Clusters[i].Queue.Exec; q != nil && len(q.Command) > 0 && strings.Contains(q.Command[0], "/") {
			q.Command[0] = absolute(dir, q.Command[0])
		}
		if cc := c.Clusters[i].CycleCloud; cc != nil && cc.Cluster == "" {
			cc.Cluster = c.Clusters[i].Name
		}
	}
}

func resolvePaths(v reflect.Value, dir string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			resolvePaths(v.Elem(), dir)
		}
	case reflect.Slice:
		for i := range v.Len() {
			resolvePaths(v.Index(i), dir)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			tag := v.Type().Field(i).Tag
			switch {
			case tag.Get("path") != "":
				v.Field(i).SetString(absolute(dir, v.Field(i).String()))
			case tag.Get("key") != "":
				resolvePaths(v.Field(i), dir)
			}
		}
	}
}

func absolute(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
