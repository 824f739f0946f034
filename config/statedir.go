package config

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"
)

// StateDir is the state directory that a config names, or the environment, whatever else
// there is in the file and however wrong: for a scheduler's hooks, which have milliseconds
// and must work while somebody edits the rest.
func StateDir(path string) (string, error) {
	key := root.child("state_dir")
	dir := os.Getenv(EnvName(key.key))
	if dir == "" {
		text, err := readFile(path, maxFile)
		if err != nil {
			return "", fmt.Errorf("read state_dir of %s: %w", path, err)
		}
		var top struct {
			Dir string `yaml:"state_dir"`
		}
		if err := yaml.NewDecoder(bytes.NewReader(text)).Decode(&top); err != nil {
			return "", fmt.Errorf("read state_dir of %s: %w", path, err)
		}
		if dir = top.Dir; dir == "" {
			return key.def, nil
		}
	}
	folder, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return "", fmt.Errorf("read state_dir of %s: %w", path, err)
	}
	return absolute(folder, dir), nil
}
