package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

var minimalGitHub = strings.Replace(minimalAnka, "      file: {path: queue.yaml}\n", `      github:
        url: https://github.com/acme
        token_file: token
        scale_sets:
          - {name: macos-15, labels: [macos-15, xcode], select: {template: macos-15, labels: [{name: tier, value: fast}]}}
`, 1)

func TestGitHubQueue(t *testing.T) {
	c, err := parse(t, minimalGitHub)
	require.NoError(t, err)
	q := c.Clusters[0].Queue.GitHub
	require.Equal(t, SecretSource{File: "/etc/autoscaled/token"}, q.Token())
	require.Equal(t, []string{"macos-15", "xcode"}, q.ScaleSets[0].Labels)
	require.Equal(t, autoscale.Selector{All: []autoscale.Selector{autoscale.HasLabel("template", "macos-15"), autoscale.HasLabel("tier", "fast")}}, q.ScaleSets[0].Select.Selector())
	require.NoError(t, compiled(t).Validate(instance(t, minimalGitHub)))

	app := strings.Replace(minimalGitHub, "token_file: token", "app: {id: Iv1.x, installation: 7, key_file: app.pem}", 1)
	c, err = parse(t, app)
	require.NoError(t, err)
	require.Equal(t, SecretSource{File: "/etc/autoscaled/app.pem"}, c.Clusters[0].Queue.GitHub.App.Key())
}

// TestGitHubMistakes holds one case per rule, with the exact words.
func TestGitHubMistakes(t *testing.T) {
	const token = "        token_file: token\n"
	const at = "/etc/autoscaled/c.yaml:"
	for _, c := range [][3]string{
		{token, "", at + "6: clusters[0].queue.github: has neither a token nor an app; set token_file, token_env or app"},
		{token, token + "        app: {id: x, installation: 1, key_file: k}\n", at + "6: clusters[0].queue.github: has both a token and an app; keep one"},
		{token, "        app: {id: x, installation: 1}\n", at + "8: clusters[0].queue.github.app: has no key; set key_file or key_env"},
		{token, "        app: {id: x, key_env: k}\n", at + "8: clusters[0].queue.github.app.installation: is missing"},
		{token, "        app: {installation: 1, key_env: k}\n", at + "8: clusters[0].queue.github.app.id: is missing"},
		{token, "        token: ghp_x\n", at + "8: clusters[0].queue.github.token: secrets don't belong in this file; use token_file or token_env"},
		{"url: https://github.com/acme", "url: github.com/acme", at + `7: clusters[0].queue.github.url: "github.com/acme" does not begin with https:// or http://`},
		{"select: {template", "select: {pool: iso, template", at + `10: clusters[0].queue.github.scale_sets[0].select.pool: there is no pool "iso"; did you mean "ios"?`},
		{"{name: macos-15, ", "{", at + "10: clusters[0].queue.github.scale_sets[0].name: is missing"},
		{", value: fast", "", at + "10: clusters[0].queue.github.scale_sets[0].select.labels[0].value: is missing"},
		{"      github:", "      file: {path: x}\n      github:", at + "5: clusters[0].queue: must hold exactly one of file, http, exec, push, prometheus, slurm, gridengine, pbs, github, github_rest and gitlab; it has file and github"},
	} {
		require.Contains(t, minimalGitHub, c[0])
		_, err := parse(t, strings.Replace(minimalGitHub, c[0], c[1], 1))
		require.EqualError(t, err, c[2])
	}
	_, err := parse(t, strings.Replace(minimal, "file: {path: queue.yaml}", "github: {url: 'https://github.com/a', token_env: T, scale_sets: [{name: a}]}", 1))
	require.EqualError(t, err, at+"8: clusters[0].queue.github: is for Anka, and this cluster is on CycleCloud")
	_, err = parse(t, minimalAnka+"          script_file: run.sh\n")
	require.EqualError(t, err, at+"14: clusters[0].policy.pools[0].script_file: has no effect: only the queues github, github_rest and gitlab bring credentials that a script could carry")
}

func TestScriptIsFilledIn(t *testing.T) {
	text := Script("{host} ${host} {credential}x { url; } {url}\n").Fill("a'b $c", "h", "https://x")
	require.Equal(t, "'h' ${host} 'a'\\''b $c'x { url; } 'https://x'\n", text)
}

func TestScriptsAreChecked(t *testing.T) {
	dir := t.TempDir()
	path, script := filepath.Join(dir, "c.yaml"), filepath.Join(dir, "run.sh")
	require.NoError(t, os.WriteFile(path, []byte(minimalGitHub+"          script_file: run.sh\n"), 0o600))
	_, err := Load(path)
	require.EqualError(t, err, script+": clusters[0].policy.pools[0].script_file: no such file or directory")
	for text, want := range map[string]string{
		"":                              "is empty",
		"echo {host}":                   "holds no {credential}, without which no runner starts",
		"x {credentail}":                "{credentail} is not one of {credential}, {host}, {url}; write ${…} or put blanks inside the braces where the shell is meant",
		"x {credential} {hots}":         "{hots} is not one of {credential}, {host}, {url}; write ${…} or put blanks inside the braces where the shell is meant",
		"x {credential}{url}'":          "{url} stands in quotes; it is quoted for the shell as it is filled in",
		"x '{credential}'":              "{credential} stands in quotes; it is quoted for the shell as it is filled in",
		"x {credential}\x00":            "holds a zero byte",
		strings.Repeat("x", 1<<20+1):    "clusters[0].policy.pools[0].script_file: is longer than 1 MiB",
		"{credential} ${name} { x; }\n": "",
	} {
		require.NoError(t, os.WriteFile(script, []byte(text), 0o600))
		c, err := Load(path)
		if want == "" {
			require.NoError(t, err)
			require.Equal(t, Script(text), c.Clusters[0].Scaling.Pools[0].Script)
			require.Equal(t, []string{script}, c.Files())
			continue
		}
		require.EqualError(t, err, script+": "+want)
	}
	old, err := Load(path)
	if err != nil { // the last text of the map was a wrong one
		require.NoError(t, os.WriteFile(script, []byte("{credential}"), 0o600))
		old, err = Load(path)
		require.NoError(t, err)
	}
	require.NoError(t, os.WriteFile(script, []byte("exec x {credential}"), 0o600))
	now, err := Load(path)
	require.NoError(t, err)
	require.Equal(t, []string{"clusters[0].policy.pools[0].script_file"}, Changes(old, now))
	require.NotEqual(t, old.Clusters[0].Policy().Revision, now.Clusters[0].Policy().Revision)
}
