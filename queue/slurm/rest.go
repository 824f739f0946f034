package slurm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"autoscaled/autoscale"
	"autoscaled/internal/rest"
)

// RESTOptions says where slurmrestd is and who we are to it.
type RESTOptions struct {
	// URL is such as http://host:6820, or unix:///run/slurmrestd.socket.
	URL string
	TLS rest.TLS
	// User is whose token it is.
	User string
	// Token gives the JWT whenever it is needed. nil: none, which does over a socket,
	// where our own user is known without.
	Token rest.Secret
	// Renew stands for Token: "scontrol token" gives the JWT, and a new one before it ends.
	Renew bool
	// Timeout limits one call; 0 means rest.DefaultTimeout.
	Timeout time.Duration
	// Observer is told of every call, for metrics; nil: nobody.
	Observer func(rest.Observation)
}

// maxAnswer bounds an answer, in bytes: 100,000 jobs are some 500 MB. It is read as it
// comes and not kept.
const maxAnswer = 4 << 30

// REST is a [Cluster] whose jobs, nodes and partitions are read from slurmrestd, in the
// newest version of its API that both sides know. All else goes through Slurm's
// commands: slurmrestd can't change nodes in the versions that Slurm 22.05 has, and in
// those of 24.11 (v0.0.40 to v0.0.42) change and delete them, but add none; nor does it
// tell all settings. Partitions are read by command too where slurmrestd does not tell
// whether jobs share nodes, which it does since v0.0.40.
//
// Tried on one cluster at a time, 22.05 and 24.11, both ways told the same of nodes and
// partitions, but for nodes in state FUTURE, of which slurmrestd tells since v0.0.42.
// Of jobs, slurmrestd tells those that are over too; v0.0.38 tells of no switches, and
// squeue of no excluded nodes. Once tasks of an array were requeued, squeue joins them
// with those that never started and hides the array's % limit, and for a job that was
// requeued its TRES are those that it had. Limits and defaults that don't matter here
// (MaxNodes, CPUsPerTask) differ.
//
// Jobs and partitions that were read are kept, and given again as long as slurmrestd
// says that nothing changed: they are not to be changed.
type REST struct {
	*Commands
	api     *rest.Client
	options RESTOptions
	renewed *tokens // nil: none are

	mu      sync.Mutex
	version apiVersion // 0: not known

	jobs       kept[Job]
	nodes      kept[Node]
	partitions kept[Partition]
}

// NewREST checks the options; nothing is called yet.
func NewREST(o RESTOptions, c *Commands) (*REST, error) {
	options := rest.Options{
		BaseURL: o.URL, TLS: o.TLS, Timeout: o.Timeout, MaxBody: maxAnswer, Observer: o.Observer, UserAgent: "autoscaled",
		Retries: -1, // the next tick asks again
	}
	if socket, local := strings.CutPrefix(o.URL, "unix://"); local {
		options.BaseURL, options.Socket = "http://localhost", socket
		if !strings.HasPrefix(socket, "/") {
			return nil, fmt.Errorf("slurmrestd: the address must look like unix:///run/slurmrestd.socket: %w", rest.ErrConfig)
		}
	}
	switch {
	case o.Renew && o.Token != nil:
		return nil, fmt.Errorf("slurmrestd: a token is given, and is to be had from scontrol: %w", rest.ErrConfig)
	case (o.Renew || o.Token != nil) && o.User == "":
		return nil, fmt.Errorf("slurmrestd: a token needs the user whose it is: %w", rest.ErrConfig)
	}
	api, err := rest.New(options)
	if err != nil {
		return nil, fmt.Errorf("slurmrestd: %w", err)
	}
	r := &REST{Commands: c, api: api, options: o}
	if o.Renew {
		r.renewed = &tokens{next: func(ctx context.Context) (string, error) { return c.token(ctx, o.User) }}
	}
	return r, nil
}

// Jobs lists all jobs that are not over, and those that are for as long as Slurm
// remembers them (MinJobAge).
func (r *REST) Jobs(ctx context.Context) ([]Job, error) { return read(ctx, r, &r.jobs, jobRecords) }

// Nodes lists all nodes.
func (r *REST) Nodes(ctx context.Context) ([]Node, error) { return read(ctx, r, &r.nodes, nodeRecords) }

// Partitions lists all partitions.
func (r *REST) Partitions(ctx context.Context) ([]Partition, error) {
	v, err := r.agree(ctx)
	if err != nil {
		return nil, err
	}
	if v < partitionsSince {
		return r.Commands.Partitions(ctx)
	}
	return read(ctx, r, &r.partitions, partitionRecords)
}

// errUnchanged: nothing changed since the time that was asked for.
var errUnchanged = errors.New("nothing changed")

// get makes one call, again with a new token where that may help.
func (r *REST) get(ctx context.Context, call rest.Call) error {
	call.Method, call.Explain = http.MethodGet, explain
	auth, err := r.auth(ctx)
	if err != nil {
		return err
	}
	call.Auth = auth
	_, err = r.api.Do(ctx, call)
	if r.renewed != nil && refusedToken(err) {
		r.renewed.forget()
		if call.Auth, err = r.auth(ctx); err != nil {
			return err
		}
		_, err = r.api.Do(ctx, call)
	}
	if err == nil || errors.Is(err, errUnchanged) {
		return err
	}
	return r.failure(ctx, call, err)
}

// failure gives an error its meaning. Slurm 22.05 says of a token that it refuses the
// same as of a controller that is away, so the controller is asked by command.
func (r *REST) failure(ctx context.Context, call rest.Call, err error) error {
	attempt := "ask slurmrestd for " + call.Route
	if token, ok := call.Auth.(tokenAuth); ok && refusedToken(err) && !errors.Is(err, rest.ErrUnauthorized) {
		switch ends, known := token.ends(); {
		case known && ends.Before(time.Now()):
			err = fmt.Errorf("%w: the token ended at %s: %w", rest.ErrUnauthorized, ends.UTC().Format(time.RFC3339), err)
		case r.ping(ctx) == nil:
			err = fmt.Errorf("%w: the controller answers scontrol, so that it is likely the token that is refused: %w", rest.ErrUnauthorized, err)
		}
	}
	if errors.Is(err, rest.ErrNotFound) {
		r.forgetVersion() // another Slurm may be there by now
	}
	class := autoscale.ErrorClass("")
	if errors.Is(err, rest.ErrUnauthorized) {
		class = autoscale.ErrorAuth
	}
	return autoscale.NewFailure(fmt.Errorf("%s: %w", attempt, err), class, false, []autoscale.Meaning{
		{Vendors: rest.ErrUnauthorized, Ours: autoscale.ErrUnauthorized},
		{Vendors: rest.ErrNotFound, Ours: autoscale.ErrNotFound},
		{Vendors: rest.ErrThrottled, Ours: autoscale.ErrThrottled},
	})
}

// explain finds what slurmrestd means by a status. Error 1007 is Slurm's "Protocol
// authentication error".
func explain(status int, head []byte) error {
	switch {
	case status == http.StatusNotModified:
		return errUnchanged
	case status == http.StatusNetworkAuthenticationRequired, bytes.Contains(head, []byte(`"error_number": 1007`)):
		return rest.ErrUnauthorized
	}
	return nil
}

// refusedToken tells whether an answer may be about the token.
func refusedToken(err error) bool {
	failed, ok := errors.AsType[*rest.Error](err)
	return ok && (failed.Status == http.StatusInternalServerError || errors.Is(err, rest.ErrUnauthorized))
}

// Unchanged reads are only as good as the clock that they are asked by: where the
// answer brings no time of the controller's, the question names ours less clockMargin,
// and every fullEvery all is read again. Both are our own choice.
const (
	clockMargin = 5 * time.Second
	fullEvery   = time.Minute
)

// kept is what was read last.
type kept[T any] struct {
	mu   sync.Mutex
	list []T
	// since is the controller's time by which to ask what changed, in seconds of Unix
	// time. 0: ask for all.
	since int64
	// full is when all was read.
	full time.Time
}

// read reads records, or gives those that were read last where nothing changed.
func read[T any](ctx context.Context, r *REST, k *kept[T], kind recordKind[T]) ([]T, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	started, since := time.Now(), k.since
	if started.Sub(k.full) >= fullEvery || kind.key == nodeRecords.key {
		since = 0 // asked for nodes that changed, slurmrestd fails where no partition changed (22.05, 24.11)
	}
	if since > 0 {
		a, err := ask(ctx, r, since, kind)
		switch {
		case errors.Is(err, errUnchanged), err == nil && a.updated == 0:
			return k.list, nil // 24.11 says so of jobs with a list that is empty and a time of 0
		case err != nil:
			return nil, err
		case len(a.list) > 0:
			k.keep(a, started, false)
			return k.list, nil
		}
		// An empty answer to such a question may mean either.
	}
	a, err := ask(ctx, r, 0, kind)
	if err != nil {
		return nil, err
	}
	k.keep(a, started, true)
	return k.list, nil
}

func (k *kept[T]) keep(a answered[T], started time.Time, full bool) {
	k.list, k.since = a.list, a.updated
	if a.updated < 0 {
		k.since = started.Add(-clockMargin).Unix()
	}
	if full {
		k.full = started
	}
}

func ask[T any](ctx context.Context, r *REST, since int64, kind recordKind[T]) (a answered[T], err error) {
	v, err := r.agree(ctx)
	if err != nil {
		return a, err
	}
	query := url.Values{}
	if moment := v.moment(since); since > 0 && moment != "" {
		query.Set("update_time", moment)
	}
	if kind.key == nodeRecords.key && v >= flagsSince {
		query["flags"] = []string{"ALL", "DETAIL", "MIXED", "FUTURE"} // the default, and FUTURE
	}
	err = r.get(ctx, rest.Call{
		Route: "/slurm/{version}/" + kind.key, Path: "/slurm/" + v.String() + "/" + kind.key, Query: query,
		Into: func(body io.Reader) (err error) {
			a, err = readAnswer(body, kind)
			return err
		},
	})
	return a, err
}
