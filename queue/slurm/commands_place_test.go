package slurm_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/queue/slurm"
)

// refusing is a scontrol that does not know a node and refuses lists with it, as Slurm does.
const refusing = `case ",${3#nodename=}," in *,bad,*) echo 'slurm_update error: Invalid node name specified' >&2; exit 1;; esac`

// Many nodes are told of by one command, those without a host name by another.
func TestPlacesAreToldTogether(t *testing.T) {
	b := newBench(t, "")
	require.NoError(t, b.PlaceNodes(t.Context(), nil))
	require.NoError(t, b.PlaceNodes(t.Context(), []slurm.Place{
		{Node: "n2", Address: "10.0.0.2", Host: "h2"}, {Node: "n1", Address: "10.0.0.1", Host: "h1"},
		{Node: "m1", Address: "10.0.1.1"}, {Node: "m9", Address: "10.0.1.9"},
		{Node: "odd", Address: "10.0.0.[3-4]", Host: "h"},
	}))
	require.Equal(t, []string{
		"--local|update|nodename=odd|nodeaddr=10.0.0.[3-4]|nodehostname=h",
		"--local|update|nodename=n2,n1|nodeaddr=10.0.0.2,10.0.0.1|nodehostname=h2,h1",
		"--local|update|nodename=m1,m9|nodeaddr=10.0.1.1,10.0.1.9",
	}, b.calls(t))
}

// A node that is refused does not keep the others from their addresses, and is named.
func TestPlaceThatIsRefused(t *testing.T) {
	b := newBench(t, refusing)
	var places []slurm.Place
	for i := range 64 {
		places = append(places, slurm.Place{Node: fmt.Sprintf("n%d", i), Address: fmt.Sprintf("a%d", i)})
	}
	places[40].Node = "bad"
	err := b.PlaceNodes(t.Context(), places)
	require.ErrorIs(t, err, autoscale.ErrNotFound)
	require.ErrorContains(t, err, `update nodes "bad"`)
	calls := b.calls(t)
	require.Len(t, calls, 1+2*6)
	told := make(map[string]string)
	for _, call := range calls {
		words := strings.Split(call, "|")
		names := strings.Split(strings.TrimPrefix(words[2], "nodename="), ",")
		for i, address := range strings.Split(strings.TrimPrefix(words[3], "nodeaddr="), ",") {
			if !strings.Contains(","+strings.Join(names, ",")+",", ",bad,") {
				told[names[i]] = address
			}
		}
	}
	require.Len(t, told, 63)
	require.Equal(t, "a41", told["n41"])
}

// Where the controller is away nothing more is tried.
func TestPlacesWithoutAController(t *testing.T) {
	b := newBench(t, "echo 'slurm_update error: Unable to contact slurm controller (connect failure)' >&2; exit 1")
	err := b.PlaceNodes(t.Context(), []slurm.Place{{Node: "n1", Address: "a", Host: "h"}, {Node: "n2", Address: "b", Host: "i"}, {Node: "n3", Address: "c"}})
	require.ErrorIs(t, err, autoscale.ErrUnavailable)
	require.ErrorContains(t, err, `tell addresses of 2 nodes from "n1" on`)
	require.Len(t, b.calls(t), 1)
}

// All are told, each once, in commands that Linux allows.
func TestLongListsOfPlacesAreCut(t *testing.T) {
	b := newBench(t, "")
	var places []slurm.Place
	for i := range 10_000 {
		places = append(places, slurm.Place{Node: fmt.Sprintf("n%d", i), Address: fmt.Sprintf("10.%d.%d.1", i/200, i%200), Host: "h"})
	}
	require.NoError(t, b.PlaceNodes(t.Context(), places))
	count := 0
	for _, call := range b.calls(t) {
		for _, word := range strings.Split(call, "|") {
			require.LessOrEqual(t, len(word), 33<<10)
		}
		count += strings.Count(strings.Split(call, "|")[3], ",") + 1
	}
	require.Equal(t, 10_000, count)
	require.Len(t, b.calls(t), 4)
}
