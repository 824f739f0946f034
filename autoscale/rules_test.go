package autoscale

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestOfferIsByTheFirstRuleThatSays(t *testing.T) {
	none, two := 0, 2
	pool := Pool{
		Labels: map[string]string{LabelNodearray: "hpc", LabelMachineType: "H"},
		Node:   Resources{Cores: 8, Memory: 40 * GiB, GPUs: 1, Custom: map[string]int64{"fpga": 1, "disk": 1}},
		PCPUs:  4,
	}
	hpc, htc := HasLabel(LabelNodearray, "HPC"), HasLabel(LabelNodearray, "htc")
	p := Policy{}
	require.Equal(t, pool.Node, p.Offer(&pool), "without rules all that it has")

	p.Resources = []ResourceRule{
		{Match: htc, CoresFrom: CoresFixed, Cores: 99, Reserve: &Reserve{Bytes: 9 * GiB}, GPUs: &two, Custom: map[string]int64{"disk": 9}},
		{Match: hpc, CoresFrom: CoresPCPU, Custom: map[string]int64{"disk": 0, "slot": 3}},
		{Reserve: &Reserve{Bytes: GiB, Percent: 5}, GPUs: &none},
		{CoresFrom: CoresVCPU, Reserve: &Reserve{}, GPUs: &two, Custom: map[string]int64{"slot": 4, "port": 5}},
	}
	require.Equal(t, Resources{Cores: 4, Memory: 38 * GiB, Custom: map[string]int64{"fpga": 1, "disk": 0, "slot": 3, "port": 5}}, p.Offer(&pool))
	require.Equal(t, map[string]int64{"fpga": 1, "disk": 1}, pool.Node.Custom, "the pool keeps what it has")

	pool.PCPUs = 0
	require.Equal(t, 8, p.Offer(&pool).Cores, "not told, so the next rule says")
	p.Resources = p.Resources[:3]
	require.Equal(t, 8, p.Offer(&pool).Cores, "or nobody does")
	p.Resources = []ResourceRule{{CoresFrom: CoresFixed, Cores: 6}}
	require.Equal(t, 6, p.Offer(&pool).Cores)
}

// Slurm on CycleCloud keeps the greater of 1 GiB and 5 percent of a node's memory.
func TestReserveIsTheGreaterOfBoth(t *testing.T) {
	r := Reserve{Bytes: GiB, Percent: 5}
	require.Equal(t, GiB, r.of(8*GiB))
	require.Equal(t, GiB, r.of(20*GiB))
	require.Equal(t, 5*GiB, r.of(100*GiB))
	require.Equal(t, GiB/2, r.of(GiB/2), "never more than there is")
	require.Equal(t, GiB, Reserve{Percent: 1000}.of(GiB))
	require.Zero(t, Reserve{Percent: -5}.of(GiB))
}

func TestPropertyOfferIsNeverNegative(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, p := drawState(t)
		for i := range s.Supply.Pools {
			o := p.Offer(&s.Supply.Pools[i])
			require.GreaterOrEqual(t, o.Memory, Bytes(0))
			require.LessOrEqual(t, o.Memory, s.Supply.Pools[i].Node.Memory)
			require.Positive(t, o.Cores)
		}
	})
}
