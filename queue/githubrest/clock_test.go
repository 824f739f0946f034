package githubrest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What was read before the clock was set back is as old as it is all the same, and a job
// that is read later is not the one that a runner began then.
func TestReadingsAgeThoughTheClockIsSetBack(t *testing.T) {
	noon := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	const stale = 5 * time.Minute
	later := noon.Add(time.Hour)
	s := &Source{options: Options{CallsPerHour: 1000, Timings: Timings{Stale: stale}}, listed: later}
	s.client = &client{budget: newBudget(1000, time.Minute)}
	r := &repository{name: "acme/widgets", source: s}
	r.shot.began = later
	s.repositories = []*repository{r}
	s.book.Records = map[string]record{"vm-1": {Host: "vm-1", Labels: []string{"mac"}, Started: true, began: later}}
	require.NoError(t, s.unknown(noon))
	require.NoError(t, s.unknown(noon.Add(stale)))
	require.ErrorContains(t, s.unknown(noon.Add(stale+time.Second)), "acme/widgets was last read 5m1s ago")
	require.ErrorContains(t, s.unknown(noon.Add(stale+time.Second)), "list of runners was last read 5m1s ago")
	list := []waiting{{job: job{ID: 7, Status: statusQueued, Labels: []string{"mac"}}}}
	require.Len(t, s.unseen(list, map[int64]time.Time{7: noon.Add(time.Second)}), 1)
	require.Empty(t, s.unseen(list, map[int64]time.Time{7: noon.Add(-time.Second)}))
}

// The clock is set forward: no reading is older for it, no job is counted twice, and no
// lost registration is given up.
func TestNothingAgesWhenTheClockIsSetForward(t *testing.T) {
	noon := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	const by = time.Hour
	s := &Source{options: Options{CallsPerHour: 1000, Timings: Timings{Stale: 5 * time.Minute}}, listed: noon}
	s.client = &client{budget: newBudget(1000, time.Minute)}
	r := &repository{name: "acme/widgets", source: s}
	r.shot.began = noon
	s.repositories = []*repository{r}
	s.book.Records = map[string]record{
		"vm-1": {Host: "vm-1", Labels: []string{"mac"}, Started: true, began: noon},
		"vm-2": {Host: "vm-2", Registered: noon, Over: noon, silent: noon, idle: noon},
	}
	s.Moved(by)
	require.NoError(t, s.unknown(noon.Add(by)))
	list := []waiting{{job: job{ID: 7, Status: statusQueued, Labels: []string{"mac"}}}}
	require.Empty(t, s.unseen(list, map[int64]time.Time{7: noon.Add(by - time.Second)}))
	later := noon.Add(by)
	require.Equal(t, record{Host: "vm-2", Registered: later, Over: later, silent: later, idle: later}, s.book.Records["vm-2"])
	require.True(t, s.book.Records["vm-1"].Over.IsZero(), "what never was stays so")
}
