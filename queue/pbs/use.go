package pbs

import (
	"slices"
	"strings"

	"autoscaled/autoscale"
)

// Comments on vnodes by which we know them again. What counts is how one begins. A vnode
// that is back in service has another comment, so that one which an administrator then
// takes out of service without a word is not taken for ours.
const (
	drainMark = "autoscaled: drains"
	joinMark  = "autoscaled: joins"
	serveMark = "autoscaled: in service"
)

// cycleMark is how the comment of CycleCloud's own autoscaler begins where it takes a vnode
// out of service. It counts as ours: who hands the cluster over to us would otherwise have
// nodes that nobody ends.
const cycleMark = "cyclecloud offline"

// use is what runs on which host.
type use struct {
	hosts map[string]autoscale.HostUse
	// of tells each vnode's host.
	of   map[string]string
	runs map[string]map[autoscale.JobID]bool
}

// useOf is what vnodes tell of their hosts, by host name in lower case. A host may have
// several vnodes: what is drained or missing in one of them counts for the host.
func useOf(nodes []Node, p *packer) *use {
	u := &use{
		hosts: make(map[string]autoscale.HostUse, len(nodes)), of: make(map[string]string, len(nodes)),
		runs: make(map[string]map[autoscale.JobID]bool),
	}
	for i := range nodes {
		n := &nodes[i]
		host := hostOf(n)
		u.of[n.Name] = host
		was, several := u.hosts[host]
		now := vnodeUse(n, p)
		if several {
			now = joined(was, now)
		}
		u.hosts[host] = now
		for _, id := range n.Jobs {
			u.add(host, id)
		}
	}
	return u
}

func hostOf(n *Node) string { return strings.ToLower(n.Host) }

// add tells that a job runs on a host.
func (u *use) add(host, id string) {
	job := autoscale.JobID(shortID(id))
	if u.runs[host] == nil {
		u.runs[host] = make(map[autoscale.JobID]bool)
	}
	if u.runs[host][job] {
		return
	}
	u.runs[host][job] = true
	now := u.hosts[host]
	now.Jobs = append(now.Jobs, job)
	u.hosts[host] = now
}

// run adds a job that has started, which may be after the vnodes were read.
func (u *use) run(j *Job) {
	execVnodes(j.ExecVnode, func(vnode, _ string) {
		host, known := u.of[vnode]
		if !known {
			host = strings.ToLower(vnode)
		}
		u.add(host, j.ID)
	})
}

// vnodeUse is what one vnode's state tells.
//
//   - One that is offline is drained: by us where its comment begins with our mark. While we
//     join it, it is missing.
//   - One that is down, or of which the server does not know, is missing until it reports,
//     drained by us or not: one that goes because it is silent is silent still.
//   - One without ccnodeid was not joined yet: it is missing too.
func vnodeUse(n *Node, p *packer) (now autoscale.HostUse) {
	now.Missing = lost(n) || n.NodeID == ""
	switch {
	case !n.Is("offline"):
	case joins(n):
		now.Missing = true
	case drainedByUs(n):
		now.Drain = autoscale.DrainOurs
	default:
		now.Drain, now.Missing = autoscale.DrainForeign, false
	}
	now.Used, now.Node = p.assigned(n), autoscale.NodeID(n.NodeID)
	for _, state := range [...]string{"job-busy", "job-exclusive", "resv-exclusive", "busy", "provisioning", "wait-provisioning"} {
		now.Whole = now.Whole || n.Is(state)
	}
	return now
}

func drainedByUs(n *Node) bool {
	return strings.HasPrefix(n.Comment, drainMark) || strings.HasPrefix(n.Comment, cycleMark)
}

// joins tells whether we took a vnode out of service until it is whole.
func joins(n *Node) bool { return strings.HasPrefix(n.Comment, joinMark) }

// lost tells whether the server has not heard of a vnode.
func lost(n *Node) bool {
	return n.State == "" || n.Is("down") || n.Is("stale") || n.Is("state-unknown") || n.Is("Stale") || n.Is("unresolvable")
}

// assigned is what jobs have of a vnode. What can't be read is left out: the jobs are told.
func (p *packer) assigned(n *Node) (r autoscale.Resources) {
	for _, a := range n.Assigned {
		known := p.known[a.Name]
		if known == nil {
			continue
		}
		count, _ := amountOf(a.Value)
		switch known.Kind {
		case Cores:
			r.Cores = int(bounded(count))
		case GPUs:
			r.GPUs = int(bounded(count))
		case Memory:
			r.Memory, _ = parseSize(a.Value)
		case Count:
			if r.Custom == nil {
				r.Custom = make(map[string]int64)
			}
			r.Custom[known.as()] = count
		}
	}
	return r
}

// joined is what two vnodes of one host tell of it.
func joined(a, b autoscale.HostUse) autoscale.HostUse {
	a.Used = a.Used.Plus(b.Used)
	a.Whole = a.Whole && b.Whole
	a.Missing = a.Missing || b.Missing
	if a.Node == "" {
		a.Node = b.Node
	}
	for _, drain := range [...]autoscale.Drain{autoscale.DrainForeign, autoscale.DrainOurs} {
		if slices.Contains([]autoscale.Drain{a.Drain, b.Drain}, drain) {
			a.Drain = drain
			break
		}
	}
	return a
}
