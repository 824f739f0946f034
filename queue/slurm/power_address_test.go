package slurm_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/queue/slurm"
)

// located is a cluster that takes addresses.
type located struct {
	fixed
	told []slurm.Place
	err  error
}

func (l *located) PlaceNodes(_ context.Context, places []slurm.Place) error {
	l.told = append(l.told, places...)
	return l.err
}

func TestAddressesAreTold(t *testing.T) {
	c := &located{}
	c.set("htc-1", "ALLOCATED+CLOUD+POWERING_UP")
	c.set("htc-2", "IDLE+CLOUD+POWERED_DOWN")  // Slurm wants no VM
	c.set("htc-3", "IDLE+CLOUD")               // told before
	c.set("static-1", "IDLE")                  // none of ours
	c.set("htc-4", "MIXED+CLOUD+POWERING_UP")  // not Ready, but its slurmd may be up
	c.set("htc-5", "IDLE+CLOUD+POWERING_DOWN") // going
	c.set("htc-6", "MIXED+CLOUD+POWERING_UP")  // its VM is an old one that goes
	c.nodes[2].Address, c.nodes[2].Host = "10.0.0.3", "IP-3"
	vms := []autoscale.Node{
		{ID: "1", Name: "HTC-1", Address: "10.0.0.1", Host: "ip-1", Phase: autoscale.PhaseReady},
		{ID: "2", Name: "htc-2", Address: "10.0.0.2", Host: "ip-2", Phase: autoscale.PhaseReady},
		{ID: "3", Name: "htc-3", Address: "10.0.0.3", Host: "ip-3", Phase: autoscale.PhaseReady},
		{ID: "4", Name: "htc-4", Address: "10.0.0.4", Phase: autoscale.PhaseStarting},
		{ID: "5", Name: "htc-5", Address: "10.0.0.5", Phase: autoscale.PhaseReady},
		{ID: "6", Name: "htc-6", Address: "10.0.0.6", Phase: autoscale.PhaseStopping},
		{ID: "9", Name: "static-1", Address: "10.0.0.9", Phase: autoscale.PhaseReady},
	}
	source := powerSource(t, c, nil)
	demandOf(t, source)
	require.NoError(t, source.Keep(t.Context(), autoscale.Supply{Nodes: vms}, nil))
	require.Equal(t, []slurm.Place{{Node: "htc-1", Address: "10.0.0.1", Host: "ip-1"}, {Node: "htc-4", Address: "10.0.0.4"}}, c.told)

	c.told = nil
	source = powerSource(t, c, func(o *slurm.PowerSavingOptions) { o.DryRun = true })
	demandOf(t, source)
	require.NoError(t, source.Keep(t.Context(), autoscale.Supply{Nodes: vms}, nil))
	require.Empty(t, c.told)
}

// What is refused is told again after the next tick.
func TestAddressThatIsRefused(t *testing.T) {
	c := &located{err: errors.New("no such host")}
	c.set("htc-1", "ALLOCATED+CLOUD+POWERING_UP")
	vms := []autoscale.Node{{ID: "1", Name: "htc-1", Address: "10.0.0.1", Phase: autoscale.PhaseReady}}
	source := powerSource(t, c, nil)
	demandOf(t, source)
	for range 2 {
		require.ErrorContains(t, source.Keep(t.Context(), autoscale.Supply{Nodes: vms}, nil), "tell addresses of nodes: no such host")
	}
	require.Len(t, c.told, 2)
}
