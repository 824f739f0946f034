package github_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/queue/github"
	"autoscaled/queue/github/githubtest"
)

// mac is a machine of the fleet: its runner comes up some time after its start.
type mac struct {
	autoscale.Node
	set    string
	config string
	boots  time.Time
	ends   time.Time // its job's end; zero: none has started
	ended  bool
}

// fleet plays planner and cloud in the plainest way: a machine for each job that
// waits and has none, as long as there are slots.
type fleet struct {
	bench
	slots  int
	macs   []*mac
	serial int
	starts map[string]int
}

func (f *fleet) tick() {
	f.act(f.known())
	nodes := []autoscale.Node{}
	for _, m := range f.macs {
		nodes = append(nodes, m.Node)
	}
	require.NoError(f, f.source.Keep(f.ctx, autoscale.Supply{Nodes: nodes}, nil))
	f.play()
}

func (f *fleet) act(d autoscale.Demand) {
	waiting := map[string]int{}
	for _, c := range d.Classes {
		waiting[c.Selector.In[0]] += len(c.Members)
	}
	left := f.macs[:0]
	for _, m := range f.macs {
		use, known := d.Use[m.Host]
		require.True(f, known)
		switch {
		case use.Drain == autoscale.DrainDone && !use.Busy():
			require.False(f, f.server.MayWork(m.Host), "%s goes", m.Host)
			continue
		case !use.Busy():
			waiting[m.set]--
		}
		left = append(left, m)
	}
	f.macs = left
	for _, set := range []string{"macos-14", "macos-15"} {
		for ; waiting[set] > 0 && len(f.macs) < f.slots; waiting[set]-- {
			f.launch(set)
		}
	}
}

func (f *fleet) launch(set string) {
	f.serial++
	host := fmt.Sprintf("%s-%d", set, f.serial)
	n := autoscale.Node{ID: autoscale.NodeID(host), Name: host, Host: host, Pool: autoscale.PoolID(set), Phase: autoscale.PhaseStarting, Request: autoscale.RequestID("r-" + host)}
	config, err := f.source.Register(f.ctx, autoscale.Attempt{Request: n.Request, Pool: n.Pool, Labels: map[string]string{"template": set}, Host: host})
	require.NoError(f, err)
	f.secrets = append(f.secrets, config)
	f.macs = append(f.macs, &mac{Node: n, set: set, config: config, boots: time.Now().Add(90 * time.Second)})
	f.starts[set]++
}

// play lets machines come up, take jobs and end them.
func (f *fleet) play() {
	now := time.Now()
	for _, m := range f.macs {
		switch {
		case m.ended || now.Before(m.boots):
		case m.ends.IsZero():
			if m.config != "" {
				_, err := f.server.Connect(m.config)
				require.NoError(f, err)
				m.config = ""
			}
			if f.work(m.Host) == nil {
				m.ends = now.Add(4 * time.Minute)
			}
		case !now.Before(m.ends):
			require.NoError(f, f.server.Finish(m.Host, "succeeded"))
			m.ended = true
		}
	}
}

func TestFiftyJobsOverTwoSets(t *testing.T) {
	sets := func(o *github.SourceOptions) {
		o.Sets = nil
		for _, name := range []string{"macos-14", "macos-15"} {
			o.Sets = append(o.Sets, github.SetOptions{Name: name, Labels: []string{name, "xcode"}, Select: autoscale.HasLabel("template", name)})
		}
	}
	inLab(t, githubtest.Config{}, func(b bench) {
		b.late = 10 * time.Second
		f := &fleet{bench: b, slots: 30, starts: map[string]int{}}
		b.server.Queue("macos-14", 30)
		b.server.Queue("macos-15", 20)
		b.wait(time.Second)
		require.Len(b, b.known().Classes, 2)
		for range 30 * 6 {
			f.tick()
			b.wait(10 * time.Second)
		}
		require.Equal(b, map[string]int{"macos-14": 30, "macos-15": 20}, f.starts, "one machine a job, nothing beyond demand")
		require.Empty(b, f.macs)
		require.Equal(b, "[]", b.runners())
		b.wait(20 * time.Minute)
		f.tick()
		require.Empty(b, b.known().Use)
		require.Empty(b, b.reports)
	}, sets)
}
