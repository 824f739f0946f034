package cyclecloud

import (
	"regexp"
	"strconv"
	"strings"
)

// The API doesn't name the VM family that a machine type's quota belongs to, so
// it is derived, and held against the figures that buckets tell of it. Where in
// doubt two machine types share a family: then we ask for less than there is
// and not for more.
//
//   - Names that differ only in their size are one family: Standard_F4s_v2 and
//     Standard_F32s_v2. Of the letters after the size, those that don't make a
//     family of its own are dropped: m and t (memory), i (isolated), r (RDMA).
//   - Buckets whose names make one family but whose figures disagree by more than
//     a node's rounding are not one family after all.
//   - Buckets of one series and generation whose names make two families, but
//     with equal quota and equal use, not zero, are one.
//
// Spot nodes draw on no family.

// familySize matches the part of a name that holds the size: series, size,
// constrained size, features.
var familySize = regexp.MustCompile(`^([A-Za-z]+)\d+(?:-\d+)?([A-Za-z]*)$`)

// familyName derives a family from a machine type: "Fs_v2" from "Standard_F32s_v2".
// The series, "F_v2", is what families that differ in features only have in common.
func familyName(machineType string) (family, series string) {
	parts := strings.Split(machineType, "_")
	if len(parts) > 1 && strings.EqualFold(parts[0], "Standard") {
		parts = parts[1:]
	}
	rest := strings.ToLower(strings.Join(parts[1:], "_"))
	if rest != "" {
		rest = "_" + rest
	}
	m := familySize.FindStringSubmatch(parts[0])
	if m == nil {
		name := parts[0] + rest
		return name, strings.ToLower(name)
	}
	letters := strings.ToUpper(m[1])
	features := strings.Map(func(r rune) rune {
		if strings.ContainsRune("mtir", r) {
			return -1
		}
		return r
	}, strings.ToLower(m[2]))
	return letters + features + rest, letters + rest
}

// familyFigures are the family's quota and use in cores. A server that doesn't
// tell the family's own tells it with the region's quota applied, which is less.
func familyFigures(b *Bucket) (quota, consumed int, told bool) {
	q, c := b.FamilyQuotaCoreCount, b.FamilyConsumedCoreCount
	if q == nil {
		q, c = b.QuotaCoreCount, b.ConsumedCoreCount
	}
	if q == nil {
		return 0, 0, false
	}
	if c != nil {
		consumed = *c
	}
	return *q, consumed, true
}

// kin is a family in the making: pools that share a quota.
type kin struct {
	name, series, region string
	label                string // name, numbered where two families have it
	quota, consumed      int
	cores                int // of its largest node, what rounding may cost
	pools                []*pool
}

// familiesOf gives each regular pool its family's name, unique within the cluster
// together with the pool's region.
func familiesOf(pools []*pool) map[*pool]string {
	var families []*kin
	named := map[string]int{} // how many families a name and region have
	for _, p := range pools {
		if p.key.spot {
			continue
		}
		name, series := familyName(p.definition.MachineType)
		k := &kin{name: name, series: series, region: p.region, cores: p.cores, pools: []*pool{p}}
		told := false
		if p.bucket != nil {
			k.quota, k.consumed, told = familyFigures(p.bucket)
		}
		if known := findKin(families, k, told); known != nil {
			known.pools = append(known.pools, p)
			known.cores = max(known.cores, k.cores)
			continue
		}
		id := strings.ToLower(name + "/" + p.region)
		k.label = name
		if named[id]++; named[id] > 1 {
			k.label += "-" + strconv.Itoa(named[id])
		}
		families = append(families, k)
	}
	of := make(map[*pool]string, len(pools))
	for _, k := range families {
		for _, p := range k.pools {
			of[p] = k.label
		}
	}
	return of
}

// findKin finds the family that k belongs to by its name or by its figures.
func findKin(families []*kin, k *kin, told bool) *kin {
	for _, f := range families {
		if f.region != k.region {
			continue
		}
		byName := strings.EqualFold(f.name, k.name) && (!told || agree(f, k))
		byFigures := told && f.series == k.series && f.quota == k.quota && f.consumed == k.consumed && k.consumed > 0
		if byName || byFigures {
			return f
		}
	}
	return nil
}

// agree tells whether two buckets' figures may be those of one quota: the same
// use, and a quota that differs by rounding to whole nodes at most.
func agree(a, b *kin) bool {
	difference := a.quota - b.quota
	if difference < 0 {
		difference = -difference
	}
	return a.consumed == b.consumed && difference < max(a.cores, b.cores, 1)
}
