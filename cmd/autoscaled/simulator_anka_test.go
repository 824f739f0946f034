package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// printedBy starts a simulator and returns what it printed, up to its second curl line, and a
// function that ends it.
func printedBy(t *testing.T, args ...string) (string, func()) {
	ctx, cancel := context.WithCancel(t.Context())
	read, write := io.Pipe()
	ended := make(chan error, 1)
	cmd := newSimulatorCommand()
	cmd.SetOut(write)
	cmd.SetArgs(args)
	go func() { ended <- cmd.ExecuteContext(ctx) }()
	var printed strings.Builder
	lines := bufio.NewScanner(read)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "     curl") {
		printed.WriteString(lines.Text() + "\n")
	}
	printed.WriteString(lines.Text() + "\n")
	go func() { _, _ = io.Copy(io.Discard, read) }()
	return printed.String(), func() {
		cancel()
		require.NoError(t, <-ended)
		require.NoError(t, write.Close())
	}
}

// What the simulator prints to try works.
func TestAnkaSimulatorServesWhatItPrints(t *testing.T) {
	printed, end := printedBy(t, "anka", "--listen", "127.0.0.1:0", "--speed", "10")
	defer end()
	require.Regexp(t, `macs +20\n`, printed)
	require.Regexp(t, `speed +10x\n`, printed)
	tries := regexp.MustCompile(`curl '(\S+)'(?: -d '(.*)')?`).FindAllStringSubmatch(printed, -1)
	require.Len(t, tries, 2)

	response, err := http.Get(tries[0][1])
	require.NoError(t, err)
	var nodes struct{ Body []any }
	require.NoError(t, json.NewDecoder(response.Body).Decode(&nodes))
	require.Len(t, nodes.Body, 20)

	response, err = http.Post(tries[1][1], "application/x-www-form-urlencoded", strings.NewReader(tries[1][2]))
	require.NoError(t, err)
	var started struct {
		Status string
		Body   []string
	}
	require.NoError(t, json.NewDecoder(response.Body).Decode(&started))
	require.Equal(t, "OK", started.Status)
	require.Len(t, started.Body, 2)
}

func TestAnkaSimulatorFlagsGoBeforeTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fleet.yaml")
	require.NoError(t, os.WriteFile(path, []byte("shapes: current\nauth: {root_token: file}\nnodes: [{name: mac, arch: arm64}]\n"), 0o600))
	printed, end := printedBy(t, "anka", "--listen", "127.0.0.1:0", "--config", path, "--shapes", "2019", "--errors", "status", "--root-token", "secret")
	defer end()
	require.Regexp(t, `macs +1\n`, printed)
	require.NotContains(t, printed, "secret", "the token is not printed")
	require.Contains(t, printed, "-u root:TOKEN")
	url := regexp.MustCompile(`url +(\S+)`).FindStringSubmatch(printed)[1]
	for token, status := range map[string]int{"file": 401, "secret": 404} {
		request, err := http.NewRequest("GET", url+"/api/v1/vm?id=none", nil)
		require.NoError(t, err)
		request.SetBasicAuth("root", token)
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, status, response.StatusCode)
	}
}

func TestAnkaSimulatorRefusesWhatItCannotServe(t *testing.T) {
	dir := t.TempDir()
	typo := filepath.Join(dir, "typo.yaml")
	require.NoError(t, os.WriteFile(typo, []byte("nodes:\n  - nme: x\n"), 0o600))
	for name, c := range map[string]struct {
		args []string
		part string
		code int
	}{
		"speed":     {[]string{"--speed", "0"}, "--speed must be above 0", exitUsage},
		"fault":     {[]string{"--faults", "status"}, "expected KIND=RATE", exitUsage},
		"kind":      {[]string{"--faults", "gremlin=0.1"}, `unknown kind "gremlin"`, exitUsage},
		"shapes":    {[]string{"--shapes", "2020"}, `"2020" is none of current, 2019`, exitUsage},
		"errors":    {[]string{"--errors", "x"}, `errors: "x"`, exitUsage},
		"no file":   {[]string{"--config", filepath.Join(dir, "none.yaml")}, "none.yaml", exitUsage},
		"typo":      {[]string{"--config", typo}, `line 2: unknown key "nme"`, exitUsage},
		"listen":    {[]string{"--listen", "nowhere:at:all"}, "listen", exitFailure},
		"arguments": {[]string{"now"}, "unknown command", exitUsage},
	} {
		var errs strings.Builder
		code := execute(t.Context(), append([]string{"simulator", "anka"}, c.args...), io.Discard, &errs)
		require.Contains(t, errs.String(), c.part, name)
		require.Equal(t, c.code, code, name)
	}
}
