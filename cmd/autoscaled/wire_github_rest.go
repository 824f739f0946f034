package main

import (
	"net/http"

	"autoscaled/autoscale/web"
	"autoscaled/config"
	"autoscaled/queue/github"
	"autoscaled/queue/githubrest"
	"autoscaled/queue/labels"
)

// addGitHubREST makes a queue of the jobs of repositories, which it polls. Nothing is
// sent yet.
func (p *parts) addGitHubREST(q *config.GitHubRESTQueue, metrics *web.Metrics, dryRun bool) error {
	mapped, err := githubRules(q.Rules)
	if err != nil {
		return err
	}
	options := githubrest.Options{
		GitHub:       github.Options{URL: q.URL, TLS: tlsOf(q.TLS), Timeout: q.Timeout.Std(), Observer: observer(metrics, "github")},
		Repositories: q.Repositories, CallsPerHour: q.Calls, Rules: mapped, Group: int64(q.RunnerGroup), WorkFolder: q.WorkFolder,
		Store: &p.note, Now: p.now, Wake: p.signals.wakeUp, Report: p.signals.tell, DryRun: dryRun,
	}
	signIn(&options.GitHub, q.Token(), q.App)
	for i := range q.Standing {
		options.Standing = append(options.Standing, githubrest.Standing{Labels: q.Standing[i].Labels, Select: q.Standing[i].Select.Selector()})
	}
	source, err := githubrest.New(options)
	if err != nil {
		return err
	}
	p.queue, p.registrar, p.background, p.polled = source, source, source.Run, source
	p.script, p.ciURL = githubScript, q.URL
	if q.Webhook != nil {
		p.inbox, err = newWebhook(q.Webhook, source, metrics)
	}
	return err
}

func githubRules(list []config.LabelRule) (*labels.Rules, error) {
	rules := make([]labels.Rule, len(list))
	for i := range list {
		r := &list[i]
		rules[i] = labels.Rule{Name: r.Name, Labels: r.Labels, Optional: r.Optional, Select: r.Select.Asked()}
	}
	return labels.New(rules)
}

// inbox is where a queue is told that something happened.
type inbox struct {
	key        string // of the configuration, that names the address
	listen     string
	configFile string // TLS; may be empty
	handler    http.Handler
}

func newWebhook(w *config.Webhook, source *githubrest.Source, metrics *web.Metrics) (*inbox, error) {
	options := githubrest.WebhookOptions{Secret: secret(w.Secret()), Look: source.Look}
	if metrics != nil {
		for _, d := range githubrest.Deliveries() {
			metrics.Expect(string(d))
		}
		options.Observe = func(d githubrest.Delivery) { metrics.Delivery(string(d)) }
	}
	hook, err := githubrest.NewWebhook(options)
	if err != nil {
		return nil, err
	}
	routes := http.NewServeMux()
	routes.Handle(w.Path, hook)
	return &inbox{"queue.github_rest.webhook.listen", w.Listen, w.WebConfigFile, routes}, nil
}
