package main

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"autoscaled/config"
	"autoscaled/queue"
)

func TestExitCodes(t *testing.T) {
	path := t.TempDir() + "/c.yaml"
	require.NoError(t, os.WriteFile(path, []byte("clusters: []\n"), 0o600))
	for _, c := range []struct {
		args      string
		code      int
		out, errs string
	}{
		{"version", exitOK, "autoscaled ", ""},
		{"--version", exitOK, "autoscaled ", ""},
		{"--help", exitOK, "Exit codes: 0 all is well", ""},
		{"", exitOK, "Available Commands:", ""},
		{"completion bash", exitOK, "__start_autoscaled", ""},
		{"__complete plan -o ''", exitOK, "json", ""},
		{"nonsense", exitUsage, "", "autoscaled: unknown command \"nonsense\" for \"autoscaled\"\nRun 'autoscaled --help' for usage.\n"},
		{"plan --nonsense", exitUsage, "", "autoscaled: unknown flag: --nonsense\nRun 'autoscaled plan --help' for usage.\n"},
		{"plan more", exitUsage, "", "Run 'autoscaled plan --help' for usage.\n"},
		{"check -c /none/c.yaml", exitUsage, "", "/none/c.yaml: no such file or directory\n"},
		{"run -c " + path, exitUsage, "", path + ":1: clusters: must have one entry\n"},
		{"plan -c " + path, exitUsage, "", path + ":1: clusters: must have one entry\n"},
		{"check -c " + path, exitUsage, "", path + ":1: clusters: must have one entry\n"},
	} {
		var out, errs bytes.Buffer
		code := execute(t.Context(), strings.Fields(c.args), &out, &errs)
		require.Equal(t, c.code, code, c.args+": "+errs.String())
		require.Contains(t, out.String(), c.out, c.args)
		if c.errs == "" && !strings.HasPrefix(c.args, "__") {
			require.Empty(t, errs.String(), c.args)
		}
		require.Contains(t, errs.String(), c.errs, c.args)
	}
}

func TestSchemas(t *testing.T) {
	for args, want := range map[string][]byte{"schema": config.Schema(), "schema --queue": queue.Schema()} {
		var out, errs bytes.Buffer
		require.Zero(t, execute(t.Context(), strings.Fields(args), &out, &errs))
		require.True(t, json.Valid(out.Bytes()))
		require.Equal(t, want, out.Bytes())
	}
}

// flagName finds the flags in a usage text, where each begins a line.
var flagName = regexp.MustCompile(`(?m)^ +(?:-., )?--[a-z-]+`)

// TestCommandsPage: docs/commands.md has every command, flag and exit code, and
// every key of the plan's document.
func TestCommandsPage(t *testing.T) {
	text, err := os.ReadFile("../../docs/commands.md")
	require.NoError(t, err)
	page := string(text)
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		if cmd.HasParent() {
			require.Contains(t, page, "`"+cmd.CommandPath()+"`", "the page has no %s", cmd.CommandPath())
		}
		for _, flag := range flagName.FindAllString(cmd.LocalNonPersistentFlags().FlagUsages(), -1) {
			if flag = flag[strings.Index(flag, "--"):]; flag != "--help" && flag != "--version" {
				require.Contains(t, page, flag, "the page has no %s of %s", flag, cmd.CommandPath())
			}
		}
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit(newRootCommand())
	for code := exitOK; code <= exitBlind; code++ {
		require.Regexp(t, `(?m)^\| `+string(rune('0'+code))+` \|`, page)
	}
	sample, err := os.ReadFile("testdata/plan.json")
	require.NoError(t, err)
	for _, key := range regexp.MustCompile(`"([a-z_]+)":`).FindAllStringSubmatch(string(sample), -1) {
		require.Contains(t, page, "`"+key[1]+"`", "the page does not tell of the plan's key")
	}
}
