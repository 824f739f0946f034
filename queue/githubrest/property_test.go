package githubrest_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"autoscaled/autoscale"
	"autoscaled/queue/githubrest/githubresttest"
)

// step is something that happens: to the machine of that number, where it is of one.
type step struct {
	what string
	host int
}

func (s step) String() string { return fmt.Sprintf("%s %d", s.what, s.host) }

// hosts is how many machines a script knows.
const hosts = 4

// script draws what happens. GitHub either prunes runners that may take jobs all the
// same, or loses deletions: after both, a 404 is taken for more than it proves, as the
// package's documentation says.
func script(t *rapid.T) []step {
	what := []string{
		"queue", "register", "connect", "start", "finish", "cancel", "drain", "keep", "wait", "long wait", "lost register", "outage", "blind", "heal", "restart",
	}
	if rapid.Bool().Draw(t, "prunes") {
		what = append(what, "prune")
	} else {
		what = append(what, "lost delete", "delete that does not arrive")
	}
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
		return step{rapid.SampledFrom(what).Draw(t, "what"), rapid.IntRange(0, hosts-1).Draw(t, "host")}
	}), 5, 60).Draw(t, "script")
}

// player plays a script.
type player struct {
	*world
	attempts [hosts]int // how many hosts of that number there were
	jobs     []int64
	alive    map[string]bool // machines that there are
}

func (p *player) host(i int) string { return fmt.Sprintf("vm-%d-%d", i, p.attempts[i]) }

func (p *player) step(s step) {
	host := p.host(s.host)
	fault := githubresttest.Fault{Cut: true}
	switch s.what {
	case "queue":
		p.jobs = append(p.jobs, p.server.Queue("acme/widgets", xcode)...)
	case "register":
		p.attempts[s.host]++
		host = p.host(s.host)
		_, err := p.source.Register(p.ctx, attempt(host, fmt.Sprint("request ", s.host)))
		p.alive[host] = err == nil
	case "connect":
		if p.alive[host] {
			p.server.Connect(host)
		}
	case "start":
		p.server.Start(host)
	case "finish":
		for _, id := range p.jobs {
			if strings.EqualFold(p.server.Job(id).RunnerName, host) {
				p.server.Finish(id)
			}
		}
	case "cancel":
		if len(p.jobs) > 0 {
			p.server.Cancel(p.jobs[s.host%len(p.jobs)])
		}
	case "drain":
		_ = p.drain(host)
	case "keep":
		_ = p.source.Keep(p.ctx, supply(p.machines()...), nil)
	case "wait":
		p.wait(time.Duration(s.host*10+1) * time.Second)
	case "long wait":
		p.wait(6 * time.Minute)
	case "lost register":
		fault.Method, fault.Handled = "POST", true
		p.server.Fail(fault)
	case "lost delete":
		fault.Method, fault.Handled = "DELETE", true
		p.server.Fail(fault)
	case "delete that does not arrive":
		fault.Method = "DELETE"
		p.server.Fail(fault)
	case "outage":
		p.server.Fail(githubresttest.Fault{Path: []string{"", "/runners", "/runs", "/jobs"}[s.host], Method: "GET", Times: -1, Status: 500})
	case "blind":
		p.server.Fail(githubresttest.Fault{Path: "/runners", Times: 2, Status: 404})
	case "heal":
		p.server.Heal()
	case "prune":
		p.server.Prune(host)
	case "restart":
		p.stop()
		p.begin()
	}
}

func (p *player) machines() (all []string) {
	for host, there := range p.alive {
		if there {
			all = append(all, host)
		}
	}
	return all
}

// violation is what must never be: a host said to be done that works, or could.
func (p *player) violation() string {
	d, err := p.demand()
	if err != nil {
		return ""
	}
	for host, use := range d.Use {
		if use.Drain == autoscale.DrainDone && p.server.Working(host) {
			return host + " is said to be done, and works or may get a job"
		}
	}
	return ""
}

// settle lets everything end, and tells what is left.
func (p *player) settle() string {
	p.server.Heal()
	p.wait(time.Minute)
	for _, id := range p.jobs {
		p.server.Cancel(id)
	}
	for range 12 {
		p.wait(2 * time.Minute)
		if err := p.source.Keep(p.ctx, autoscale.Supply{}, nil); err != nil {
			return "keep: " + err.Error()
		}
	}
	d, err := p.demand()
	switch {
	case err != nil:
		return "demand: " + err.Error()
	case len(p.server.Runners()) > 0:
		return fmt.Sprintf("runners are left: %+v", p.server.Runners())
	case len(d.Use) > 0 || d.Jobs() > 0:
		return fmt.Sprintf("%d jobs and records are left: %+v", d.Jobs(), d.Use)
	}
	return ""
}

func perform(t *testing.T, steps []step) (wrong string) {
	synctest.Test(t, func(t *testing.T) {
		p := &player{world: newWorld(t, githubresttest.Config{}), alive: map[string]bool{}}
		defer func() { p.stop() }()
		p.jobs = p.server.Queue("acme/widgets", xcode)
		p.wait(35 * time.Second)
		for i, s := range steps {
			p.step(s)
			if wrong = p.violation(); wrong != "" {
				wrong = fmt.Sprintf("%s after %v", wrong, steps[:i+1])
				return
			}
		}
		if wrong = p.settle(); wrong != "" {
			wrong = fmt.Sprintf("%s after %v", wrong, steps)
		}
	})
	return wrong
}

func TestNoHostIsDoneThatWorksOrMay(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		if wrong := perform(t, script(rt)); wrong != "" {
			rt.Fatal(wrong)
		}
	})
}

func TestNoSecretIsShown(t *testing.T) {
	play(t, githubresttest.Config{}, func(w *world) {
		w.server.Queue("acme/widgets", xcode)
		w.wait(35 * time.Second)
		config, err := w.source.Register(w.ctx, attempt("vm-1", "q"))
		require.NoError(w, err)
		var shown strings.Builder
		note := func(err error) { fmt.Fprintf(&shown, "%v %+v %q\n", err, err, err) }
		for i, body := range []string{
			`{"encoded_jit_config":"` + config + `"}`, `{"message":"no ` + pat + `"}`, config,
			`{"runner":{"id":1},"encoded_jit_config":"shortsecret"`, `{"runner":{"id":1,"name":"other"},"encoded_jit_config":"shortsecret"}`,
		} {
			for _, status := range []int{201, 422} {
				w.server.Fail(githubresttest.Fault{Method: "POST", Status: status, Body: body})
				_, err := w.source.Register(w.ctx, attempt(fmt.Sprintf("vm-%d-%d", i, status), fmt.Sprint("q", i, status)))
				require.Error(w, err)
				note(err)
			}
		}
		w.server.Fail(githubresttest.Fault{Times: -1, Status: 401, Body: `{"message":"Bad credentials ` + pat + `"}`})
		w.wait(10 * time.Minute)
		_, err = w.demand()
		note(err)
		note(w.drain("vm-1"))
		fmt.Fprintf(&shown, "%s %s %+v %+v", w.told(), w.store.text, w.source.Status(), w.source)
		for _, secret := range []string{config, pat, "shortsecret", "SECRET"} {
			require.False(w, strings.Contains(shown.String(), secret), secret)
		}
	})
}
