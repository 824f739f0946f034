package autoscale

import (
	"cmp"
	"slices"
	"time"
)

// Pause keeps a pool of the policy as it is: no node of it is created, started,
// marked or removed. What was asked for before is followed to its end.
type Pause struct {
	// Pool is the policy's name of it. Empty: all pools.
	Pool  string    `json:"pool,omitempty"`
	Since time.Time `json:"since"`
	// Until is when it ends by itself. Zero: it does not.
	Until time.Time `json:"until,omitzero"`
	// Why is the operator's own words.
	Why string `json:"why,omitempty"`
}

// WithPause is the memory with a pause, which replaces that of the same pool.
func (m Memory) WithPause(p Pause) Memory {
	m.Paused = slices.DeleteFunc(slices.Clone(m.Paused), func(o Pause) bool { return o.Pool == p.Pool })
	m.Paused = append(m.Paused, p)
	slices.SortFunc(m.Paused, func(x, y Pause) int { return cmp.Compare(x.Pool, y.Pool) })
	return m
}

// Resumed is the memory without the pause of a pool, or, where none is named, without
// any. ok is false if there was none.
func (m Memory) Resumed(pool string) (next Memory, ok bool) {
	left := slices.DeleteFunc(slices.Clone(m.Paused), func(o Pause) bool { return pool == "" || o.Pool == pool })
	ok = len(left) < len(m.Paused)
	m.Paused = left
	return m, ok
}

// pausedStill drops the pauses that are over. One of a clock that was set back since
// lasts as long as it was to, from now.
func pausedStill(list []Pause, at time.Time) (left []Pause) {
	for _, p := range list {
		if p.Since.After(at) {
			if !p.Until.IsZero() {
				p.Until = at.Add(p.Until.Sub(p.Since))
			}
			p.Since = at
		}
		if p.Until.IsZero() || at.Before(p.Until) {
			left = append(left, p)
		}
	}
	return left
}

// addPauses shuts the pools that are paused. Of two pauses that of the pool itself is
// told.
func (b *board) addPauses() {
	for i := range b.pools {
		p := &b.pools[i]
		p.paused = b.pauseOf(p.policy)
		if p.paused.Code != "" {
			p.shut, b.holds[i] = p.paused, p.paused
		}
	}
}

// pauseOf is why the pools of a policy are paused, if they are.
func (b *board) pauseOf(policy int) (why Reason) {
	for _, pause := range b.state.Memory.Paused {
		if policy >= 0 && (pause.Pool == "" || pause.Pool == b.policy.Pools[policy].Name) {
			why = pause.reason(b.state.At)
		}
	}
	return why
}

func (p Pause) reason(at time.Time) Reason {
	r := Reason{Code: ReasonPaused, Subject: "all pools are", For: at.Sub(p.Since), Detail: p.Why}
	if p.Pool != "" {
		r.Subject = "pool " + p.Pool + " is"
	}
	if !p.Until.IsZero() {
		r.Of = p.Until.Sub(at)
	}
	return r
}

// pausedPolicy tells whether a policy's pools are paused.
func (b *board) pausedPolicy(policy int) bool {
	return slices.ContainsFunc(b.pools, func(p poolState) bool { return p.policy == policy && p.paused.Code != "" })
}
