package config

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"autoscaled/autoscale"
)

// maxAmount bounds amounts of resources: the largest whole number that every JSON
// reader and writer keeps exactly. In bytes it is 8 PiB.
const maxAmount = 1 << 53

// maxCores bounds the cores and GPUs of a node.
const maxCores = 1_000_000

// Size is an amount of memory in bytes, never negative. In a file it is text such
// as "1GiB" or "1.5G", or a number of bytes. As in the demand document, KiB to TiB
// and K to T alone are powers of 1024, and KB to TB powers of 1000.
type Size int64

var sizeForm = regexp.MustCompile(`^([0-9]{1,12}(?:\.[0-9]{1,9})?) ?([KMGT])(i?B)?$`)

func parseSize(text string) (Size, error) {
	bytes, err := strconv.ParseFloat(text, 64)
	if err != nil {
		m := sizeForm.FindStringSubmatch(strings.TrimSpace(text))
		if m == nil {
			return 0, fmt.Errorf("%q is no size such as 512MiB, 1GiB or 1G", shown(text))
		}
		base := 1024.0
		if m[3] == "B" {
			base = 1000
		}
		bytes, _ = strconv.ParseFloat(m[1], 64)
		bytes *= math.Pow(base, float64(strings.Index("KMGT", m[2])+1))
	}
	switch {
	case math.IsNaN(bytes):
		return 0, fmt.Errorf("%q is no size such as 512MiB, 1GiB or 1G", shown(text))
	case bytes < 0:
		return 0, fmt.Errorf("%s is negative", shown(text))
	case bytes > maxAmount:
		return 0, fmt.Errorf("%s is more than 8192TiB", shown(text))
	}
	return Size(math.Ceil(bytes)), nil
}

// Cores says how the cores of a node are counted: "vcpu", "pcpu", or a number.
type Cores string

func parseCores(text string) (Cores, error) {
	if text == string(autoscale.CoresVCPU) || text == string(autoscale.CoresPCPU) {
		return Cores(text), nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil:
		return "", fmt.Errorf("%q is neither vcpu nor pcpu nor a whole number", shown(text))
	case n < 1:
		return "", fmt.Errorf("%d is less than 1", n)
	case n > maxCores:
		return "", fmt.Errorf("%d is more than %d", n, maxCores)
	}
	return Cores(strconv.FormatInt(n, 10)), nil
}

// resources checks the rules, each for itself.
func (s *source) resources(p *Scaling, at string) {
	for i := range p.Resources {
		r, key := &p.Resources[i], fmt.Sprintf("%s.resources[%d]", at, i)
		if r.Cores == nil && r.MemoryReserve == nil && r.MemoryReservePercent == nil && r.GPUs == nil && len(r.Custom) == 0 && !s.within(key+".") {
			s.add(key, "sets nothing; set cores, memory_reserve, memory_reserve_percent, gpus or custom")
		}
		if r.MemoryReservePercent != nil && *r.MemoryReservePercent >= 100 {
			s.add(key+".memory_reserve_percent", "leaves jobs no memory")
		}
		if r.GPUs != nil && *r.GPUs > maxCores {
			s.add(key+".gpus", fmt.Sprintf("%d is more than %d", *r.GPUs, maxCores))
		}
		s.ruleNodearray(p, r.Nodearray, key+".nodearray")
		var names []string
		for j := range r.Custom {
			at := fmt.Sprintf("%s.custom[%d]", key, j)
			names = s.name(at, r.Custom[j].Name, names)
			if s.lines[at+".amount"] == 0 {
				s.add(at+".amount", "is missing")
			}
		}
	}
}

// ruleNodearray checks that a rule is for a nodearray that some pool manages.
func (s *source) ruleNodearray(p *Scaling, name, key string) {
	var known []string
	for i := range p.Pools {
		known = append(known, p.Pools[i].Nodearray)
	}
	if name != "" && !slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(k, name) }) {
		s.addMeant(key, fmt.Sprintf("no pool is of nodearray %q", shown(name)), nearest(name, known))
	}
}

// rule is in the planner's words.
func (r *ResourceRule) rule() autoscale.ResourceRule {
	out := autoscale.ResourceRule{Match: selector(r.Nodearray, r.MachineTypes, r.Spot), GPUs: r.GPUs}
	if r.Cores != nil {
		out.CoresFrom = autoscale.CoresFrom(*r.Cores)
		if n, err := strconv.Atoi(string(*r.Cores)); err == nil {
			out.CoresFrom, out.Cores = autoscale.CoresFixed, n
		}
	}
	if r.MemoryReserve != nil || r.MemoryReservePercent != nil {
		out.Reserve = &autoscale.Reserve{}
		if r.MemoryReserve != nil {
			out.Reserve.Bytes = autoscale.Bytes(*r.MemoryReserve)
		}
		if r.MemoryReservePercent != nil {
			out.Reserve.Percent = *r.MemoryReservePercent
		}
	}
	for _, c := range r.Custom {
		if out.Custom == nil {
			out.Custom = make(map[string]int64)
		}
		out.Custom[c.Name] = int64(c.Amount)
	}
	return out
}
