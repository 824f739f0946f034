package autoscale

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func busyWith(job JobID) HostUse { return HostUse{Jobs: []JobID{job}, Whole: true} }

func TestNamesOfANodeInOrder(t *testing.T) {
	n := Node{ID: "id", QueueHost: "Our", Name: "Htc-1", Host: "ip-0A000004.internal", Address: "10.0.0.4"}
	listed := []string{"our", "htc-1", "told", "ip-0a000004.internal", "10.0.0.4", "ip-0a000004"}
	use := map[string]HostUse{"other": busyWith("x"), "other.internal": {Node: "another"}}
	for i, name := range listed {
		u := HostUse{Jobs: []JobID{JobID(name)}}
		if name == "told" {
			u.Node = "id"
		}
		use[name] = u
		require.Contains(t, listed, name, i)
	}
	for _, name := range listed {
		require.Equal(t, map[NodeID]string{"id": name}, QueueHosts(&Demand{Use: use}, []Node{n}))
		delete(use, name)
	}
	require.Empty(t, QueueHosts(&Demand{Use: use}, []Node{n}))

	n.Host = "ip-0A000004"
	use["ip-0a000004.domain"] = busyWith("y")
	require.Equal(t, map[NodeID]string{"id": "ip-0a000004.domain"}, QueueHosts(&Demand{Use: use}, []Node{n}))
}

// CycleCloud's stand-alone names: a VM's host name is made of its address, or is what
// another node is called.
func TestHostNameThatIsAnothersName(t *testing.T) {
	first := Node{ID: "1", Name: "htc-1", Host: "htc-2", Address: "10.0.0.4"}
	second := Node{ID: "2", Name: "htc-2", Host: "ip-0A000005", Address: "10.0.0.5"}
	nodes := []Node{first, second}
	for name, test := range map[string]struct {
		use    map[string]HostUse
		busy   [2]bool
		listed [2]bool
	}{
		"both are listed":           {map[string]HostUse{"htc-1": {}, "htc-2": busyWith("j")}, [2]bool{false, true}, [2]bool{true, true}},
		"the other works":           {map[string]HostUse{"htc-1": busyWith("j"), "htc-2": {}}, [2]bool{true, false}, [2]bool{true, true}},
		"only what both are called": {map[string]HostUse{"htc-2": busyWith("j")}, [2]bool{true, true}, [2]bool{true, true}},
		"by address":                {map[string]HostUse{"10.0.0.4": busyWith("j"), "htc-2": {}}, [2]bool{true, false}, [2]bool{true, true}},
		"by a surer name of ours":   {map[string]HostUse{"htc-2": busyWith("j"), "10.0.0.4": {}}, [2]bool{true, true}, [2]bool{true, true}},
		"by host name":              {map[string]HostUse{"ip-0a000005": busyWith("j")}, [2]bool{false, true}, [2]bool{false, true}},
		"the host says whose it is": {map[string]HostUse{"ip-0a000005": {Node: "1", Whole: true}, "htc-2": {}}, [2]bool{true, false}, [2]bool{true, true}},
	} {
		d := Demand{Use: test.use, Vouched: true}
		h := newHosts(&d, nodes)
		for i := range nodes {
			use, listed := h.listed(&nodes[i])
			require.Equal(t, test.busy[i], use.Busy(), "%s: node %d", name, i+1)
			require.Equal(t, test.listed[i], listed, "%s: node %d", name, i+1)
		}
	}
}

// Two hosts say that they are one node, and an address was used again.
func TestHostsInDoubtForbidMore(t *testing.T) {
	d := Demand{Vouched: true, Use: map[string]HostUse{
		"a": {Node: "1"}, "b": {Node: "1", Drain: DrainForeign}, "c": {Node: "1", Whole: true}, "10.0.0.4": busyWith("j"), "d": {Node: "4"}, "x": {Drain: DrainForeign},
	}}
	nodes := []Node{
		{ID: "1"}, {ID: "2", Address: "10.0.0.4", Phase: PhaseReady}, {ID: "3", Address: "10.0.0.4", Phase: PhaseStopping},
		{ID: "4", Name: "d", Host: "x"},
	}
	require.Equal(t, map[NodeID]string{"1": "c", "2": "10.0.0.4", "3": "10.0.0.4", "4": "x"}, QueueHosts(&d, nodes))
	delete(d.Use, "c")
	require.Equal(t, "b", QueueHosts(&d, nodes)["1"])
	delete(d.Use, "b")
	d.Use["aa"] = HostUse{Node: "1"}
	require.Equal(t, "a", QueueHosts(&d, nodes)["1"])
}

// A record that outlived its VM claims nothing.
func TestGoneNodeClaimsNoHost(t *testing.T) {
	d := Demand{Vouched: true, Use: map[string]HostUse{"htc-1": {}, "htc-2": busyWith("j"), "10.0.0.4": {}}}
	n := Node{ID: "1", Name: "x", Host: "htc-2", Address: "10.0.0.4"}
	other := Node{ID: "2", Name: "htc-2", Phase: PhaseGone}
	require.Equal(t, "htc-2", QueueHosts(&d, []Node{n, other})["1"])
	d.Use["htc-2"] = HostUse{}
	require.Equal(t, "htc-2", QueueHosts(&d, []Node{n, other})["1"])
	other.Phase = PhaseReady
	require.Equal(t, "10.0.0.4", QueueHosts(&d, []Node{n, other})["1"])
}

// Whatever nodes and hosts are called: every node by which a busy host is meant most
// surely counts as busy, a node that nothing busy may mean counts as idle, and the order
// of nodes makes no difference.
func TestNoDoubtMakesABusyNodeIdle(t *testing.T) {
	names := []string{"", "a", "B", "c.x", "c", "d.y", "10.0.0.4"}
	rapid.Check(t, func(t *rapid.T) {
		pick := rapid.SampledFrom(names)
		d := Demand{Vouched: true, Use: map[string]HostUse{}}
		for range rapid.IntRange(0, 5).Draw(t, "hosts") {
			use := HostUse{Whole: rapid.Bool().Draw(t, "busy"), Node: NodeID(rapid.SampledFrom([]string{"", "1", "2"}).Draw(t, "id"))}
			use.Drain = rapid.SampledFrom([]Drain{NotDraining, DrainForeign}).Draw(t, "drain")
			d.Use[strings.ToLower(rapid.SampledFrom(names[1:]).Draw(t, "host"))] = use
		}
		var nodes []Node
		for i := range rapid.IntRange(1, 4).Draw(t, "nodes") {
			nodes = append(nodes, Node{ID: NodeID(fmt.Sprint(i + 1)), QueueHost: pick.Draw(t, "ours"), Name: pick.Draw(t, "name"), Host: pick.Draw(t, "hostname"), Address: pick.Draw(t, "address")})
		}
		h := newHosts(&d, nodes)
		for host, use := range d.Use {
			surest := 99
			for i := range nodes {
				surest = min(surest, meant(&nodes[i], host, &d))
			}
			for i := range nodes {
				got, _ := h.listed(&nodes[i])
				if use.Busy() && surest < 99 && meant(&nodes[i], host, &d) == surest && !got.Busy() {
					t.Fatalf("%+v counts as idle, and %s is busy", nodes[i], host)
				}
			}
		}
		for i := range nodes {
			use, listed := h.listed(&nodes[i])
			may, any := false, false
			for host, u := range d.Use {
				any = any || meant(&nodes[i], host, &d) < 99
				may = may || meant(&nodes[i], host, &d) < 99 && u.Busy()
			}
			if use.Busy() && !may || listed != any {
				t.Fatalf("%+v: listed %v, %+v", nodes[i], listed, use)
			}
		}
		shuffled := append([]Node(nil), nodes...)
		rand.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		require.Equal(t, QueueHosts(&d, nodes), QueueHosts(&d, shuffled))
	})
}

// meant is how surely a host means a node, the least being the surest; 99: it does not.
func meant(n *Node, host string, d *Demand) int {
	is := func(name string) bool { return strings.EqualFold(name, host) }
	before := func(name string) string { label, _, _ := strings.Cut(strings.ToLower(name), "."); return label }
	numbers := strings.HasPrefix(n.Host, "10.") || strings.HasPrefix(host, "10.")
	switch {
	case is(n.QueueHost):
		return 0
	case is(n.Name):
		return 1
	case d.Use[host].Node == n.ID && theOne(d, func(other string) bool { return d.Use[other].Node == n.ID }, host):
		return 2
	case is(n.Host):
		return 3
	case is(n.Address):
		return 4
	case !numbers && is(before(n.Host)):
		return 5
	case !numbers && before(host) != host && before(host) == strings.ToLower(n.Host) && theOne(d, func(other string) bool { return before(other) == before(host) && other != before(other) }, host):
		return 6
	}
	return 99
}

// theOne tells whether of several hosts that may be meant this one is taken.
func theOne(d *Demand, may func(string) bool, host string) bool {
	for other, use := range d.Use {
		if !may(other) || other == host {
			continue
		}
		if a, b := use.forbids(), d.Use[host].forbids(); a > b || a == b && other < host {
			return false
		}
	}
	return true
}

// A node whose VM's name is another's does not go while that name works, and goes when
// its own name is known to be idle.
func TestNodeInDoubtStays(t *testing.T) {
	a, la := aPool("a", "F4", 4, 100)
	n, other := aNode("htc-1", a.ID, PhaseReady), aNode("htc-2", a.ID, PhaseReady)
	n.Host = "htc-2"
	m := idleFor(start, time.Hour, n, other)
	decide := func(use map[string]HostUse) []NodeID {
		o := observe(start, Supply{Pools: []Pool{a}, Limits: la, Nodes: []Node{n, other}}, nil, use)
		return removed(Decide(State{Observation: o, Memory: m}, aPolicy("a")))
	}
	require.Empty(t, decide(map[string]HostUse{"htc-2": busyWith("j")}))
	require.Equal(t, []NodeID{"htc-1"}, decide(map[string]HostUse{"htc-1": {}, "htc-2": busyWith("j")}))
}
