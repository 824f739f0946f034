package fleet_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/anka"
	"autoscaled/anka/ankatest"
	"autoscaled/autoscale"
	"autoscaled/internal/fleet"
)

// TestTrialSharedFleet: VMs of another team take half of ten Macs, one Mac is full from
// outside, and while ours wait for a Mac more is taken from outside.
func TestTrialSharedFleet(t *testing.T) {
	s := standard()
	s.macs.Nodes = s.macs.Nodes[:1]
	s.pools, s.sets = s.pools[:1], s.sets[:1]
	play(t, s, func(r *rig) {
		full := r.fromOutside("arm-10", "arm-10")
		others := r.anotherTeams(9)
		r.until("theirs run", 2*time.Minute, func(b fleet.Books) bool { return started(b, others) == 9 })
		r.queue(15, arm, 10*time.Minute, 0)
		r.until("ours are asked for", time.Minute, func(b fleet.Books) bool { return b.Starts == 18 })
		late := r.fromOutside("arm-01", "arm-02", "arm-03", "arm-04")
		r.until("those that fit run", 5*time.Minute, func(b fleet.Books) bool { return b.Running() == 5 })
		r.until("those that don't are ended", 5*time.Minute, func(b fleet.Books) bool { return len(b.VMs) == 9+5 })
		require.Len(r, r.requireExplained(others), 4)
		time.Sleep(30 * time.Minute)
		require.Equal(r, 9, started(r.world.Books(), others))
		for _, id := range append(full, late...) {
			require.NoError(r, r.anka.EndForeign(id), "it is there")
		}
		r.until("all jobs are done", time.Hour, func(b fleet.Books) bool { return b.Succeeded() == 15 })
		r.until("nothing of ours is left", 5*time.Minute, func(b fleet.Books) bool { return len(b.VMs) == 9 && len(b.Records) == 0 })
		r.clean()
		b := r.world.Books()
		require.Equal(r, 9, started(b, others), "theirs run on")
		for name, most := range b.MostVMs {
			require.LessOrEqual(r, most, 2, name)
		}
	})
}

// fromOutside starts VMs on Macs without the controller.
func (r *rig) fromOutside(macs ...string) (ids []string) {
	r.Helper()
	for _, name := range macs {
		id, err := r.anka.StartForeign(name)
		require.NoError(r, err)
		ids = append(ids, id)
	}
	return ids
}

// anotherTeams are instances that somebody else asks the controller for.
func (r *rig) anotherTeams(n int) (ids []string) {
	r.Helper()
	c, err := anka.New(anka.Options{URL: "http://anka.test", Transport: r.anka.RoundTripper()})
	require.NoError(r, err)
	for i := range n {
		more, err := c.StartInstances(r.Context(), anka.StartRequest{
			TemplateID: r.template(arm), Tag: "v2", Name: fmt.Sprint("theirs-", i), ExternalID: fmt.Sprint("https://ci.example.com/job/", i),
		})
		require.NoError(r, err)
		ids = append(ids, more...)
	}
	return ids
}

// started counts those of the instances that run and whose end nobody has asked for.
func started(b fleet.Books, ids []string) (n int) {
	for _, i := range b.VMs {
		for _, id := range ids {
			if i.ID == id && i.State == "Started" {
				n++
			}
		}
	}
	return n
}

// requireExplained requires of each instance of ours that never started and was ended
// that the plan said why, and returns them.
func (r *rig) requireExplained(others []string) (ended []ankatest.InstanceRecord) {
	r.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	why := map[string]string{}
	for _, report := range r.reports {
		for _, removal := range report.Plan.Remove {
			for _, n := range removal.Nodes {
				require.NotContains(r, others, string(n.ID))
				if removal.Reason.Code == autoscale.ReasonFailed {
					why[string(n.ID)] = removal.Reason.String()
				}
			}
		}
	}
	for _, i := range r.anka.Books().Instances {
		if !i.Asked.IsZero() && i.Started.IsZero() {
			ended = append(ended, i)
			require.Contains(r, why[i.ID], "in Scheduling")
			require.Contains(r, why[i.ID], "no Mac takes it")
		}
	}
	return ended
}
