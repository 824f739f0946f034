package slurm

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"autoscaled/autoscale"
)

// Finding is something about a Slurm cluster that does not go together with the cloud.
type Finding struct {
	// Wrong: nodes will not come, or not work. Otherwise it is worth a look.
	Wrong bool
	// Subject is a host list, or a setting of slurm.conf.
	Subject string
	What    string
}

// Audited are nodes of Slurm that are alike, with what the cloud has for them.
type Audited struct {
	// Names is their host list, and Count how many they are.
	Names string
	Count int
	// Pool is where they are made, in Group. Empty: nowhere.
	Pool  autoscale.PoolID
	Group string
	// CPUs, Memory (in MiB) and GPUs are Slurm's, and VM what the cloud's has.
	CPUs, Memory, GPUs int64
	VM                 autoscale.Resources
	// Wrong: there is a finding that says so.
	Wrong bool
}

// Audit compares the CLOUD nodes of Slurm with the pools that they are made in. The
// findings are in the order of the nodes.
func Audit(nodes []Node, supply *autoscale.Supply, m *Mapping) ([]Audited, []Finding) {
	a := &auditor{supply: supply, mapping: m, groups: make(map[groupKey][]string)}
	for i := range nodes {
		if n := &nodes[i]; n.Is("CLOUD") {
			a.add(n)
		}
	}
	for i := range a.kinds {
		a.check(&a.kinds[i])
	}
	a.checkGroups()
	list := make([]Audited, len(a.kinds))
	for i := range a.kinds {
		list[i] = a.kinds[i].Audited
	}
	return list, a.findings
}

type auditor struct {
	supply   *autoscale.Supply
	mapping  *Mapping
	kinds    []auditedKind
	findings []Finding
	// groups are the names in each placement group.
	groups map[groupKey][]string
	order  []groupKey
}

// auditedKind is a set of nodes that are alike.
type auditedKind struct {
	Audited
	names []string
	where autoscale.Selector
	known bool
	// pools are those that match.
	pools []*autoscale.Pool
}

type groupKey struct {
	pool  autoscale.PoolID
	group string
}

func (a *auditor) add(n *Node) {
	where, group, known := a.mapping.Node(n)
	gpus := gres(n.Gres)["gpu"]
	i := slices.IndexFunc(a.kinds, func(k auditedKind) bool {
		return k.known == known && k.Group == group && k.CPUs == n.CPUs && k.Memory == n.Memory && k.GPUs == gpus && equalSelectors(k.where, where)
	})
	if i < 0 {
		i = len(a.kinds)
		k := auditedKind{where: where, known: known}
		k.Group, k.CPUs, k.Memory, k.GPUs = group, n.CPUs, n.Memory, gpus
		a.kinds = append(a.kinds, k)
	}
	a.kinds[i].names = append(a.kinds[i].names, n.Name)
}

func (a *auditor) find(k *auditedKind, wrong bool, format string, args ...any) {
	k.Wrong = k.Wrong || wrong
	a.findings = append(a.findings, Finding{Wrong: wrong, Subject: k.Names, What: fmt.Sprintf(format, args...)})
}

func (a *auditor) check(k *auditedKind) {
	k.Count = len(k.names)
	var err error
	if k.Names, err = Compress(k.names); err != nil {
		k.Names = strings.Join(k.names, ",")
	}
	if !k.known {
		a.find(k, true, "no entry of queue.slurm.nodes matches them: they are never powered up or down")
		return
	}
	for i := range a.supply.Pools {
		if p := &a.supply.Pools[i]; matches(k.where, p) {
			k.pools = append(k.pools, p)
		}
	}
	switch {
	case len(k.pools) == 0:
		a.find(k, true, "the cloud has no bucket for them: %s", a.missing(k.where))
		return
	case len(k.pools) > 1:
		a.find(k, false, "%d buckets are theirs (%s), and the first with room is taken; name a machine_type in queue.slurm.nodes", len(k.pools), poolNames(k.pools))
	}
	p := k.pools[0]
	k.Pool, k.VM = p.ID, p.Node
	if p.Invalid != "" {
		a.find(k, true, "bucket %s makes no new nodes: %s", p.ID, p.Invalid)
	}
	a.checkResources(k, p)
	a.checkNames(k)
	a.checkLimits(k, p)
	if k.Group != "" {
		a.addGroup(k, p)
	}
}

func matches(s autoscale.Selector, p *autoscale.Pool) bool {
	_, ok := s.Match(p.Labels)
	return ok
}

func poolNames(pools []*autoscale.Pool) string {
	names := make([]string, len(pools))
	for i, p := range pools {
		names[i] = string(p.ID)
	}
	return strings.Join(names, ", ")
}

// missing says which part of a selector nothing has, and what there is.
func (a *auditor) missing(where autoscale.Selector) string {
	fits := a.supply.Pools
	for _, s := range append([]autoscale.Selector{{Label: where.Label, In: where.In}}, where.All...) {
		if s.Label == "" {
			continue
		}
		there := make(map[string]bool)
		var left []autoscale.Pool
		for i := range fits {
			there[fits[i].Labels[s.Label]] = true
			if matches(s, &fits[i]) {
				left = append(left, fits[i])
			}
		}
		if len(left) == 0 {
			return fmt.Sprintf("there is no %s %s; there are %s", strings.ReplaceAll(s.Label, "_", " "), strings.Join(s.In, " or "), listed(there))
		}
		fits = left
	}
	return "none has all that they ask for"
}

func listed(set map[string]bool) string {
	if len(set) == 0 {
		return "none"
	}
	names := make([]string, 0, len(set))
	for name := range set {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// usable is what of a VM's memory a node may promise, in MiB. Its system takes some, and
// Slurm drains a node that registers with less than slurm.conf says. It is what
// CycleCloud's own integration writes: less 5%, at least 1 GiB.
func usable(vm autoscale.Bytes) int64 {
	mib := float64(vm / autoscale.MiB)
	return int64(min(mib-1024, mib*0.95))
}

func (a *auditor) checkResources(k *auditedKind, p *autoscale.Pool) {
	mib := int64(p.Node.Memory / autoscale.MiB)
	switch cores := int64(p.Node.Cores); {
	case cores == 0: // its Invalid says that nothing is known
		return
	case k.CPUs > cores:
		a.find(k, true, "CPUs=%d, and a VM of %s has %d: Slurm drains nodes that have fewer", k.CPUs, p.ID, cores)
	case k.CPUs < cores && k.CPUs != int64(p.PCPUs):
		a.find(k, false, "CPUs=%d, and a VM of %s has %d", k.CPUs, p.ID, cores)
	}
	switch {
	case mib == 0:
	case k.Memory > mib:
		a.find(k, true, "RealMemory=%d, and a VM of %s has %d: Slurm drains nodes that have less", k.Memory, p.ID, mib)
	case k.Memory > usable(p.Node.Memory):
		a.find(k, false, "RealMemory=%d leaves a VM of %s little for itself; up to %d is safe", k.Memory, p.ID, usable(p.Node.Memory))
	}
	switch gpus := int64(p.Node.GPUs); {
	case k.GPUs > gpus:
		a.find(k, true, "Gres=gpu:%d, and a VM of %s has %d GPUs", k.GPUs, p.ID, gpus)
	case k.GPUs < gpus:
		a.find(k, true, "a VM of %s has %d GPUs, and Slurm knows of %d: jobs can't use the others (Gres=gpu:%d)", p.ID, gpus, k.GPUs, gpus)
	}
}

// checkNames finds names that the server can't count to: it makes each of a format and
// a number.
func (a *auditor) checkNames(k *auditedKind) {
	var bad []string
	for _, name := range k.names {
		if parts := splitHost(name); parts.number < 0 || strings.Contains(name, "%") || len(strconv.FormatInt(parts.number, 10)) == maxHostDigits {
			bad = append(bad, name)
		}
	}
	if len(bad) > 0 {
		a.find(k, true, "no node can be called %s: the cloud counts names through, so each needs a number of fewer than %d digits and no %%", strings.Join(bad, ", "), maxHostDigits)
	}
}

// checkLimits tells where Slurm has more nodes than there can ever be.
func (a *auditor) checkLimits(k *auditedKind, p *autoscale.Pool) {
	least := int64(math.MaxInt64)
	var by autoscale.Limit
	for _, d := range p.Draws {
		for _, l := range a.supply.Limits {
			if l.ID == d.Limit && d.Amount > 0 && l.Max/d.Amount < least {
				least, by = l.Max/d.Amount, l
			}
		}
	}
	if int64(k.Count) > least {
		a.find(k, false, "Slurm has %d of them, and %s %s allows %d: jobs may wait for nodes that can't be had", k.Count, by.Kind, cmp.Or(by.Name, string(by.ID)), least)
	}
}

func (a *auditor) addGroup(k *auditedKind, p *autoscale.Pool) {
	if p.GroupSize == 0 {
		a.find(k, true, "placement group %s: bucket %s has no placement groups", k.Group, p.ID)
		return
	}
	key := groupKey{p.ID, k.Group}
	if a.groups[key] == nil {
		a.order = append(a.order, key)
	}
	a.groups[key] = append(a.groups[key], k.names...)
}

// checkGroups finds placement groups that would have more nodes than one can have.
func (a *auditor) checkGroups() {
	for _, key := range a.order {
		names := a.groups[key]
		i := slices.IndexFunc(a.supply.Pools, func(p autoscale.Pool) bool { return p.ID == key.pool })
		size := a.supply.Pools[i].GroupSize
		if len(names) <= size {
			continue
		}
		list, err := Compress(names)
		if err != nil {
			list = strings.Join(names, ",")
		}
		a.findings = append(a.findings, Finding{Wrong: true, Subject: list, What: fmt.Sprintf(
			"placement group %s of bucket %s has %d nodes in Slurm, and one holds at most %d; give the others a placement_group of their own", key.group, key.pool, len(names), size)})
		for j := range a.kinds {
			if k := &a.kinds[j]; k.Pool == key.pool && k.Group == key.group {
				k.Wrong = true
			}
		}
	}
}
