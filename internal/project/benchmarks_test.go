package project

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var benchmarkFunc = regexp.MustCompile(`(?m)^func Benchmark(\w+)\(`)

// TestBenchmarksOfThePageExist: each figure of docs/benchmarks.md names the benchmark that
// gives it. The part of a name behind its first slash is a run within it, and is not looked at.
func TestBenchmarksOfThePageExist(t *testing.T) {
	there := map[string]bool{}
	walk(t, func(name string) {
		if strings.HasSuffix(name, "_test.go") {
			for _, found := range benchmarkFunc.FindAllStringSubmatch(read(t, name), -1) {
				there[found[1]] = true
			}
		}
	})
	for _, row := range tableUnder(t, "docs/benchmarks.md", "Figures") {
		if row[1] == "below" { // it is a command of the page
			continue
		}
		quote := quoted.FindStringSubmatch(row[1])
		require.NotNil(t, quote, "no benchmark in row %q", row)
		words := strings.Fields(quote[1]) // a package may come first, and -bench
		name, _, _ := strings.Cut(words[len(words)-1], "/")
		require.True(t, there[name], "there is no benchmark %q", name)
	}
}
