package anka

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"time"

	"autoscaled/autoscale"
)

// survey makes a supply of what was read.
type survey struct {
	reading
	options *ProviderOptions
	macs    []*mac
	pools   []*poolSurvey
	limits  []autoscale.Limit
	nodes   []autoscale.Node
	former  map[autoscale.PoolID]bool // pools of our instances that are no longer options
	pulls   pulls
}

// poolSurvey is a pool and the Macs that it may use.
type poolSurvey struct {
	autoscale.Pool
	options *PoolOptions
	image   image
	// able are the Macs that could run its VMs, and reach those among them that
	// could run one now or are merely full: a bit each, by index.
	able, reach big.Int
	// members are how many Macs there are of its groups, and reasons why some can't.
	members int
	reasons map[string]int
}

func newSurvey(o *ProviderOptions, r reading) *survey {
	s := &survey{reading: r, options: o, former: map[autoscale.PoolID]bool{}}
	for i := range s.reading.nodes {
		s.macs = append(s.macs, &mac{Node: &s.reading.nodes[i]})
	}
	s.addComing()
	for i := range o.Pools {
		s.pools = append(s.pools, s.pool(&o.Pools[i]))
	}
	for _, m := range s.macs {
		m.count()
	}
	s.boundPulls()
	s.addLimits()
	s.addPullLimits()
	s.addNodes()
	return s
}

func (s *survey) supply() autoscale.Supply {
	supply := autoscale.Supply{Limits: s.limits, Nodes: s.nodes}
	for _, p := range s.pools {
		supply.Pools = append(supply.Pools, p.Pool)
	}
	for _, id := range slices.Sorted(maps.Keys(s.former)) {
		supply.Pools = append(supply.Pools, autoscale.Pool{
			ID: id, Labels: map[string]string{"pool": string(id)}, Invalid: "no pool of this name is configured",
		})
	}
	return supply
}

// pool finds the Macs that a pool may use.
func (s *survey) pool(o *PoolOptions) *poolSurvey {
	p := &poolSurvey{options: o, image: imageOf(o, s.templates[o.TemplateID])}
	p.Pool = autoscale.Pool{
		ID:      autoscale.PoolID(o.Name),
		Labels:  s.labels(o),
		Node:    autoscale.Resources{Cores: o.VCPU, Memory: autoscale.Bytes(o.VRAM) * autoscale.MiB},
		Single:  o.Startup != nil,
		Invalid: p.image.problem,
	}
	if _, known := s.groups[o.GroupID]; !known && o.GroupID != "" {
		p.Invalid = first(p.Invalid, fmt.Sprintf("there is no group %s", o.GroupID))
	}
	if p.Invalid != "" {
		return p
	}
	members := s.members(o.GroupID)
	p.members, p.reasons = len(members), make(map[string]int)
	for _, i := range members {
		m := s.macs[i]
		if why := m.unfit(p); why != "" {
			p.reasons[why]++
			continue
		}
		p.able.SetBit(&p.able, i, 1)
		if m.fits(p) {
			p.reach.SetBit(&p.reach, i, 1)
			m.users = append(m.users, p)
		}
	}
	switch {
	case p.members == 0:
		p.Invalid = "the controller has no Macs"
		if group := p.Labels["group"]; group != "" {
			p.Invalid = fmt.Sprintf("group %s has no Macs", group)
		}
	case p.able.BitLen() == 0:
		p.Invalid = fmt.Sprintf("none of %d Macs can run it: %s", p.members, counted(p.reasons))
	}
	return p
}

// labels are what a pool is shown with.
func (r *reading) labels(o *PoolOptions) map[string]string {
	labels := maps.Clone(o.Labels)
	if labels == nil {
		labels = make(map[string]string)
	}
	labels["pool"], labels["template"], labels["tag"] = o.Name, first(r.templates[o.TemplateID].Name, o.Template, o.TemplateID), o.Tag
	if o.GroupID != "" || o.Group != "" {
		labels["group"] = first(r.groups[o.GroupID].Name, o.Group, o.GroupID)
	}
	return labels
}

// addComing books what is on its way on its node. Of others' instances the size is not
// known: they count as the largest of the pools.
func (s *survey) addComing() {
	nodes := make(map[string]*mac, len(s.macs))
	for _, m := range s.macs {
		nodes[m.ID] = m
	}
	largest := PoolOptions{}
	for _, p := range s.options.Pools {
		largest.VCPU, largest.VRAM = max(largest.VCPU, p.VCPU), max(largest.VRAM, p.VRAM)
	}
	for i := range s.instances {
		x := &s.instances[i]
		if m := nodes[first(x.NodeID, s.nodeFor(x))]; m != nil {
			size := &largest
			if p := s.poolOf(x); p != nil {
				size = p
			}
			m.book(x, size)
		}
	}
	for _, r := range s.reserved {
		if m := nodes[r.node]; m != nil && (r.count > 0 || m.heard()) {
			m.expect(r.image, &r.size, r.count)
		}
	}
	s.addDistributions(nodes)
}

// nodeFor is the node that the start of an instance of ours named, while it waits for
// it. Empty: it waits for any, or not any more.
func (s *survey) nodeFor(i *Instance) string {
	m, _, ok := markOf(i)
	if !ok || m.owner != s.options.Owner || waitOf(i) != forMac {
		return ""
	}
	return m.node
}

// book notes what an instance that is on a node, or is for it, takes there and brings.
func (m *mac) book(i *Instance, size *PoolOptions) {
	image := imageKey{i.TemplateID, i.Tag}
	switch {
	case i.VM != nil:
		if m.runs == nil {
			m.runs = make(map[imageKey]bool)
		}
		m.runs[image] = true
	case i.State == Pulling || i.State == Scheduling:
		m.expect(image, size, 1)
		m.pulling = m.pulling || i.State == Pulling
	}
}

// expect notes VMs that the node is to have.
func (m *mac) expect(image imageKey, size *PoolOptions, count int) {
	m.coming, m.comingVCPU, m.comingVRAM = m.coming+count, m.comingVCPU+count*size.VCPU, m.comingVRAM+count*size.VRAM
	m.pulling = m.pulling || !m.has(image.template, image.tag)
}

// poolOf is the pool of an instance of ours; nil: it is none, or of no pool.
func (s *survey) poolOf(i *Instance) *PoolOptions {
	m, _, ok := markOf(i)
	if !ok || m.owner != s.options.Owner {
		return nil
	}
	if p := s.options.pool(m.pool); p != nil || m.pool != "" {
		return p
	}
	for k := range s.options.Pools { // its metadata were replaced
		p := &s.options.Pools[k]
		if p.TemplateID == i.TemplateID && (p.Tag == i.Tag || p.PreviousTag == i.Tag) && (p.GroupID == i.GroupID || i.GroupID == "") {
			return p
		}
	}
	return nil
}

// othersWait is for how long somebody else's instance that finds no node is
// reckoned with. One that waits longer fits nowhere, and would block a slot for ever.
// The length is our own choice.
const othersWait = 10 * time.Minute

// waiting lists, for each instance that is in Scheduling and counts, the Macs on which
// it may land. One that can land nowhere takes no slot.
func (s *survey) waiting() (list []*big.Int) {
	for i := range s.instances {
		x := &s.instances[i]
		if waitOf(x) != forMac || s.nodeFor(x) != "" {
			continue
		}
		reach := s.landing(x)
		if reach.BitLen() > 0 {
			list = append(list, reach)
		}
	}
	return list
}

// landing are the Macs on which a waiting instance may land: its pool's, or, of
// somebody else's, all of its group that are Active and of its architecture.
func (s *survey) landing(i *Instance) *big.Int {
	if o := s.poolOf(i); o != nil {
		for _, p := range s.pools {
			if p.options == o && p.reach.BitLen() > 0 {
				return &p.reach
			}
			if p.options == o && p.able.BitLen() > 0 {
				return &p.able
			}
		}
	}
	reach := new(big.Int)
	m, _, ok := markOf(i)
	ours := ok && m.owner == s.options.Owner
	if since := told(i.Updated, i.Created); !ours && !since.IsZero() && s.at.Sub(since) > othersWait {
		return reach
	}
	for _, k := range s.members(i.GroupID) {
		if n := s.macs[k]; n.State == NodeActive && (n.HostArch == "" || i.Arch == "" || n.HostArch == i.Arch) {
			reach.SetBit(reach, k, 1)
		}
	}
	return reach
}

// told is the first time if it is told, else the second.
func told(a, b time.Time) time.Time {
	if a.IsZero() {
		return b
	}
	return a
}
