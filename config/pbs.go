package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"autoscaled/autoscale"
)

// PBSQueue serves an OpenPBS or PBS Professional.
type PBSQueue struct {
	Commands  string        `key:"commands" default:"" path:"yes" help:"Folder of qstat, pbsnodes and qmgr, such as /opt/pbs/bin. Empty: they are looked for on the PATH."`
	Server    string        `key:"server" default:"" help:"Host name of the PBS server (PBS_SERVER). Empty: as pbs.conf says."`
	Timeout   Duration      `key:"timeout" default:"30s" least:"1s" help:"Limit of one command."`
	TimeZone  string        `key:"time_zone" default:"" help:"The server's zone, in which it prints times, such as Europe/Berlin. Empty: the daemon's own."`
	Queues    []PBSPools    `key:"queues" help:"Which pools serve which queues. A queue that is not listed is served by all."`
	Resources []PBSResource `key:"resources" help:"What resources in select are, beside ncpus, mem, ngpus, nodearray, slot_type, vm_size, group_id, ungrouped, mpiprocs, ompthreads and arch, which are known; an entry of the same name stands in for one of these."`
}

// PBSPools are the pools that serve a queue.
type PBSPools struct {
	Name    string     `key:"name" required:"yes" help:"The queue."`
	Pools   []PBSLabel `key:"pools" help:"Labels that a pool must have to serve it."`
	Ignored bool       `key:"ignored" default:"false" help:"No pool serves it: its jobs are explained and are no demand."`
}

// PBSLabel is a label of pools.
type PBSLabel struct {
	Name  string `key:"name" required:"yes" help:"nodearray, machine_type, region, spot, or one of the pools' own."`
	Value string `key:"value" required:"yes" help:"Compared without case."`
}

// PBSResource says what a resource is.
type PBSResource struct {
	Name string `key:"name" required:"yes" help:"The resource, as jobs ask for it in select."`
	Is   string `key:"is" required:"yes" enum:"cores,memory,gpus,count,label,group,ungrouped,licence,ignored" help:"cores, memory or gpus of a node; count: a custom resource of policy.resources, sizes in bytes; label: the value of a pool's label; group: the placement group; ungrouped: true on nodes of none; licence: tokens of policy.licences, which a job asks for as a whole; ignored: it makes no difference."`
	As   string `key:"as" default:"" help:"Name of the custom resource, the label or the licence. Empty: as the resource."`
}

// Meant is the name that the resource has here.
func (r PBSResource) Meant() string {
	if r.As == "" {
		return r.Name
	}
	return r.As
}

func (s *source) pbsQueue(c *Cluster, q *PBSQueue, at string) {
	if q.TimeZone != "" {
		if _, err := time.LoadLocation(q.TimeZone); err != nil {
			s.add(at+".time_zone", fmt.Sprintf("%q is no time zone such as Europe/Berlin", shown(q.TimeZone)))
		}
	}
	var names []string
	for i := range q.Queues {
		p, key := &q.Queues[i], fmt.Sprintf("%s.queues[%d]", at, i)
		names = s.name(key, p.Name, names)
		switch {
		case p.Ignored && len(p.Pools) > 0:
			s.add(key+".pools", "has no effect: the queue is ignored")
		case !p.Ignored && len(p.Pools) == 0 && !s.within(key+"."):
			s.add(key, "says nothing; set pools or ignored")
		}
		var labels []string
		for j, l := range p.Pools {
			at := fmt.Sprintf("%s.pools[%d]", key, j)
			labels = s.name(at, l.Name, labels)
			s.required(at+".value", l.Value)
			s.poolLabel(c, at+".name", l.Name)
		}
	}
	names = nil
	for i := range q.Resources {
		key := fmt.Sprintf("%s.resources[%d]", at, i)
		names = s.name(key, q.Resources[i].Name, names)
		s.pbsResource(c, &q.Resources[i], key)
	}
}

// pbsResource checks that what a resource stands for is there.
func (s *source) pbsResource(c *Cluster, r *PBSResource, at string) {
	name := at + ".as"
	if r.As == "" {
		name = at + ".name"
	}
	switch r.Is {
	case "":
		if !s.within(at + ".is") {
			s.add(at+".is", "is missing")
		}
	case "label":
		s.poolLabel(c, name, r.Meant())
	case "licence":
		var known []string
		for _, l := range c.Scaling.Licences {
			known = append(known, l.Name)
		}
		if !slices.Contains(known, r.Meant()) {
			s.addMeant(name, fmt.Sprintf("policy.licences has no %q", shown(r.Meant())), nearest(r.Meant(), known))
		}
	case "count":
		var known []string
		for i := range c.Scaling.Resources {
			for _, custom := range c.Scaling.Resources[i].Custom {
				known = append(known, custom.Name)
			}
		}
		if !slices.Contains(known, r.Meant()) {
			s.addMeant(name, fmt.Sprintf("no rule of policy.resources gives nodes any %q", shown(r.Meant())), nearest(r.Meant(), known))
		}
	default:
		if r.As != "" {
			s.add(at+".as", "has no effect: only count, label and licence have names of their own")
		}
	}
}

// poolLabel checks that pools have a label.
func (s *source) poolLabel(c *Cluster, key, name string) {
	known := []string{autoscale.LabelNodearray, autoscale.LabelMachineType, autoscale.LabelRegion, autoscale.LabelSpot}
	for i := range c.Scaling.Pools {
		for _, l := range c.Scaling.Pools[i].Labels {
			known = append(known, l.Name)
		}
	}
	if name != "" && !slices.Contains(known, name) {
		s.addMeant(key, fmt.Sprintf("no pool has a label %q; there are %s", shown(name), strings.Join(known, ", ")), nearest(name, known))
	}
}
