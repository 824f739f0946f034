package autoscale

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestMoneyForPeople(t *testing.T) {
	for amount, want := range map[float64]string{
		0: "0.00", 9: "9.00", 0.5: "0.50", 0.1234: "0.1234", 0.125: "0.125", 0.00004: "0.00", 12345678.9: "12345678.90", -3: "0.00", math.NaN(): "0.00",
	} {
		require.Equal(t, want, moneyOf(amount).String(), "%v", amount)
	}
	require.Equal(t, moneyOf(MostMoney), moneyOf(math.Inf(1)))
	require.Equal(t, 2.5, UnitMoney.Amount(2_500_000))
	require.Equal(t, 7.0, UnitCores.Amount(7))
	require.Equal(t, "7", UnitCores.Format(7))
}

func TestPriceOfAPool(t *testing.T) {
	pool := func(region string, spot string) *Pool {
		return &Pool{Labels: map[string]string{LabelNodearray: "a", LabelMachineType: "Standard_F4s_v2", LabelRegion: region, LabelSpot: spot}}
	}
	p := aPolicy("a")
	p.Prices = NewPrices([]Price{
		{MachineType: "standard_f4s_V2", PerHour: 4},
		{MachineType: "standard_f4s_v2", Region: "EastUS", PerHour: 3},
		{MachineType: "standard_f4s_v2", Region: "eastus", PerHour: 2}, // twice: the higher holds
		{MachineType: "standard_f4s_v2", Region: "westus", Spot: true, PerHour: 1},
		{MachineType: "Standard_F8s_v2", PerHour: 0},
		{MachineType: "Standard_F16s_v2", PerHour: math.NaN()},
	})
	price := func(pool *Pool) float64 {
		price, known := p.Price(pool)
		require.Equal(t, known, price > 0)
		return price.Float()
	}
	require.Equal(t, 3.0, price(pool("eastus", "false")))
	require.Equal(t, 4.0, price(pool("northeurope", "false")))
	require.Equal(t, 1.0, price(pool("westus", "true")))
	require.Zero(t, price(pool("eastus", "true")), "a regular price is none for spot")
	require.Zero(t, price(&Pool{Labels: map[string]string{LabelNodearray: "other", LabelMachineType: "Standard_F4s_v2"}}), "not managed")
	other := pool("eastus", "false")
	for _, name := range []string{"Standard_F8s_v2", "Standard_F16s_v2", "Standard_F32s_v2"} {
		other.Labels[LabelMachineType] = name
		require.Zero(t, price(other), name)
	}

	p.Pools[0].PricePerHour = 7
	require.Equal(t, 7.0, price(pool("eastus", "false")), "the pool's own price wins")
	require.Equal(t, 7.0, price(pool("westus", "true")), "and holds for all its nodes")
	p.Pools[0].SpotPricePerHour = 0.0000001
	require.Equal(t, 0.000001, price(pool("westus", "true")), "never nothing")
	require.Equal(t, 7.0, price(pool("eastus", "false")))
	p.Pools[0].PricePerHour = 2 * MostPerHour
	require.Equal(t, 3.0, price(pool("eastus", "false")))
}

// cost is the world's own sum of what an hour of the managed nodes costs.
func (w world) cost() (perHour float64) {
	for _, n := range w.Supply.Nodes {
		if p := w.managed(n.Pool); p != nil && n.Phase != PhaseGone && n.Phase != PhaseDeallocated {
			perHour += w.price(n.Pool)
		}
	}
	for pool, n := range w.asked() {
		perHour += float64(n) * w.price(pool)
	}
	return perHour
}

// price knows what drawPolicy draws: F8 is in the price file.
func (w world) price(pool PoolID) float64 {
	own := w.managed(pool).PricePerHour
	if own == 0 && w.pools[pool].Labels[LabelMachineType] == "F8" {
		return 3
	}
	return own
}

func TestPropertyNoBudgetIsBroken(t *testing.T) {
	check(t, func(t *rapid.T, w world) {
		budget := w.policy.Budget
		if !budget.isSet() || len(w.plan.Grow) == 0 {
			return
		}
		cost := w.cost()
		for _, g := range w.plan.Grow {
			require.Positive(t, w.price(g.Pool), "a node is made of which the price is not known")
			cost += float64(g.Count) * w.price(g.Pool)
		}
		if budget.PerHour > 0 {
			require.LessOrEqual(t, cost, budget.PerHour+1e-6)
		}
		if w.Memory.Spend.Month == "2026-03" {
			cost += w.Memory.Spend.Amount
		}
		if budget.PerMonth > 0 {
			require.LessOrEqual(t, cost, budget.PerMonth+1e-6)
		}
	})
}

// What is on its way in a pool that the cloud lists no more is paid as well.
func TestAskedNodesOfALostPoolDrawOnTheBudget(t *testing.T) {
	pool, limits := aPool("a", "F4", 4, 100)
	policy := aPolicy("a")
	policy.Pools[0].PricePerHour = 3
	policy.Budget.PerHour = 10
	s := State{Observation: observe(start, Supply{Pools: []Pool{pool}, Limits: limits}, jobs("j", 2, wholeNodes(1)), nil)}
	first := Decide(s, policy)
	require.Equal(t, map[PoolID]int{pool.ID: 2}, created(first))
	s.Operations = []Operation{{Request: "r", Kind: OperationCreate, Phase: OpSent, Pool: "a/gone", Count: 2, Draws: first.Grow[0].Draws}}
	require.Equal(t, map[PoolID]int{pool.ID: 1}, created(Decide(s, policy)))
}

// A blind plan still tells what was spent.
func TestBlindPlanShowsTheBudget(t *testing.T) {
	policy := aPolicy("a")
	policy.Budget.PerMonth = 10
	s := State{Observation: Observation{At: start, DemandProblem: "down"}, Memory: Memory{Spend: Spend{Month: "2026-03", Amount: 4}}}
	require.Equal(t, []Limit{{ID: BudgetPerMonth, Kind: LimitBudget, Name: "budget/month", Unit: UnitMoney, Max: 10_000_000, Used: 4_000_000}}, Decide(s, policy).Limits)
}

// spending is a world of priced nodes in which time passes.
type spending struct {
	t      require.TestingT
	policy Policy
	supply Supply
	memory Memory
}

func newSpending(t require.TestingT) *spending {
	pool, limits := aPool("a", "F4", 4, 100)
	policy := aPolicy("a")
	policy.Pools[0].PricePerHour = 6
	return &spending{t: t, policy: policy, supply: Supply{Pools: []Pool{pool}, Limits: limits}}
}

// look observes so many nodes and keeps what is then remembered, as the journal
// does. It returns what was spent in the month.
func (s *spending) look(at time.Time, nodes int, ops ...Operation) float64 {
	s.supply.Nodes = nil
	for i := range nodes {
		n := aNode(string(rune('a'+i)), "a/F4", PhaseReady)
		n.Request = "r"
		s.supply.Nodes = append(s.supply.Nodes, n)
	}
	o := observe(at, s.supply, nil, nil)
	s.memory = Remember(Advance(s.memory, o, ops, s.policy), Plan{At: at})
	text, err := json.Marshal(s.memory)
	require.NoError(s.t, err)
	s.memory = Memory{}
	require.NoError(s.t, json.Unmarshal(text, &s.memory))
	return s.memory.Spend.Amount
}

func TestSpend(t *testing.T) {
	s := newSpending(t)
	hour := func(h float64) time.Time { return start.Add(time.Duration(h * float64(time.Hour))) }
	require.Zero(t, s.look(hour(0), 2), "nobody knows how long they ran")
	require.InDelta(t, 12, s.look(hour(1), 2), 1e-9)
	require.InDelta(t, 36, s.look(hour(3), 1), 1e-9, "both ran until they were seen otherwise")
	require.InDelta(t, 42, s.look(hour(4), 0), 1e-9)
	require.InDelta(t, 42, s.look(hour(9), 0), 1e-9)

	op := Operation{Request: "r", Kind: OperationCreate, Phase: OpAccepted, Pool: "a/F4", Count: 1, Added: 1, Nodes: []NodeID{"a"}, Intended: hour(9.5)}
	require.InDelta(t, 45, s.look(hour(10), 1, op), 1e-9, "a new node is paid from when it was asked for")
	require.InDelta(t, 57, s.look(hour(12), 1, op), 1e-9)
	require.InDelta(t, 57, s.look(hour(11), 1), 1e-9, "a clock set back subtracts nothing")
	require.InDelta(t, 63, s.look(hour(12), 1), 1e-9, "and goes on from there")

	down := observe(hour(13), s.supply, nil, nil)
	down.SupplyProblem = "down"
	s.memory = Advance(s.memory, down, nil, s.policy)
	require.InDelta(t, 75, s.look(hour(14), 1), 1e-9, "time in which nobody could look counts")

	for i := range s.supply.Nodes {
		s.supply.Nodes[i].Phase = PhaseDeallocated
	}
	s.memory = Advance(s.memory, observe(hour(15), s.supply, nil, nil), nil, s.policy)
	s.memory = Advance(s.memory, observe(hour(17), s.supply, nil, nil), nil, s.policy)
	require.InDelta(t, 81, s.memory.Spend.Amount, 1e-9, "a deallocated node costs nothing")
}

func TestSpendOfANewMonth(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	s := newSpending(t)
	s.policy.Budget.Zone = berlin
	begins := time.Date(2026, 4, 1, 0, 0, 0, 0, berlin) // 22:00 of the last of March in UTC
	s.look(begins.Add(-5*time.Hour), 1)
	require.InDelta(t, 24, s.look(begins.Add(-time.Hour), 1), 1e-9)
	require.Equal(t, "2026-03", s.memory.Spend.Month)
	require.InDelta(t, 3, s.look(begins.Add(30*time.Minute), 1), 1e-9, "only the hours of the new month")
	require.Equal(t, "2026-04", s.memory.Spend.Month)
	require.InDelta(t, 3, s.look(begins.Add(-time.Minute), 1), 1e-9, "set back into the old month")
	require.Equal(t, moneyOf(3), s.memory.Spend.in(s.policy.Budget, begins.Add(-time.Minute)))
	require.Zero(t, s.memory.Spend.in(s.policy.Budget, begins.Add(time.Hour)))
}

func TestNothingIsSpentWithoutPrices(t *testing.T) {
	s := newSpending(t)
	s.policy.Pools[0].PricePerHour = 0
	s.look(start, 3)
	s.look(start.Add(time.Hour), 3)
	require.Equal(t, Spend{}, s.memory.Spend)
}

func TestPropertySpendNeverFallsWithinAMonth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSpending(t)
		at, most := start, 0.0
		last, month := 0.0, ""
		for range rapid.IntRange(1, 20).Draw(t, "looks") {
			step := time.Duration(rapid.IntRange(-3600, 400_000).Draw(t, "seconds")) * time.Second
			at = at.Add(step)
			most += max(0, step.Hours()) * 5 * 6
			spent := s.look(at, rapid.IntRange(0, 5).Draw(t, "nodes"))
			if s.memory.Spend.Month <= month {
				require.GreaterOrEqual(t, spent, last)
			}
			require.LessOrEqual(t, spent, most+1e-6)
			last, month = spent, s.memory.Spend.Month
		}
	})
}
