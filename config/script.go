package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Script is the template of a start-up script: a text for the shell in which
// {credential}, {host} and {url} are filled in. ${host} is the shell's own.
type Script string

// scriptParts are what a script may have filled in.
var scriptParts = []string{"{credential}", "{host}", "{url}"}

// scriptPart matches a placeholder, and the shell's ${x}, which is none.
var scriptPart = regexp.MustCompile(`\$?\{[a-z_]+\}`)

// Fill puts in the values by the placeholders' names, each quoted for the shell as one
// word.
func (s Script) Fill(credential, host, url string) string {
	values := map[string]string{"{credential}": credential, "{host}": host, "{url}": url}
	return scriptPart.ReplaceAllStringFunc(string(s), func(word string) string {
		value, known := values[word]
		if !known { // ${host}
			return word
		}
		return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
	})
}

// check is what is wrong with a script; empty: nothing.
func (s Script) check() string {
	for _, m := range scriptPart.FindAllStringIndex(string(s), -1) {
		word, before, after := string(s[m[0]:m[1]]), s[:m[0]], s[m[1]:]
		switch {
		case word[0] == '$':
		case !slices.Contains(scriptParts, word):
			return fmt.Sprintf("%s is not one of %s; write ${…} or put blanks inside the braces where the shell is meant", word, strings.Join(scriptParts, ", "))
		case before != "" && isQuote(before[len(before)-1]), after != "" && isQuote(after[0]):
			return word + " stands in quotes; it is quoted for the shell as it is filled in"
		}
	}
	switch {
	case strings.TrimSpace(string(s)) == "":
		return "is empty"
	case strings.ContainsRune(string(s), 0):
		return "holds a zero byte"
	case !strings.Contains(string(s), "{credential}"):
		return "holds no {credential}, without which no runner starts"
	}
	return ""
}

func isQuote(c byte) bool { return c == '"' || c == '\'' }

// scripts reads the start-up scripts that pools name.
func (s *source) scripts(c *Config) {
	for i := range c.Clusters {
		for j := range c.Clusters[i].Scaling.Pools {
			p := &c.Clusters[i].Scaling.Pools[j]
			if p.ScriptFile == "" {
				continue
			}
			key := fmt.Sprintf("clusters[%d].policy.pools[%d].script_file", i, j)
			text, err := readFile(p.ScriptFile, maxFile)
			if err != nil {
				s.problems = append(s.problems, Problem{File: p.ScriptFile, Key: key, What: err.Error()})
				continue
			}
			p.Script = Script(text)
			if what := p.Script.check(); what != "" {
				s.problems = append(s.problems, Problem{File: p.ScriptFile, What: what})
			}
		}
	}
}
