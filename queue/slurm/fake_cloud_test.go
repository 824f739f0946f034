package slurm_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"autoscaled/autoscale"
)

// vm is a node of the cloud.
type vm struct {
	autoscale.Node
	made, booted, ends time.Time
	never              bool
}

// vmCloud is a cloud whose nodes boot and leave in their time. It watches over what is
// asked of it.
type vmCloud struct {
	mu          sync.Mutex // the loop asks for several things at once
	now         time.Time
	boot, leave time.Duration
	vms         []*vm
	made        map[autoscale.RequestID][]autoscale.NodeID
	// stock is how many nodes each pool has, by its nodearray; none: any number.
	stock map[string]int
	// limit is how many nodes htc may have; 0: any number.
	limit int64
	// fails tells that those beyond it are made and fail, instead of not being made.
	fails bool
	rand  *rand.Rand
	// faults is how likely an answer is lost, or a VM never boots.
	lost, never float64
	ctl         *controller
	violations  []string
	creates     int
}

func (v *vmCloud) advance(now time.Time) {
	v.now = now
	v.vms = slices.DeleteFunc(v.vms, func(m *vm) bool { return m.Phase == autoscale.PhaseStopping && !m.ends.After(now) })
	for _, m := range v.vms {
		if m.Phase == autoscale.PhaseStarting && !m.never && now.Sub(m.made) >= v.boot {
			m.Phase, m.booted = autoscale.PhaseReady, now
		}
	}
}

// answering is the VM of a name whose slurmd answers.
func (v *vmCloud) answering(name string) *vm {
	for _, m := range v.vms {
		if m.Name == name && m.Phase == autoscale.PhaseReady {
			return m
		}
	}
	return nil
}

func (v *vmCloud) Observe(context.Context) (autoscale.Supply, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	var s autoscale.Supply
	for _, array := range []string{"hpc", "htc"} {
		s.Pools = append(s.Pools, autoscale.Pool{ID: autoscale.PoolID(array + "/F4"), Labels: map[string]string{autoscale.LabelNodearray: array}, GroupSize: 100, Node: autoscale.Resources{Cores: 4, Memory: 8 * autoscale.GiB}})
	}
	used := int64(0)
	for _, m := range v.vms {
		s.Nodes = append(s.Nodes, m.Node)
		if m.Pool == "htc/F4" {
			used++
		}
	}
	if v.limit > 0 {
		s.Limits = append(s.Limits, autoscale.Limit{ID: "nodearray/htc/nodes", Kind: autoscale.LimitNodearray, Name: "htc", Unit: autoscale.UnitNodes, Max: v.limit, Used: used})
		s.Pools[1].Draws = []autoscale.Draw{{Limit: "nodearray/htc/nodes", Amount: 1}}
	}
	return s, nil
}

func (v *vmCloud) taken(name string) bool {
	return slices.ContainsFunc(v.vms, func(m *vm) bool { return m.Name == name })
}

func (v *vmCloud) Create(_ context.Context, g autoscale.Grow) (autoscale.Receipt, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, known := v.made[g.Request]; known {
		return autoscale.Receipt{Added: len(v.made[g.Request])}, nil
	}
	array, _, _ := strings.Cut(string(g.Pool), "/")
	receipt := autoscale.Receipt{}
	v.made[g.Request] = nil
	if len(g.Names) != g.Count {
		v.violations = append(v.violations, fmt.Sprintf("%d nodes of %s without a name", g.Count-len(g.Names), g.Pool))
	}
	for _, name := range g.Names {
		if n := v.ctl.node(name); n.power != "POWERING_UP" {
			v.violations = append(v.violations, fmt.Sprintf("%s: create of %s, which is %s", v.now.Format(time.TimeOnly), name, n.state()))
		}
		short := false
		if left, bounded := v.stock[array]; bounded {
			if short = left <= 0; short && !v.fails {
				receipt.Message, receipt.Class = "no more capacity", autoscale.ErrorCapacity
				break
			}
			v.stock[array]--
		}
		v.creates++
		if v.taken(name) {
			name += "-misnamed"
		}
		m := &vm{Node: autoscale.Node{ID: autoscale.NodeID(fmt.Sprintf("id-%d", v.creates)), Name: name, Host: fmt.Sprintf("ip-%d", v.creates), Pool: g.Pool, Group: g.Group, Phase: autoscale.PhaseStarting, Request: g.Request, Owned: true}, made: v.now}
		m.never = v.rand.Float64() < v.never
		if short {
			m.Phase, m.Class, m.Message = autoscale.PhaseFailed, autoscale.ErrorCapacity, "allocation failed"
		}
		v.vms = append(v.vms, m)
		v.made[g.Request] = append(v.made[g.Request], m.ID)
		receipt.Added++
	}
	if v.rand.Float64() < v.lost {
		return autoscale.Receipt{}, fmt.Errorf("connection lost: %w: %w", autoscale.ErrUnavailable, autoscale.ErrUncertain)
	}
	return receipt, nil
}

func (v *vmCloud) Start(context.Context, autoscale.Start) (autoscale.Receipt, error) {
	return autoscale.Receipt{}, errors.New("nothing is deallocated here")
}

func (v *vmCloud) Remove(_ context.Context, r autoscale.Remove) (autoscale.Receipt, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, gone := range r.Nodes {
		i := slices.IndexFunc(v.vms, func(m *vm) bool { return m.ID == gone.ID })
		if i < 0 {
			continue
		}
		m := v.vms[i]
		if k := slices.IndexFunc(v.ctl.nodes, func(n *ctlNode) bool { return n.name == m.Name }); k >= 0 {
			n := v.ctl.nodes[k]
			registers := n.power == "POWERING_UP" && m.made.After(n.since) && !n.down
			if n.power == "up" && !n.down || registers {
				v.violations = append(v.violations, fmt.Sprintf("%s: removal of %s (%s), which is %s: %s", v.now.Format(time.TimeOnly), m.Name, m.ID, n.state(), r.Reason))
			}
		}
		if m.Phase != autoscale.PhaseStopping {
			m.Phase, m.ends = autoscale.PhaseStopping, v.now.Add(v.leave)
		}
		if array, _, _ := strings.Cut(string(m.Pool), "/"); v.stock != nil {
			if _, bounded := v.stock[array]; bounded {
				v.stock[array]++
			}
		}
	}
	if v.rand.Float64() < v.lost {
		return autoscale.Receipt{}, fmt.Errorf("connection lost: %w: %w", autoscale.ErrUnavailable, autoscale.ErrUncertain)
	}
	return autoscale.Receipt{}, nil
}

func (v *vmCloud) Resolve(_ context.Context, id autoscale.RequestID) (autoscale.Resolution, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	nodes, known := v.made[id]
	if !known {
		return autoscale.Resolution{State: autoscale.ResolvedAbsent}, nil
	}
	return autoscale.Resolution{State: autoscale.ResolvedArrived, Nodes: nodes}, nil
}
