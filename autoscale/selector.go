package autoscale

import "strings"

// Labels that every CycleCloud pool carries. Anka pools carry template, tag and
// group. Values are compared without case, as CycleCloud compares machine types.
const (
	LabelNodearray   = "nodearray"
	LabelMachineType = "machine_type"
	LabelRegion      = "region"
	LabelSpot        = "spot" // "true" or "false"
)

// Selector says which pools a job may use. The zero Selector matches every
// pool. A selector with several fields set matches what all of them match.
type Selector struct {
	// All match.
	All []Selector `json:"all,omitempty"`
	// Any: at least one matches.
	Any []Selector `json:"any,omitempty"`
	// Not: it does not match.
	Not *Selector `json:"not,omitempty"`
	// Prefer: at least one matches, and pools are tried in this order.
	Prefer []Selector `json:"prefer,omitempty"`
	// Label and In: the pool's label has one of these values.
	Label string   `json:"label,omitempty"`
	In    []string `json:"in,omitempty"`
}

// HasLabel is the selector for pools whose label has one of the values.
func HasLabel(label string, values ...string) Selector {
	return Selector{Label: label, In: values}
}

// IsZero tells whether the selector matches every pool.
func (s Selector) IsZero() bool {
	return len(s.All)+len(s.Any)+len(s.Prefer) == 0 && s.Not == nil && s.Label == ""
}

// Match tells whether a pool with these labels may be used, and its rank among
// the preferences met, 0 being the most preferred. The rank of several Prefer
// lists compares the outermost, then the first, most significantly.
func (s Selector) Match(labels map[string]string) (rank int, ok bool) {
	if s.Label != "" && !oneOf(labels[s.Label], s.In) {
		return 0, false
	}
	if s.Not != nil {
		if _, hit := s.Not.Match(labels); hit {
			return 0, false
		}
	}
	if len(s.Any) > 0 && !matchesAny(s.Any, labels) {
		return 0, false
	}
	rank, ok = matchPreferred(s.Prefer, labels)
	if !ok {
		return 0, false
	}
	for i := range s.All {
		r, ok := s.All[i].Match(labels)
		if !ok {
			return 0, false
		}
		rank = rank*preferenceBase + r
	}
	return rank, true
}

// preferenceBase is larger than any sensible list of preferences, so that ranks
// of nested lists compare like digits.
const preferenceBase = 1000

func matchPreferred(prefer []Selector, labels map[string]string) (rank int, ok bool) {
	if len(prefer) == 0 {
		return 0, true
	}
	for i := range prefer {
		if r, ok := prefer[i].Match(labels); ok {
			return i*preferenceBase + r, true
		}
	}
	return 0, false
}

func matchesAny(any []Selector, labels map[string]string) bool {
	for i := range any {
		if _, ok := any[i].Match(labels); ok {
			return true
		}
	}
	return false
}

func oneOf(value string, in []string) bool {
	for _, v := range in {
		if strings.EqualFold(v, value) {
			return true
		}
	}
	return false
}
