package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzParse: whatever the file holds, there is a config or there are problems,
// each on one line, and what loads once loads again to the same.
func FuzzParse(f *testing.F) {
	for _, text := range []string{minimal, full, "", "a: &a [*a]", "clusters: [[]]", "clusters: [{policy: {pools: [1, {}, ~]}}]", "? {a: b}\n: c", "log: !!map {level: !x info}"} {
		f.Add([]byte(text))
	}
	examples, _ := filepath.Glob("../examples/*.yaml")
	for _, path := range examples {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Parse("/x/c.yaml", text)
		if err == nil {
			_ = c.Clusters[0].Policy()
			again, err := Parse("/x/c.yaml", text)
			if err != nil || len(Changes(c, again)) > 0 {
				t.Fatalf("the second time it differs: %v", err)
			}
			return
		}
		var problems Problems
		if c != nil || !errors.As(err, &problems) || len(problems) == 0 {
			t.Fatalf("config %v, error %v", c, err)
		}
		for _, p := range problems {
			if p.What == "" || strings.ContainsAny(p.String(), "\n\r") {
				t.Fatalf("problem %q", p.String())
			}
		}
	})
}
