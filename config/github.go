package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"autoscaled/autoscale"
)

// GitHubQueue serves runner scale sets of an organisation, repository or enterprise.
type GitHubQueue struct {
	URL         string     `key:"url" required:"yes" help:"Whose runners they are: https://github.com/ORG, https://github.com/OWNER/REPO, https://github.com/enterprises/NAME, or the same on a server of your own."`
	TokenFile   string     `key:"token_file" default:"" path:"yes" help:"File that holds a personal access token. Read again whenever it is needed."`
	TokenEnv    string     `key:"token_env" default:"" help:"Environment variable that holds the token."`
	App         *GitHubApp `key:"app" help:"A GitHub App to sign in as, in place of a token."`
	RunnerGroup string     `key:"runner_group" default:"" help:"Runner group of the scale sets. Not set: the default group."`
	WorkFolder  string     `key:"work_folder" default:"" help:"Folder in which runners check out. Not set: their own default."`
	Timeout     Duration   `key:"timeout" default:"30s" least:"1s" help:"Limit of one attempt of an API call."`
	TLS         TLS        `key:"tls" help:"How the server proves itself, and how we do."`
	ScaleSets   []ScaleSet `key:"scale_sets" required:"yes" help:"The scale sets to serve; those that are not there are made."`
}

// GitHubApp is a GitHub App that is installed where the runners belong.
type GitHubApp struct {
	ID           string `key:"id" required:"yes" help:"The App's client id, or its number in quotes."`
	Installation int    `key:"installation" required:"yes" least:"1" help:"Number of the installation."`
	KeyFile      string `key:"key_file" default:"" path:"yes" help:"File that holds the App's private key, PEM."`
	KeyEnv       string `key:"key_env" default:"" help:"Environment variable that holds the key."`
}

// ScaleSet is a runner scale set and the pools whose VMs run its jobs.
type ScaleSet struct {
	Name   string     `key:"name" required:"yes" help:"The scale set's name, which no other of the runner group has."`
	Labels []string   `key:"labels" help:"What runs-on of a job may name. None: the set's name."`
	Select PoolSelect `key:"select" help:"Which pools run its jobs: those with all that is set. Nothing set: all pools."`
}

// PoolSelect chooses pools by what they start and by their labels.
type PoolSelect struct {
	Pool     string  `key:"pool" default:"" help:"The pool of this name."`
	Template string  `key:"template" default:"" help:"Pools that start this template, by its name in the registry."`
	Tag      string  `key:"tag" default:"" help:"Pools that start this tag."`
	Group    string  `key:"group" default:"" help:"Pools on this group of Macs, by its name."`
	Labels   []Label `key:"labels" help:"Pools with these labels of their own."`
}

// Token is where the personal access token is.
func (q GitHubQueue) Token() SecretSource { return SecretSource{File: q.TokenFile, Env: q.TokenEnv} }

// Key is where the App's private key is.
func (a GitHubApp) Key() SecretSource { return SecretSource{File: a.KeyFile, Env: a.KeyEnv} }

// Selector is in the planner's words.
func (p *PoolSelect) Selector() autoscale.Selector {
	var all []autoscale.Selector
	for _, l := range p.list() {
		all = append(all, autoscale.HasLabel(l.Name, l.Value))
	}
	return autoscale.Selector{All: all}
}

func (s *source) githubQueue(c *Cluster, q *GitHubQueue, at string) {
	s.url(at+".url", q.URL)
	s.githubAccess(q.Token(), q.App, at)
	s.tls(&q.TLS, at+".tls", q.URL)
	if len(q.ScaleSets) == 0 {
		s.add(at+".scale_sets", "must have an entry")
	}
	var names []string
	for i := range q.ScaleSets {
		set, key := &q.ScaleSets[i], fmt.Sprintf("%s.scale_sets[%d]", at, i)
		names = s.name(key, set.Name, names)
		s.poolSelect(c, &set.Select, key+".select")
	}
}

func (s *source) githubApp(a *GitHubApp, at string) {
	s.required(at+".id", a.ID)
	if a.Installation == 0 {
		s.add(at+".installation", "is missing")
	}
	s.secret(at, "key", a.Key())
	if a.Key().IsZero() && !s.within(at+".key") {
		s.add(at, "has no key; set key_file or key_env")
	}
}

func (s *source) poolSelect(c *Cluster, p *PoolSelect, at string) {
	var pools []string
	for i := range c.Scaling.Pools {
		pools = append(pools, c.Scaling.Pools[i].Name)
	}
	if p.Pool != "" && !strings.Contains(p.Pool, "$") && !slices.ContainsFunc(pools, func(name string) bool { return strings.EqualFold(name, p.Pool) }) {
		s.addMeant(at+".pool", fmt.Sprintf("there is no pool %q", shown(p.Pool)), nearest(p.Pool, pools))
	}
	for _, what := range []struct {
		name, asked string
		of          func(*Pool) string
	}{
		{"template", p.Template, func(p *Pool) string { return p.Template }},
		{"tag", p.Tag, func(p *Pool) string { return p.Tag }},
		{"group", p.Group, func(p *Pool) string { return p.Group }},
	} {
		s.selected(c, at+"."+what.name, what.name, what.asked, what.of)
	}
	var names []string
	for i, l := range p.Labels {
		key := fmt.Sprintf("%s.labels[%d]", at, i)
		names = s.name(key, l.Name, names)
		s.required(key+".value", l.Value)
	}
}

// anID is how ids of templates and groups look. Pools may name by it what a selector
// names by its name.
var anID = regexp.MustCompile(`(?i)^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// selected checks that a pool has what a selector asks for, where that is known before
// jobs come: without captures to fill in, and without pools that give an id.
func (s *source) selected(c *Cluster, at, what, asked string, of func(*Pool) string) {
	if asked == "" || strings.Contains(asked, "$") {
		return
	}
	var have []string
	for i := range c.Scaling.Pools {
		value := of(&c.Scaling.Pools[i])
		if strings.EqualFold(value, asked) || anID.MatchString(value) {
			return
		}
		if value != "" {
			have = append(have, value)
		}
	}
	s.addMeant(at, fmt.Sprintf("no pool has the %s %q", what, shown(asked)), nearest(asked, have))
}
