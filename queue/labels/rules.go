package labels

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"autoscaled/autoscale"
)

// Rule maps jobs to pools.
type Rule struct {
	// Name is what errors and explanations call the rule. Empty: its number, from 1.
	Name string
	// Labels are regular expressions, in Go's syntax. Each must match one whole label
	// of the job. At least one.
	Labels []string
	// Optional are expressions of labels that the job may have beside. Their captures
	// are not numbered.
	Optional []string
	// Select is what labels the pool must have, by name. At least one.
	Select map[string]string
}

// Rules are checked rules. They are safe for concurrent use.
type Rules struct{ rules []rule }

// rule is a Rule, compiled.
type rule struct {
	name     string // as errors call it
	required []*regexp.Regexp
	optional []*regexp.Regexp
	// values are what the pool's labels must be, by the labels' names.
	values []value
}

// value is one entry of Rule.Select.
type value struct {
	label string
	parts []part
}

// Match is a rule that a job meets.
type Match struct {
	// Rule is the rule's place, from 0, and Name what it is called: rule "ios", or rule 2.
	Rule int
	Name string
	// Select is the rule's, filled in.
	Select map[string]string
}

// Selector is for the pools that have all labels of Select.
func (m Match) Selector() autoscale.Selector {
	var all []autoscale.Selector
	for _, label := range slices.Sorted(maps.Keys(m.Select)) {
		all = append(all, autoscale.HasLabel(label, m.Select[label]))
	}
	if len(all) == 1 {
		return all[0]
	}
	return autoscale.Selector{All: all}
}

// New checks the rules. An error names each rule and pattern that is wrong.
func New(list []Rule) (*Rules, error) {
	r := &Rules{rules: make([]rule, len(list))}
	var wrong []error
	for i := range list {
		var err error
		if r.rules[i], err = compile(i, &list[i]); err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", r.rules[i].name, err))
		}
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, err
	}
	return r, nil
}

// compile checks one rule; the name is there even if the rule is wrong.
func compile(i int, from *Rule) (rule, error) {
	r := rule{name: fmt.Sprintf("rule %d", i+1)}
	var wrong []error
	if from.Name != "" {
		r.name = fmt.Sprintf("rule %q", from.Name)
	}
	if len(from.Labels) == 0 {
		wrong = append(wrong, errors.New("it has no labels: it would take every job"))
	}
	if len(from.Select) == 0 {
		wrong = append(wrong, errors.New("it selects nothing: any pool would do"))
	}
	captures := names{}
	for _, p := range from.Labels {
		e, err := anchored(p)
		if err == nil {
			err = captures.add(e)
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("pattern %q: %w", p, err))
		}
		r.required = append(r.required, e)
	}
	for _, p := range from.Optional {
		e, err := anchored(p)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("pattern %q: %w", p, err))
		}
		r.optional = append(r.optional, e)
	}
	var err error
	if r.values, err = compileSelect(from.Select, captures, len(wrong) > 0); err != nil {
		wrong = append(wrong, err)
	}
	return r, errors.Join(wrong...)
}

// anchored compiles a pattern for whole labels in any case.
func anchored(pattern string) (*regexp.Regexp, error) {
	if pattern == "" {
		return nil, errors.New("it is empty")
	}
	if _, err := regexp.Compile(pattern); err != nil { // alone, so that "a)(b" does not pass for its frame's sake
		return nil, err
	}
	return regexp.Compile(`(?i)\A(?:` + pattern + `)\z`)
}

// Match finds the first rule that a job with these labels meets. Neither their order
// nor repetition matters. false: the job is not for any pool that the rules know.
func (r *Rules) Match(labels []string) (Match, bool) {
	job := newAsked(labels)
	for i := range r.rules {
		if selected, ok := r.rules[i].match(job); ok {
			return Match{Rule: i, Name: r.rules[i].name, Select: selected}, true
		}
	}
	return Match{}, false
}

// asked are a job's labels, each once.
type asked struct {
	own []string
	// implied are those that every Mac's runner has.
	implied []string
}

// implied labels come with every self-hosted runner on macOS.
func implied(label string) bool {
	return strings.EqualFold(label, "self-hosted") || strings.EqualFold(label, "macOS")
}

// newAsked sorts labels, so that what is found does not depend on their order.
func newAsked(labels []string) (job asked) {
	sorted := slices.SortedFunc(slices.Values(labels), func(a, b string) int {
		return cmp.Or(strings.Compare(strings.ToLower(a), strings.ToLower(b)), strings.Compare(a, b))
	})
	for _, label := range slices.CompactFunc(sorted, strings.EqualFold) {
		if implied(label) {
			job.implied = append(job.implied, label)
		} else {
			job.own = append(job.own, label)
		}
	}
	return job
}

func (r *rule) match(job asked) (selected map[string]string, ok bool) {
	var captured captures
	for _, e := range r.required {
		found, ok := find(e, job)
		if !ok {
			return nil, false
		}
		captured.add(e, found)
	}
	for _, label := range job.own {
		takes := func(e *regexp.Regexp) bool { return e.MatchString(label) }
		if !slices.ContainsFunc(r.required, takes) && !slices.ContainsFunc(r.optional, takes) {
			return nil, false
		}
	}
	selected = make(map[string]string, len(r.values))
	for _, v := range r.values {
		if selected[v.label] = captured.fill(v.parts); selected[v.label] == "" {
			return nil, false
		}
	}
	return selected, true
}

// find is what a pattern captures of the job's labels: of its own ones, or where it
// matches none of them, of those that every runner has.
func find(e *regexp.Regexp, job asked) (found []string, ok bool) {
	for _, labels := range [...][]string{job.own, job.implied} {
		for _, label := range labels {
			m := e.FindStringSubmatch(label)
			switch {
			case m == nil:
			case found == nil:
				found = m
			case !slices.EqualFunc(m[1:], found[1:], strings.EqualFold):
				return nil, false
			}
		}
		if found != nil {
			return found, true
		}
	}
	return nil, false
}
