package slurm

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// ReadSettings reads what "scontrol show config" prints. An error is [ErrAnswer].
func ReadSettings(r io.Reader) (Settings, error) {
	s := Settings{All: make(map[string]string, 256)}
	err := eachLine(r, func(line []byte) error {
		key, value, ok := strings.Cut(string(line), "=")
		if key = strings.TrimSpace(key); !ok || key == "" || strings.Contains(key, " ") {
			return nil // a heading, or which controllers are up
		}
		if value = strings.TrimSpace(value); value == "(null)" {
			value = ""
		}
		if _, told := s.All[key]; !told { // what plugins add comes last
			s.All[key] = strings.Clone(value)
		}
		return nil
	})
	if err == nil {
		err = s.tell()
	}
	if err != nil {
		return Settings{}, fmt.Errorf("read settings: %w: %w", ErrAnswer, err)
	}
	return s, nil
}

// tell fills the fields from all settings. Those without which nothing can be decided
// must be there.
func (s *Settings) tell() error {
	for key, where := range map[string]*string{
		"SLURM_VERSION": &s.Version, "ClusterName": &s.ClusterName, "ResumeProgram": &s.ResumeProgram, "SuspendProgram": &s.SuspendProgram,
		"ResumeFailProgram": &s.ResumeFailProgram, "SuspendExcNodes": &s.SuspendExcNodes, "TopologyPlugin": &s.TopologyPlugin,
	} {
		*where = s.All[key]
	}
	if s.Version == "" {
		return errors.New("it has no SLURM_VERSION")
	}
	for _, span := range [...]struct {
		key   string
		where *time.Duration
	}{{"SuspendTime", &s.SuspendTime}, {"SuspendTimeout", &s.SuspendTimeout}, {"ResumeTimeout", &s.ResumeTimeout}} {
		var err error
		if *span.where, err = seconds(s.All[span.key]); err != nil {
			return fmt.Errorf("%s is %s: %w", span.key, short(s.All[span.key]), err)
		}
	}
	return nil
}

// seconds reads "300 sec". Never is negative: INFINITE, NONE or -1.
func seconds(text string) (time.Duration, error) {
	switch text {
	case "INFINITE", "NONE", "UNLIMITED":
		return -1, nil
	}
	number, _, _ := strings.Cut(text, " ")
	n, err := strconv.ParseInt(number, 10, 32)
	if err != nil {
		return 0, errors.New("want seconds")
	}
	return max(time.Duration(n)*time.Second, -1), nil
}
