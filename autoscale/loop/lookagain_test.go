package loop

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

// twiceSeen is a cloud in which something happens before it is read for the second time
// at one time.
type twiceSeen struct {
	*fakeCloud
	last  time.Time
	event func()
}

func (c *twiceSeen) Observe(ctx context.Context) (autoscale.Supply, error) {
	if at := c.now(); at.Equal(c.last) {
		c.event()
	} else {
		c.last = at
	}
	return c.fakeCloud.Observe(ctx)
}

// bootingRig has two nodes that boot and that nobody wants any more, about to go.
func bootingRig(t *testing.T, event func(*rig)) *rig {
	var cloud *twiceSeen
	r := newRig(t, func(o *Options) {
		o.Policy.Pools[0].IdleTime = 2 * time.Minute
		cloud = &twiceSeen{fakeCloud: o.Cloud.(*fakeCloud)}
		o.Cloud = cloud
	})
	cloud.event = func() { event(r) }
	r.queue.submit(r.at, 2)
	r.tick()
	r.queue.clear()
	return r
}

func TestBootingNodeThatComesUpMeanwhileStays(t *testing.T) {
	happened := false
	r := bootingRig(t, func(r *rig) {
		if happened {
			return
		}
		happened = true
		n := r.cloud.nodes["node-001"]
		n.Phase, n.Host = ready, "execute-1"
	})
	report := r.until(func() bool { return r.cloud.count("remove") > 0 })
	require.Len(t, report.Plan.Remove, 1)
	require.Equal(t, []autoscale.NodeID{"node-002"}, r.all()[1].Nodes, "the other goes")
	require.Equal(t, ready, r.cloud.list()[0].Phase)
}

// Of a placement group, all stay for now if one does.
func TestGroupOfANodeThatComesUpMeanwhileStays(t *testing.T) {
	happened := false
	r := bootingRig(t, func(r *rig) {
		happened = true
		n := r.cloud.nodes["node-001"]
		n.Phase, n.Host = ready, "execute-1"
	})
	for _, n := range r.cloud.nodes {
		n.Group = "g"
	}
	report := r.until(func() bool { return happened })
	require.Empty(t, report.Plan.Remove)
	require.Zero(t, r.cloud.count("remove"))
	r.until(func() bool { return len(r.cloud.list()) == 0 })
}

func TestNothingUnmarkedGoesWithoutASecondLook(t *testing.T) {
	blind := true
	r := bootingRig(t, func(r *rig) {
		if blind {
			r.cloud.observe = errors.New("away")
		}
	})
	var report Report
	for range 6 {
		r.cloud.observe = nil
		report = r.tick()
	}
	require.Zero(t, r.cloud.count("remove"))
	require.True(t, report.Good())
	require.True(t, report.Acted)
	require.ErrorContains(t, report.Problems[0].Err, "look again before nodes are removed: away")
	blind, r.cloud.observe = false, nil
	r.until(func() bool { return len(r.cloud.list()) == 0 })
}

// A removal that is sent again goes as it was, or not at all.
func TestRepeatedRemovalStaysWhole(t *testing.T) {
	late := false
	r := bootingRig(t, func(r *rig) {
		if late {
			n := r.cloud.nodes["node-001"]
			n.Phase, n.Host, n.KeepAlive = ready, "execute-1", true
		}
	})
	r.fail(1, "remove", lostBefore)
	r.until(func() bool { return r.cloud.count("remove") > 0 })
	late = true
	r.tick()
	require.Equal(t, 1, r.cloud.count("remove"), "the repeat is put off")
	r.until(func() bool { return len(r.cloud.list()) == 1 })
	require.Empty(t, r.cloud.nodes["node-001"].ends)
}
