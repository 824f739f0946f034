package slurm

import (
	"strconv"
	"strings"

	"autoscaled/autoscale"
)

// Where nothing is, of which Slurm must be able to resolve where it is: see State FUTURE
// of create in scontrol's man page.
const (
	nowhere     = "127.0.0.1"
	nowhereHost = "localhost"
)

// announce keeps so many nodes in state FUTURE for each pool that can give nodes, and none
// for others. Those of an earlier configuration that are not to be announced go.
func (c *comparison) announce() {
	wanted := c.announceable()
	there := make(map[string]bool)
	for i := range c.nodes {
		n := &c.nodes[i]
		id, announces := announced(n)
		pool := wanted[n.Name]
		switch {
		case !announces && pool != nil && n.Is("FUTURE") && n.Comment == "":
			there[n.Name] = true // we were interrupted
			c.claim = append(c.claim, NodeUpdate{Names: []string{n.Name}, Comment: announceMark + string(pool.ID)})
		case !announces:
			there[n.Name] = true
		default:
			there[n.Name] = true // one that is deleted is made again in the next tick
			p := c.pools[id]
			if pool == nil || pool.ID != id || !p.same(n) {
				c.retire(n)
			}
		}
	}
	for i := range c.supply.Pools {
		pool := &c.supply.Pools[i]
		var missing []string
		for k := range c.Announce {
			if name := announcedName(pool.ID, k+1); wanted[name] == pool && !there[name] {
				missing = append(missing, name)
			}
		}
		c.announceAs(pool, missing)
	}
}

// announceable are the names of the nodes that are to stand for pools.
func (c *comparison) announceable() map[string]*autoscale.Pool {
	wanted := make(map[string]*autoscale.Pool)
	for i := range c.supply.Pools {
		pool := &c.supply.Pools[i]
		if _, ours := c.pools[pool.ID]; !ours || pool.Invalid != "" {
			continue
		}
		for k := range c.Announce {
			wanted[announcedName(pool.ID, k+1)] = pool
		}
	}
	return wanted
}

// announceAs makes nodes that stand for a pool, all in one call.
func (c *comparison) announceAs(pool *autoscale.Pool, names []string) {
	list, err := Compress(names)
	if err != nil || len(names) == 0 {
		return // the names are made of what a list can hold
	}
	p := c.pools[pool.ID]
	n := p.node(&autoscale.Node{Name: list, Host: nowhereHost, Address: nowhere})
	c.create = append(c.create, newRecord{NewNode: n, names: names, comment: announceMark + string(pool.ID)})
}

// retire deletes a node that stands for a pool no more. Somebody may have made it one
// that Slurm plans with.
func (c *comparison) retire(n *Node) {
	if n.Is("FUTURE") || deletable(n) {
		c.delete = append(c.delete, n.Name)
	} else if !down(n) {
		c.down = append(c.down, n.Name)
	}
}

// announcedName is the name of the n-th node that stands for a pool, from 1 on:
// pool-htc-standard_f4s_v2-1.
func announcedName(id autoscale.PoolID, n int) string {
	return "pool-" + strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '_':
			return r
		}
		return '-'
	}, strings.ToLower(string(id))) + "-" + strconv.Itoa(n)
}
