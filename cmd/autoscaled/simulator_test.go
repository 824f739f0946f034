package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The simulator prints what a caller needs, and that works.
func TestSimulatorServesWhatItPrints(t *testing.T) {
	for _, args := range [][]string{nil, {"--user", "me", "--password", "secret", "--speed", "10", "--seed", "4"}} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		read, write := io.Pipe()
		ended := make(chan error, 1)
		cmd := newSimulatorCommand()
		cmd.SetOut(write)
		cmd.SetArgs(append([]string{"cyclecloud", "--listen", "127.0.0.1:0"}, args...))
		go func() { ended <- cmd.ExecuteContext(ctx) }()

		printed := map[string]string{}
		lines := bufio.NewScanner(read)
		for printed["speed"] == "" && lines.Scan() {
			if words := strings.Fields(lines.Text()); len(words) == 2 {
				printed[words[0]] = words[1]
			}
		}
		go func() { _, _ = io.Copy(io.Discard, read) }()

		response, err := http.Get(printed["url"] + "/")
		require.NoError(t, err)
		help, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.Contains(t, string(help), "/clusters/demo/nodes/create")

		request, err := http.NewRequest("GET", printed["url"]+"/clusters/"+printed["cluster"]+"/status", nil)
		require.NoError(t, err)
		request.SetBasicAuth(printed["user"], printed["password"])
		response, err = http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, 200, response.StatusCode)
		if args == nil {
			require.Equal(t, "admin", printed["user"])
			require.Equal(t, "demo-password", printed["password"])
		} else {
			require.Equal(t, "me", printed["user"])
			require.Equal(t, "10x", printed["speed"])
		}

		cancel()
		require.NoError(t, <-ended)
		require.NoError(t, write.Close())
	}
}

func TestSimulatorRefusesWhatItCannotServe(t *testing.T) {
	dir := t.TempDir()
	typo := filepath.Join(dir, "typo.yaml")
	require.NoError(t, os.WriteFile(typo, []byte("clusters:\n  - nme: x\n"), 0o600))
	for name, c := range map[string]struct {
		args []string
		part string
		code int
	}{
		"speed":     {[]string{"--speed", "0"}, "--speed must be above 0", exitUsage},
		"no speed":  {[]string{"--speed", "NaN"}, "--speed must be above 0", exitUsage},
		"endless":   {[]string{"--speed", "Inf"}, "--speed must be above 0", exitUsage},
		"fault":     {[]string{"--faults", "status"}, "expected KIND=RATE", exitUsage},
		"kind":      {[]string{"--faults", "gremlin=0.1"}, `unknown kind "gremlin"`, exitUsage},
		"rate":      {[]string{"--faults", "cut-after=3"}, "between 0 and 1", exitUsage},
		"no file":   {[]string{"--config", filepath.Join(dir, "none.yaml")}, "none.yaml", exitUsage},
		"typo":      {[]string{"--config", typo}, `line 2: unknown key "nme"`, exitUsage},
		"listen":    {[]string{"--listen", "nowhere:at:all"}, "listen", exitFailure},
		"arguments": {[]string{"now"}, "unknown command", exitUsage},
	} {
		var errs strings.Builder
		code := execute(t.Context(), append([]string{"simulator", "cyclecloud"}, c.args...), io.Discard, &errs)
		require.Contains(t, errs.String(), c.part, name)
		require.Equal(t, c.code, code, name)
	}
}
