package github

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// scaleSet is a set and who listens to it.
type scaleSet struct {
	SetOptions
	source *Source

	first sync.Once
	told  chan struct{} // closed once it is known, or why it is not

	// Of the goroutine that listens:
	failures int // in a row

	// Under the source's lock:
	id      int  // 0: not known
	open    bool // there is a session, or in a dry run the set was found
	due     bool // runners must be listed before anything is known
	problem error
	counts  Statistics
	known   bool
	seen    time.Time // when it was last heard of
	// countsAt is the serial number of the last change of records before a message or a
	// session told the counts. A clock that is set would part what belongs together.
	countsAt int64
	capacity int
	hurry    context.CancelFunc // ends the poll that waits; nil: none does
	queued   map[JobKey]time.Time
	counted  []time.Time // when jobs of unknown age were first counted, oldest first
}

func newScaleSet(s *Source, o SetOptions) *scaleSet {
	return &scaleSet{SetOptions: o, source: s, told: make(chan struct{}), queued: map[JobKey]time.Time{}}
}

// update changes the set under the lock.
func (x *scaleSet) update(change func()) {
	x.source.mu.Lock()
	defer x.source.mu.Unlock()
	change()
}

// settle notes whether the set is known, and that there is something to know.
func (x *scaleSet) settle(problem error) {
	x.update(func() {
		x.problem = problem
		if problem == nil {
			x.open, x.due = true, false
		}
	})
	x.first.Do(func() { close(x.told) })
}

// listen opens a session and listens to it, again and again until the context ends.
func (x *scaleSet) listen(ctx context.Context) {
	serve := x.serve
	if x.source.options.DryRun {
		serve = x.readOnly
	}
	for ctx.Err() == nil {
		err := serve(ctx)
		if ctx.Err() != nil {
			return
		}
		x.update(func() { x.open, x.known = false, false })
		x.settle(err)
		x.source.wake()
		x.rest(ctx, err)
	}
}

// rest waits after a failure, the longer the more came before it.
func (x *scaleSet) rest(ctx context.Context, err error) {
	t := x.source.options.Timings
	wait := t.RetryMax
	if x.failures < 10 {
		wait = min(t.Retry<<x.failures, t.RetryMax)
	}
	x.failures++
	if errors.Is(err, ErrSessionConflict) {
		wait = t.Conflict
	}
	x.source.pause(ctx, wait)
}

// serve listens to one session until it is lost.
func (x *scaleSet) serve(ctx context.Context) error {
	set, err := x.establish(ctx)
	if err != nil {
		return err
	}
	session, err := x.source.options.Client.Open(ctx, set.ID, x.source.options.Owner)
	if errors.Is(err, ErrSessionConflict) {
		return fmt.Errorf("somebody else listens to it, or a session of ours has not ended yet; trying again every %s: %w", x.source.options.Timings.Conflict, err)
	}
	if err != nil {
		return err
	}
	defer x.leave(ctx, session)
	x.update(func() { x.id, x.open, x.due = set.ID, true, true })
	if err := x.source.unhear(ctx, x); err != nil {
		return err
	}
	x.newCounts()
	x.fresh(session)
	for ctx.Err() == nil {
		err := x.step(ctx, session)
		if err == nil {
			x.failures = 0
			continue
		}
		if sessionLost(err) {
			return err
		}
		x.settle(err)
		x.rest(ctx, err)
	}
	return ctx.Err()
}

// sessionLost tells that polling on leads nowhere.
func sessionLost(err error) bool {
	return errors.Is(err, ErrSessionExpired) || errors.Is(err, ErrSessionConflict) || errors.Is(err, ErrNotFound)
}

// leaveTimeout bounds what closing a session may take once nobody listens.
const leaveTimeout = 5 * time.Second

func (x *scaleSet) leave(ctx context.Context, session *Session) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
	defer cancel()
	x.source.report(session.Close(ctx))
}

// establish finds the set, or makes it, and has it carry its labels.
func (x *scaleSet) establish(ctx context.Context) (Set, error) {
	group, err := x.source.options.Client.FindGroup(ctx, x.Group)
	if err != nil {
		return Set{}, err
	}
	set, err := x.source.options.Client.FindSet(ctx, group.ID, x.Name)
	switch {
	case errors.Is(err, ErrSetNotFound):
		set, err = x.source.options.Client.CreateSet(ctx, Set{Name: x.Name, GroupID: group.ID, Labels: Labels(x.Labels...)})
	case err == nil && !x.labelled(set):
		set, err = x.source.options.Client.UpdateSet(ctx, set.ID, Set{Labels: Labels(x.Labels...), Setting: set.Setting})
	}
	if err != nil {
		return Set{}, err
	}
	if !x.labelled(set) {
		return Set{}, fmt.Errorf("%w: labels %v were asked for and it has %v: GitHub Enterprise Server 3.18 to 3.20 drops all but one unless a flag is on, and jobs that name the others would wait for ever", ErrConfig, x.Labels, labelNames(set))
	}
	return set, nil
}

// labelled tells whether the set has the labels that it should, and no others.
func (x *scaleSet) labelled(set Set) bool {
	if len(x.Labels) == 0 {
		return true
	}
	return slices.Equal(sortedLower(x.Labels), sortedLower(labelNames(set)))
}

func labelNames(set Set) (names []string) {
	for _, l := range set.Labels {
		names = append(names, l.Name)
	}
	return names
}

func sortedLower(names []string) []string {
	lower := make([]string, len(names))
	for i, name := range names {
		lower[i] = strings.ToLower(name)
	}
	slices.Sort(lower)
	return slices.Compact(lower)
}
