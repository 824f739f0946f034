package github_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/queue/github"
	"autoscaled/queue/github/githubtest"
)

// setClock is a clock that can be set, and that nobody may ask for ever.
type setClock struct {
	by    atomic.Int64
	asked atomic.Int64
}

func (c *setClock) now() time.Time {
	if c.asked.Add(1) > 10_000 {
		panic("the source is at it without a break")
	}
	return time.Now().Add(time.Duration(c.by.Load()))
}

// The ends that were seen before the clock was set back are not to come: neither is
// their set counted anew without a break, nor is a job that came since taken for theirs.
func TestTheClockIsSetBack(t *testing.T) {
	clock := &setClock{}
	inLab(t, githubtest.Config{}, func(b bench) {
		b.server.Queue("macs", 1)
		b.up("r1", "vm-1")
		b.begin("vm-1")
		require.NoError(b, b.server.Finish("vm-1", "succeeded"))
		b.wait(time.Second)
		require.Equal(b, "done", b.use("vm-1"))

		clock.by.Store(-int64(time.Hour))
		before := refreshes(b)
		require.Positive(b, before)
		b.server.Queue("macs", 1)
		b.wait(3 * time.Minute)
		require.Len(b, b.known().Classes, 1)
		require.Len(b, b.known().Classes[0].Members, 1)
		require.Equal(b, before, refreshes(b))

		b.end()
		b.start()
		b.wait(3 * time.Minute)
		require.Len(b, b.known().Classes, 1, "nor after a restart")
	}, func(o *github.SourceOptions) { o.Now = clock.now })
}

// The clock is set forward: what was heard is as young as it is, and neither is a runner
// taken to be away nor a lost registration given up.
func TestTheClockIsSetForward(t *testing.T) {
	clock := &setClock{}
	inLab(t, githubtest.Config{}, func(b bench) {
		b.up("r1", "vm-1")
		b.wait(2 * time.Minute)
		require.Equal(b, "", b.use("vm-1"))
		b.server.Disconnect("vm-1")
		b.wait(10 * time.Second)
		b.server.Fail(githubtest.Fault{Method: "POST", Path: "generatejitconfig", Cut: true})
		_, err := b.register("r2", "vm-2")
		require.Error(b, err)
		clock.by.Store(int64(time.Hour))
		b.source.Moved(time.Hour)
		b.known()
		require.NoError(b, b.keep(node("vm-1", "r1")))
		require.Equal(b, "missing", b.use("vm-2"), "it may arrive yet")
		b.wait(5 * time.Minute)
		require.NoError(b, b.keep(node("vm-1", "r1")))
		require.Equal(b, "no record", b.use("vm-2"))
	}, func(o *github.SourceOptions) { o.Now = clock.now })
}

func refreshes(b bench) (n int) {
	for call, times := range b.server.Calls() {
		if strings.HasPrefix(call, "PATCH ") && strings.Contains(call, "/sessions/") {
			n += times
		}
	}
	return n
}
