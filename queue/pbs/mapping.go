package pbs

import (
	"strings"

	"autoscaled/autoscale"
)

// Kind says what a resource of PBS's is here.
type Kind string

// The kinds of resources.
const (
	Cores     Kind = "cores"
	Memory    Kind = "memory"
	GPUs      Kind = "gpus"
	Count     Kind = "count"     // a custom resource that nodes have a number of, or of a size so many bytes
	Label     Kind = "label"     // the value of a pool's label
	Group     Kind = "group"     // the name of the placement group
	Ungrouped Kind = "ungrouped" // "true" on nodes of no placement group
	Licence   Kind = "licence"   // tokens of the policy's, asked for by the job as a whole
	Ignored   Kind = "ignored"
)

// Resource says what one of PBS's resources is here.
type Resource struct {
	Name string
	Kind Kind
	// As is the label, the custom resource or the licence. Empty: of the resource's name.
	As string
}

func (r *Resource) as() string {
	if r.As == "" {
		return r.Name
	}
	return r.As
}

// standard are the resources of PBS itself, and those that CycleCloud's clusters have.
var standard = []Resource{
	{"ncpus", Cores, ""},
	{"mem", Memory, ""},
	{"ngpus", GPUs, ""},
	{"nodearray", Label, autoscale.LabelNodearray},
	{"slot_type", Label, autoscale.LabelNodearray},
	{"vm_size", Label, autoscale.LabelMachineType},
	{"group_id", Group, ""},
	{"ungrouped", Ungrouped, ""},
	{"mpiprocs", Ignored, ""},
	{"ompthreads", Ignored, ""},
	{"arch", Ignored, ""},
}

// Mapping says what PBS's names are to the planner.
type Mapping struct {
	// Queue is for the pools that serve a queue. false: none does. nil: all serve all.
	Queue func(name string) (autoscale.Selector, bool)
	// Resources are beside the standard ones, or stand in for them.
	Resources []Resource
}

// resources are all of a mapping, by name.
func (m *Mapping) resources() map[string]*Resource {
	known := make(map[string]*Resource, len(standard)+len(m.Resources))
	for i := range standard {
		known[standard[i].Name] = &standard[i]
	}
	for i := range m.Resources {
		known[m.Resources[i].Name] = &m.Resources[i]
	}
	return known
}

// offered are what a vnode's resources are set to, in their order, for a node that offers
// so much. ccnodeid is not among them.
func (m *Mapping) offered(offer Offered, group string) (list []Amount) {
	known := m.resources()
	add := func(r *Resource) {
		if value := valueOf(r, offer, group); value != "" && known[r.Name] == r {
			list = append(list, Amount{r.Name, value})
		}
	}
	for i := range standard {
		add(&standard[i])
	}
	for i := range m.Resources {
		add(&m.Resources[i])
	}
	return list
}

// noGroup is what group_id is on nodes of no placement group. CycleCloud's own autoscaler
// sets the same.
const noGroup = "_none_"

func valueOf(r *Resource, offer Offered, group string) string {
	switch r.Kind {
	case Cores:
		return number(int64(offer.Cores))
	case Memory:
		return number(int64(offer.Memory>>10)) + "kb"
	case GPUs:
		return number(int64(offer.GPUs))
	case Count:
		return number(offer.Custom[r.as()])
	case Label:
		return offer.Labels[r.as()]
	case Group:
		if group == "" {
			return noGroup
		}
		return group
	case Ungrouped:
		if group == "" {
			return "true"
		}
		return "false"
	}
	return ""
}

// isTrue tells what PBS takes for a boolean that is set.
func isTrue(value string) bool {
	switch strings.ToLower(value) {
	case "true", "t", "1", "y":
		return true
	}
	return false
}
