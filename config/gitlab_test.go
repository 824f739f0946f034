package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var minimalGitLab = strings.Replace(minimalAnka, "      file: {path: queue.yaml}\n", `      gitlab:
        url: https://gitlab.example.com
        token_file: token
        projects: [acme/app]
        runner: {id: 7, tags: [mac]}
        rules: [{name: mac, tags: [mac], select: {pool: ios}}]
`, 1)

func TestGitLabQueue(t *testing.T) {
	c, err := parse(t, minimalGitLab)
	require.NoError(t, err)
	q := c.Clusters[0].Queue.GitLab
	require.Equal(t, SecretSource{File: "/etc/autoscaled/token"}, q.Token())
	require.Equal(t, GitLabRunner{Type: "project", ID: 7, Tags: []string{"mac"}, MaxJobs: 1}, q.Runner)
	require.Equal(t, map[string]string{"pool": "ios"}, q.Rules[0].Select.Asked())
	require.NoError(t, compiled(t).Validate(instance(t, minimalGitLab)))
}

// TestGitLabMistakes holds one case per rule, with the exact words.
func TestGitLabMistakes(t *testing.T) {
	const at = "/etc/autoscaled/c.yaml:"
	for _, c := range [][3]string{
		{"        token_file: token\n", "", at + "6: clusters[0].queue.gitlab: has no token; set token_file or token_env"},
		{"        projects: [acme/app]\n", "", at + "6: clusters[0].queue.gitlab: must have either projects or all: true"},
		{"projects: [acme/app]", "projects: [acme/app]\n        all: true", at + "6: clusters[0].queue.gitlab: must have either projects or all: true"},
		{"id: 7, ", "", at + "10: clusters[0].queue.gitlab.runner.id: is missing: the number of the project"},
		{"id: 7, ", "type: instance, id: 7, ", at + "10: clusters[0].queue.gitlab.runner.id: has no effect: runners of the instance belong to nobody"},
		{", tags: [mac]}\n", "}\n", at + "10: clusters[0].queue.gitlab.runner.tags: must have an entry: runners take no jobs without tags"},
		{"tags: [mac]}\n", "pool_tags: [{pool: mac, tags: [x]}]}\n", at + `10: clusters[0].queue.gitlab.runner.pool_tags[0].pool: there is no pool "mac"`},
		{"tags: [mac]}\n", "pool_tags: [{pool: ios}]}\n", at + "10: clusters[0].queue.gitlab.runner.pool_tags[0].tags: must have an entry"},
		{"select: {pool: ios}", "select: {}", at + "11: clusters[0].queue.gitlab.rules[0].select: chooses no pool; set pool, template, tag, group or labels"},
		{"tags: [mac], select", "tags: ['mac-(1'], select", at + "11: clusters[0].queue.gitlab.rules[0]: rule \"mac\": pattern \"mac-(1\": error parsing regexp: missing closing ): `mac-(1`"},
		{"select: {pool: ios}", "select: {template: mac-$1}", at + `11: clusters[0].queue.gitlab.rules[0]: rule "mac": select template: "mac-$1": there is no capture $1: the patterns have 0`},
		{"select: {pool: ios}", "select: {template: macos-14}", at + `11: clusters[0].queue.gitlab.rules[0].select.template: no pool has the template "macos-14"; did you mean "macos-15"?`},
		{"select: {pool: ios}", "select: {tag: v3}", at + `11: clusters[0].queue.gitlab.rules[0].select.tag: no pool has the tag "v3"; did you mean "v2"?`},
		{"select: {pool: ios}", "select: {group: x}", at + `11: clusters[0].queue.gitlab.rules[0].select.group: no pool has the group "x"`},
		{"tags: [mac], select", "select", at + "11: clusters[0].queue.gitlab.rules[0].tags: must have an entry"},
		{"        rules: [{name: mac, tags: [mac], select: {pool: ios}}]\n", "", at + "6: clusters[0].queue.gitlab.rules: must have an entry"},
	} {
		require.Contains(t, minimalGitLab, c[0])
		_, err := parse(t, strings.Replace(minimalGitLab, c[0], c[1], 1))
		require.EqualError(t, err, c[2])
	}
}
