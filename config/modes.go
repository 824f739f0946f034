package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// QueueMode is a way in which queues ask for nodes. It decides which of a policy's keys
// have an effect.
type QueueMode struct {
	// Name is as in the tag "without" of a key's field.
	Name string
	// Queues are the keys of queue that are of this mode.
	Queues []string
	// Cloud is the only one that they work with; empty: any.
	Cloud string
}

// The names of modes.
const (
	modeDocument    = "document"
	modePrometheus  = "prometheus"
	modePowerSaving = "slurm_power_saving"
	modeDynamic     = "slurm_dynamic"
	modeGridEngine  = "gridengine"
	modePBS         = "pbs"
	modeRunners     = "runners"
)

// QueueModes lists all, in the order of the documentation. A queue that is in two is
// Slurm, whose own key mode tells.
func QueueModes() []QueueMode {
	return []QueueMode{
		{modeDocument, []string{"file", "http", "exec", "push"}, ""},
		{modePrometheus, []string{"prometheus"}, ""},
		{modePowerSaving, []string{"slurm"}, "cyclecloud"},
		{modeDynamic, []string{"slurm"}, "cyclecloud"},
		{modeGridEngine, []string{"gridengine"}, "cyclecloud"},
		{modePBS, []string{"pbs"}, "cyclecloud"},
		{modeRunners, []string{"github", "github_rest", "gitlab"}, "anka"},
	}
}

// String is how people call it: "file, http, exec, push", "slurm in mode dynamic".
func (m QueueMode) String() string {
	if how, slurm := strings.CutPrefix(m.Name, "slurm_"); slurm {
		return "slurm in mode " + how
	}
	return strings.Join(m.Queues, ", ")
}

// Works tells whether a key of the policy has an effect with the queues of a mode.
func (k Key) Works(m QueueMode) bool {
	return !slices.Contains(k.Without, m.Name) && (k.Cloud == "" || m.Cloud == "" || k.Cloud == m.Cloud)
}

// mode is that of the one queue that is set; false: none is, or several.
func (q *Queue) mode() (mode QueueMode, known bool) {
	var set []string
	v := reflect.ValueOf(q).Elem()
	for i := range v.NumField() {
		if !v.Field(i).IsNil() {
			set = append(set, v.Type().Field(i).Tag.Get("key"))
		}
	}
	if len(set) != 1 {
		return mode, false
	}
	for _, m := range QueueModes() {
		if slices.Contains(m.Queues, set[0]) && (q.Slurm == nil || m.Name == "slurm_"+q.Slurm.Mode) {
			return m, true
		}
	}
	return mode, false
}

// useless finds the keys that are set under a section or list and that have no effect
// with the cluster's queue.
func (s *source) useless(f *field, at string, m QueueMode) {
	for i := range f.fields {
		child := &f.fields[i]
		key := join(at, child.key)
		switch {
		case s.lines[key] == 0:
		case slices.Contains(child.without, m.Name):
			s.add(key, fmt.Sprintf("has no effect with queue %s: %s", m, whyUseless[m.Name]))
		case child.kind == kindSection:
			s.useless(child, key, m)
		case child.kind == kindList:
			for n := 0; s.lines[fmt.Sprintf("%s[%d]", key, n)] > 0; n++ {
				s.useless(child, fmt.Sprintf("%s[%d]", key, n), m)
			}
		}
	}
}

// whyUseless is what keys have in common that have no effect with a mode.
var whyUseless = map[string]string{
	modeDocument:    "a document does not tell of what it is about",
	modePrometheus:  "metrics do not tell of what it is about",
	modePowerSaving: "Slurm says which nodes come and when they go",
	modeRunners:     "each VM is for one job",
}
