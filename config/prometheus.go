package config

import (
	"fmt"
	"strings"
)

// PrometheusQueue asks a Prometheus server.
type PrometheusQueue struct {
	URL           string           `key:"url" required:"yes" help:"The server, as https://prometheus.example.com, with the path before /api/v1 where it has one."`
	Query         string           `key:"query" required:"yes" help:"PromQL whose value is how many tasks wait, by labels."`
	RunningQuery  string           `key:"running_query" default:"" help:"PromQL whose value is what runs on a host, by host. Without it no node that was ever ready is removed."`
	RunningCounts string           `key:"running_counts" default:"jobs" enum:"jobs,cores" help:"What running_query counts: jobs, and a host where any runs is full; or the cores in use."`
	RunningListed bool             `key:"running_listed_only" default:"false" help:"A host that running_query does not list is unknown, not idle: for metrics that each host tells of itself."`
	EmptyIsZero   bool             `key:"empty_is_zero" default:"false" help:"An answer without series means that nothing waits, or runs. Otherwise it is unknown, for a metric that has gone looks the same."`
	Rounding      string           `key:"rounding" default:"none" enum:"none,up,nearest" help:"What becomes of values that are not whole; none: they are mistakes. What runs is never rounded down."`
	MaxAge        Duration         `key:"max_age" default:"2m" help:"How old any sample may be that a query reads, and how far the server's clock may be from ours; beyond it demand is unknown. 0: it is not looked at."`
	Labels        PrometheusLabels `key:"labels" help:"Which labels of a series say what its tasks need. One that is named must be there wherever the value is not 0."`
	Timeout       Duration         `key:"timeout" default:"30s" least:"1s" help:"Limit of one attempt of an API call."`
	User          string           `key:"user" default:"" help:"User for basic authentication."`
	PasswordFile  string           `key:"password_file" default:"" path:"yes" help:"File that holds the password."`
	PasswordEnv   string           `key:"password_env" default:"" help:"Environment variable that holds the password."`
	TokenFile     string           `key:"token_file" default:"" path:"yes" help:"File that holds a bearer token."`
	TokenEnv      string           `key:"token_env" default:"" help:"Environment variable that holds a bearer token."`
	TLS           TLS              `key:"tls" help:"How the server proves itself, and how we do."`
}

// PrometheusLabels names labels of series.
type PrometheusLabels struct {
	Name     string            `key:"name" default:"" help:"The job's id. Empty: the series itself."`
	Cores    string            `key:"cores" default:"" help:"Cores of a task. Empty: one."`
	Memory   string            `key:"memory" default:"" help:"Memory of a task, in bytes or as 4GiB."`
	GPUs     string            `key:"gpus" default:"" help:"GPUs of a task."`
	Priority string            `key:"priority" default:"" help:"Priority, a whole number."`
	Host     string            `key:"host" default:"host" help:"The host in running_query."`
	Pools    []PrometheusLabel `key:"pools" help:"Labels that a pool must have with the value of the series."`
}

// PrometheusLabel is a label of pools and the label of series that has its value.
type PrometheusLabel struct {
	Name string `key:"name" required:"yes" help:"The pool's label: nodearray, machine_type, template or one of its own."`
	From string `key:"from" default:"" help:"The label of the series. Empty: of the same name."`
}

// Series is the name of the label of series.
func (l PrometheusLabel) Series() string {
	if l.From == "" {
		return l.Name
	}
	return l.From
}

// Password is where the password for basic authentication is.
func (q PrometheusQueue) Password() SecretSource {
	return SecretSource{File: q.PasswordFile, Env: q.PasswordEnv}
}

// Token is where the bearer token is.
func (q PrometheusQueue) Token() SecretSource {
	return SecretSource{File: q.TokenFile, Env: q.TokenEnv}
}

func (s *source) prometheusQueue(q *PrometheusQueue, at string) {
	s.url(at+".url", q.URL)
	if strings.Contains(q.URL, "?") {
		s.add(at+".url", "holds a query (?…); PromQL stands under the key query")
	}
	s.required(at+".query", strings.TrimSpace(q.Query))
	if q.RunningQuery == "" {
		for _, key := range []string{"running_counts", "running_listed_only", "labels.host"} {
			if s.lines[at+"."+key] > 0 {
				s.add(at+"."+key, "has no effect without running_query")
			}
		}
	} else {
		s.required(at+".labels.host", q.Labels.Host)
	}
	s.credentials(at, q.User, q.Password(), q.Token())
	s.tls(&q.TLS, at+".tls", q.URL)
	var names []string
	for i, l := range q.Labels.Pools {
		names = s.name(fmt.Sprintf("%s.labels.pools[%d]", at, i), l.Name, names)
	}
}

func (s *source) prometheusReadable(q *PrometheusQueue, at string) {
	s.secretReadable(at+".password", q.Password())
	s.secretReadable(at+".token", q.Token())
	s.tlsReadable(at+".tls", &q.TLS)
}
