package config

import (
	"fmt"
	"strings"

	"autoscaled/queue/labels"
)

// GitLabQueue serves CI jobs of projects or of a whole instance.
type GitLabQueue struct {
	URL       string       `key:"url" required:"yes" help:"The instance, as https://gitlab.example.com."`
	TokenFile string       `key:"token_file" default:"" path:"yes" help:"File that holds an access token with the scopes read_api, create_runner and manage_runner. Read again whenever it is needed."`
	TokenEnv  string       `key:"token_env" default:"" help:"Environment variable that holds the token."`
	Projects  []string     `key:"projects" help:"Projects whose jobs are served, by full path or id."`
	All       bool         `key:"all" default:"false" help:"Serve the jobs of all projects instead; the token must be an administrator's."`
	Calls     int          `key:"calls_per_minute" default:"0" least:"0" help:"Most API calls in a minute. 0: 300."`
	Timeout   Duration     `key:"timeout" default:"30s" least:"1s" help:"Limit of one attempt of an API call."`
	TLS       TLS          `key:"tls" help:"How the server proves itself, and how we do."`
	Runner    GitLabRunner `key:"runner" required:"yes" help:"What runners are made."`
	Rules     []TagRule    `key:"rules" required:"yes" help:"Which tags of a job ask for which pools. The first rule that matches counts; a job that none matches is not ours."`
}

// GitLabRunner says what runners are made.
type GitLabRunner struct {
	Type    string     `key:"type" default:"project" enum:"project,group,instance" help:"For whom they work: one project, a group's projects, or all."`
	ID      int        `key:"id" default:"0" least:"0" help:"Number of the project or the group. Required but for instance."`
	Tags    []string   `key:"tags" help:"Tags of each runner, of which it must have all that a job names. ${label} stands for a label of its pool, as ${template}."`
	Pool    []PoolTags `key:"pool_tags" help:"Other tags for runners of some pools."`
	MaxJobs int        `key:"max_jobs" default:"1" least:"1" help:"How many jobs a VM runs before it goes. With more than one a job sees what those before it left behind, and a start-up script of your own must end its runner after as many."`
}

// PoolTags are the tags of runners of one pool.
type PoolTags struct {
	Pool string   `key:"pool" required:"yes" help:"The pool's name."`
	Tags []string `key:"tags" required:"yes" help:"Tags of its runners."`
}

// TagRule maps tags to pools.
type TagRule struct {
	Name     string     `key:"name" required:"yes" help:"Name in explanations."`
	Tags     []string   `key:"tags" required:"yes" help:"Regular expressions in Go's syntax, each of which must match one whole tag of the job."`
	Optional []string   `key:"optional" help:"The same of tags that the job may have beside."`
	Select   PoolSelect `key:"select" required:"yes" help:"Which pools run such jobs. $1 and ${name} stand for what the expressions captured."`
}

// Token is where the access token is.
func (q GitLabQueue) Token() SecretSource { return SecretSource{File: q.TokenFile, Env: q.TokenEnv} }

// Asked is what is asked of pools, by the labels' names.
func (p *PoolSelect) Asked() map[string]string {
	asked := make(map[string]string)
	for _, l := range p.list() {
		asked[l.Name] = l.Value
	}
	return asked
}

// list is what is asked of pools, in order.
func (p *PoolSelect) list() (list []Label) {
	for _, l := range []Label{{"pool", p.Pool}, {"template", p.Template}, {"tag", p.Tag}, {"group", p.Group}} {
		if l.Value != "" {
			list = append(list, l)
		}
	}
	return append(list, p.Labels...)
}

func (s *source) gitlabQueue(c *Cluster, q *GitLabQueue, at string) {
	s.url(at+".url", q.URL)
	s.secret(at, "token", q.Token())
	if q.Token().IsZero() && !s.within(at+".token") {
		s.add(at, "has no token; set token_file or token_env")
	}
	s.tls(&q.TLS, at+".tls", q.URL)
	if (len(q.Projects) > 0) == q.All && !s.within(at+".projects") {
		s.add(at, "must have either projects or all: true")
	}
	s.gitlabRunner(c, &q.Runner, at+".runner")
	if len(q.Rules) == 0 {
		s.add(at+".rules", "must have an entry")
	}
	var names []string
	for i := range q.Rules {
		r, key := &q.Rules[i], fmt.Sprintf("%s.rules[%d]", at, i)
		names = s.name(key, r.Name, names)
		if len(r.Tags) == 0 {
			s.add(key+".tags", "must have an entry")
		}
		if len(r.Select.list()) == 0 && !s.within(key+".select") {
			s.add(key+".select", "chooses no pool; set pool, template, tag, group or labels")
		}
		s.poolSelect(c, &r.Select, key+".select")
		s.tagRule(r, key)
	}
}

// tagRule checks a rule's expressions, and the captures that its selector names.
func (s *source) tagRule(r *TagRule, key string) {
	if len(r.Tags) == 0 || len(r.Select.list()) == 0 {
		return
	}
	if _, err := labels.New([]labels.Rule{{Name: r.Name, Labels: r.Tags, Optional: r.Optional, Select: r.Select.Asked()}}); err != nil {
		s.add(key, strings.ReplaceAll(err.Error(), "\n", "; "))
	}
}

func (s *source) gitlabRunner(c *Cluster, r *GitLabRunner, at string) {
	switch {
	case r.Type == "instance" && r.ID != 0:
		s.add(at+".id", "has no effect: runners of the instance belong to nobody")
	case r.Type != "instance" && r.ID == 0:
		s.add(at+".id", "is missing: the number of the "+r.Type)
	}
	if len(r.Tags) == 0 && len(r.Pool) == 0 {
		s.add(at+".tags", "must have an entry: runners take no jobs without tags")
	}
	for i := range r.Pool {
		s.poolSelect(c, &PoolSelect{Pool: r.Pool[i].Pool}, fmt.Sprintf("%s.pool_tags[%d]", at, i))
		if r.Pool[i].Pool == "" {
			s.add(fmt.Sprintf("%s.pool_tags[%d].pool", at, i), "is missing")
		}
		if len(r.Pool[i].Tags) == 0 {
			s.add(fmt.Sprintf("%s.pool_tags[%d].tags", at, i), "must have an entry")
		}
	}
}
