package config

import (
	"fmt"
	"slices"
	"strings"
)

// GitHubRESTQueue polls the jobs of repositories, where runner scale sets can't be used.
type GitHubRESTQueue struct {
	URL          string           `key:"url" required:"yes" help:"To whom runners are registered: https://github.com/ORG, https://github.com/OWNER/REPO, https://github.com/enterprises/NAME, or the same on a server of your own."`
	TokenFile    string           `key:"token_file" default:"" path:"yes" help:"File that holds a personal access token. Read again whenever it is needed."`
	TokenEnv     string           `key:"token_env" default:"" help:"Environment variable that holds the token."`
	App          *GitHubApp       `key:"app" help:"A GitHub App to sign in as, in place of a token."`
	Repositories []string         `key:"repositories" required:"yes" help:"Repositories whose jobs are served, each as OWNER/NAME."`
	Calls        int              `key:"calls_per_hour" default:"2000" least:"1" help:"Most API calls in an hour that count against GitHub's limit, which is 5,000 for a personal access token."`
	RunnerGroup  int              `key:"runner_group" default:"1" least:"1" help:"Number of the group that runners join; 1 is the default group."`
	WorkFolder   string           `key:"work_folder" default:"" help:"Folder in which runners check out. Not set: their own default."`
	Timeout      Duration         `key:"timeout" default:"30s" least:"1s" help:"Limit of one attempt of an API call."`
	TLS          TLS              `key:"tls" help:"How the server proves itself, and how we do."`
	Rules        []LabelRule      `key:"rules" required:"yes" help:"Which labels of a job ask for which pools. The first rule that matches counts; a job that none matches is not ours."`
	Standing     []StandingLabels `key:"standing" help:"Labels of runners that are made before a job waits for them, such as those of a warm pool; the first entry whose pools they are in counts."`
	Webhook      *Webhook         `key:"webhook" help:"Where GitHub delivers events of jobs, so that a repository is read at once."`
}

// LabelRule maps labels to pools.
type LabelRule struct {
	Name     string     `key:"name" required:"yes" help:"Name in explanations."`
	Labels   []string   `key:"labels" required:"yes" help:"Regular expressions in Go's syntax, each of which must match one whole label of the job. self-hosted and macOS need none."`
	Optional []string   `key:"optional" help:"The same of labels that the job may have beside."`
	Select   PoolSelect `key:"select" required:"yes" help:"Which pools run such jobs. $1 and ${name} stand for what the expressions captured."`
}

// StandingLabels are what runners take jobs of that were made while none waited.
type StandingLabels struct {
	Labels []string   `key:"labels" required:"yes" help:"The runners' labels."`
	Select PoolSelect `key:"select" help:"In which pools. Nothing set: in all."`
}

// Webhook is where a CI service delivers what happens.
type Webhook struct {
	Listen        string `key:"listen" required:"yes" help:"Address to listen on, such as 0.0.0.0:9798; not that of metrics and health."`
	Path          string `key:"path" default:"/webhook" help:"Path of the URL that deliveries come to."`
	SecretFile    string `key:"secret_file" default:"" path:"yes" help:"File that holds the webhook's secret. Read again whenever it is needed."`
	SecretEnv     string `key:"secret_env" default:"" help:"Environment variable that holds the secret."`
	WebConfigFile string `key:"web_config_file" default:"" path:"yes" help:"TLS for this address, in the format of Prometheus' exporters, as the web_config_file of metrics and health."`
}

// Token is where the personal access token is.
func (q GitHubRESTQueue) Token() SecretSource {
	return SecretSource{File: q.TokenFile, Env: q.TokenEnv}
}

// Secret is where the secret is that deliveries are signed with.
func (w Webhook) Secret() SecretSource { return SecretSource{File: w.SecretFile, Env: w.SecretEnv} }

func (s *source) githubRESTQueue(c *Cluster, q *GitHubRESTQueue, at string) {
	s.url(at+".url", q.URL)
	s.githubAccess(q.Token(), q.App, at)
	s.tls(&q.TLS, at+".tls", q.URL)
	if len(q.Repositories) == 0 && !s.within(at+".repositories") {
		s.add(at+".repositories", "must have an entry")
	}
	for i, name := range q.Repositories {
		s.repository(fmt.Sprintf("%s.repositories[%d]", at, i), name, q.Repositories[:i])
	}
	if len(q.Rules) == 0 && !s.within(at+".rules") {
		s.add(at+".rules", "must have an entry")
	}
	var names []string
	for i := range q.Rules {
		r, key := &q.Rules[i], fmt.Sprintf("%s.rules[%d]", at, i)
		names = s.name(key, r.Name, names)
		s.entries(key+".labels", r.Labels)
		if len(r.Select.list()) == 0 && !s.within(key+".select") {
			s.add(key+".select", "chooses no pool; set pool, template, tag, group or labels")
		}
		s.poolSelect(c, &r.Select, key+".select")
	}
	for i := range q.Standing {
		key := fmt.Sprintf("%s.standing[%d]", at, i)
		s.entries(key+".labels", q.Standing[i].Labels)
		s.poolSelect(c, &q.Standing[i].Select, key+".select")
	}
	if q.Webhook != nil {
		s.webhook(q.Webhook, at+".webhook")
	}
}

// githubAccess checks that there is one way to sign in to GitHub.
func (s *source) githubAccess(token SecretSource, app *GitHubApp, at string) {
	s.secret(at, "token", token)
	switch known := !token.IsZero(); {
	case known && app != nil:
		s.add(at, "has both a token and an app; keep one")
	case !known && app == nil && !s.within(at+".token") && !s.within(at+".app"):
		s.add(at, "has neither a token nor an app; set token_file, token_env or app")
	}
	if app != nil {
		s.githubApp(app, at+".app")
	}
}

func (s *source) repository(key, name string, above []string) {
	owner, repo, ok := strings.Cut(name, "/")
	switch {
	case !ok || owner == "" || repo == "" || strings.Contains(repo, "/"):
		s.add(key, fmt.Sprintf("%q is not of the form OWNER/NAME", shown(name)))
	case slices.ContainsFunc(above, func(other string) bool { return strings.EqualFold(other, name) }):
		s.add(key, fmt.Sprintf("%q is listed twice", shown(name)))
	}
}

func (s *source) entries(key string, list []string) {
	if len(list) == 0 && !s.within(key) {
		s.add(key, "must have an entry")
	}
}

func (s *source) webhook(w *Webhook, at string) {
	if w.Listen == "" {
		s.add(at+".listen", "is missing")
	} else {
		s.address(at+".listen", w.Listen)
	}
	if !strings.HasPrefix(w.Path, "/") || strings.ContainsAny(w.Path, "{}?# ") {
		s.add(at+".path", fmt.Sprintf("%q is no path such as /webhook", shown(w.Path)))
	}
	s.secret(at, "secret", w.Secret())
	if w.Secret().IsZero() && !s.within(at+".secret") {
		s.add(at, "has no secret, by which deliveries are believed; set secret_file or secret_env")
	}
}
