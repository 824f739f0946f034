package githubrest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"autoscaled/autoscale"
	"autoscaled/queue/records"
)

// Keep deletes the runners of attempts that nothing will ever use, and drops their
// records once they are no more. A runner that runs a job stays, and is no error.
func (s *Source) Keep(ctx context.Context, supply autoscale.Supply, open []autoscale.RequestID) error {
	if s.options.DryRun {
		return notSent("keep runners", errDryRun)
	}
	nodes := records.NodesByHost(supply)
	if err := s.meet(ctx, nodes); err != nil {
		return notSent("keep runners", err)
	}
	unused := func(r *record) bool {
		return nodes[strings.ToLower(r.Host)] == nil && !slices.Contains(open, r.Request)
	}
	hosts := s.hosts(func(r *record) bool { return unused(r) && !r.done() && !r.Gone && !r.busy() })
	var errs []error
	absent := map[string]bool{}
	for i, o := range s.remove(ctx, hosts) {
		absent[hosts[i]] = o.err == nil && o.removal == unknown
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
	return s.commit(ctx, func(records map[string]record) {
		for host, runner := range s.strangers {
			_, known := records[host]
			if node := nodes[host]; node != nil && node.Request != "" && !known {
				s.take(records, node, runner)
			}
		}
	})
}

// drop forgets unused records of runners that are no more. They are kept for a while,
// in case a lost start brings the host yet. One that was just found absent, and whose
// registration can't arrive any more, never was.
func (s *Source) drop(ctx context.Context, unused func(*record) bool, absent map[string]bool) error {
	now := s.now()
	return s.commit(ctx, func(records map[string]record) {
		for host, r := range records {
			if !unused(&r) || r.busy() || r.Deleting {
				continue
			}
			never := r.Runner == 0 && absent[host] && now.Sub(r.Registered) >= s.options.Timings.Settle
			over := (r.done() || r.Gone) && now.Sub(r.Over) >= s.options.Timings.Linger
			if never || over {
				delete(records, host)
			}
		}
	})
}
