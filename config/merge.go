package config

import (
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/spf13/viper"
)

// EnvPrefix begins the name of every environment variable that overrides a key.
const EnvPrefix = "AUTOSCALED_"

// EnvName is the variable that overrides a key outside lists: AUTOSCALED_LOG_LEVEL
// for log.level.
func EnvName(path string) string {
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}

// merge lets the environment win over the file and the file over the defaults,
// and decodes the result.
func (s *source) merge(file map[string]any) (*Config, error) {
	v := viper.New()
	s.environment(v)
	if err := v.MergeConfigMap(file); err != nil {
		return nil, fmt.Errorf("merge config: %w", err)
	}
	cfg := &Config{}
	if err := decode(root.fields, reflect.ValueOf(cfg).Elem(), v.AllSettings()); err != nil {
		return nil, fmt.Errorf("decode config: %w", err)
	}
	return cfg, nil
}

// environment binds every key outside lists to its default and its variable. A
// variable that doesn't parse is a problem and not bound.
func (s *source) environment(v *viper.Viper) {
	var names []string
	for _, k := range Keys() {
		if k.Env == "" {
			continue
		}
		f := root.at(k.Path)
		names = append(names, k.Env)
		if value, err := f.parse(k.Default); err == nil {
			v.SetDefault(k.Path, value)
		}
		text := os.Getenv(k.Env)
		if text == "" { // as if it were not set
			continue
		}
		if _, err := f.parse(text); err != nil {
			s.problems = append(s.problems, Problem{
				File: s.file, Env: k.Env, Key: k.Path, What: err.Error(), Meant: nearest(text, f.enum),
			})
			s.bad[k.Path] = true
			continue
		}
		_ = v.BindEnv(k.Path, k.Env) // fails only without a key
		s.env[k.Path] = k.Env
	}
	s.misspelt(names)
}

// misspelt finds variables that are nearly one of ours. Others with our prefix
// are not ours to judge: Kubernetes makes some for a service of our name.
func (s *source) misspelt(names []string) {
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		rest, ours := strings.CutPrefix(name, EnvPrefix)
		if !ours || value == "" {
			continue
		}
		for _, known := range names {
			if d := distance(rest, strings.TrimPrefix(known, EnvPrefix)); d == 1 || (d == 2 && len(rest) > 5) {
				s.problems = append(s.problems, Problem{File: s.file, Env: name, What: "overrides no key", Meant: known})
			}
		}
	}
}

// at finds the field of a path outside lists.
func (f *field) at(path string) *field {
	for key := range strings.SplitSeq(path, ".") {
		f = f.child(key)
	}
	return f
}
