package main

import (
	"cmp"

	"autoscaled/autoscale/web"
	"autoscaled/queue/githubrest"
	"autoscaled/queue/gitlab"
)

// outside is what cloud and queue tell for metrics.
func (p *parts) outside() web.Outside {
	var o web.Outside
	if p.anka != nil {
		o.Distributions = p.distributions
	}
	switch {
	case p.polled != nil:
		o.QueueJobs = func() map[string]int { return polledJobs(p.polled.Status()) }
		o.Allowances = func() map[string]web.Allowance {
			return map[string]web.Allowance{"github": polledCalls(p.polled.Status())}
		}
	case p.gitlab != nil:
		most := cmp.Or(p.cluster.Queue.GitLab.Calls, gitlab.DefaultCallsPerMinute)
		o.QueueJobs = func() map[string]int { return gitlabJobs(p.gitlab.Seen()) }
		o.Allowances = func() map[string]web.Allowance {
			return map[string]web.Allowance{"gitlab": gitlabCalls(p.gitlab.Seen(), most)}
		}
	}
	return o
}

func (p *parts) distributions() map[web.Distribution]int {
	count := make(map[web.Distribution]int)
	for _, d := range p.anka.Distributions() {
		count[web.Distribution{Template: cmp.Or(d.Template, d.TemplateID), Tag: d.Tag, State: string(d.State)}]++
	}
	return count
}

// polledJobs counts the jobs of all repositories that were read.
func polledJobs(s githubrest.Status) map[string]int {
	count := make(map[string]int)
	for i := range s.Repositories {
		r := &s.Repositories[i]
		if r.Read.IsZero() {
			continue
		}
		count["queued"] += r.Queued
		count["held"] += r.Held
		count["unmatched"] += r.NotOurs
	}
	return count
}

func polledCalls(s githubrest.Status) web.Allowance {
	return web.Allowance{Known: s.Limit > 0, Limit: s.Limit, Remaining: s.Remaining, Reset: s.Reset, Short: s.Shortage != nil}
}

// gitlabJobs counts the jobs of the last demand; none are counted before the first.
func gitlabJobs(s gitlab.Seen) map[string]int {
	if s.At.IsZero() {
		return nil
	}
	return map[string]int{"queued": s.Pending - s.Untaken, "held": s.Untaken, "running": s.Running, "unmatched": s.Foreign}
}

// gitlabCalls are those of the last minute, as we count them.
func gitlabCalls(s gitlab.Seen, most int) web.Allowance {
	return web.Allowance{Known: true, Limit: most, Remaining: max(0, most-s.Calls)}
}
