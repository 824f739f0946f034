package gridengine

import (
	"maps"
	"slices"
	"strings"

	"autoscaled/autoscale"
)

// Kind says what a resource that jobs ask for is to the planner.
type Kind string

// The kinds of resources.
const (
	// Memory is memory of the node.
	Memory Kind = "memory"
	// GPUs are whole GPUs of the node.
	GPUs Kind = "gpus"
	// Custom is a countable resource of the node of the same name.
	Custom Kind = "custom"
	// Licence draws on the limit licence/NAME, once for a job or once for each slot.
	Licence Kind = "licence"
	// Exclusive: the job shares its hosts with no other.
	Exclusive Kind = "exclusive"
	// Runtime is how long the job may run.
	Runtime Kind = "runtime"
	// Ignored is no question of which node it is.
	Ignored Kind = "ignored"
)

// ignored are resources of a fresh Grid Engine that do not tell nodes apart: limits of a
// job's process, loads, and what every VM of one image has alike. Our own choice; a rule
// or the configuration may say otherwise.
var ignored = func() map[string]bool {
	set := make(map[string]bool)
	for name := range strings.FieldsSeq(`arch calendar cpu display_win_gui h_core h_cpu h_data h_fsize h_rss h_stack h_vmem
		load_avg load_long load_medium load_short m_core m_socket m_thread m_topology m_topology_inuse mem_free mem_total mem_used
		min_cpu_interval np_load_avg np_load_long np_load_medium np_load_short num_proc rerun s_core s_cpu s_data s_fsize s_rss
		s_rt s_stack s_vmem seq_no swap_free swap_rate swap_rsvd swap_total swap_used tmpdir virtual_free virtual_total virtual_used`) {
		set[name] = true
	}
	return set
}()

// Rule says which jobs go to which pools. All conditions that are not empty must hold.
type Rule struct {
	Name string
	// Queue is a cluster queue that the job must run in (-q), and HostGroup a host group of
	// such a queue (-q all.q@@gpu).
	Queue, HostGroup string
	// PE is a pattern of parallel environments. "none": the job is not parallel.
	PE string
	// Resource is one that the job asks for, and Value what; empty: anything.
	Resource, Value string
	// Pools are for whom, by name, the first preferred. None: all pools.
	Pools []string
	// Coupled: a job of several hosts has them in one placement group.
	Coupled bool
}

// Mapping says what Grid Engine's names are to the planner.
type Mapping struct {
	// Rules are tried in order; the first that matches counts. Without any all jobs may
	// have all pools.
	Rules []Rule
	// Kinds are what resources are, by name. Those that are not told are taken for what
	// Grid Engine makes of them: h_rt for the run time, those of the relation EXCL for
	// exclusive, and what tells no nodes apart is ignored.
	Kinds map[string]Kind
	// Pool is the selector of a pool of the policy, by its name. false: there is none.
	Pool func(name string) (autoscale.Selector, bool)
}

// kind is what a resource is, and whether it is known.
func (m *Mapping) kind(name string, complexes map[string]Complex) (Kind, bool) {
	if kind, told := m.Kinds[name]; told {
		return kind, true
	}
	switch {
	case name == "h_rt":
		return Runtime, true
	case complexes[name].Relation == "EXCL":
		return Exclusive, true
	case ignored[name] && !consumed(complexes[name].Consumable):
		return Ignored, true
	}
	for i := range m.Rules {
		if m.Rules[i].Resource == name {
			return Ignored, true // a rule chooses pools by it
		}
	}
	return "", false
}

// requests are what a job asks for, and what it takes of consumable resources by default.
func (m *Mapping) requests(j *Job, complexes map[string]Complex) []Request {
	list := j.Hard
	for _, name := range slices.Sorted(maps.Keys(m.Kinds)) {
		c, known := complexes[name]
		if !known || !consumed(c.Consumable) || slices.ContainsFunc(j.Hard, func(h Request) bool { return h.Name == name }) {
			continue
		}
		if n, err := quantity(c.Default); err == nil && n > 0 {
			list = append(slices.Clip(list), Request{Name: name, Value: c.Default})
		}
	}
	return list
}

// consumed tells whether jobs take of a resource what they ask for.
func consumed(consumable string) bool { return consumable == "YES" || consumable == "JOB" }

// rule finds the rule for a job that would run in the parallel environment.
func (m *Mapping) rule(j *Job, pe string) (Rule, bool) {
	if len(m.Rules) == 0 {
		return Rule{}, true
	}
	for i := range m.Rules {
		if m.Rules[i].matches(j, pe) {
			return m.Rules[i], true
		}
	}
	return Rule{}, false
}

func (r *Rule) matches(j *Job, pe string) bool {
	queue, group := r.Queue == "", r.HostGroup == ""
	for _, q := range j.Queues {
		name, host, _ := strings.Cut(q, "@")
		queue = queue || matches(name, r.Queue)
		group = group || host != "" && strings.EqualFold(host, r.HostGroup)
	}
	parallel := r.PE == "" || pe != "" && matches(r.PE, pe) || pe == "" && r.PE == "none"
	resource := r.Resource == ""
	for _, h := range j.Hard {
		resource = resource || h.Name == r.Resource && (r.Value == "" || matches(h.Value, r.Value))
	}
	return queue && group && parallel && resource
}

// selector is for the pools of a rule.
func (m *Mapping) selector(r *Rule) (autoscale.Selector, bool) {
	var prefer []autoscale.Selector
	for _, name := range r.Pools {
		if s, known := m.Pool(name); known {
			prefer = append(prefer, s)
		}
	}
	switch {
	case len(prefer) == 1:
		return prefer[0], true
	case len(prefer) > 1:
		return autoscale.Selector{Prefer: prefer}, true
	}
	return autoscale.Selector{}, len(r.Pools) == 0
}

// fixedHost is the host that a job names; empty: any host may do.
func fixedHost(j *Job) string {
	for _, h := range j.Hard {
		if h.Name == "hostname" && !strings.ContainsAny(h.Value, "*?|[!&") {
			return h.Value
		}
	}
	for _, queues := range [][]string{j.Queues, j.MasterQueues} {
		named := ""
		for _, q := range queues {
			_, host, _ := strings.Cut(q, "@")
			if host == "" || strings.ContainsAny(host, "@*?|[!&") {
				named = ""
				break
			}
			named = host
		}
		if named != "" {
			return named
		}
	}
	return ""
}
