package githubrest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"autoscaled/internal/rest"
	"autoscaled/queue/github"
)

const (
	// maxAnswer bounds an answer, in bytes: a hundred jobs with all their steps.
	maxAnswer = 32 << 20
	userAgent = "autoscaled"
	// apiVersion is the version of the API that this package was written for.
	apiVersion = "2022-11-28"
)

// client calls GitHub's REST API within the budget.
type client struct {
	login  *github.Login
	rest   *rest.Client
	budget *budget
	cache  cache
}

func newClient(o github.Options, b *budget) (*client, error) {
	login, err := github.NewLogin(o)
	if err != nil {
		return nil, err
	}
	agent := o.UserAgent
	if agent == "" {
		agent = userAgent
	}
	api, err := rest.New(rest.Options{
		BaseURL: login.API(), TLS: o.TLS, Transport: o.Transport, Timeout: o.Timeout, MaxBody: maxAnswer,
		Retries:  -1, // who reads in turns reads again, and counts each call
		Observer: o.Observer, UserAgent: agent, Correlation: []string{"X-GitHub-Request-Id"},
	})
	if err != nil {
		return nil, err
	}
	return &client{login: login, rest: api, budget: b}, nil
}

// send makes one call. One that was not let in is sent once more if there is another
// token to be had: that is safe for any method, for nothing changed.
func (c *client) send(ctx context.Context, k rest.Call) (http.Header, string, error) {
	refused := ""
	for {
		token, err := c.login.Token(ctx)
		if err != nil {
			return nil, "", err
		}
		header, err := c.sendWith(ctx, k, token)
		e, failed := errors.AsType[*Error](err)
		if !failed || e.Status != http.StatusUnauthorized || refused != "" {
			return header, token, err
		}
		refused = token
		c.login.Drop(ctx, token)
		if again, tokenErr := c.login.Token(ctx); tokenErr != nil || again == refused {
			return header, token, err
		}
	}
}

func (c *client) sendWith(ctx context.Context, k rest.Call, token string) (header http.Header, err error) {
	if k.Header == nil {
		k.Header = http.Header{}
	}
	k.Header.Set("Accept", "application/vnd.github+json")
	k.Header.Set("X-GitHub-Api-Version", apiVersion)
	k.Auth, k.Explain, k.Hide = rest.Bearer{Token: rest.Static(token)}, explain, github.HideSecrets
	k.Seen = func(_ int, h http.Header) { header = h }
	if k.Method == http.MethodGet {
		if p := c.cache.find(token, k.Path); p != nil {
			k.Header.Set("If-None-Match", p.etag)
		} else {
			k.Header.Del("If-None-Match")
		}
		path, query, _ := strings.Cut(k.Path, "?")
		k.Path = path
		if k.Query, err = url.ParseQuery(query); err != nil {
			return nil, fmt.Errorf("%w: the query of an address: %w", ErrMalformed, err)
		}
	}
	_, err = c.rest.Do(ctx, k)
	if header != nil {
		c.hear(header, err)
	}
	return header, err
}

// hear tells the budget what an answer says of limits.
func (c *client) hear(header http.Header, err error) {
	e, failed := errors.AsType[*Error](err)
	if !failed {
		c.budget.heard(header, false, 0)
		return
	}
	// Some refusals say that calls are too many by their headers only.
	if e.Status == http.StatusForbidden && (e.RetryAfter > 0 || header.Get("X-Ratelimit-Remaining") == "0") {
		e.Kind = ErrThrottled
	}
	c.budget.heard(header, errors.Is(e.Kind, ErrThrottled), e.RetryAfter)
}

// get reads the page at an address below the API's base, with its query, on behalf of
// who, and the address of the next. What GitHub says is unchanged costs nothing.
func get[T any, P checker[T]](ctx context.Context, c *client, who *reader, route, address string) (value T, next string, err error) {
	done, err := c.turn(ctx, who)
	if err != nil {
		return value, "", err
	}
	free := false
	defer func() { done(free) }()
	var got T
	header, token, err := c.send(ctx, rest.Call{Method: http.MethodGet, Path: address, Route: route, Into: into[T, P](&got)})
	if errors.Is(err, errNotModified) {
		free = true
		if p := c.cache.find(token, address); p != nil {
			if known, ok := p.value.(T); ok {
				return known, p.next, nil
			}
		}
		return value, "", fmt.Errorf("%w: not modified, and never read", ErrMalformed)
	}
	if err != nil {
		return value, "", err
	}
	if next, err = nextPage(header.Get("Link"), c.login.API()); err != nil {
		return value, "", err
	}
	c.cache.keep(token, address, page{etag: header.Get("Etag"), next: next, value: got})
	return got, next, nil
}

// reader is on whose behalf something is read: a repository or whoRunners, as the budget
// calls them. "": somebody who is about to act, and waits for no turn.
type reader struct {
	who string
	// first is called once the first read is let through, which may be long after it was
	// asked for: what is read is as old as that. nil: nobody cares.
	first func()
}

// turn waits for a read's turn; done tells that it is over, and whether it was free.
func (c *client) turn(ctx context.Context, r *reader) (done func(free bool), err error) {
	if r.who == "" {
		return func(bool) {}, c.budget.charge()
	}
	if err := c.budget.take(ctx, r.who); err != nil {
		return nil, err
	}
	if r.first != nil {
		r.first()
		r.first = nil
	}
	return func(free bool) { c.budget.done(r.who, free) }, nil
}

// maxFollowed bounds how many pages of one list are read: 100 have 10,000 elements.
const maxFollowed = 100

// all reads a list, page for page. of gives the elements of a page, and how many there
// are of them in all.
func all[E, T any, P checker[T]](ctx context.Context, c *client, who *reader, route, address string, of func(T) ([]E, int), id func(*E) int64) ([]E, error) {
	var list []E
	seen := map[int64]bool{}
	for pages := 1; ; pages++ {
		p, next, err := get[T, P](ctx, c, who, route, address)
		if err != nil {
			return nil, err
		}
		elements, total := of(p)
		for i := range elements {
			if !seen[id(&elements[i])] {
				seen[id(&elements[i])] = true
				list = append(list, elements[i])
			}
		}
		switch {
		case next == "" && len(list) < total && total > shortList:
			return nil, fmt.Errorf("%w: the list at %s changed while it was read: %d of %d", ErrUnavailable, route, len(list), total)
		case next == "" && len(list) < total:
			return nil, fmt.Errorf("%w: the list at %s has %d elements and says %d", ErrMalformed, route, len(list), total)
		case next == "":
			return list, nil
		case next == address || pages == maxFollowed:
			return nil, fmt.Errorf("%w: the list at %s has no end", ErrMalformed, route)
		}
		address = next
	}
}

// perPage is the most that GitHub gives at a time; a list of no more has one page.
const (
	perPage   = "per_page=100"
	shortList = 100
)

// act makes a call that changes something. It doesn't wait for its turn.
func (c *client) act(ctx context.Context, k rest.Call) error {
	if err := c.budget.charge(); err != nil {
		return err
	}
	_, _, err := c.send(ctx, k)
	return err
}

const runnersRoute = "/actions/runners"

// ownerRoute is a route below the owner of the runners.
func (c *client) ownerRoute(rest string) string {
	switch owner := c.login.Owner(); {
	case strings.HasPrefix(owner, "/orgs/"):
		return "/orgs/{org}" + rest
	case strings.HasPrefix(owner, "/enterprises/"):
		return "/enterprises/{enterprise}" + rest
	}
	return "/repos/{owner}/{repo}" + rest
}

// register registers a runner. An error that is ErrUncertain leaves open whether it is.
func (c *client) register(ctx context.Context, name string, group int64, labels []string, work string) (r registered, err error) {
	body := struct {
		Name   string   `json:"name"`
		Group  int64    `json:"runner_group_id"`
		Labels []string `json:"labels"`
		Work   string   `json:"work_folder,omitempty"`
	}{name, group, labels, work}
	err = c.act(ctx, rest.Call{
		Method: http.MethodPost, Path: c.login.Owner() + runnersRoute + "/generate-jitconfig",
		Route: c.ownerRoute(runnersRoute + "/generate-jitconfig"), Body: body, Into: into(&r),
	})
	return r, err
}

// runners lists the owner's runners.
func (c *client) runners(ctx context.Context, who *reader) ([]runner, error) {
	return c.list(ctx, who, "")
}

// named finds the runner of that name at once. nil: there is none.
func (c *client) named(ctx context.Context, name string) (*runner, error) {
	list, err := c.list(ctx, &reader{}, "&name="+url.QueryEscape(name))
	if err != nil {
		return nil, fmt.Errorf("find runner %q: %w", name, err)
	}
	for i := range list { // servers that don't know the parameter list all
		if strings.EqualFold(list[i].Name, name) {
			return &list[i], nil
		}
	}
	return nil, nil
}

func (c *client) list(ctx context.Context, who *reader, query string) ([]runner, error) {
	return all[runner, runnerPage](ctx, c, who, c.ownerRoute(runnersRoute), c.login.Owner()+runnersRoute+"?"+perPage+query,
		func(p runnerPage) ([]runner, int) { return *p.Runners, *p.Total }, func(r *runner) int64 { return r.ID })
}

// whoRunners is who reads runners, as the budget calls it: no repository.
const whoRunners = "runners"

// removal is what became of an attempt to delete a runner.
type removal int

const (
	deleted removal = iota + 1 // it takes no job any more
	busy                       // it runs a job
	unknown                    // there is no such runner, which proves nothing
)

// remove deletes a runner. Only 204 says that it is done: whatever else has a status of
// success comes from somewhere else, such as a proxy.
func (c *client) remove(ctx context.Context, id int64) (removal, error) {
	err := c.act(ctx, rest.Call{
		Method: http.MethodDelete, Path: fmt.Sprintf("%s%s/%d", c.login.Owner(), runnersRoute, id),
		Route: c.ownerRoute(runnersRoute + "/{runner}"), Empty: []int{http.StatusNoContent},
		Into: func(io.Reader) error { return errors.New("an answer where there should be none (204)") },
	})
	e, failed := errors.AsType[*Error](err)
	switch {
	case err == nil:
		return deleted, nil
	case failed && e.Method == http.MethodDelete && e.Status == http.StatusUnprocessableEntity:
		return busy, nil
	case failed && e.Method == http.MethodDelete && e.Status == http.StatusNotFound:
		return unknown, nil
	}
	return 0, fmt.Errorf("delete runner %d: %w", id, err)
}

// pause waits, or until the context ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
