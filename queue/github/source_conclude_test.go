package github

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/queue/records"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func TestWhatTheAnswerToADeletionProves(t *testing.T) {
	refused := &Error{Kind: ErrUnauthorized, Status: 403}
	lost := &Error{Kind: ErrUnavailable, Uncertain: true}
	for name, c := range map[string]struct {
		before  record
		removal Removal
		err     error
		check   func(r *record) bool
	}{
		"deleted":                      {record{}, RunnerDeleted, nil, func(r *record) bool { return r.done() && r.Over.Equal(noon) }},
		"deleted after a start":        {record{Started: true}, RunnerDeleted, nil, func(r *record) bool { return r.Ended && r.done() && !r.busy() }},
		"busy":                         {record{idle: noon}, RunnerBusy, nil, func(r *record) bool { return r.busy() && r.atWork && r.idle.IsZero() && !r.Deleting }},
		"unknown":                      {record{heard: true}, RunnerUnknown, nil, func(r *record) bool { return r.Gone && r.missing() && !r.done() && !r.Deleting }},
		"unknown after a lost answer":  {record{Deleting: true}, RunnerUnknown, nil, (*record).done},
		"unknown after a start":        {record{Started: true}, RunnerUnknown, nil, func(r *record) bool { return r.busy() && !r.done() }},
		"unknown, was at work":         {record{Started: true, atWork: true}, RunnerUnknown, nil, (*record).done},
		"unknown, news may be lost":    {record{Started: true, unheard: true}, RunnerUnknown, nil, (*record).done},
		"unknown, has ended":           {record{Ended: true}, RunnerUnknown, nil, func(r *record) bool { return r.done() && r.Deleted }},
		"refused":                      {record{}, 0, refused, func(r *record) bool { return !r.Deleting && !r.done() }},
		"refused after a lost answer":  {record{Deleting: true}, 0, refused, func(r *record) bool { return r.Deleting }},
		"lost":                         {record{}, 0, lost, func(r *record) bool { return r.Deleting && !r.done() }},
		"never sent after a lost call": {record{Deleting: true}, 0, errors.New("no"), func(r *record) bool { return r.Deleting }},
	} {
		s := &Source{options: SourceOptions{Now: func() time.Time { return noon }}}
		c.before.Host, c.before.Runner = "a", 7
		r := c.before
		r.Deleting = true
		s.conclude(&r, c.before, &outcome{c.removal, c.err})
		require.True(t, c.check(&r), "%s: %+v", name, r)
	}
}

func TestWhatAListingProves(t *testing.T) {
	yes, no := true, false
	listed := func(status string, busy *bool) []Runner {
		return []Runner{{ID: 7, Name: "A", SetID: 3, Status: status, Busy: busy}}
	}
	for name, c := range map[string]struct {
		before  record
		runners []Runner
		check   func(r *record) bool
	}{
		"absent":                         {record{heard: true}, nil, func(r *record) bool { return !r.done() && r.heard && r.silent.Equal(noon) }},
		"absent for long":                {record{heard: true, silent: noon.Add(-time.Minute)}, nil, func(r *record) bool { return !r.done() && r.missing() }},
		"absent after a lost deletion":   {record{Deleting: true}, nil, (*record).done},
		"absent, deletion under way":     {record{Deleting: true, sending: true}, nil, func(r *record) bool { return !r.done() && r.Deleting }},
		"absent after a start":           {record{Started: true}, nil, (*record).busy},
		"absent, was at work":            {record{Started: true, atWork: true}, nil, (*record).done},
		"absent, news may be lost":       {record{Started: true, unheard: true}, nil, (*record).done},
		"absent, changed since it began": {record{Started: true, atWork: true, changed: 6}, nil, (*record).busy},
		"deleted, changed since":         {record{Deleted: true, changed: 6}, listed("online", &no), (*record).done},
		"busy":                           {record{}, listed("online", &yes), func(r *record) bool { return r.busy() && r.atWork && r.heard }},
		"busy after its end":             {record{Started: true, Ended: true}, listed("online", &yes), (*record).done},
		"not busy after a start":         {record{Started: true}, listed("online", &no), func(r *record) bool { return r.busy() && r.idle.Equal(noon) }},
		"online":                         {record{silent: noon}, listed("Online", nil), func(r *record) bool { return r.heard && r.silent.IsZero() && !r.busy() }},
		"nothing told":                   {record{heard: true}, listed("", nil), func(r *record) bool { return r.heard && r.silent.IsZero() }},
		"offline":                        {record{heard: true, silent: noon.Add(-time.Minute)}, listed("offline", &no), (*record).missing},
		"deleted and yet there":          {record{Deleted: true, Over: noon}, listed("online", &no), func(r *record) bool { return !r.done() && r.Over.IsZero() }},
		"gone and yet there":             {record{Gone: true}, listed("online", &no), (*record).open},
	} {
		c.before.Host, c.before.Runner, c.before.SetID = "a", 7, 3
		newListing(c.runners, 5, noon, time.Minute).hold(&c.before)
		require.True(t, c.check(&c.before), "%s: %+v", name, c.before)
	}
	for set, id := range map[int]int64{3: 7, 4: 0} {
		r := record{Host: "a", SetID: set}
		newListing(listed("offline", nil), 5, noon, time.Minute).hold(&r)
		require.Equal(t, id, r.Runner, "by its name, if it is of the set")
	}
}

// Of two deletions at a time the second would take the first, which has not been answered,
// for one whose answer was lost.
func TestRunnersAreDeletedByOneAtATime(t *testing.T) {
	s := &Source{removing: make(chan struct{}, 1), book: records.Book[record]{Records: map[string]record{"a": {Host: "a", Runner: 7}}}}
	s.removing <- struct{}{}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, s.remove(ctx, []string{"a"})[0].err, ErrUnavailable)
	require.Equal(t, record{Host: "a", Runner: 7}, s.book.Records["a"])
}

// What was heard before the clock was set back is as old as it is all the same.
func TestStatisticsAgeThoughTheClockIsSetBack(t *testing.T) {
	o := SourceOptions{}
	o.Timings.defaults()
	x := &scaleSet{source: &Source{options: o}, open: true, known: true, seen: noon.Add(time.Hour)}
	require.NoError(t, x.unknown(noon))
	require.NoError(t, x.unknown(noon.Add(o.Timings.Stale)))
	require.ErrorIs(t, x.unknown(noon.Add(o.Timings.Stale+time.Second)), ErrUnavailable)
}

func TestRecordsThatCannotBe(t *testing.T) {
	good := record{Host: "VM-1", Set: "macs", SetID: 3, Runner: 7}
	host, err := good.check()
	require.NoError(t, err)
	require.Equal(t, "VM-1", host)
	for _, spoil := range []func(*record){
		func(r *record) { r.Host = "" }, func(r *record) { r.Set = "" }, func(r *record) { r.SetID = -1 }, func(r *record) { r.Runner = -1 },
	} {
		bad := good
		spoil(&bad)
		_, err := bad.check()
		require.Error(t, err)
	}
}
