package autoscale

import (
	"time"
)

// scenarioRule is for a nodearray, or for all.
type scenarioRule struct {
	Nodearray  string           `yaml:"nodearray"`
	Cores      CoresFrom        `yaml:"cores"` // vcpu or pcpu
	ReserveGiB int              `yaml:"reserve_gib"`
	ReservePct float64          `yaml:"reserve_percent"`
	GPUs       *int             `yaml:"gpus"`
	Custom     map[string]int64 `yaml:"custom"`
}

func (r scenarioRule) rule() ResourceRule {
	out := ResourceRule{CoresFrom: r.Cores, GPUs: r.GPUs, Custom: r.Custom}
	if r.Nodearray != "" {
		out.Match = HasLabel(LabelNodearray, r.Nodearray)
	}
	if r.ReserveGiB > 0 || r.ReservePct > 0 {
		out.Reserve = &Reserve{Bytes: Bytes(r.ReserveGiB) * GiB, Percent: r.ReservePct}
	}
	return out
}

type scenarioBudget struct {
	Hour  float64 `yaml:"hour"`
	Month float64 `yaml:"month"`
}

type scenarioPrice struct {
	Type   string  `yaml:"type"`
	Region string  `yaml:"region"`
	Spot   bool    `yaml:"spot"`
	Price  float64 `yaml:"price"`
}

type scenarioPolicy struct {
	Nodearray     string  `yaml:"nodearray"`
	Priority      int     `yaml:"priority"`
	Min           int     `yaml:"min"`
	Max           int     `yaml:"max"`
	MaxGroups     int     `yaml:"max_groups"`
	Idle          int     `yaml:"idle"`
	Price         float64 `yaml:"price"`
	SpotPrice     float64 `yaml:"spot_price"`
	Buffer        int     `yaml:"buffer"`
	BufferPercent int     `yaml:"buffer_percent"`
	MaxAge        int     `yaml:"max_age"`
	MaxBusy       int     `yaml:"max_busy"`
	WholeGroups   bool    `yaml:"whole_groups"`
	DrainTimeout  int     `yaml:"drain_timeout"`
	Join          int     `yaml:"join"`
	// Schedules hold daily between two hours of UTC; the world is at 08:00.
	Schedules []struct {
		Name     string `yaml:"name"`
		From, To int
		Min, Max *int
		Idle     int `yaml:"idle"`
	} `yaml:"schedules"`

	Removal         Removal `yaml:"removal"`
	KeepDeallocated int     `yaml:"keep_deallocated"`
	KeepFailed      int     `yaml:"keep_failed"`
	ReportFailed    string  `yaml:"report_failed"`
}

func (s scenario) policy() Policy {
	p := Policy{Order: s.Policy.Order, Spot: s.Policy.Spot, Budget: Budget{PerHour: s.Policy.Budget.Hour, PerMonth: s.Policy.Budget.Month}, Max: s.Policy.Max, GangPatience: time.Duration(s.Policy.Patience) * time.Second, GangHold: time.Duration(s.Policy.Hold) * time.Second}
	p.FairShare = s.Policy.FairShare
	p.RemovalsPerTick, p.RemovalsPerHour = s.Policy.RemovalsPerTick, s.Policy.RemovalsPerHour
	p.CreatesPerTick, p.CreatesPerHour, p.DemandJump = s.Policy.CreatesPerTick, s.Policy.CreatesPerHour, s.Policy.DemandJump
	for _, r := range s.Policy.Resources {
		p.Resources = append(p.Resources, r.rule())
	}
	var prices []Price
	for _, x := range s.Policy.Prices {
		prices = append(prices, Price{MachineType: x.Type, Region: x.Region, Spot: x.Spot, PerHour: x.Price})
	}
	p.Prices = NewPrices(prices)
	for _, l := range s.Policy.Limits {
		p.Limits = append(p.Limits, l.limit())
	}
	for _, pool := range s.Policy.Pools {
		one := aPolicy(pool.Nodearray).Pools[0]
		one.Priority, one.Min, one.Max, one.PricePerHour, one.SpotPricePerHour = pool.Priority, pool.Min, pool.Max, pool.Price, pool.SpotPrice
		one.MaxGroups = pool.MaxGroups
		one.Removal, one.KeepDeallocated = pool.Removal, pool.KeepDeallocated
		one.KeepFailed, one.ReportFailed = pool.KeepFailed, pool.ReportFailed
		if pool.Idle > 0 {
			one.IdleTime = time.Duration(pool.Idle) * time.Second
		}
		one.Buffer, one.BufferPercent = pool.Buffer, pool.BufferPercent
		one.JoinTimeout = time.Duration(pool.Join) * time.Second
		one.MaxAge, one.DrainTimeout = time.Duration(pool.MaxAge)*time.Second, time.Duration(pool.DrainTimeout)*time.Second
		one.MaxBusy = time.Duration(pool.MaxBusy) * time.Second
		one.RemoveGroupsWhole = pool.WholeGroups
		for _, s := range pool.Schedules {
			window := Schedule{Name: s.Name, Start: daily(s.From), End: daily(s.To), Min: s.Min, Max: s.Max}
			if idle := time.Duration(s.Idle) * time.Second; idle > 0 {
				window.IdleTime = &idle
			}
			one.Schedules = append(one.Schedules, window)
		}
		p.Pools = append(p.Pools, one)
	}
	return p
}
