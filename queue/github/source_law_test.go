package github_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"autoscaled/autoscale"
	"autoscaled/queue/github/githubtest"
)

// deed is something that happens, to which is the how-manieth.
type deed struct {
	kind  string
	which int
	pause time.Duration
	fault githubtest.Fault
}

// deeds are drawn, those that make a life more often.
var deeds = []string{
	"queue", "queue", "register", "register", "register", "register again", "connect", "connect", "connect", "start", "start", "start",
	"finish", "finish", "cancel", "drain", "drain", "drain", "undrain", "go", "keep", "fault", "fault", "heal", "kill", "restart",
	"drop session", "lose news", "expire", "prune", "disconnect", "wait",
}

func drawDeeds(t *rapid.T) []deed {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) deed {
		return deed{
			kind:  rapid.SampledFrom(deeds).Draw(t, "deed"),
			which: rapid.IntRange(0, 5).Draw(t, "which"),
			pause: rapid.SampledFrom([]time.Duration{0, 0, time.Second, 10 * time.Second, time.Minute, 5 * time.Minute}).Draw(t, "pause"),
			fault: githubtest.Fault{
				Method: rapid.SampledFrom([]string{"", "DELETE", "POST", "GET"}).Draw(t, "method"),
				Path:   rapid.SampledFrom([]string{"", "/agents", "/agents/", "generatejitconfig", "/queue/", "/sessions"}).Draw(t, "path"),
				Times:  rapid.SampledFrom([]int{1, 1, 2, -1}).Draw(t, "times"), Handled: rapid.Bool().Draw(t, "handled"),
				Cut: rapid.Bool().Draw(t, "cut"), Status: rapid.SampledFrom([]int{200, 401, 403, 429, 500, 503}).Draw(t, "status"),
			},
		}
	}), 1, 60).Draw(t, "deeds")
}

// play is a life of hosts: what the machines do, and what the loop asks.
type play struct {
	*lab
	hosts   []string
	configs map[string]string
	request map[string]string
	nodes   map[string]bool // machines that are there
	pruned  map[string]bool
	exempt  map[string]bool // pruned before news were lost: that proves too much
	jobs    []string
}

// TestNoHostGoesWhoseRunnerMayWork: in whatever order jobs, machines, the loop,
// faults and restarts act, no host is ever done whose runner has a job or could
// still take one, by GitHub's own books; once all is well again it is known which
// hosts are busy; and once nothing is wanted any more, nothing is left.
func TestNoHostGoesWhoseRunnerMayWork(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		cfg := githubtest.Config{
			UnknownIs404: rapid.Bool().Draw(rt, "404"), Terse: rapid.Bool().Draw(rt, "terse"), Acquire: rapid.Bool().Draw(rt, "acquire"),
		}
		late := rapid.SampledFrom([]time.Duration{0, 10 * time.Second, 3 * time.Minute}).Draw(rt, "late")
		script := drawDeeds(rt)
		var violation string
		synctest.Test(t, func(*testing.T) { violation = perform(cfg, late, script) })
		if violation != "" {
			rt.Fatal(violation)
		}
	})
}

func perform(cfg githubtest.Config, late time.Duration, script []deed) string {
	p := &play{
		lab: newLab(context.Background(), cfg), configs: map[string]string{}, request: map[string]string{},
		nodes: map[string]bool{}, pruned: map[string]bool{}, exempt: map[string]bool{},
	}
	p.late = late
	defer func() { p.end() }()
	for i, d := range script {
		p.do(d, cfg)
		time.Sleep(d.pause)
		synctest.Wait()
		if wrong := p.wrong(); wrong != "" {
			return fmt.Sprintf("after deed %d, %s: %s", i, d.kind, wrong)
		}
	}
	if wrong := p.recover(); wrong != "" {
		return wrong
	}
	return p.tidy()
}

// wrong finds a host that would go and must not.
func (p *play) wrong() string {
	d, err := p.demand()
	if err != nil {
		return ""
	}
	for host, use := range d.Use {
		if use.Drain == autoscale.DrainDone && p.server.MayWork(host) && !p.exempt[host] {
			return host + " is done, and its runner may work"
		}
	}
	for _, secret := range p.secrets {
		if strings.Contains(p.store.read()+strings.Join(p.reports, ""), secret) {
			return "a secret is told"
		}
	}
	return ""
}

func (p *play) do(d deed, cfg githubtest.Config) {
	host := ""
	if len(p.hosts) > 0 {
		host = p.hosts[len(p.hosts)-1-d.which%len(p.hosts)]
	}
	switch d.kind {
	case "queue":
		p.queue(d.which)
	case "register":
		p.launch(fmt.Sprintf("r%d", len(p.hosts)), d.which > 0)
	case "register again":
		if host != "" && !p.nodes[host] {
			p.launch(p.request[host], true)
		}
	case "connect":
		if p.nodes[host] {
			_, _ = p.server.Connect(p.configs[host]) // a runner that is no more can't
		}
	case "start":
		if p.nodes[host] {
			_ = p.work(host)
		}
	case "finish":
		_ = p.server.Finish(host, "succeeded")
	case "disconnect":
		p.server.Disconnect(host)
	case "drain":
		if p.pruned[host] { // a lost answer would allow what 404 alone doesn't
			p.server.Heal()
		}
		if host != "" {
			_ = p.drain(host)
		}
	case "undrain":
		_ = p.undrain(host)
	case "go":
		p.goDone()
	case "keep":
		_ = p.keepAll()
	case "prune":
		if cfg.UnknownIs404 && !p.server.Working(host) && !strings.Contains(p.store.read(), `"deleting":true`) && p.server.Prune(host) == nil {
			p.pruned[host] = true
		}
	default:
		p.doToService(d)
	}
}

func (p *play) doToService(d deed) {
	defer func() { _ = recover() }() // the set may not be there yet
	if slices.Contains([]string{"kill", "restart", "drop session", "lose news"}, d.kind) {
		maps.Copy(p.exempt, p.pruned)
	}
	switch d.kind {
	case "cancel":
		if len(p.jobs) > 0 {
			_ = p.server.Cancel("macs", p.jobs[d.which%len(p.jobs)])
		}
	case "fault":
		p.server.Fail(d.fault)
	case "heal":
		p.server.Heal()
	case "kill":
		p.kill()
		p.start()
	case "restart":
		p.end()
		p.start()
	case "drop session":
		p.server.DropSession("macs")
	case "lose news":
		p.server.DropSession("macs")
		p.server.LoseNews("macs")
	case "expire":
		p.server.ExpireAdmin()
		p.server.ExpireQueue()
	}
}

func (p *play) queue(n int) {
	defer func() { _ = recover() }()
	p.jobs = append(p.jobs, p.server.Queue("macs", n)...)
}

// launch registers a runner and starts its machine, unless that comes to nothing.
func (p *play) launch(request string, arrives bool) {
	host := fmt.Sprintf("vm-%d", len(p.hosts))
	config, err := p.register(request, host)
	p.hosts = append(p.hosts, host)
	p.request[host] = request
	if err == nil && arrives {
		p.nodes[host], p.configs[host] = true, config
	}
}

// goDone ends the machines that may go.
func (p *play) goDone() {
	d, err := p.demand()
	if err != nil {
		return
	}
	for host := range p.nodes {
		if use := d.Use[host]; use.Drain == autoscale.DrainDone && !use.Busy() {
			delete(p.nodes, host)
		}
	}
}

func (p *play) keepAll() error {
	var nodes []autoscale.Node
	for _, host := range p.hosts {
		if p.nodes[host] {
			nodes = append(nodes, node(host, p.request[host]))
		}
	}
	return p.keep(nodes...)
}

// recover ends all trouble and compares what is known with what is.
func (p *play) recover() string {
	p.server.Heal()
	time.Sleep(time.Minute)
	synctest.Wait()
	if _, err := p.demand(); err != nil { // a dead daemon's session, perhaps
		p.server.DropSession("macs")
	}
	time.Sleep(20 * time.Minute)
	synctest.Wait()
	d, err := p.demand()
	if err != nil {
		return "still unknown: " + err.Error()
	}
	for _, host := range p.hosts {
		// Of a runner that was pruned and whose start was not heard of, nothing can be known.
		if busy := d.Use[host].Busy(); busy != p.server.Working(host) && !p.pruned[host] {
			return fmt.Sprintf("%s is shown busy: %v, which is not so", host, busy)
		}
	}
	return p.wrong()
}

// tidy ends all jobs and machines, after which nothing is left.
func (p *play) tidy() string {
	for _, host := range p.hosts {
		_ = p.server.Finish(host, "succeeded")
	}
	time.Sleep(20 * time.Minute)
	for range 4 {
		synctest.Wait()
		if err := p.keep(); err != nil {
			return "keep: " + err.Error()
		}
		time.Sleep(20 * time.Minute)
	}
	var left []string
	for _, r := range p.server.Runners() {
		left = append(left, r.Name)
	}
	if text := p.store.read(); len(left) > 0 || text != "" && !strings.HasSuffix(text, `"runners":[]}`) {
		return fmt.Sprint("left behind: ", slices.Sorted(slices.Values(left)), text)
	}
	return ""
}
