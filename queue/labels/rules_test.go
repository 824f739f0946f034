package labels_test

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"autoscaled/autoscale"
	"autoscaled/queue/labels"
)

func rules(t require.TestingT, list ...labels.Rule) *labels.Rules {
	r, err := labels.New(list)
	require.NoError(t, err)
	return r
}

var xcode = labels.Rule{
	Name: "xcode", Labels: []string{`macos-(\d+)`, `xcode-(?P<xcode>[\d.]+)`}, Optional: []string{`trial|beta`},
	Select: map[string]string{"template": "macos-$1-xcode-${xcode}", "tag": "v${2}"},
}

func TestMatch(t *testing.T) {
	plain := labels.Rule{Labels: []string{`macos-(\d+)(-large)?`}, Select: map[string]string{"template": "macos-$1", "size": "is$$$2"}}
	large := labels.Rule{Labels: []string{`macos-(\d+)(-large)?`, "sized"}, Select: map[string]string{"size": "$2"}}
	r := rules(t, xcode, plain, large)
	for name, c := range map[string]struct {
		labels string
		rule   int // -1: none
		want   map[string]string
	}{
		"captures of several patterns": {"macos-15 xcode-16.2", 0, map[string]string{"template": "macos-15-xcode-16.2", "tag": "v16.2"}},
		"in any order and case":        {"Xcode-16 MACOS-15", 0, map[string]string{"template": "macos-15-xcode-16", "tag": "v16"}},
		"optional labels":              {"macos-15 xcode-16 beta trial", 0, map[string]string{"template": "macos-15-xcode-16", "tag": "v16"}},
		"what every Mac's runner has":  {"self-hosted macOS macos-15 xcode-16", 0, map[string]string{"template": "macos-15-xcode-16", "tag": "v16"}},
		"the first rule that fits":     {"macos-14-large", 1, map[string]string{"template": "macos-14", "size": "is$-large"}},
		"twice the same":               {"macos-14 MacOS-14", 1, map[string]string{"template": "macos-14", "size": "is$"}},
		"only whole labels":            {"my-macos-15", -1, nil},
		"not with a line after it":     {"macos-15\n", -1, nil},
		"a label nobody speaks of":     {"macos-15 gpu", -1, nil},
		"another operating system":     {"self-hosted linux macos-15", -1, nil},
		"two of which one is meant":    {"macos-14 macos-15", -1, nil},
		"a value that would be empty":  {"macos-14 sized", -1, nil},
		"only what every runner has":   {"self-hosted macOS", -1, nil},
		"no labels":                    {"", -1, nil},
	} {
		t.Run(name, func(t *testing.T) {
			m, ok := r.Match(strings.FieldsFunc(c.labels, func(r rune) bool { return r == ' ' }))
			require.Equal(t, c.rule >= 0, ok)
			if ok {
				require.Equal(t, c.rule, m.Rule)
				require.Equal(t, c.want, m.Select)
			}
		})
	}
	m, _ := r.Match([]string{"macos-15", "xcode-16"})
	require.Equal(t, `rule "xcode"`, m.Name)
	m, _ = r.Match([]string{"macos-15"})
	require.Equal(t, "rule 2", m.Name)
}

func TestPatternsMayNameWhatEveryRunnerHas(t *testing.T) {
	r := rules(t,
		labels.Rule{Labels: []string{"self-hosted", "(.*)"}, Select: map[string]string{"template": "$1"}},
		labels.Rule{Labels: []string{"macos"}, Select: map[string]string{"template": "any"}})
	m, ok := r.Match([]string{"self-hosted", "macos", "ios"})
	require.True(t, ok)
	require.Equal(t, "ios", m.Select["template"])
	m, ok = r.Match([]string{"macOS"})
	require.True(t, ok)
	require.Equal(t, 1, m.Rule)
}

func TestSelector(t *testing.T) {
	m := labels.Match{Select: map[string]string{"template": "ios", "group": "intel"}}
	want := autoscale.Selector{All: []autoscale.Selector{autoscale.HasLabel("group", "intel"), autoscale.HasLabel("template", "ios")}}
	require.Equal(t, want, m.Selector())
	m = labels.Match{Select: map[string]string{"template": "ios"}}
	require.Equal(t, autoscale.HasLabel("template", "ios"), m.Selector())
}

func TestWrongRules(t *testing.T) {
	ok := map[string]string{"template": "a"}
	for want, rule := range map[string]labels.Rule{
		`rule 2: pattern "macos-(": error parsing regexp`:                                {Labels: []string{"macos-("}, Select: ok},
		`rule "ios": pattern "a)(b": error parsing regexp`:                               {Name: "ios", Labels: []string{"a)(b"}, Select: ok},
		`rule 2: pattern "[": error parsing regexp`:                                      {Labels: []string{"a"}, Optional: []string{"["}, Select: ok},
		`rule 2: pattern "": it is empty`:                                                {Labels: []string{""}, Select: ok},
		`rule 2: it has no labels`:                                                       {Select: ok},
		`rule 2: it selects nothing`:                                                     {Labels: []string{"a"}},
		`rule 2: pattern "(?P<v>b)": the rule has two captures called "v"`:               {Labels: []string{"(?P<v>a)", "(?P<v>b)"}, Select: ok},
		`rule 2: select template: "x$2": there is no capture $2: the patterns have 1`:    {Labels: []string{"(a)"}, Select: map[string]string{"template": "x$2"}},
		`rule 2: select template: "${w}": no pattern has a capture called "w"`:           {Labels: []string{"(?P<v>a)"}, Select: map[string]string{"template": "${w}"}},
		`rule 2: select template: "$": after a dollar sign comes a number`:               {Labels: []string{"(a)"}, Select: map[string]string{"template": "$"}},
		`rule 2: select template: "$0": captures are numbered from 1`:                    {Labels: []string{"(a)"}, Select: map[string]string{"template": "$0"}},
		`rule 2: select template: "$99999999999999999999": captures are numbered from 1`: {Labels: []string{"(a)"}, Select: map[string]string{"template": "$99999999999999999999"}},
		`rule 2: select template: "": the value is empty`:                                {Labels: []string{"a"}, Select: map[string]string{"template": ""}},
		`rule 2: select : "x": the label has no name`:                                    {Labels: []string{"a"}, Select: map[string]string{"": "x"}},
	} {
		_, err := labels.New([]labels.Rule{xcode, rule})
		require.ErrorContains(t, err, want)
	}
	_, err := labels.New([]labels.Rule{{Labels: []string{"("}, Select: map[string]string{"a": "$1"}}, {Select: ok}})
	require.ErrorContains(t, err, "rule 1: ")
	require.ErrorContains(t, err, "rule 2: ")
	require.NotContains(t, err.Error(), "there is no capture", "the pattern that may have it is wrong")
}

// TestCapturesComeBack: labels that were made of values are found to have those
// values, whatever their order, case and company.
func TestCapturesComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 5).Draw(t, "patterns")
		values := rapid.SliceOfN(rapid.StringMatching(`[a-z0-9.]{1,6}`), 2*n, 2*n).Draw(t, "values")
		rule, asked := labels.Rule{Select: map[string]string{}}, []string{}
		for i := range n {
			kind := "kind" + strconv.Itoa(i)
			rule.Labels = append(rule.Labels, kind+`-([^-]+)-(?P<`+kind+`>[^-]+)`)
			rule.Select["first"+strconv.Itoa(i)] = "<$" + strconv.Itoa(2*i+1) + ">"
			rule.Select["second"+strconv.Itoa(i)] = "${" + kind + "}"
			label := kind + "-" + values[2*i] + "-" + values[2*i+1]
			if rapid.Bool().Draw(t, "upper") {
				label = strings.ToUpper(label)
			}
			asked = append(asked, label)
		}
		if rapid.Bool().Draw(t, "self-hosted") {
			asked = append(asked, "Self-Hosted")
		}
		r := rules(t, rule)
		m, ok := r.Match(rapid.Permutation(asked).Draw(t, "order"))
		require.True(t, ok)
		for i := range n {
			require.Equal(t, "<"+values[2*i]+">", strings.ToLower(m.Select["first"+strconv.Itoa(i)]))
			require.Equal(t, values[2*i+1], strings.ToLower(m.Select["second"+strconv.Itoa(i)]))
		}
		_, ok = r.Match(append(slices.Clone(asked), "another"))
		require.False(t, ok)
		_, ok = r.Match(asked[1:])
		require.False(t, ok)
	})
}

// FuzzMatch: whatever is configured and asked for, it is an error, or a match that
// does not depend on the order of labels and leaves no label and no pattern out.
func FuzzMatch(f *testing.F) {
	f.Add(`macos-(\d+)`, `xcode-(?P<x>.*)`, `$1-${x}`, "macos-15,xcode-16")
	f.Add(`(a)?b`, `.*`, `$1`, "b,ab")
	f.Add(`(?i)A|b`, `x`, `$$${1}`, "A,X")
	f.Add(`a)(b`, `(`, `$`, "")
	f.Add(`\Qself-hosted\E`, `K`, `v`, "self-hosted,\u212A")
	f.Fuzz(func(t *testing.T, one, two, value, asked string) {
		r, err := labels.New([]labels.Rule{{Labels: []string{one, two}, Select: map[string]string{"l": value}}})
		if err != nil {
			require.ErrorContains(t, err, "rule 1: ")
			return
		}
		job := strings.Split(asked, ",")
		m, ok := r.Match(job)
		slices.Reverse(job)
		again, too := r.Match(append(job, job...))
		require.Equal(t, ok, too)
		require.Equal(t, m, again)
		if !ok {
			return
		}
		require.NotEmpty(t, m.Select["l"])
		for _, label := range job {
			hit := strings.EqualFold(label, "self-hosted") || strings.EqualFold(label, "macos")
			for _, p := range []string{one, two} {
				hit = hit || regexp.MustCompile(`(?i)^(?:`+p+`)$`).MatchString(label)
			}
			require.True(t, hit, "%q", label)
		}
	})
}
