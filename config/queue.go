package config

import (
	"fmt"
	"strings"
)

// queueKind is one of the keys of which a cluster's queue holds exactly one.
type queueKind struct {
	key   string
	set   bool
	check func(at string)
}

// queueKinds lists all, in the order in which errors name them.
func (s *source) queueKinds(top *Config, c *Cluster) []queueKind {
	q := &c.Queue
	return []queueKind{
		{"file", q.File != nil, func(at string) { s.required(at+".path", q.File.Path) }},
		{"http", q.HTTP != nil, func(at string) { s.httpQueue(q.HTTP, at) }},
		{"exec", q.Exec != nil, func(at string) { s.execQueue(q.Exec, at) }},
		{"push", q.Push != nil, func(at string) { s.pushQueue(top, q.Push, at) }},
		{"prometheus", q.Prometheus != nil, func(at string) { s.prometheusQueue(q.Prometheus, at) }},
		{"slurm", q.Slurm != nil, func(at string) { s.slurmQueue(c, q.Slurm, at) }},
		{"gridengine", q.GridEngine != nil, func(at string) { s.gridEngineQueue(c, q.GridEngine, at) }},
		{"pbs", q.PBS != nil, func(at string) { s.pbsQueue(c, q.PBS, at) }},
		{"github", q.GitHub != nil, func(at string) { s.githubQueue(c, q.GitHub, at) }},
		{"github_rest", q.GitHubREST != nil, func(at string) { s.githubRESTQueue(c, q.GitHubREST, at) }},
		{"gitlab", q.GitLab != nil, func(at string) { s.gitlabQueue(c, q.GitLab, at) }},
	}
}

func (s *source) queue(top *Config, c *Cluster, at string) {
	var all, set []string
	for _, kind := range s.queueKinds(top, c) {
		all = append(all, kind.key)
		if kind.set {
			set = append(set, kind.key)
			kind.check(at + "." + kind.key)
		}
	}
	last := len(all) - 1
	kinds := strings.Join(all[:last], ", ") + " and " + all[last]
	switch {
	case len(set) > 1:
		s.add(at, fmt.Sprintf("must hold exactly one of %s; it has %s", kinds, strings.Join(set, " and ")))
	case len(set) == 0 && !s.within(at+"."):
		s.add(at, "must hold one of "+kinds)
	}
}

func (s *source) httpQueue(q *HTTPQueue, at string) {
	s.url(at+".url", q.URL)
	s.credentials(at, q.User, q.Password(), q.Token())
	s.tls(&q.TLS, at+".tls", q.URL)
}

func (s *source) execQueue(q *ExecQueue, at string) {
	if len(q.Command) == 0 || q.Command[0] == "" {
		s.add(at+".command", "names no program")
	}
}
