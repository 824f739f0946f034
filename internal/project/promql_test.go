package project

import (
	"regexp"
	"slices"
	"strings"
)

// selector is one metric in a PromQL expression, with the labels its braces match.
type selector struct {
	metric string
	labels []string
}

// query is what an expression asks for, as far as names can tell.
type query struct {
	selectors []selector
	// grouped are the labels of by, without, on, ignoring, group_left and group_right.
	grouped []string
}

var (
	text     = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'`)
	grouping = regexp.MustCompile(`\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)`)
	chosen   = regexp.MustCompile(`\b([a-zA-Z_:][a-zA-Z0-9_:]*)\s*\{([^}]*)\}`)
	ours     = regexp.MustCompile(`\bautoscaled_[a-z0-9_]+`)
	matcher  = regexp.MustCompile(`([a-zA-Z_][a-zA-Z0-9_]*)\s*(?:=~|!~|!=|=)`)
)

// scan reads names out of a PromQL expression. It is no parser: promtool checks
// the syntax, this finds what must exist.
func scan(expression string) query {
	// Strings may hold anything; their contents name no metric.
	expression = text.ReplaceAllString(expression, `""`)
	var q query
	for _, list := range grouping.FindAllStringSubmatch(expression, -1) {
		for name := range strings.SplitSeq(list[1], ",") {
			if name = strings.TrimSpace(name); name != "" {
				q.grouped = append(q.grouped, name)
			}
		}
	}
	withLabels := map[string]bool{}
	for _, found := range chosen.FindAllStringSubmatch(expression, -1) {
		s := selector{metric: found[1]}
		for _, label := range matcher.FindAllStringSubmatch(found[2], -1) {
			s.labels = append(s.labels, label[1])
		}
		q.selectors = append(q.selectors, s)
		withLabels[s.metric] = true
	}
	for _, name := range ours.FindAllString(expression, -1) {
		if !withLabels[name] && !slices.ContainsFunc(q.selectors, func(s selector) bool { return s.metric == name }) {
			q.selectors = append(q.selectors, selector{metric: name})
		}
	}
	return q
}

// metrics lists the names that the query asks for.
func (q query) metrics() []string {
	var names []string
	for _, s := range q.selectors {
		if !slices.Contains(names, s.metric) {
			names = append(names, s.metric)
		}
	}
	return names
}
