package config

import (
	"fmt"
	"os"
	"path/filepath"
)

// Check is [Load] that also tries every file and variable that the config names
// and that must be there from the start: secrets and certificates, not the
// queue's document. What can't be read is told with all other mistakes.
func Check(path string) (*Config, error) {
	text, err := readFile(path, maxFile)
	if err != nil {
		return nil, Problems{{File: path, What: err.Error()}}
	}
	return parseFile(path, text, (*source).files)
}

func (s *source) files(c *Config) {
	s.named(c)
	s.readable("web_config_file", c.WebConfigFile)
	for i := range c.Clusters {
		at := fmt.Sprintf("clusters[%d]", i)
		cluster := &c.Clusters[i]
		if cc := cluster.CycleCloud; cc != nil {
			s.secretReadable(at+".cyclecloud.password", cc.Password())
			s.tlsReadable(at+".cyclecloud.tls", &cc.TLS)
		}
		if a := cluster.Anka; a != nil {
			s.secretReadable(at+".anka.token", a.Token())
			s.secretReadable(at+".anka.key", a.Key())
			s.tlsReadable(at+".anka.tls", &a.TLS)
		}
		if q := cluster.Queue.GitHub; q != nil {
			s.secretReadable(at+".queue.github.token", q.Token())
			if q.App != nil {
				s.secretReadable(at+".queue.github.app.key", q.App.Key())
			}
			s.tlsReadable(at+".queue.github.tls", &q.TLS)
		}
		if q := cluster.Queue.GitHubREST; q != nil {
			s.githubRESTReadable(at+".queue.github_rest", q)
		}
		if q := cluster.Queue.GitLab; q != nil {
			s.secretReadable(at+".queue.gitlab.token", q.Token())
			s.tlsReadable(at+".queue.gitlab.tls", &q.TLS)
		}
		if q := cluster.Queue.PBS; q != nil && q.Commands != "" {
			s.readable(at+".queue.pbs.commands", filepath.Join(q.Commands, "qstat"))
		}
		if q := cluster.Queue.Slurm; q != nil {
			s.slurmReadable(q, at+".queue.slurm")
		}
		if q := cluster.Queue.Push; q != nil {
			s.pushReadable(q, at+".queue.push")
		}
		if q := cluster.Queue.Prometheus; q != nil {
			s.prometheusReadable(q, at+".queue.prometheus")
		}
		if q := cluster.Queue.HTTP; q != nil {
			s.secretReadable(at+".queue.http.password", q.Password())
			s.secretReadable(at+".queue.http.token", q.Token())
			s.tlsReadable(at+".queue.http.tls", &q.TLS)
		}
	}
}

func (s *source) githubRESTReadable(at string, q *GitHubRESTQueue) {
	s.secretReadable(at+".token", q.Token())
	if q.App != nil {
		s.secretReadable(at+".app.key", q.App.Key())
	}
	s.tlsReadable(at+".tls", &q.TLS)
	if w := q.Webhook; w != nil {
		s.secretReadable(at+".webhook.secret", w.Secret())
		s.readable(at+".webhook.web_config_file", w.WebConfigFile)
	}
}

// Files are those, beside the configuration's own, of which a running daemon must
// load the configuration anew when they change.
func (c *Config) Files() []string {
	var files []string
	for i := range c.Clusters {
		p := &c.Clusters[i].Scaling
		if p.PricesFile != "" {
			files = append(files, p.PricesFile)
		}
		for j := range p.Pools {
			if path := p.Pools[j].ScriptFile; path != "" {
				files = append(files, path)
			}
		}
	}
	return files
}

func (s *source) tlsReadable(at string, t *TLS) {
	s.readable(at+".ca_file", t.CAFile)
	s.readable(at+".cert_file", t.CertFile)
	s.readable(at+".key_file", t.KeyFile)
}

func (s *source) readable(key, path string) {
	if path == "" {
		return
	}
	f, err := os.Open(path)
	if err != nil {
		s.add(key, path+": "+short(err).Error())
		return
	}
	f.Close()
}

func (s *source) secretReadable(key string, from SecretSource) {
	if _, err := from.Read(); err != nil {
		suffix := "_file"
		if from.Env != "" {
			suffix = "_env"
		}
		s.add(key+suffix, err.Error())
	}
}
