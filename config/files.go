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
		s.queueReadable(&cluster.Queue, at+".queue")
	}
}

func (s *source) queueReadable(queue *Queue, at string) {
	if q := queue.GitHub; q != nil {
		s.secretReadable(at+".github.token", q.Token())
		if q.App != nil {
			s.secretReadable(at+".github.app.key", q.App.Key())
		}
		s.tlsReadable(at+".github.tls", &q.TLS)
	}
	if q := queue.GitHubREST; q != nil {
		s.githubRESTReadable(at+".github_rest", q)
	}
	if q := queue.GitLab; q != nil {
		s.secretReadable(at+".gitlab.token", q.Token())
		s.tlsReadable(at+".gitlab.tls", &q.TLS)
	}
	if q := queue.PBS; q != nil && q.Commands != "" {
		s.readable(at+".pbs.commands", filepath.Join(q.Commands, "qstat"))
	}
	if q := queue.Slurm; q != nil {
		s.slurmReadable(q, at+".slurm")
	}
	if q := queue.Push; q != nil {
		s.pushReadable(q, at+".push")
	}
	if q := queue.Prometheus; q != nil {
		s.prometheusReadable(q, at+".prometheus")
	}
	if q := queue.HTTP; q != nil {
		s.secretReadable(at+".http.password", q.Password())
		s.secretReadable(at+".http.token", q.Token())
		s.tlsReadable(at+".http.tls", &q.TLS)
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
