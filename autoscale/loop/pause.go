package loop

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"autoscaled/autoscale"
)

// Pause keeps a pool of the policy as it is, or all where none is named: for so long,
// or until Resume where that is 0. It waits for a tick under way, and what it returns
// without an error is on disk: from then on nothing is sent for the pool.
func (l *Loop) Pause(ctx context.Context, pool string, length time.Duration, why string) (autoscale.Pause, error) {
	p := autoscale.Pause{Pool: pool, Why: why}
	if err := l.checkPool(pool); err != nil {
		return p, err
	}
	err := l.change(ctx, func(m autoscale.Memory, at time.Time) (autoscale.Memory, error) {
		p.Since = at
		if length > 0 {
			p.Until = at.Add(length)
		}
		return m.WithPause(p), nil
	})
	return p, err
}

// Resume ends the pause of a pool, or, where none is named, all pauses. It returns those
// that last: of other pools, or of all, which hold this one too.
func (l *Loop) Resume(ctx context.Context, pool string) (left []autoscale.Pause, err error) {
	err = l.change(ctx, func(m autoscale.Memory, _ time.Time) (autoscale.Memory, error) {
		next, ok := m.Resumed(pool)
		left = next.Paused
		switch {
		case ok:
			return next, nil
		case pool == "":
			return next, fmt.Errorf("resume: nothing is paused")
		case len(m.Paused) > 0:
			return next, fmt.Errorf("resume pool %s: it is not paused by name; without a name all pauses end", pool)
		}
		return next, fmt.Errorf("resume pool %s: it is not paused", pool)
	})
	return left, err
}

func (l *Loop) checkPool(name string) error {
	policy := l.policy.Load()
	names := make([]string, len(policy.Pools))
	for i := range policy.Pools {
		names[i] = policy.Pools[i].Name
	}
	if name != "" && !slices.Contains(names, name) {
		return fmt.Errorf("pause pool %s: the policy has no pool of this name; it has %s", name, strings.Join(names, ", "))
	}
	return nil
}

// change alters what is remembered, between two ticks, and asks for the next. A dry
// run writes nothing, so it forgets a pause with its end.
func (l *Loop) change(ctx context.Context, alter func(autoscale.Memory, time.Time) (autoscale.Memory, error)) error {
	if err := l.take(ctx); err != nil {
		return err
	}
	defer l.release()
	before, err := l.remembered(ctx)
	if err != nil {
		return err
	}
	next, err := alter(before, l.Now())
	if err != nil {
		return err
	}
	if !l.DryRun {
		if err := l.Journal.Save(context.WithoutCancel(ctx), next); err != nil {
			return err
		}
	}
	l.memory = &next
	l.log.pauses(before.Paused, next.Paused)
	l.Wake()
	return nil
}

// remembered is the memory, read from the journal before the first tick.
func (l *Loop) remembered(ctx context.Context) (autoscale.Memory, error) {
	if l.memory != nil {
		return *l.memory, nil
	}
	m, err := l.Journal.Memory(ctx)
	if err == nil {
		err = l.recallFailed(ctx, m.Failed)
	}
	return m, err
}

// recallFailed reads the operations that failed when they were sent, just before the
// daemon was ended.
func (l *Loop) recallFailed(ctx context.Context, ids []autoscale.RequestID) error {
	l.failed = nil
	for _, id := range ids {
		op, known, err := l.Journal.Get(ctx, id)
		if err != nil {
			return err
		}
		if known {
			l.failed = append(l.failed, op)
		}
	}
	return nil
}
