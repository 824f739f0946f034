package github

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"autoscaled/autoscale"
	"autoscaled/queue/records"
)

// Keep deletes the runners of attempts that nothing will ever use, drops their
// records once they are no more, and works out from the supply how many runners
// each set may have. A runner that runs a job stays, and is no error.
func (s *Source) Keep(ctx context.Context, supply autoscale.Supply, open []autoscale.RequestID) error {
	if s.options.DryRun {
		return errDryRun
	}
	nodes := records.NodesByHost(supply)
	if err := s.meet(ctx, nodes); err != nil {
		return translateAct("keep runners", err)
	}
	s.reckon(supply)
	unused := func(r *record) bool {
		return nodes[strings.ToLower(r.Host)] == nil && !slices.Contains(open, r.Request)
	}
	hosts := s.hosts(func(r *record) bool { return unused(r) && !r.Deleted && !r.Gone && !r.busy() })
	var errs []error
	absent := map[string]bool{}
	for i, o := range s.remove(ctx, hosts) {
		absent[hosts[i]] = o.err == nil && o.removal == RunnerUnknown
		if o.err != nil {
			errs = append(errs, fmt.Errorf("delete unused runner %q: %w", hosts[i], o.err))
		}
	}
	if err := s.drop(ctx, unused, absent); err != nil {
		errs = append(errs, err)
	}
	if len(errs) > 0 {
		return translateAct("keep runners", errors.Join(errs...))
	}
	return nil
}

// meet makes records for runners that were listed, have none and are our nodes'.
func (s *Source) meet(ctx context.Context, nodes map[string]*autoscale.Node) error {
	return s.commit(ctx, func(records map[string]record) (durable bool) {
		for host, runner := range s.strangers {
			_, known := records[host]
			if node := nodes[host]; node != nil && node.Request != "" && !known && s.take(records, node, runner) {
				durable = true
			}
		}
		return durable
	})
}

// drop forgets unused records of runners that are no more. They are kept for a
// while, in case a lost start brings the host yet. One that was just found absent,
// and whose registration can't arrive any more, never was.
func (s *Source) drop(ctx context.Context, unused func(*record) bool, absent map[string]bool) error {
	now := s.options.Now()
	return s.commit(ctx, func(records map[string]record) (durable bool) {
		for host, r := range records {
			if !unused(&r) || r.busy() || r.Deleting {
				continue
			}
			never := r.Runner == 0 && absent[host] && now.Sub(r.Registered) >= s.options.Timings.Settle
			over := (r.Deleted || r.Gone) && now.Sub(r.Over) >= s.options.Timings.Linger
			if never || over {
				delete(records, host)
				durable = true
			}
		}
		return durable
	})
}

// maxCapacity is what is told where no limit bounds a set's pools: more than anybody
// has, and well within the protocol's numbers.
const maxCapacity = 10_000

// reckon works out the capacity of each set: the nodes that its pools have and the
// room for more.
func (s *Source) reckon(supply autoscale.Supply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.sets {
		capacity := min(capacityOf(supply, x.Select), maxCapacity)
		first := x.capacity == 0 && capacity > 0
		x.capacity = capacity
		if first && x.hurry != nil {
			x.hurry() // a poll that told of none would wait on, and may keep jobs away
		}
	}
}

func capacityOf(supply autoscale.Supply, wanted autoscale.Selector) int {
	serves := map[autoscale.PoolID]bool{}
	left := map[autoscale.LimitID]int64{}
	for _, l := range supply.Limits {
		left[l.ID] = max(l.Max-l.Used, 0)
	}
	capacity := 0
	for _, p := range supply.Pools {
		if _, match := wanted.Match(p.Labels); !match {
			continue
		}
		serves[p.ID] = true
		if p.Invalid != "" || supply.Stopped != "" {
			continue
		}
		room := roomUnder(left, p.Draws)
		for _, d := range p.Draws {
			if l, told := left[d.Limit]; told {
				left[d.Limit] = l - int64(room)*d.Amount
			}
		}
		capacity += room
	}
	for _, n := range supply.Nodes {
		if serves[n.Pool] && n.Protected == "" && (n.Phase == autoscale.PhaseStarting || n.Phase == autoscale.PhaseReady) {
			capacity++
		}
	}
	return capacity
}

// roomUnder is how many nodes with these draws the limits leave room for. A limit
// that the supply does not tell bounds nothing.
func roomUnder(left map[autoscale.LimitID]int64, draws []autoscale.Draw) int {
	room := int64(maxCapacity)
	for _, d := range draws {
		if l, told := left[d.Limit]; told && d.Amount > 0 {
			room = min(room, l/d.Amount)
		}
	}
	return int(room)
}
