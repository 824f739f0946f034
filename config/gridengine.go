package config

import (
	"fmt"
	"slices"
	"strings"
)

// GridEngineQueue serves the jobs of a Grid Engine by its own programs.
type GridEngineQueue struct {
	Folder      string   `key:"folder" default:"" path:"yes" help:"Folder of the programs qstat, qhost, qconf and qmod, such as /opt/sge/bin/lx-amd64. Not set: they are on the PATH."`
	Root        string   `key:"root" default:"" help:"SGE_ROOT. Not set: as the daemon's environment has it; so for the others."`
	Cell        string   `key:"cell" default:"" help:"SGE_CELL."`
	QmasterPort int      `key:"qmaster_port" default:"0" least:"0" help:"SGE_QMASTER_PORT. 0: as the environment has it."`
	ExecdPort   int      `key:"execd_port" default:"0" least:"0" help:"SGE_EXECD_PORT. 0: as the environment has it."`
	Timeout     Duration `key:"timeout" default:"30s" least:"1s" help:"Limit of one run of a program."`

	Queues      []string    `key:"queues" help:"Cluster queues whose instances on our hosts get as many slots as the host offers cores. None: their slots are left as the queues have them."`
	HostGroups  []string    `key:"host_groups" required:"yes" help:"Host groups that hosts are entered into when their VM is up, such as @allhosts."`
	PoolHosts   []PoolHosts `key:"pool_hosts" help:"What else hosts of some pools are."`
	KeptGroup   string      `key:"kept_group" default:"@autoscaled" help:"Host group of ours, made when it is needed: the hosts that we keep. No other host is ever removed."`
	DrainGroup  string      `key:"drain_group" default:"@autoscaled_drained" help:"Host group of ours, made when it is needed: the hosts whose queue instances we disabled."`
	TellUsers   bool        `key:"tell_users" default:"true" help:"Write into a job's context why it gets no nodes, where Grid Engine does not know; qstat -j shows it."`
	SubmitHosts bool        `key:"submit_hosts" default:"false" help:"Jobs may be submitted on our hosts."`

	Rules     []GridEngineRule     `key:"rules" help:"Which jobs are for which pools. The first rule that matches counts; a job that none matches is no demand. None: all jobs are for all pools."`
	Resources []GridEngineResource `key:"resources" help:"What resources are that jobs ask for with -l. A job that asks for one that is not known is no demand."`
}

// PoolHosts says what hosts of one pool are beside what all are.
type PoolHosts struct {
	Pool       string         `key:"pool" required:"yes" help:"The pool's name."`
	HostGroups []string       `key:"host_groups" help:"Host groups of its hosts, beside those of all."`
	Values     []ComplexValue `key:"values" help:"What its hosts have of resources by which jobs choose hosts."`
}

// ComplexValue is what a host has of a resource.
type ComplexValue struct {
	Name  string `key:"name" required:"yes" help:"The resource, such as slot_type."`
	Value string `key:"value" required:"yes" help:"What the host has of it. {group} stands for the node's placement group, or for none where it is in none."`
}

// GridEngineRule maps jobs to pools. All conditions that are set must hold.
type GridEngineRule struct {
	Name      string   `key:"name" required:"yes" help:"Name in explanations."`
	Queue     string   `key:"queue" default:"" help:"The job asks for this cluster queue (-q)."`
	HostGroup string   `key:"host_group" default:"" help:"The job asks for a queue on this host group (-q all.q@@gpu)."`
	PE        string   `key:"pe" default:"" help:"The job asks for a parallel environment whose name meets this pattern, such as mpi*; none: it asks for none."`
	Resource  string   `key:"resource" default:"" help:"The job asks for this resource (-l)."`
	Value     string   `key:"value" default:"" help:"It asks for this value of it. Not set: any."`
	Pools     []string `key:"pools" help:"Pools for such jobs, the first preferred. None: all."`
	Coupled   bool     `key:"coupled" default:"false" help:"A job of several hosts has them in one placement group."`
}

// GridEngineResource says what a resource is.
type GridEngineResource struct {
	Name string `key:"name" required:"yes" help:"As qconf -sc lists it."`
	Is   string `key:"is" required:"yes" enum:"memory,gpus,custom,licence,exclusive,runtime,ignored" help:"memory, gpus, or custom, a countable resource of that name, of the node; licence: tokens of policy.licences; exclusive: the node for itself; runtime: how long it runs; ignored: nothing that tells nodes apart."`
}

func (s *source) gridEngineQueue(c *Cluster, q *GridEngineQueue, at string) {
	for _, p := range []struct {
		key  string
		port int
	}{{".qmaster_port", q.QmasterPort}, {".execd_port", q.ExecdPort}} {
		if p.port > 65535 {
			s.add(at+p.key, fmt.Sprintf("%d is no port", p.port))
		}
	}
	if len(q.HostGroups) == 0 && !s.within(at+".host_groups") {
		s.add(at+".host_groups", "must have an entry: a host in no group has no queue")
	}
	s.hostGroups(at+".host_groups", q.HostGroups)
	s.hostGroup(at+".kept_group", q.KeptGroup)
	s.hostGroup(at+".drain_group", q.DrainGroup)
	if q.KeptGroup == q.DrainGroup {
		s.add(at+".drain_group", "is kept_group too; two groups are needed")
	}
	for i, name := range q.Queues {
		if name == "" || strings.ContainsAny(name, "*?@, ") {
			s.add(fmt.Sprintf("%s.queues[%d]", at, i), fmt.Sprintf("%q is no name of a cluster queue", shown(name)))
		}
	}
	for i := range q.PoolHosts {
		s.poolHosts(c, &q.PoolHosts[i], fmt.Sprintf("%s.pool_hosts[%d]", at, i))
	}
	s.gridEngineRules(c, q.Rules, at+".rules")
	s.gridEngineResources(c, q.Resources, at+".resources")
}

func (s *source) poolHosts(c *Cluster, p *PoolHosts, at string) {
	s.poolNamed(c, at+".pool", p.Pool)
	s.hostGroups(at+".host_groups", p.HostGroups)
	if len(p.HostGroups)+len(p.Values) == 0 && !s.within(at) {
		s.add(at, "has no effect: it has neither host_groups nor values")
	}
	var names []string
	for i, v := range p.Values {
		key := fmt.Sprintf("%s.values[%d]", at, i)
		names = s.name(key, v.Name, names)
		if s.required(key+".value", v.Value); strings.ContainsAny(v.Name+v.Value, ",= \t\n") {
			s.add(key, "holds a comma, an equals sign or a space")
		}
	}
}

func (s *source) hostGroups(key string, groups []string) {
	for i, g := range groups {
		s.hostGroup(fmt.Sprintf("%s[%d]", key, i), g)
	}
}

func (s *source) hostGroup(key, group string) {
	if len(group) < 2 || group[0] != '@' || strings.ContainsAny(group[1:], "@*?, ") {
		s.add(key, fmt.Sprintf("%q is no host group such as @allhosts", shown(group)))
	}
}

// poolNamed checks that the policy has a pool of that name.
func (s *source) poolNamed(c *Cluster, key, name string) {
	var pools []string
	for i := range c.Scaling.Pools {
		pools = append(pools, c.Scaling.Pools[i].Name)
	}
	switch {
	case name == "":
		s.add(key, "is missing")
	case !slices.Contains(pools, name):
		s.addMeant(key, fmt.Sprintf("there is no pool %q", shown(name)), nearest(name, pools))
	}
}

func (s *source) gridEngineRules(c *Cluster, rules []GridEngineRule, at string) {
	var names []string
	all := ""
	for i := range rules {
		r, key := &rules[i], fmt.Sprintf("%s[%d]", at, i)
		names = s.name(key, r.Name, names)
		if r.HostGroup != "" {
			s.hostGroup(key+".host_group", r.HostGroup)
		}
		if r.Value != "" && r.Resource == "" {
			s.add(key+".value", "has no effect without resource")
		}
		if r.Coupled && r.PE == "none" {
			s.add(key+".coupled", "has no effect: jobs without a parallel environment have one host")
		}
		for j, pool := range r.Pools {
			s.poolNamed(c, fmt.Sprintf("%s.pools[%d]", key, j), pool)
		}
		if all != "" {
			s.add(key, fmt.Sprintf("has no effect: rule %q above matches all jobs", all))
		} else if r.Queue+r.HostGroup+r.PE+r.Resource == "" {
			all = r.Name
		}
	}
}

// gridEngineResources checks that what jobs ask for is something that nodes or the policy have.
func (s *source) gridEngineResources(c *Cluster, resources []GridEngineResource, at string) {
	var names []string
	for i := range resources {
		r, key := &resources[i], fmt.Sprintf("%s[%d]", at, i)
		names = s.name(key, r.Name, names)
		switch {
		case r.Name == "slots" || r.Name == "hostname" || r.Name == "qname":
			s.add(key+".name", fmt.Sprintf("%s means what it does: slots are cores, the others are places", r.Name))
		case r.Is == "":
			if !s.within(key + ".is") {
				s.add(key+".is", "is missing")
			}
		case r.Is == "licence" && !slices.ContainsFunc(c.Scaling.Licences, func(l Licence) bool { return l.Name == r.Name }):
			s.add(key, fmt.Sprintf("has no effect: policy.licences has no entry %q", shown(r.Name)))
		case r.Is == "custom" && !c.Scaling.offers(r.Name):
			s.add(key, fmt.Sprintf("no node has it: policy.resources has no custom entry %q", shown(r.Name)))
		}
	}
}

// offers tells whether nodes have a custom resource.
func (p *Scaling) offers(name string) bool {
	return slices.ContainsFunc(p.Resources, func(r ResourceRule) bool {
		return slices.ContainsFunc(r.Custom, func(c CustomResource) bool { return c.Name == name })
	})
}
