package project

import (
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// TestLinks: every link of a page to a file of the project leads somewhere.
func TestLinks(t *testing.T) {
	found := 0
	walk(t, func(name string) {
		if !strings.HasSuffix(name, ".md") {
			return
		}
		for _, match := range link.FindAllStringSubmatch(read(t, name), -1) {
			target, err := url.Parse(match[1])
			require.NoError(t, err, "%s: %s", name, match[1])
			if target.Scheme != "" || target.Path == "" {
				continue
			}
			found++
			_, err = os.Stat(filepath.Join(root, filepath.FromSlash(path.Join(path.Dir(name), target.Path))))
			require.NoError(t, err, "%s links to %s", name, match[1])
		}
	})
	require.Greater(t, found, 5, "hardly any link found")
}
