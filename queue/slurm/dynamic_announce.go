package slurm

import (
	"strings"

	"autoscaled/autoscale"
)

// Where nothing is, of which Slurm must be able to resolve where it is: see State FUTURE
// of create in scontrol's man page.
const (
	nowhere     = "127.0.0.1"
	nowhereHost = "localhost"
)

// announce keeps one node in state FUTURE for each pool that can give nodes, and none
// for others. Where none is to be announced, those of an earlier configuration go.
func (c *comparison) announce() {
	wanted := make(map[string]*autoscale.Pool)
	for i := range c.supply.Pools {
		pool := &c.supply.Pools[i]
		if _, ours := c.pools[pool.ID]; ours && pool.Invalid == "" && c.Announce && !c.SelfRegistered {
			wanted[announcedName(pool.ID)] = pool
		}
	}
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
		name := announcedName(pool.ID)
		if wanted[name] != pool || there[name] {
			continue
		}
		p := c.pools[pool.ID]
		n := p.node(&autoscale.Node{Name: name, Host: nowhereHost, Address: nowhere})
		c.create = append(c.create, newRecord{NewNode: n, comment: announceMark + string(pool.ID)})
	}
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

// announcedName is the name of the node that stands for a pool: pool-htc-standard_f4s_v2.
func announcedName(id autoscale.PoolID) string {
	return "pool-" + strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '_':
			return r
		}
		return '-'
	}, strings.ToLower(string(id)))
}
