package gridengine_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/queue/gridengine"
)

// fake is a Grid Engine as far as its programs show it: hosts with one queue, groups, and
// what was disabled. Its words are those of Grid Engine 8.1.9.
type fake struct {
	t      *testing.T
	groups map[string][]string
	hosts  map[string]bool // execution hosts
	admins map[string]bool
	off    map[string]bool
	slots  map[string]string
	jobs   map[string]int // by host
	made   map[string]string
	// details is the sample of what qstat tells of jobs, where it is another.
	details string
	// fail makes programs fail whose command begins so.
	fail map[string]string
	ran  []string // what changes something
}

func newFake(t *testing.T) *fake {
	return &fake{t: t, groups: map[string][]string{"@allhosts": nil}, hosts: map[string]bool{}, admins: map[string]bool{}, off: map[string]bool{},
		slots: map[string]string{}, jobs: map[string]int{}, made: map[string]string{}, fail: map[string]string{}}
}

func (f *fake) refuse(said string, meaning error) ([]byte, error) {
	return nil, &gridengine.CommandError{Command: "fake", Said: said, Cause: errors.New("exit status 1"), Meaning: meaning}
}

func (f *fake) run(_ context.Context, program string, args ...string) ([]byte, error) {
	command := strings.Join(append([]string{program}, args...), " ")
	for begin, said := range f.fail {
		if strings.HasPrefix(command, begin) {
			return f.refuse(said, autoscale.ErrUnavailable)
		}
	}
	switch {
	case program == "qstat" && args[1] == "-j":
		return sample(f.t, cmp.Or(f.details, "details.xml")), nil
	case program == "qstat":
		return sample(f.t, "qstat.xml"), nil
	case program == "qhost":
		return []byte(f.qhost()), nil
	case args[0] == "-sc":
		return sample(f.t, "complexes-consumable.txt"), nil
	case args[0] == "-spl":
		return []byte("mpi\nmpi44\nsmp\n"), nil
	case args[0] == "-sp":
		return sample(f.t, "pe-"+args[1]+".txt"), nil
	case args[0] == "-shgrpl":
		return []byte(strings.Join(slices.Sorted(maps.Keys(f.groups)), "\n")), nil
	case strings.HasPrefix(args[0], "-shgrp"):
		if _, known := f.groups[args[1]]; !known {
			return f.refuse("Host group does not exist", autoscale.ErrNotFound)
		}
		return []byte(strings.Join(f.groups[args[1]], " ") + "\n"), nil
	case args[0] == "-se":
		return []byte("hostname " + args[1] + "\ncomplex_values gpu=2, \\\n  exclusive=true\n"), nil
	case args[0] == "-sql":
		return []byte("all.q\n"), nil
	case args[0] == "-sq":
		return []byte(f.queue()), nil
	}
	f.ran = append(f.ran, command)
	return f.change(program, args)
}

func (f *fake) queue() string {
	text := "qname all.q\nhostlist @allhosts\nslots 4"
	for _, host := range slices.Sorted(maps.Keys(f.slots)) {
		text += ",[" + host + "=" + f.slots[host] + "]"
	}
	return text + "\n"
}

func (f *fake) qhost() string {
	var b strings.Builder
	b.WriteString("<qhost>")
	for _, name := range slices.Sorted(maps.Keys(f.hosts)) {
		fmt.Fprintf(&b, "<host name='%s'><hostvalue name='arch_string'>lx-amd64</hostvalue>", name)
		state, slots := "", f.slots[name]
		if f.off[name] {
			state = "d"
		}
		if slots == "" {
			slots = "4"
		}
		if slices.Contains(f.groups["@allhosts"], name) {
			fmt.Fprintf(&b, "<queue name='all.q'><queuevalue name='slots_used'>%d</queuevalue><queuevalue name='slots'>%s</queuevalue><queuevalue name='state_string'>%s</queuevalue></queue>", f.jobs[name], slots, state)
		}
		for i := range f.jobs[name] {
			fmt.Fprintf(&b, "<job name='%d'><jobvalue name='pe_master'>MASTER</jobvalue></job>", i+1)
		}
		b.WriteString("</host>")
	}
	return b.String() + "</qhost>"
}

func (f *fake) change(program string, args []string) ([]byte, error) {
	last := args[len(args)-1]
	switch {
	case program == "qmod":
		host := strings.TrimPrefix(last, "*@")
		if !slices.Contains(f.groups["@allhosts"], host) {
			return f.refuse("invalid queue "+last, autoscale.ErrNotFound)
		}
		f.off[host] = args[0] == "-d"
	case args[0] == "-aattr" && args[1] == "exechost":
	case args[0] == "-aattr":
		if !slices.Contains(f.groups[last], args[3]) {
			f.groups[last] = append(f.groups[last], args[3])
		}
	case args[0] == "-dattr":
		f.groups[last] = slices.DeleteFunc(f.groups[last], func(h string) bool { return h == args[3] })
	case program == "qalter":
		if last == "404" {
			return f.refuse("denied: job does not exist", autoscale.ErrNotFound)
		}
	case args[0] == "-Ahgrp":
		f.groups[strings.Fields(f.file(last))[1]] = nil
	case args[0] == "-Ae":
		text := f.file(last)
		host := strings.Fields(text)[1]
		f.hosts[host], f.made[host] = true, text
	case args[0] == "-ah":
		f.admins[last] = true
	case args[0] == "-dh":
		delete(f.admins, last)
	case args[0] == "-rattr":
		f.slots[strings.TrimPrefix(last, "all.q@")] = args[3]
	case args[0] == "-purge":
		delete(f.slots, strings.TrimPrefix(last, "all.q@"))
	case args[0] == "-de":
		for group, members := range f.groups {
			if slices.Contains(members, last) {
				return f.refuse("Host object is still referenced in host group "+group, autoscale.ErrRejected)
			}
		}
		delete(f.hosts, last)
	case args[0] == "-ds":
		return f.refuse("denied: submit host does not exist", autoscale.ErrNotFound)
	default:
		f.t.Fatalf("nobody told me of %s %v", program, args)
	}
	return nil, nil
}

func (f *fake) file(path string) string {
	text, err := os.ReadFile(path)
	require.NoError(f.t, err)
	return string(text)
}

// changes are the commands that changed something since the last call, files unnamed.
func (f *fake) changes() []string {
	var list []string
	for _, command := range f.ran {
		if words := strings.Fields(command); words[1] == "-Ae" || words[1] == "-Ahgrp" {
			command = strings.Join(words[:2], " ")
		}
		list = append(list, strings.TrimPrefix(command, "qconf "))
	}
	f.ran = nil
	return list
}

func (f *fake) source() *gridengine.Source {
	s, err := gridengine.NewSource(gridengine.SourceOptions{
		Run: f.run, Mapping: *mapping(), Queues: []string{"all.q"},
		Hosts: func(n *autoscale.Node, _ []autoscale.Pool) (gridengine.HostPlan, bool) {
			return gridengine.HostPlan{Offer: autoscale.Resources{Cores: 8, Memory: 16 * autoscale.GiB, GPUs: 1}, Groups: []string{"@allhosts"}, Values: []gridengine.Request{{Name: "slot_type", Value: "htc"}, {Name: "gpu", Value: "2"}}}, n.Pool == "htc"
		},
	})
	require.NoError(f.t, err)
	return s
}

func node(host string, phase autoscale.Phase) autoscale.Node {
	return autoscale.Node{ID: autoscale.NodeID("id-" + host), Name: "htc-" + host, Host: host, Pool: "htc", Phase: phase}
}

func supply(nodes ...autoscale.Node) autoscale.Supply { return autoscale.Supply{Nodes: nodes} }
