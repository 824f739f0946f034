package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var minimalGitHubREST = strings.Replace(minimalAnka, "      file: {path: queue.yaml}\n", `      github_rest:
        url: https://github.com/acme
        token_file: token
        repositories: [acme/widgets, acme/gears]
        rules: [{name: mac, labels: ['macos-(\d+)'], select: {pool: ios}}]
        standing: [{labels: [macos-15], select: {pool: ios}}]
        webhook: {listen: ":9798", secret_file: hook}
`, 1)

func TestGitHubRESTQueue(t *testing.T) {
	c, err := parse(t, minimalGitHubREST)
	require.NoError(t, err)
	q := c.Clusters[0].Queue.GitHubREST
	require.Equal(t, SecretSource{File: "/etc/autoscaled/token"}, q.Token())
	require.Equal(t, SecretSource{File: "/etc/autoscaled/hook"}, q.Webhook.Secret())
	require.Equal(t, "/webhook", q.Webhook.Path)
	require.Equal(t, 2000, q.Calls)
	require.Equal(t, 1, q.RunnerGroup)
	require.Equal(t, map[string]string{"pool": "ios"}, q.Rules[0].Select.Asked())
	require.NoError(t, compiled(t).Validate(instance(t, minimalGitHubREST)))
	_, err = parse(t, minimalGitHubREST+"          script_file: run.sh\n")
	require.NoError(t, err, "it brings credentials")
}

// TestGitHubRESTMistakes holds one case per rule, with the exact words.
func TestGitHubRESTMistakes(t *testing.T) {
	const key = "clusters[0].queue.github_rest"
	const rule = "        rules: [{name: mac, labels: ['macos-(\\d+)'], select: {pool: ios}}]\n"
	for _, c := range [][3]string{
		{"        token_file: token\n", "", "6: " + key + ": has neither a token nor an app; set token_file, token_env or app"},
		{"token_file: token", "token_file: token\n        app: {id: x, installation: 1, key_file: k}", "6: " + key + ": has both a token and an app; keep one"},
		{"        repositories: [acme/widgets, acme/gears]\n", "", "6: " + key + ".repositories: must have an entry"},
		{"acme/gears", "acme", "9: " + key + `.repositories[1]: "acme" is not of the form OWNER/NAME`},
		{"acme/gears", "acme/a/b", "9: " + key + `.repositories[1]: "acme/a/b" is not of the form OWNER/NAME`},
		{"acme/gears", "Acme/Widgets", "9: " + key + `.repositories[1]: "Acme/Widgets" is listed twice`},
		{rule, "", "6: " + key + ".rules: must have an entry"},
		{"labels: ['macos-(\\d+)'], ", "", "10: " + key + ".rules[0].labels: must have an entry"},
		{"'macos-(\\d+)'], select: {pool: ios}", "x], select: {}", "10: " + key + ".rules[0].select: chooses no pool; set pool, template, tag, group or labels"},
		{"select: {pool: ios}}]\n        st", "select: {pool: iso}}]\n        st", "10: " + key + `.rules[0].select.pool: there is no pool "iso"; did you mean "ios"?`},
		{"{labels: [macos-15], ", "{", "11: " + key + ".standing[0].labels: must have an entry"},
		{`listen: ":9798", `, "", "12: " + key + ".webhook.listen: is missing"},
		{`":9798"`, "here", "12: " + key + `.webhook.listen: "here" is no address such as 127.0.0.1:9797 or :9797`},
		{", secret_file: hook", "", "12: " + key + ".webhook: has no secret, by which deliveries are believed; set secret_file or secret_env"},
		{", secret_file: hook", ", secret: hush", "12: " + key + ".webhook.secret: secrets don't belong in this file; use secret_file or secret_env"},
		{", secret_file: hook", ", secret_file: hook, path: hook", "12: " + key + `.webhook.path: "hook" is no path such as /webhook`},
		{"url: https://github.com/acme", "url: https://github.com/acme\n        calls_per_hour: 0", "8: " + key + ".calls_per_hour: 0 is less than 1"},
	} {
		require.Contains(t, minimalGitHubREST, c[0])
		_, err := parse(t, strings.Replace(minimalGitHubREST, c[0], c[1], 1))
		require.EqualError(t, err, "/etc/autoscaled/c.yaml:"+c[2])
	}
}
