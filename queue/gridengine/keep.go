package gridengine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"autoscaled/autoscale"
)

// Keep makes hosts of the nodes that are up, and removes those of ours whose nodes are
// gone and where nothing runs. It takes back marks of hosts that are not disabled, which a
// daemon left that ended between the two.
func (s *Source) Keep(ctx context.Context, supply autoscale.Supply, _ []autoscale.RequestID) error {
	hosts, marked, err := s.look(ctx)
	if err != nil {
		return err
	}
	ours, err := s.members(ctx, s.Ours)
	if err != nil {
		return err
	}
	var wrong []error
	for i := range supply.Nodes {
		n := &supply.Nodes[i]
		plan, managed := s.Hosts(n, supply.Pools)
		if !managed || n.Phase != autoscale.PhaseReady || n.Host == "" || n.Protected != "" {
			continue
		}
		if err := s.add(ctx, n, hostOf(n, hosts), ours, &plan); err != nil {
			wrong = append(wrong, fmt.Errorf("add host %s: %w", n.Host, err))
		}
	}
	for _, host := range slices.Sorted(maps.Keys(gone(ours, supply.Nodes))) {
		if err := s.remove(ctx, host); err != nil {
			wrong = append(wrong, fmt.Errorf("remove host %s: %w", host, err))
		}
	}
	for i := range hosts {
		h := &hosts[i]
		disabled := slices.ContainsFunc(h.Instances, func(q Instance) bool { return strings.Contains(q.State, "d") })
		if marked[strings.ToLower(h.Name)] && !disabled {
			wrong = append(wrong, s.leave(ctx, h.Name, s.Drained))
		}
	}
	return errors.Join(wrong...)
}

// gone are the hosts of ours that no node is.
func gone(ours map[string]bool, nodes []autoscale.Node) map[string]bool {
	left := maps.Clone(ours)
	list := make([]Host, 0, len(ours))
	for name := range ours {
		list = append(list, Host{Name: name})
	}
	for i := range nodes {
		if nodes[i].Phase == autoscale.PhaseGone {
			continue
		}
		if h := hostOf(&nodes[i], list); h != nil {
			delete(left, h.Name)
		}
	}
	return left
}

// add does what is missing for a node's host. h is nil where Grid Engine does not know it.
// It becomes ours first, so that it can't be forgotten, and gets its queue instances last.
func (s *Source) add(ctx context.Context, n *autoscale.Node, h *Host, ours map[string]bool, plan *HostPlan) error {
	name := n.Host
	if h != nil {
		name = h.Name
	}
	known := h != nil && ours[strings.ToLower(name)]
	if !known {
		steps := []func() error{
			func() error { return s.ensureGroup(ctx, s.Ours) },
			func() error { return s.adminHost(ctx, name) },
			func() error { return s.join(ctx, name, s.Ours) },
			func() error { return s.execHost(ctx, name, h, plan) },
		}
		for _, step := range steps {
			if err := step(); err != nil {
				return err
			}
		}
	}
	if !known || len(h.Instances) == 0 {
		for _, group := range plan.Groups {
			if err := s.join(ctx, name, group); err != nil {
				return err
			}
		}
	}
	return s.slots(ctx, name, h, plan.Offer.Cores)
}

// adminHost lets the host's execution daemon register.
func (s *Source) adminHost(ctx context.Context, name string) error {
	_, err := s.Run(ctx, "qconf", "-ah", name)
	if err == nil && s.SubmitHosts {
		_, err = s.Run(ctx, "qconf", "-as", name)
	}
	return err
}

// execHost makes the execution host with what it has to give of consumable resources. One
// that is there already keeps what it has.
func (s *Source) execHost(ctx context.Context, name string, h *Host, plan *HostPlan) error {
	if h != nil {
		return nil
	}
	text, err := s.Run(ctx, "qconf", "-sc")
	if err != nil {
		return err
	}
	complexes, err := ReadComplexes(text)
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "hostname %s\nload_scaling NONE\ncomplex_values %s\n", name, s.values(complexes, plan))
	for _, attribute := range []string{"user_lists", "xuser_lists", "projects", "xprojects", "usage_scaling", "report_variables"} {
		fmt.Fprintf(&b, "%s NONE\n", attribute)
	}
	return s.withFile(b.String(), func(path string) error {
		_, err := s.Run(ctx, "qconf", "-Ae", path)
		if said(err, "already exists") { // its daemon registered meanwhile
			return nil
		}
		return err
	})
}

// values are what a host has of the consumable resources that the mapping knows.
func (s *Source) values(complexes map[string]Complex, plan *HostPlan) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(complexes)) {
		if !consumed(complexes[name].Consumable) {
			continue
		}
		kind, _ := s.Mapping.kind(name, complexes)
		switch {
		case kind == Exclusive:
			list = append(list, name+"=true")
		case kind == Memory:
			list = append(list, fmt.Sprintf("%s=%d", name, int64(plan.Offer.Memory)))
		case kind == GPUs:
			list = append(list, fmt.Sprintf("%s=%d", name, plan.Offer.GPUs))
		case kind == Custom:
			list = append(list, fmt.Sprintf("%s=%d", name, plan.Offer.Custom[name]))
		}
	}
	if len(list) == 0 {
		return "NONE"
	}
	return strings.Join(list, ",")
}

// slots gives the host's instances of our queues as many slots as it offers cores.
func (s *Source) slots(ctx context.Context, name string, h *Host, cores int) error {
	for _, queue := range s.Queues {
		if h != nil && slices.ContainsFunc(h.Instances, func(q Instance) bool { return q.Queue == queue && q.Slots == int64(cores) }) {
			continue
		}
		if _, err := s.Run(ctx, "qconf", "-rattr", "queue", "slots", strconv.Itoa(cores), queue+"@"+name); err != nil {
			return err
		}
	}
	return nil
}

// remove disables the host, looks again that nothing runs there, and takes it out of
// everything that names it; out of our own host group last, so that a removal that stops
// before is taken up again. A host where something runs stays.
func (s *Source) remove(ctx context.Context, name string) error {
	h, err := s.host(ctx, name)
	if err != nil {
		return err
	}
	if h != nil {
		if err := s.disable(ctx, h); err != nil {
			return err
		}
		if h, err = s.host(ctx, name); err != nil || h != nil && len(h.Jobs) > 0 {
			return err
		}
	}
	if err := s.forget(ctx, name); err != nil {
		return err
	}
	return s.delete(ctx, name)
}

// delete deletes a host that nothing names any more but our own host group. Grid Engine
// deletes none that is in a group; one that it won't delete goes back there.
func (s *Source) delete(ctx context.Context, name string) error {
	if err := s.leave(ctx, name, s.Ours); err != nil {
		return err
	}
	for _, option := range []string{"-de", "-dh", "-ds"} {
		if _, err := s.Run(ctx, "qconf", option, name); err != nil && !errors.Is(err, autoscale.ErrNotFound) {
			return errors.Join(err, s.join(ctx, name, s.Ours))
		}
	}
	return nil
}

// host is one host as it is now; nil: there is none.
func (s *Source) host(ctx context.Context, name string) (*Host, error) {
	hosts, err := s.hosts(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(hosts, func(h Host) bool { return strings.EqualFold(h.Name, name) })
	if i < 0 {
		return nil, nil
	}
	return &hosts[i], nil
}

// forget takes a host out of all host groups but our own, and out of the queues' settings
// for single hosts.
func (s *Source) forget(ctx context.Context, name string) error {
	text, err := s.Run(ctx, "qconf", "-shgrpl")
	if err != nil && !said(err, "no host group") {
		return err
	}
	for group := range strings.FieldsSeq(string(text)) {
		if group == s.Ours {
			continue
		}
		if err := s.leave(ctx, name, group); err != nil {
			return err
		}
	}
	if text, err = s.Run(ctx, "qconf", "-sql"); err != nil && !said(err, "no cluster queue") {
		return err
	}
	for queue := range strings.FieldsSeq(string(text)) {
		if err := s.purge(ctx, queue, name); err != nil {
			return err
		}
	}
	return nil
}

// purge takes a host's own settings out of a queue, and the host itself where the queue
// lists it.
func (s *Source) purge(ctx context.Context, queue, host string) error {
	text, err := s.Run(ctx, "qconf", "-sq", queue)
	if err != nil {
		return err
	}
	if strings.Contains(strings.ToLower(string(text)), "["+strings.ToLower(host)+"=") {
		if _, err := s.Run(ctx, "qconf", "-purge", "queue", "*", queue+"@"+host); err != nil {
			return err
		}
	}
	values, err := attributes(text)
	if err != nil {
		return answerError("queue "+queue, text, err)
	}
	listed := strings.FieldsFunc(values["hostlist"], func(r rune) bool { return r == ' ' || r == ',' })
	if !slices.ContainsFunc(listed, func(h string) bool { return strings.EqualFold(h, host) }) {
		return nil
	}
	_, err = s.Run(ctx, "qconf", "-dattr", "queue", "hostlist", host, queue)
	return err
}
