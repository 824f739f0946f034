package githubrest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAListOlderThanADeletionSaysNothingOfIt(t *testing.T) {
	free := false
	list := newListing([]runner{{ID: 7, Name: "vm", Status: "online", Busy: &free}}, 3, time.Now(), time.Minute)
	later := record{Host: "vm", Runner: 7, Deleted: true, changed: 4}
	list.hold(&later)
	require.True(t, later.done())
	before := record{Host: "vm", Runner: 7, Deleted: true, changed: 3}
	list.hold(&before)
	require.False(t, before.done(), "GitHub lists it all the same")
	require.True(t, before.Deleting)
}

func TestARunningJobRefutesAnEndThatWasInferred(t *testing.T) {
	runs := job{ID: 5, Status: statusInProgress, RunnerID: 7, RunnerName: "vm"}
	for _, c := range []struct {
		name string
		is   record
		late bool
		done bool
	}{
		{"inferred", record{Runner: 7, Started: true, Ended: true, Deleted: true}, false, false},
		{"inferred since", record{Runner: 7, Started: true, Ended: true}, true, true},
		{"seen", record{Runner: 7, Started: true, Ended: true, Job: 5}, false, true},
		{"not ended", record{Runner: 7}, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.is.learn("acme/widgets", runs, c.late, time.Now())
			require.Equal(t, c.done, c.is.done())
			require.Equal(t, !c.done, c.is.busy())
		})
	}
}

func TestThePagesRememberedAreBounded(t *testing.T) {
	var c cache
	c.find("token", "")
	for i := range 10 * maxPages {
		c.keep("token", string(rune(i)), page{etag: "x"})
		require.LessOrEqual(t, len(c.pages), maxPages)
	}
	require.NotNil(t, c.find("token", string(rune(10*maxPages-1))), "the latest are kept")
	c.keep("older token", "/x", page{etag: "x"})
	require.Nil(t, c.find("token", "/x"))
	require.Nil(t, c.find("another", string(rune(10*maxPages-1))))
}

func TestRecordsThatCannotBe(t *testing.T) {
	for _, bad := range []record{{Runner: 7}, {Host: "vm", Runner: -1}, {Host: "vm", Job: -1}} {
		_, err := bad.check()
		require.Error(t, err)
	}
}
