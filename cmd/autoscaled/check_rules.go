package main

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"strings"

	"autoscaled/autoscale"
	"autoscaled/config"
	"autoscaled/queue/githubrest"
)

// asked is what a rule of the queue asks of pools.
type asked struct {
	what string // of the configuration, such as rule xcode
	// of are the labels that a pool must have, with $1 and ${name} not filled in.
	of map[string]string
}

// rulesOf are the queue's, in order.
func rulesOf(q *config.Queue) (list []asked) {
	switch {
	case q.GitHub != nil:
		for i := range q.GitHub.ScaleSets {
			list = append(list, asked{"scale set " + q.GitHub.ScaleSets[i].Name, q.GitHub.ScaleSets[i].Select.Asked()})
		}
	case q.GitHubREST != nil:
		for i := range q.GitHubREST.Rules {
			list = append(list, asked{"rule " + q.GitHubREST.Rules[i].Name, q.GitHubREST.Rules[i].Select.Asked()})
		}
	case q.GitLab != nil:
		for i := range q.GitLab.Rules {
			list = append(list, asked{"rule " + q.GitLab.Rules[i].Name, q.GitLab.Rules[i].Select.Asked()})
		}
	}
	return list
}

// reference is what a rule fills in from what it captured.
var reference = regexp.MustCompile(`\$(?:\$|\d+|\{\w+\})`)

// fits tells whether a pool with these labels may get what the rule maps, whatever is
// filled in.
func (a *asked) fits(labels map[string]string) bool {
	for name, value := range a.of {
		pattern, from := "", 0
		for _, at := range reference.FindAllStringIndex(value, -1) {
			filled := ".+"
			if value[at[0]:at[1]] == "$$" {
				filled = `\$`
			}
			pattern += regexp.QuoteMeta(value[from:at[0]]) + filled
			from = at[1]
		}
		pattern = `(?i)\A(?:` + pattern + regexp.QuoteMeta(value[from:]) + `)\z`
		if !regexp.MustCompile(pattern).MatchString(labels[name]) {
			return false
		}
	}
	return true
}

// unfit words what is wrong with rules that map jobs to no pool.
func unfit(rules []asked, pools []map[string]string) (wrong []string) {
	for i := range rules {
		fit := false
		for _, labels := range pools {
			fit = fit || rules[i].fits(labels)
		}
		if !fit {
			wrong = append(wrong, fmt.Sprintf("%s: no pool has what it selects, so its jobs get no VMs", rules[i].what))
		}
	}
	return wrong
}

// checkRules tells which of the queue's rules ask for what no pool has, as the cloud
// shows the pools.
func (c *connection) checkRules(pools []autoscale.Pool) {
	labels := make([]map[string]string, len(pools))
	for i := range pools {
		labels[i] = pools[i].Labels
	}
	for _, what := range unfit(rulesOf(&c.cluster.Queue), labels) {
		c.fail("rule", "%s", what)
	}
}

// foresee warns of the same, and of too few calls, as far as the configuration alone
// tells: templates and groups may be there by their ids, and readings that find no
// change cost nothing.
func (c *connection) foresee() {
	if c.polled != nil {
		if short := c.polled.Status().Shortage; short != nil {
			fmt.Fprintf(c.out, "warn  %-7s  %v\n", "calls", short)
		}
	}
	var labels []map[string]string
	for i := range c.cluster.Scaling.Pools {
		p := &c.cluster.Scaling.Pools[i]
		all := map[string]string{"pool": p.Name, "template": p.Template, "tag": p.Tag, "group": p.Group}
		for _, l := range p.Labels {
			all[l.Name] = l.Value
		}
		labels = append(labels, all)
	}
	for _, what := range unfit(rulesOf(&c.cluster.Queue), labels) {
		fmt.Fprintf(c.out, "warn  %-7s  %s\n", "rule", what)
	}
}

// checkPolled tells what is known of each repository after the first reading, and
// whether the budget of calls suffices for the next ones. A budget that is seen to be
// too small beforehand is not waited for.
func (c *connection) checkPolled(ctx context.Context) {
	if short := c.polled.Status().Shortage; short != nil {
		c.fail("calls", "%v", short)
		return
	}
	c.checkQueue(ctx)
	status := c.polled.Status()
	for i := range status.Repositories {
		c.checkRepository(&status.Repositories[i])
	}
	limit := "GitHub did not tell what is left"
	if status.Limit > 0 {
		limit = fmt.Sprintf("GitHub has %d of %d left", status.Remaining, status.Limit)
	}
	if status.Shortage != nil {
		c.fail("calls", "%v; %s", status.Shortage, limit)
		return
	}
	c.ok("calls", "%d an hour suffice for %s as they are now; %s", cmp.Or(c.cluster.Queue.GitHubREST.Calls, githubrest.DefaultCallsPerHour),
		plural(len(status.Repositories), "repository", "repositories"), limit)
}

func (c *connection) checkRepository(r *githubrest.RepositoryStatus) {
	switch {
	case r.Problem != nil:
		c.fail("jobs", "%s: %s", r.Name, strings.Join(strings.Fields(r.Problem.Error()), " "))
	case r.Read.IsZero():
		c.fail("jobs", "%s: could not be read within the time and the calls that there are", r.Name)
	default:
		c.ok("jobs", "%s: %d queued, %d held, %d that no rule maps", r.Name, r.Queued, r.Held, r.NotOurs)
	}
}
