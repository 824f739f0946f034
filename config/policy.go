package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"

	"autoscaled/autoscale"
)

// Policy is the cluster's policy in the planner's words.
func (c *Cluster) Policy() autoscale.Policy {
	s := &c.Scaling
	p := autoscale.Policy{
		Revision:     s.revision(),
		Order:        autoscale.Order(s.Order),
		Spot:         autoscale.SpotPreference(s.Spot),
		Max:          s.Max,
		Budget:       s.Budget.budget(),
		Prices:       autoscale.NewPrices(s.Prices),
		GroupName:    s.GroupName,
		AbsentFor:    s.AbsentFor.Std(),
		GangPatience: s.GangPatience.Std(),
		GangHold:     s.GangHold.Std(),
	}
	p.CreatesPerTick, p.CreatesPerHour, p.DemandJump = s.CreatesPerTick, s.CreatesPerHour, s.DemandJump
	p.FairShare = s.FairShare
	p.Adopt = autoscale.Adoption(s.Adopt)
	p.RemovalsPerTick, p.RemovalsPerHour = s.RemovalsPerTick, s.RemovalsPerHour
	for i := range s.Pools {
		p.Pools = append(p.Pools, s.pool(&s.Pools[i]))
	}
	for i := range s.Resources {
		p.Resources = append(p.Resources, s.Resources[i].rule())
	}
	for _, l := range s.Licences {
		p.Limits = append(p.Limits, autoscale.Limit{
			ID: autoscale.LimitID("licence/" + l.Name), Kind: autoscale.LimitLicence, Name: l.Name,
			Unit: autoscale.UnitTokens, Max: int64(l.Tokens),
		})
	}
	return p
}

// revision is a digest of all that the policy says, whatever the file looks like
// and where it lies: twelve digits, as people know them of commits.
func (s *Scaling) revision() string {
	said := *s
	said.PricesFile = "" // its content is in Prices
	said.Pools = slices.Clone(s.Pools)
	for i := range said.Pools {
		said.Pools[i].ScriptFile = "" // likewise
	}
	text, err := json.Marshal(said)
	if err != nil { // numbers, texts and lists of them always have a JSON form
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:6])
}

func (s *Scaling) pool(p *Pool) autoscale.PoolPolicy {
	out := autoscale.PoolPolicy{
		Name: p.Name, Match: p.selector(), Priority: p.Priority, Min: p.Min, Max: p.Max, MaxGroups: p.MaxGroups,
		PricePerHour: p.PricePerHour, SpotPricePerHour: p.SpotPricePerHour, IdleTime: s.IdleTime.Std(), BootTimeout: s.BootTimeout.Std(),
		Removal: autoscale.Removal(p.Removal), KeepDeallocated: p.KeepDeallocated,
	}
	if p.IdleTime != nil {
		out.IdleTime = p.IdleTime.Std()
	}
	if p.BootTimeout != nil {
		out.BootTimeout = p.BootTimeout.Std()
	}
	out.DrainTimeout = s.DrainTimeout.Std()
	if p.DrainTimeout != nil {
		out.DrainTimeout = p.DrainTimeout.Std()
	}
	out.Buffer, out.BufferPercent = p.Buffer, p.BufferPercent
	out.MaxAge, out.MaxBusy, out.JoinTimeout = p.MaxAge.Std(), p.MaxBusy.Std(), p.JoinTimeout.Std()
	out.KeepFailed, out.ReportFailed = p.KeepFailed, p.ReportFailed
	for _, l := range p.Labels {
		if out.Labels == nil {
			out.Labels = make(map[string]string, len(p.Labels))
		}
		out.Labels[l.Name] = l.Value
	}
	out.RemoveGroupsWhole = p.RemoveGroupsWhole
	for i := range p.Schedules {
		out.Schedules = append(out.Schedules, p.Schedules[i].schedule())
	}
	return out
}

// schedule is the window in the planner's words. Start, end and zone were checked.
func (s *Schedule) schedule() autoscale.Schedule {
	start, end, err := s.times()
	if err != nil {
		panic("config: schedule " + s.Name + " was not checked: " + err.Error())
	}
	out := autoscale.Schedule{Name: s.Name, Start: start, End: end, Min: s.Min, Max: s.Max}
	if s.IdleTime != nil {
		idle := s.IdleTime.Std()
		out.IdleTime = &idle
	}
	return out
}

// selector matches what belongs to the pool: of Anka the provider's pool of the same
// name.
func (p *Pool) selector() autoscale.Selector {
	if p.Template != "" {
		return autoscale.HasLabel("pool", p.Name)
	}
	return selector(p.Nodearray, p.MachineTypes, p.Spot)
}

// selector matches the buckets of a nodearray, of machine types in their order, and
// of spot or regular nodes; what is empty matches all.
func selector(nodearray string, machineTypes []string, spot *bool) autoscale.Selector {
	var all []autoscale.Selector
	if nodearray != "" {
		all = append(all, autoscale.HasLabel(autoscale.LabelNodearray, nodearray))
	}
	if len(machineTypes) > 0 {
		var types autoscale.Selector
		for _, t := range machineTypes {
			types.Prefer = append(types.Prefer, autoscale.HasLabel(autoscale.LabelMachineType, t))
		}
		all = append(all, types)
	}
	if spot != nil {
		all = append(all, autoscale.HasLabel(autoscale.LabelSpot, strconv.FormatBool(*spot)))
	}
	return autoscale.Selector{All: all}
}
