package anka_test

import (
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/anka"
	"autoscaled/anka/ankatest"
	"autoscaled/autoscale"
	"autoscaled/autoscale/loop"
)

var (
	_ loop.Cloud  = (*anka.Provider)(nil)
	_ loop.Tender = (*anka.Provider)(nil)
)

const settle = 2 * time.Minute

// provide makes a provider of the simulated controller with these pools.
func (w world) provide(pools ...anka.PoolOptions) *anka.Provider {
	w.Helper()
	p, err := anka.NewProvider(anka.ProviderOptions{Client: w.client, Pools: pools, Now: w.clock.Now, Settle: settle})
	require.NoError(w, err)
	return p
}

// pool is a pool of a template and a group by their names in the simulator.
func (w world) pool(name, template, tag, group string) anka.PoolOptions {
	w.Helper()
	o := anka.PoolOptions{Name: name, TemplateID: w.template(template), Tag: tag, VCPU: 4, VRAM: 8192}
	if group != "" {
		id, err := w.server.GroupID(group)
		require.NoError(w, err)
		o.GroupID = id
	}
	return o
}

// ios is the pool that most tests use.
func (w world) ios() anka.PoolOptions {
	return w.pool("ios", "macos-15-xcode-16", "v2", "apple-silicon")
}

func (w world) observe(p *anka.Provider) autoscale.Supply {
	w.Helper()
	s, err := p.Observe(w.ctx)
	require.NoError(w, err)
	return s
}

func (w world) order(f ankatest.Fault) {
	w.Helper()
	require.NoError(w, w.server.Order(f))
}

func grow(id string, pool string, count int) autoscale.Grow {
	return autoscale.Grow{Request: autoscale.RequestID(id), Pool: autoscale.PoolID(pool), Count: count}
}

// room is what is left for one pool alone.
func room(s autoscale.Supply, pool string) int {
	left := int64(1 << 30)
	for _, p := range s.Pools {
		if string(p.ID) != pool {
			continue
		}
		if p.Invalid != "" {
			return 0
		}
		for _, d := range p.Draws {
			for _, l := range s.Limits {
				if l.ID == d.Limit {
					left = min(left, max(0, l.Max-l.Used))
				}
			}
		}
	}
	return int(left)
}

func invalid(s autoscale.Supply, pool string) string {
	for _, p := range s.Pools {
		if string(p.ID) == pool {
			return p.Invalid
		}
	}
	return "not shown"
}
