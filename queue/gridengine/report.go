package gridengine

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"autoscaled/autoscale"
)

// contextName is the variable of a job's context that says why it waits: qstat -j shows it
// to the job's owner.
const contextName = "autoscaled"

// How many jobs are told why they wait, the first in order, and how many changes are made
// after one tick. Our own choice: each is a run of qalter.
const (
	maxTold    = 200
	maxTelling = 20
	maxReason  = 250 // bytes
)

// Report writes into jobs' contexts why they get no nodes, for reasons that Grid Engine
// does not know, and takes it out of those that wait for them no more. A reason is told
// again only when it becomes another, and once after a restart. It is called by one
// goroutine at a time, and not beside Demand.
func (s *Source) Report(ctx context.Context, state autoscale.State, plan autoscale.Plan) error {
	if s.Silent || state.DemandProblem != "" {
		return nil
	}
	waiting, pending := unserved(state.Demand, plan)
	var wrong []error
	left := maxTelling
	change := func(id int64, arguments ...string) bool {
		left--
		_, err := s.Run(ctx, "qalter", append(arguments, strconv.FormatInt(id, 10))...)
		if err != nil && !errors.Is(err, autoscale.ErrNotFound) { // it has ended
			wrong = append(wrong, err)
			return false
		}
		return true
	}
	for _, id := range slices.Sorted(maps.Keys(s.told)) {
		switch _, waits := waiting[id]; {
		case waits:
		case !pending[id]:
			delete(s.told, id)
		case left > 0 && change(id, "-dc", contextName):
			delete(s.told, id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(waiting)) {
		why := waiting[id]
		if s.told[id] != why.key && left > 0 && change(id, "-ac", contextName+"="+why.words) {
			s.told[id] = why.key
		}
	}
	return errors.Join(wrong...)
}

// recall notes the jobs that were told something before this daemon began.
func (s *Source) recall(details map[int64]Detail) {
	for id, d := range details {
		if _, known := s.told[id]; d.Told && !known {
			s.told[id] = ""
		}
	}
}

// why is a reason for which a job waits. Its words may hold times and counts, its key has none.
type why struct{ key, words string }

// unserved are the first jobs that get no nodes, with the reason, and all that are pending.
func unserved(d autoscale.Demand, plan autoscale.Plan) (waiting map[int64]why, pending map[int64]bool) {
	waiting, pending = make(map[int64]why), make(map[int64]bool)
	for r := range plan.Jobs(d) {
		end := strings.IndexFunc(string(r.ID), func(c rune) bool { return !unicode.IsDigit(c) })
		if end < 0 {
			end = len(r.ID)
		}
		id, err := strconv.ParseInt(string(r.ID[:end]), 10, 64)
		if err != nil {
			continue
		}
		again := pending[id]
		pending[id] = true
		if !again && len(r.ServedBy) == 0 && len(waiting) < maxTold && ofOurs(&r.Reason) {
			waiting[id] = why{key(&r.Reason), words(r.Reason.String())}
		}
	}
	return waiting, pending
}

// ofOurs tells whether a reason is one that Grid Engine does not show by itself.
func ofOurs(r *autoscale.Reason) bool {
	switch r.Code {
	case autoscale.ReasonDependency, autoscale.ReasonNotYet:
		return false
	case autoscale.ReasonHeld:
		reason, _, _ := strings.Cut(r.Detail, ":")
		return slices.Contains([]string{"host", "rule", "pools", "PE", "resource", "unreadable"}, reason)
	}
	return true
}

func key(r *autoscale.Reason) string {
	if r.Code == autoscale.ReasonHeld {
		return string(r.Code) + " " + r.Detail
	}
	return string(r.Code)
}

// words makes a reason fit for a context, where commas stand between variables.
func words(text string) string {
	text = strings.Map(func(c rune) rune {
		switch {
		case c == ',':
			return ';'
		case unicode.IsControl(c):
			return ' '
		}
		return c
	}, text)
	if len(text) > maxReason {
		text = strings.ToValidUTF8(text[:maxReason], "") + "…"
	}
	return text
}
