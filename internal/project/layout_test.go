package project

import (
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// TestTopLevel keeps the top level to what the architecture names: a new room
// is a decision, not a side effect.
func TestTopLevel(t *testing.T) {
	want := []string{
		".ci", ".dockerignore", ".gitignore", "CHANGELOG.md", "Dockerfile", "LICENSE", "Makefile", "README.md",
		"anka", "autoscale", "cmd", "config", "cyclecloud", "docs", "examples", "go.mod", "go.sum", "internal", "queue",
	}
	entries, err := os.ReadDir(root)
	require.NoError(t, err)
	left := append(ignored(t), ".git")
	var have []string
next:
	for _, entry := range entries {
		for _, pattern := range left {
			if matches(pattern, entry.Name()) {
				continue next
			}
		}
		have = append(have, entry.Name())
	}
	require.ElementsMatch(t, want, have)
}

// TestPackageComments wants of every package a comment long enough to tell a
// newcomer what the room is for, in doc.go where there are several files.
func TestPackageComments(t *testing.T) {
	for dir, files := range sources(t) {
		doc := ""
		for _, file := range files {
			base := path.Base(file.name)
			if base == "doc.go" || base == "main.go" || len(files) == 1 {
				doc = file.file.Doc.Text()
			}
		}
		require.GreaterOrEqual(t, len(doc), 80, "package %s says nothing of itself in doc.go", dir)
	}
}

// elsewhere are traces of the machine or the papers that something was written
// with: they mean nothing to who reads it. (Written in parts, so that this file
// doesn't hold them itself.)
var elsewhere = regexp.MustCompile(`/wor` + `k/(main|shared)|\.\./sha` + `red|/ro` + `ot/[a-z.]|/ho` + `me/[a-z]|/tm` + `p/(brief|bash_jobs|fresh)`)

func TestNothingNamesThisMachine(t *testing.T) {
	walk(t, func(name string) {
		text := read(t, name)
		if !utf8.ValidString(text) {
			return
		}
		number := 0
		for line := range strings.Lines(text) {
			number++
			require.Empty(t, elsewhere.FindString(line), "%s:%d", name, number)
		}
	})
}

// unfinished are the words that promise what isn't there.
var unfinished = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`)

func TestNothingIsLeftForLater(t *testing.T) {
	walk(t, func(name string) {
		if !strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, ".md") {
			return
		}
		require.Empty(t, unfinished.FindString(read(t, name)), "in %s", name)
	})
}
