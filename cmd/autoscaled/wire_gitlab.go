package main

import (
	"autoscaled/autoscale"
	"autoscaled/autoscale/web"
	"autoscaled/config"
	"autoscaled/queue/gitlab"
	"autoscaled/queue/labels"
)

// addGitLab makes a queue of a GitLab instance's jobs. Nothing is sent yet.
func (p *parts) addGitLab(q *config.GitLabQueue, metrics *web.Metrics, dryRun bool) error {
	client, err := gitlab.New(gitlab.Options{
		URL: q.URL, Token: secret(q.Token()), TLS: tlsOf(q.TLS), Timeout: q.Timeout.Std(), CallsPerMinute: q.Calls,
		Observer: observer(metrics, "gitlab"), UserAgent: userAgent(), Now: p.now,
	})
	if err != nil {
		return err
	}
	rules := make([]labels.Rule, len(q.Rules))
	for i := range q.Rules {
		r := &q.Rules[i]
		rules[i] = labels.Rule{Name: r.Name, Labels: r.Tags, Optional: r.Optional, Select: r.Select.Asked()}
	}
	mapped, err := labels.New(rules)
	if err != nil {
		return err
	}
	source, err := gitlab.NewSource(gitlab.SourceOptions{
		Client: client, Projects: q.Projects, All: q.All, Rules: mapped, Runner: gitlabRunner(&q.Runner), MaxJobs: q.Runner.MaxJobs,
		Store: &p.note, Now: p.now, Wake: p.signals.wakeUp, DryRun: dryRun,
	})
	if err != nil {
		return err
	}
	p.queue, p.registrar, p.script, p.ciURL = source, source, gitlabScript(q.Runner.MaxJobs), q.URL
	p.gitlab = source
	return nil
}

func gitlabRunner(r *config.GitLabRunner) gitlab.RunnerOptions {
	types := map[string]gitlab.RunnerType{"project": gitlab.ProjectRunner, "group": gitlab.GroupRunner, "instance": gitlab.InstanceRunner}
	o := gitlab.RunnerOptions{Scope: gitlab.Scope{Type: types[r.Type], ID: int64(r.ID)}, Tags: r.Tags}
	for _, p := range r.Pool {
		if o.PoolTags == nil {
			o.PoolTags = make(map[autoscale.PoolID][]string, len(r.Pool))
		}
		o.PoolTags[autoscale.PoolID(p.Pool)] = p.Tags
	}
	return o
}
