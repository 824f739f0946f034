package anka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"autoscaled/autoscale"
)

// Startup makes the script by which an instance becomes a host of the queue, such as
// one that starts a CI runner whose single-use credential it carries.
type Startup interface {
	// Script is called before each attempt to start an instance, when nothing of it has
	// been sent yet. The instance, if it comes, is called a.Host. Controllers since 1.49
	// log what they are sent: nothing that outlives its first use belongs into a script.
	// Errors are those of package autoscale, by meaning.
	Script(ctx context.Context, a autoscale.Attempt) (string, error)
}

// checkStartup refuses options about a script where there is none, and what the API
// doesn't take.
func (p *PoolOptions) checkStartup() error {
	switch {
	case p.Startup == nil && (p.ScriptMonitoring || p.ScriptTimeout != 0 || p.KeepFailed):
		return errors.New("there is no start-up script that could be monitored")
	case !p.ScriptMonitoring && (p.ScriptTimeout != 0 || p.KeepFailed):
		return errors.New("a script's time-out and failure are seen only if it is monitored")
	case p.ScriptTimeout < 0 || p.ScriptTimeout%time.Second != 0:
		return fmt.Errorf("the script's time-out of %s is not a number of whole seconds", p.ScriptTimeout)
	}
	return nil
}

// script fills in what a start runs in its VM. Nothing has been sent yet: whatever goes
// wrong, nothing came of it.
func (p *Provider) script(ctx context.Context, pool *PoolOptions, m mark, r *StartRequest) error {
	if pool.Startup == nil {
		return nil
	}
	labels, err := p.labels(ctx, pool)
	if err != nil {
		return translateLook("look before create", err)
	}
	text, err := pool.Startup.Script(ctx, autoscale.Attempt{
		Request: m.request, Pool: autoscale.PoolID(pool.Name), Labels: labels, Host: m.name(),
	})
	switch {
	case err != nil:
		return translateScript(err)
	case text == "":
		return translateAct("create", refuse("the start-up script of %s is empty", m.name()))
	}
	r.Script = Script(text)
	if pool.ScriptMonitoring {
		r.ScriptMonitoring, r.ScriptTimeout, r.ScriptFailure = true, pool.ScriptTimeout, DeleteVM
		if pool.KeepFailed {
			r.ScriptFailure = KeepVM
		}
	}
	return nil
}

// labels are a pool's, as Observe showed them last.
func (p *Provider) labels(ctx context.Context, pool *PoolOptions) (map[string]string, error) {
	p.mu.Lock()
	r := p.last
	p.mu.Unlock()
	if r == nil {
		read, err := p.read(ctx)
		if err != nil {
			return nil, err
		}
		r = &read
	}
	return r.labels(pool), nil
}

// ownMeanings keep what the errors of a Startup mean, but for a malformed answer or one
// that was lost: both would make a start doubtful that never left.
var ownMeanings = []autoscale.Meaning{
	{Vendors: autoscale.ErrUnauthorized, Ours: autoscale.ErrUnauthorized},
	{Vendors: autoscale.ErrThrottled, Ours: autoscale.ErrThrottled},
	{Vendors: autoscale.ErrMalformed, Ours: autoscale.ErrUnavailable},
	{Vendors: autoscale.ErrUncertain, Ours: autoscale.ErrUnavailable},
	{Vendors: autoscale.ErrRejected, Ours: autoscale.ErrRejected},
	{Vendors: autoscale.ErrNotFound, Ours: autoscale.ErrRejected},
}

// translateScript says that no script could be made. Of the cause its meaning, class and
// words are kept and the chain is not, for what was uncertain there is not the start.
func translateScript(cause error) autoscale.Failure {
	f := autoscale.NewFailure(cause, autoscale.ClassOf(cause), false, ownMeanings)
	said := autoscale.NewFailure(fmt.Errorf("prepare the start-up script: %s", cause.Error()), f.Class, false, nil)
	said.Meaning = f.Meaning
	return said
}

// scriptFailed tells in words how an instance's monitored script failed; empty: it did
// not. What the script printed may hold what it was given: it is never shown, nor is
// the controller's message, which may repeat it.
func scriptFailed(i *Instance) string {
	switch {
	case i.Script == nil:
		return ""
	case i.Script.TimedOut:
		return "its start-up script took too long and was ended"
	case i.Script.ReturnCode != 0:
		return fmt.Sprintf("its start-up script failed with %d", i.Script.ReturnCode)
	}
	return ""
}
