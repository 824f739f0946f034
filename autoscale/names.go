package autoscale

import (
	"slices"
	"strconv"
	"strings"
)

// names is what becomes of the node names that jobs ask for. Such nodes are for
// these jobs alone, and none is ever exchanged for another.
type names struct {
	// of finds a name, written in lower case: no two nodes differ by case only.
	of map[string]*wantedName
	// asked are those that this plan asks the cloud for, and served the jobs
	// that get some of them.
	asked  []*wantedName
	served []namedJob
}

// wantedName is a name and what stands behind it: a node, an open request, or
// this plan. None of them: it is free.
type wantedName struct {
	name   string
	node   int // index in board.nodes; -1: none
	flight int // index in board.inFlight; -1: none
	// used: the flight was told that this one of its nodes is wanted.
	used  bool
	asked bool
	at    place // where this plan asks for it
	grow  int   // the set that asks for it, in Plan.Grow
}

// addNames gathers the names that jobs ask for, and what stands behind each.
func (b *board) addNames() {
	for i := range b.state.Demand.Classes {
		class := &b.state.Demand.Classes[i]
		if len(class.Names) == 0 || len(class.Members) == 0 {
			continue
		}
		if _, wanted := notDemand(class, b.state.At); wanted {
			b.names.enter(class.Names)
		}
	}
	if b.names.of == nil {
		return
	}
	for i := range b.nodes {
		w := b.names.find(b.nodes[i].node.Name)
		if w != nil && (w.node < 0 || b.nodes[i].supply && !b.nodes[w.node].supply) {
			w.node = i
		}
	}
	b.addNamesInFlight()
}

func (n *names) enter(list []string) {
	if n.of == nil {
		n.of = make(map[string]*wantedName)
	}
	for _, name := range list {
		key := strings.ToLower(name)
		if known := n.of[key]; known != nil {
			known.name = min(known.name, name)
			continue
		}
		n.of[key] = &wantedName{name: name, node: -1, flight: -1}
	}
}

// find is the name as jobs ask for it; nil: none does.
func (n *names) find(name string) *wantedName {
	if n.of == nil {
		return nil
	}
	return n.of[strings.ToLower(name)]
}

// keptByName tells whether a node is for the jobs that ask for it by name.
func (b *board) keptByName(i int) bool {
	w := b.names.find(b.nodes[i].node.Name)
	return w != nil && w.node == i
}

// addNamesInFlight notes the names that open requests will bring.
func (b *board) addNamesInFlight() {
	called := make(map[NodeID]string, len(b.nodes))
	for i := range b.nodes {
		called[b.nodes[i].node.ID] = strings.ToLower(b.nodes[i].node.Name)
	}
	for i := range b.inFlight {
		f := &b.inFlight[i]
		if f.unwanted || f.barred {
			continue
		}
		for _, name := range f.unseen(called) {
			if w := b.names.find(name); w != nil && w.flight < 0 {
				w.flight = i
			}
		}
	}
}

// unseen lists the names of a request's nodes that are not seen yet. Of fewer than
// were asked for, the cloud makes the first.
func (f *flight) unseen(called map[NodeID]string) []string {
	op := f.operation
	list := op.Names
	if op.Phase == OpAccepted && op.Added < len(list) {
		list = list[:max(0, op.Added)]
	}
	seen := make(map[string]bool, len(op.Nodes))
	for _, id := range op.Nodes {
		seen[called[id]] = true
	}
	list = slices.DeleteFunc(slices.Clone(list), func(name string) bool { return seen[strings.ToLower(name)] })
	return list[max(0, len(list)-f.count):] // those before were seen, and are gone
}

// numbered is a name as the cloud can be asked for it: all but a number, which it
// counts up from.
type numbered struct {
	head, tail string
	number     int
}

// maxDigits bounds a name's number, so that it fits any integer.
const maxDigits = 9

// splitName finds the last number in a name. Leading zeros are not of the number:
// the cloud writes none. ok is false where there is no number.
func splitName(name string) (n numbered, ok bool) {
	end := strings.LastIndexAny(name, "0123456789") + 1
	begin := end
	for begin > 0 && name[begin-1] >= '0' && name[begin-1] <= '9' {
		begin--
	}
	for begin < end-1 && name[begin] == '0' {
		begin++
	}
	if begin == end || end-begin > maxDigits {
		return numbered{}, false
	}
	n = numbered{head: name[:begin], tail: name[end:]}
	n.number, _ = strconv.Atoi(name[begin:end]) // nothing but digits
	return n, true
}

// precedes tells whether o is the name that the cloud would count on to.
func (n numbered) precedes(o numbered) bool {
	return n.head == o.head && n.tail == o.tail && n.number+1 == o.number
}
