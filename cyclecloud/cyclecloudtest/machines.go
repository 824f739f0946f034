package cyclecloudtest

import "strings"

// MachineType is a VM size as the server knows it.
type MachineType struct {
	Name   string `yaml:"name"`
	Family string `yaml:"family"` // the quota family; default: the name
	Vcpus  int    `yaml:"vcpus"`
	// QuotaVcpus is what one VM takes from quotas and core limits where that differs from Vcpus
	// (sizes with constrained cores); 0: the same.
	QuotaVcpus int     `yaml:"quota_vcpus"`
	Pcpus      int     `yaml:"pcpus"` // default: half of Vcpus
	Gpus       int     `yaml:"gpus"`
	Memory     float64 `yaml:"memory"` // GB
	Infiniband bool    `yaml:"infiniband"`
	Price      float64 `yaml:"price"` // USD an hour; 0: usage tells no cost
}

// limitCores is what one node takes from a limit that counts cores.
func (m MachineType) limitCores() int {
	if m.QuotaVcpus > 0 {
		return m.QuotaVcpus
	}
	return m.Vcpus
}

// builtinMachines are the sizes that a config can name without describing them. Prices are
// round figures of the size's order of magnitude, not a price list.
var builtinMachines = []MachineType{
	{Name: "Standard_D4s_v5", Family: "standardDSv5Family", Vcpus: 4, Memory: 16, Price: 0.2},
	{Name: "Standard_D16s_v5", Family: "standardDSv5Family", Vcpus: 16, Memory: 64, Price: 0.8},
	{Name: "Standard_F2s_v2", Family: "standardFSv2Family", Vcpus: 2, Memory: 4, Price: 0.1},
	{Name: "Standard_F4s_v2", Family: "standardFSv2Family", Vcpus: 4, Memory: 8, Price: 0.2},
	{Name: "Standard_F8s_v2", Family: "standardFSv2Family", Vcpus: 8, Memory: 16, Price: 0.35},
	{Name: "Standard_F16s_v2", Family: "standardFSv2Family", Vcpus: 16, Memory: 32, Price: 0.7},
	{Name: "Standard_F32s_v2", Family: "standardFSv2Family", Vcpus: 32, Memory: 64, Price: 1.4},
	{Name: "Standard_F72s_v2", Family: "standardFSv2Family", Vcpus: 72, Memory: 144, Price: 3},
	{Name: "Standard_HC44rs", Family: "standardHCSFamily", Vcpus: 44, Pcpus: 44, Memory: 352, Infiniband: true, Price: 3.2},
	{Name: "Standard_HB120rs_v3", Family: "standardHBrsv3Family", Vcpus: 120, Pcpus: 120, Memory: 448, Infiniband: true, Price: 3.6},
	{Name: "Standard_HB120-16rs_v3", Family: "standardHBrsv3Family", Vcpus: 16, Pcpus: 16, QuotaVcpus: 120, Memory: 448, Infiniband: true, Price: 3.6},
	{Name: "Standard_NC24ads_A100_v4", Family: "StandardNCADSA100v4Family", Vcpus: 24, Gpus: 1, Memory: 220, Price: 3.7},
	{Name: "Standard_ND96asr_v4", Family: "standardNDASv4Family", Vcpus: 96, Gpus: 8, Memory: 900, Infiniband: true, Price: 27},
}

// machine finds a size by name without regard to case, the config's own before the built-in ones.
func (c Config) machine(name string) (MachineType, bool) {
	for _, list := range [][]MachineType{c.MachineTypes, builtinMachines} {
		for _, m := range list {
			if strings.EqualFold(m.Name, name) {
				return m.completed(), true
			}
		}
	}
	return MachineType{}, false
}

func (m MachineType) completed() MachineType {
	if m.Family == "" {
		m.Family = m.Name
	}
	if m.Pcpus == 0 {
		m.Pcpus = max(1, m.Vcpus/2)
	}
	return m
}
