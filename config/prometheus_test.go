package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// withQueue is the minimal configuration with another queue.
func withQueue(t *testing.T, queue string) string {
	t.Helper()
	const file = "file: {path: queue.yaml}"
	require.Contains(t, minimal, file)
	return strings.Replace(minimal, file, queue, 1)
}

func TestPrometheusQueue(t *testing.T) {
	c, err := parse(t, withQueue(t, "prometheus: {url: 'http://p', query: up, labels: {cores: n, pools: [{name: nodearray, from: partition}, {name: tier}]}}"))
	require.NoError(t, err)
	q := c.Clusters[0].Queue.Prometheus
	require.Equal(t, "2m", q.MaxAge.String())
	require.Equal(t, "jobs", q.RunningCounts)
	require.Equal(t, "none", q.Rounding)
	require.Equal(t, "host", q.Labels.Host)
	require.False(t, q.EmptyIsZero)
	require.Equal(t, []string{"partition", "tier"}, []string{q.Labels.Pools[0].Series(), q.Labels.Pools[1].Series()})
}

func TestPrometheusMistakes(t *testing.T) {
	const at = "/etc/autoscaled/c.yaml:8: clusters[0].queue.prometheus"
	for keys, want := range map[string]string{
		"query: up":                                                           at + ".url: is missing",
		"url: 'http://p'":                                                     at + ".query: is missing",
		"url: 'http://p', query: ' '":                                         at + ".query: is missing",
		"url: 'http://p/?query=up', query: up":                                at + ".url: holds a query (?…); PromQL stands under the key query",
		"url: 'http://a:b@p', query: up":                                      at + ".url: holds a user; use the keys user and password_file",
		"url: 'http://p', query: up, user: x":                                 at + ": has a user and no password; set password_file or password_env",
		"url: 'http://p', query: up, max_age: -1s":                            at + ".max_age: -1s is negative",
		"url: 'http://p', query: up, rounding: down":                          at + `.rounding: "down" is not one of none, up, nearest`,
		"url: 'http://p', query: up, running_counts: cores":                   at + ".running_counts: has no effect without running_query",
		"url: 'http://p', query: up, running_listed_only: true":               at + ".running_listed_only: has no effect without running_query",
		"url: 'http://p', query: up, labels: {host: h}":                       at + ".labels.host: has no effect without running_query",
		"url: 'http://p', query: up, running_query: up, labels: {host: ''}":   at + ".labels.host: is missing",
		"url: 'http://p', query: up, labels: {pools: [{from: x}]}":            at + ".labels.pools[0].name: is missing",
		"url: 'http://p', query: up, labels: {pools: [{name: x}, {name: x}]}": at + `.labels.pools[1].name: "x" is used twice`,
		"url: 'http://p', query: up, tls: {ca_file: x}":                       at + ".tls: has no effect: the URL begins with http://, not https://",
	} {
		_, err := parse(t, withQueue(t, "prometheus: {"+keys+"}"))
		require.EqualError(t, err, want, keys)
	}
}

func TestPushQueue(t *testing.T) {
	for keys, want := range map[string]string{
		"":                                 "",
		"listen: '[::1]:1'":                "",
		"listen: localhost:1, lease: 10s":  "",
		"listen: ':1', token_file: t":      "",
		"listen: ':1', web_config_file: w": "",
		"listen: ''":                       ".listen: is missing",
		"listen: 127.0.0.1":                `.listen: "127.0.0.1" is no address such as 127.0.0.1:9797 or :9797`,
		"listen: 127.0.0.1:9797":           ".listen: 127.0.0.1:9797 is the daemon's own listen already",
		"listen: ':1'":                     ": anyone who reaches :1 could make and end machines; set token_file or web_config_file, or listen on 127.0.0.1",
		"listen: '10.0.0.4:1'":             ": anyone who reaches 10.0.0.4:1 could make and end machines; set token_file or web_config_file, or listen on 127.0.0.1",
		"token_file: t, token_env: T":      ".token_env: token_file is set too; keep one of them",
		"lease: 0s":                        ".lease: 0s is less than 1s",
	} {
		_, err := parse(t, withQueue(t, "push: {"+keys+"}"))
		if want == "" {
			require.NoError(t, err, keys)
			continue
		}
		require.EqualError(t, err, "/etc/autoscaled/c.yaml:8: clusters[0].queue.push"+want, keys)
	}
}

// Check looks for the secrets and files of both.
func TestQueueFilesAreTried(t *testing.T) {
	for queue, want := range map[string]string{
		"push: {token_file: /none/t, web_config_file: /none/w}":                                   "queue.push.",
		"prometheus: {url: 'https://p', query: up, token_file: /none/t, tls: {ca_file: /none/w}}": "queue.prometheus.",
	} {
		s := &source{file: "c.yaml", lines: map[string]int{}, env: map[string]string{}, bad: map[string]bool{}}
		c, err := parse(t, withQueue(t, queue))
		require.NoError(t, err)
		s.files(c)
		text := s.problems.err().Error()
		require.Contains(t, text, want+"token_file")
		require.Contains(t, text, "/none/w: no such file")
	}
}
