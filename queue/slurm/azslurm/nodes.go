package azslurm

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"autoscaled/queue/slurm"
)

// Nodes are nodes of Slurm that are made in one nodearray.
type Nodes struct {
	// Names is a host list. Empty: all nodes with Feature, which are created in Slurm
	// as they are wanted (a dynamic partition).
	Names, Feature string
	Nodearray      string
	// MachineType is the one that the nodes have as a feature. Empty: not told.
	MachineType string
	// Group is the placement group that azslurm makes them in. Empty: none, or its name
	// can't be told, which GroupUnknown says.
	Group        string
	GroupUnknown bool
	// Guessed tells that no file names the nodearray, and the nodes' names were gone by.
	Guessed bool
}

// Mapping says which of Slurm's nodes are of which nodearray, as azslurm would: nodes
// are called PREFIXNODEARRAY-NUMBER, the prefix being empty or the cluster's name.
// Either may be nil. What it could not make use of is told in a sentence each.
func Mapping(a *Autoscale, c *Conf) (nodes []Nodes, left []string) {
	if c == nil {
		for _, array := range a.Nodearrays {
			left = append(left, fmt.Sprintf("nodearray %s: its nodes' names are not known without slurm.conf; give --slurm-conf", array.Name))
		}
		return nil, left
	}
	m := &mapper{Autoscale: a, conf: c}
	for i := range c.Nodes {
		m.line(&c.Nodes[i])
	}
	for i := range c.Sets {
		m.set(&c.Sets[i])
	}
	for _, array := range a.Nodearrays {
		if !slices.ContainsFunc(m.nodes, func(n Nodes) bool { return strings.EqualFold(n.Nodearray, array.Name) }) {
			m.left = append(m.left, fmt.Sprintf("nodearray %s: slurm.conf has no CLOUD nodes of it", array.Name))
		}
	}
	return m.nodes, m.left
}

type mapper struct {
	*Autoscale
	conf  *Conf
	nodes []Nodes
	left  []string
}

// line takes the nodes of one line, which may be of several nodearrays.
func (m *mapper) line(l *Line) {
	state := strings.ToUpper(l.Values["state"])
	names, err := slurm.Expand(l.Name)
	switch {
	case strings.EqualFold(l.Name, "default"):
		return
	case err != nil:
		m.left = append(m.left, fmt.Sprintf("NodeName=%s: %v", shortened(l.Name), err))
		return
	case state != "CLOUD":
		m.left = append(m.left, fmt.Sprintf("NodeName=%s: it is no CLOUD node (State=%s), and never touched", shortened(l.Name), cmp.Or(l.Values["state"], "UNKNOWN")))
		return
	}
	heads := make(map[string][]string)
	var order []string
	for _, name := range names {
		head := strings.TrimRight(name, "0123456789")
		if heads[head] == nil {
			order = append(order, head)
		}
		heads[head] = append(heads[head], name)
	}
	for _, head := range order {
		list, err := slurm.Compress(heads[head])
		if err != nil {
			m.left = append(m.left, err.Error())
			continue
		}
		n := Nodes{Names: list, MachineType: machineType(cmp.Or(l.Values["feature"], l.Values["features"]))}
		n.Nodearray, n.Guessed = m.nodearray(strings.TrimRight(head, "-"))
		m.place(&n)
		m.nodes = append(m.nodes, n)
	}
}

// set takes a dynamic partition: a NodeSet over a feature, of the nodearray that the
// partition is called after.
func (m *mapper) set(l *Line) {
	feature := l.Values["feature"]
	if feature == "" {
		return
	}
	n := Nodes{Feature: feature}
	for _, p := range m.conf.Partitions {
		if slices.Contains(strings.Split(p.Values["nodes"], ","), l.Name) {
			n.Nodearray, n.Guessed = m.nodearray(p.Name)
			m.place(&n)
			m.nodes = append(m.nodes, n)
			return
		}
	}
	m.left = append(m.left, fmt.Sprintf("NodeSet=%s: no partition has it", l.Name))
}

// machineType is the feature that looks like one of Azure's.
func machineType(features string) string {
	for feature := range strings.SplitSeq(features, ",") {
		if strings.HasPrefix(strings.ToLower(feature), "standard_") {
			return feature
		}
	}
	return ""
}

// nodearray finds the nodearray that a name is made of: one that autoscale.json knows,
// else a partition, which is called after its nodearray unless slurm.partition says
// otherwise, else what follows the cluster's name.
func (m *mapper) nodearray(head string) (name string, guessed bool) {
	best := ""
	for _, array := range m.Nodearrays {
		if endsIn(head, array.Name) && len(array.Name) > len(best) {
			best = array.Name
		}
	}
	if best != "" {
		return best, false
	}
	for _, p := range m.conf.Partitions {
		if endsIn(head, p.Name) && len(p.Name) > len(best) {
			best = p.Name
		}
	}
	if best != "" {
		return best, true
	}
	rest, _ := strings.CutPrefix(head, escaped(m.Cluster)+"-")
	return rest, true
}

// endsIn tells whether a name is a nodearray's, or that with a prefix.
func endsIn(head, nodearray string) bool {
	head, nodearray = escaped(head), escaped(nodearray)
	return nodearray != "" && (head == nodearray || strings.HasSuffix(head, "-"+nodearray))
}

// escaped is a name as it stands in host names: lower case, and - for whatever is
// neither letter nor digit.
func escaped(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(name))
}

// place tells of which machine type and in which placement group azslurm makes the
// nodes. Of a nodearray with several types that is the first, but for dynamic nodes. Where
// there is a group, it is the first of the machine type, which it calls MACHINETYPE_pg0.
func (m *mapper) place(n *Nodes) {
	i := slices.IndexFunc(m.Nodearrays, func(a Nodearray) bool { return strings.EqualFold(a.Name, n.Nodearray) })
	if i < 0 {
		n.GroupUnknown = true
		return
	}
	array := &m.Nodearrays[i]
	if n.MachineType == "" && len(array.MachineTypes) > 0 && (n.Feature == "" || len(array.MachineTypes) == 1) {
		n.MachineType = array.MachineTypes[0]
	}
	switch {
	case array.Groups > 0 && n.MachineType == "":
		n.GroupUnknown = true
	case array.Groups > 0:
		n.Group = n.MachineType + "_pg0"
	}
}

// Partition is a partition with the nodearrays of its nodes.
type Partition struct {
	Name       string
	Nodearrays []string
}

// Partitions tells what nodearrays the partitions have that are not called after their
// only one.
func Partitions(c *Conf, nodes []Nodes) []Partition {
	if c == nil {
		return nil
	}
	var list []Partition
	for _, p := range c.Partitions {
		in := make(map[string]bool)
		names, _ := slurm.Expand(p.Values["nodes"]) // ALL, and sets, are names too
		for _, name := range names {
			in[name] = true
		}
		out := Partition{Name: p.Name}
		for _, n := range nodes {
			if n.within(in, c.Sets) && !slices.Contains(out.Nodearrays, n.Nodearray) {
				out.Nodearrays = append(out.Nodearrays, n.Nodearray)
			}
		}
		if len(out.Nodearrays) > 0 && !slices.Equal(out.Nodearrays, []string{p.Name}) {
			list = append(list, out)
		}
	}
	return list
}

// within tells whether some of the nodes are among those that a partition lists.
func (n *Nodes) within(in map[string]bool, sets []Line) bool {
	if in["ALL"] {
		return true
	}
	names, _ := slurm.Expand(n.Names)
	return slices.ContainsFunc(names, func(name string) bool { return in[name] }) ||
		slices.ContainsFunc(sets, func(set Line) bool { return n.Feature != "" && in[set.Name] && set.Values["feature"] == n.Feature })
}
