package anka_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/anka"
	"autoscaled/anka/ankatest"
	"autoscaled/autoscale"
)

// startup is a Startup in a test.
type startup func(a autoscale.Attempt) (string, error)

func (f startup) Script(_ context.Context, a autoscale.Attempt) (string, error) { return f(a) }

// runners is the pool ios with scripts.
func (w world) runners(f startup) anka.PoolOptions {
	o := w.ios()
	o.Startup = f
	return o
}

const credential = "eyJvbmNlLW9ubHkiOiJqaXQtY29uZmlnIn0"

func TestAStartCarriesTheScriptOfItsHost(t *testing.T) {
	ages(t, func(w world, _ bool) {
		var asked []autoscale.Attempt
		p := w.provide(w.runners(func(a autoscale.Attempt) (string, error) {
			require.Empty(w, w.server.Books().Starts, "nothing has been sent")
			asked = append(asked, a)
			return "run " + a.Host + " " + credential, nil
		}))
		var ran []ankatest.StartupScript
		w.server.OnStartupScript(func(s ankatest.StartupScript) ankatest.ScriptOutcome {
			ran = append(ran, s)
			return ankatest.ScriptOutcome{}
		})
		r, err := p.Create(w.ctx, grow("r1", "ios", 1))
		require.NoError(w, err)
		require.Equal(w, 1, r.Added)
		s := w.observe(p)
		require.True(w, s.Pools[0].Single)
		n := s.Nodes[0]
		require.Equal(w, n.Name, n.Host)
		require.Equal(w, []autoscale.Attempt{{Request: "r1", Pool: "ios", Host: n.Host, Labels: s.Pools[0].Labels}}, asked)
		w.clock.Advance(5 * time.Minute)
		require.Equal(w, autoscale.PhaseReady, w.observe(p).Nodes[0].Phase)
		require.Len(w, ran, 1)
		require.Equal(w, "run "+n.Host+" "+credential, string(ran[0].Text))

		require.NoError(w, w.client.UpdateInstance(w.ctx, string(n.ID), anka.InstanceUpdate{Name: new("renamed"), Metadata: anka.Metadata{"x": anka.Text("y")}}))
		require.Equal(w, n.Host, w.observe(p).Nodes[0].Host, "the runner keeps its name")
	})
}

func TestHostsThatAreNamedBeforehandAreStartedAlone(t *testing.T) {
	w := newWorld(t, func(*ankatest.Config) {})
	p := w.provide(w.runners(func(autoscale.Attempt) (string, error) { return "", errors.New("never asked") }))
	_, err := p.Create(w.ctx, grow("r1", "ios", 2))
	require.ErrorIs(t, err, autoscale.ErrRejected)
	require.ErrorContains(t, err, "a request of its own")
}

// Whatever goes wrong with a script, nothing was sent.
func TestAScriptThatCannotBeMade(t *testing.T) {
	w := newWorld(t, func(*ankatest.Config) {})
	answer := func(err error) error { return fmt.Errorf("register: %w", err) }
	for cause, want := range map[error]error{
		autoscale.ErrUnauthorized: autoscale.ErrUnauthorized,
		autoscale.ErrThrottled:    autoscale.ErrThrottled,
		autoscale.ErrUnavailable:  autoscale.ErrUnavailable,
		autoscale.ErrMalformed:    autoscale.ErrUnavailable,
		autoscale.ErrRejected:     autoscale.ErrRejected,
		autoscale.ErrNotFound:     autoscale.ErrRejected,
		errors.New("else"):        autoscale.ErrUnavailable,
		errors.Join(autoscale.ErrUnavailable, autoscale.ErrUncertain): autoscale.ErrUnavailable,
	} {
		p := w.provide(w.runners(func(autoscale.Attempt) (string, error) { return "", answer(cause) }))
		_, err := p.Create(w.ctx, grow("r1", "ios", 1))
		require.ErrorIs(t, err, want)
		require.ErrorContains(t, err, "prepare the start-up script: register: "+cause.Error())
		require.NotErrorIs(t, err, autoscale.ErrUncertain)
		require.NotErrorIs(t, err, autoscale.ErrMalformed)
		require.Equal(t, autoscale.ClassOf(answer(cause)), autoscale.ClassOf(err))
	}
	p := w.provide(w.runners(func(autoscale.Attempt) (string, error) { return "", nil }))
	_, err := p.Create(w.ctx, grow("r1", "ios", 1))
	require.ErrorIs(t, err, autoscale.ErrRejected)
	require.ErrorContains(t, err, "is empty")
	require.Zero(t, w.server.Books().Calls["POST /api/v1/vm"])
}

// Each attempt is another host, and no error repeats its script.
func TestALostStartShowsNoScript(t *testing.T) {
	w := newWorld(t, func(*ankatest.Config) {})
	var hosts []string
	p := w.provide(w.runners(func(a autoscale.Attempt) (string, error) {
		hosts = append(hosts, a.Host)
		return "run " + credential, nil
	}))
	w.order(ankatest.Fault{Kind: ankatest.FaultCutBefore, Method: "POST", Path: "/api/v1/vm"})
	_, err := p.Create(w.ctx, grow("r1", "ios", 1))
	require.ErrorIs(t, err, autoscale.ErrUncertain)
	require.NotContains(t, err.Error(), credential)
	_, err = p.Create(w.ctx, grow("r1", "ios", 1))
	require.ErrorIs(t, err, autoscale.ErrUncertain)
	require.Len(t, hosts, 1, "while the first may arrive no other is made")
	w.clock.Advance(settle)
	_, err = p.Create(w.ctx, grow("r1", "ios", 1))
	require.NoError(t, err)
	require.Len(t, hosts, 2)
	require.NotEqual(t, hosts[0], hosts[1])
	_, err = p.Create(w.ctx, grow("r1", "ios", 1))
	require.NoError(t, err)
	require.Len(t, hosts, 2, "what is there needs no script")
}

func TestAFailedScriptIsAFailedBoot(t *testing.T) {
	for _, keep := range []bool{false, true} {
		w := newWorld(t, func(*ankatest.Config) {})
		o := w.runners(func(a autoscale.Attempt) (string, error) { return "run", nil })
		o.ScriptMonitoring, o.ScriptTimeout, o.KeepFailed = true, time.Minute, keep
		p := w.provide(o)
		outcomes := []ankatest.ScriptOutcome{
			{ReturnCode: 3, Stdout: credential, Stderr: credential}, {Duration: 2 * time.Minute, Stdout: credential}, {},
		}
		w.server.OnStartupScript(func(ankatest.StartupScript) (o ankatest.ScriptOutcome) {
			o, outcomes = outcomes[0], outcomes[1:]
			return o
		})
		for i := range 3 {
			_, err := p.Create(w.ctx, grow(fmt.Sprint("r", i), "ios", 1))
			require.NoError(t, err)
			w.clock.Advance(5 * time.Minute)
		}
		nodes := w.observe(p).Nodes
		require.Equal(t, "failed boot its start-up script failed with 3", fmt.Sprint(nodes[0].Phase, " ", nodes[0].Class, " ", nodes[0].Message))
		require.Equal(t, "failed boot its start-up script took too long and was ended", fmt.Sprint(nodes[1].Phase, " ", nodes[1].Class, " ", nodes[1].Message))
		require.Equal(t, autoscale.PhaseReady, nodes[2].Phase)
		require.NotContains(t, fmt.Sprint(nodes), credential)
		for i, x := range w.server.Books().Instances {
			require.Equal(t, keep || i == 2, x.HasVM)
		}
	}
}

// A controller that words a failure with what the script printed doesn't get it shown.
func TestWhatAFailedScriptPrintedIsNotShown(t *testing.T) {
	body := `[{"instance_id":"i","name":"ios-a","vm":{"instance_state":"Error","message":"` + credential + `","external_id":"autoscaled/r1/a",` +
		`"startup_script":{"return_code":1,"stdout":"` + credential + `"}}}]`
	answers := map[string]string{"/api/v1/vm": body, "/api/v1/node": `[]`, "/api/v1/registry/vm": `{"id":"t","name":"t","versions":[{"tag":"v","size":1}]}`}
	client, err := anka.New(anka.Options{URL: "http://anka.test", Retries: -1, Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		return success(answers[r.URL.Path]), nil
	})})
	require.NoError(t, err)
	p, err := anka.NewProvider(anka.ProviderOptions{Client: client, Now: time.Now, Pools: []anka.PoolOptions{{Name: "a", TemplateID: "t", Tag: "v", VCPU: 1, VRAM: 1}}})
	require.NoError(t, err)
	s, err := p.Observe(t.Context())
	require.NoError(t, err)
	require.Equal(t, "its start-up script failed with 1", s.Nodes[0].Message)
}

func TestScriptOptionsAreChecked(t *testing.T) {
	w := newWorld(t, func(*ankatest.Config) {})
	for words, change := range map[string]func(*anka.PoolOptions){
		"could be monitored":    func(o *anka.PoolOptions) { o.Startup, o.ScriptMonitoring = nil, true },
		"only if it is":         func(o *anka.PoolOptions) { o.ScriptTimeout = time.Minute },
		"number of whole":       func(o *anka.PoolOptions) { o.ScriptMonitoring, o.ScriptTimeout = true, time.Millisecond },
		"time-out and failure ": func(o *anka.PoolOptions) { o.KeepFailed = true },
	} {
		o := w.runners(func(autoscale.Attempt) (string, error) { return "run", nil })
		change(&o)
		_, err := anka.NewProvider(anka.ProviderOptions{Client: w.client, Pools: []anka.PoolOptions{o}, Now: w.clock.Now})
		require.ErrorIs(t, err, anka.ErrConfig, words)
		require.ErrorContains(t, err, words)
	}
}
