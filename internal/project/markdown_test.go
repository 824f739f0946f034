package project

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// tableUnder returns the cells of the first table under a heading of a page,
// without the table's head.
func tableUnder(t *testing.T, page, heading string) [][]string {
	t.Helper()
	var rows [][]string
	for line := range strings.Lines(section(t, page, heading)) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			if rows != nil {
				break
			}
			continue
		}
		rows = append(rows, cells(line))
	}
	require.Greater(t, len(rows), 2, "no table under %q in %s", heading, page)
	return rows[2:]
}

// cells splits a row at its bars; "\|" is a bar inside a cell.
func cells(row string) []string {
	row = strings.ReplaceAll(strings.Trim(row, "|"), `\|`, "\x00")
	var list []string
	for cell := range strings.SplitSeq(row, "|") {
		list = append(list, strings.TrimSpace(strings.ReplaceAll(cell, "\x00", "|")))
	}
	return list
}

// section returns what stands under a heading, to the next of its own or a
// higher level.
func section(t *testing.T, page, heading string) string {
	t.Helper()
	var text strings.Builder
	level, fenced := 0, false
	for line := range strings.Lines(read(t, page)) {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
		}
		if depth := headingLevel(line); depth > 0 && !fenced {
			if level > 0 && depth <= level {
				return text.String()
			}
			if level == 0 && strings.TrimSpace(line[depth:]) == heading {
				level = depth
				continue
			}
		}
		if level > 0 {
			text.WriteString(line)
		}
	}
	require.Positive(t, level, "no heading %q in %s", heading, page)
	return text.String()
}

// headingLevel counts the marks of a heading; 0: the line is none.
func headingLevel(line string) int {
	marks := len(line) - len(strings.TrimLeft(line, "#"))
	if marks < len(line) && line[marks] == ' ' {
		return marks
	}
	return 0
}

// fences returns the contents of a page's code blocks in one language.
func fences(t *testing.T, page, language string) []string {
	t.Helper()
	var blocks []string
	var open *strings.Builder
	for line := range strings.Lines(read(t, page)) {
		switch {
		case open == nil && strings.TrimSpace(line) == "```"+language:
			open = &strings.Builder{}
		case open != nil && strings.HasPrefix(line, "```"):
			blocks = append(blocks, open.String())
			open = nil
		case open != nil:
			open.WriteString(line)
		}
	}
	require.Nil(t, open, "a code block of %s doesn't end", page)
	return blocks
}
