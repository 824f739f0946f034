package gridengine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

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
	complexes := sync.OnceValues(func() (map[string]Complex, error) { return s.prepare(ctx) })
	for i := range supply.Nodes {
		n := &supply.Nodes[i]
		plan, managed := s.Hosts(n, supply.Pools)
		if h := hostOf(n, named(marked)); h != nil { // it is to go, or to be enabled first
			continue
		}
		if !managed || n.Phase != autoscale.PhaseReady || n.Host == "" || n.Protected != "" {
			continue
		}
		if err := s.add(ctx, n, hostOf(n, hosts), ours, &plan, complexes); err != nil {
			wrong = append(wrong, fmt.Errorf("add host %s: %w", n.Host, err))
		}
		if ctx.Err() != nil {
			return errors.Join(wrong...) // the others are added after the next tick
		}
	}
	wrong = append(wrong, s.removeAll(ctx, slices.Sorted(maps.Keys(gone(ours, supply.Nodes))), marked)...)
	return errors.Join(append(wrong, s.unmark(ctx, hosts, marked, supply.Nodes)...)...)
}

// removeAll removes hosts, as far as time allows: the others follow after the next tick.
func (s *Source) removeAll(ctx context.Context, hosts []string, marked map[string]bool) (wrong []error) {
	if len(hosts) == 0 {
		return nil
	}
	if err := s.ensureGroup(ctx, s.Drained); err != nil {
		return []error{err}
	}
	for _, host := range hosts {
		if err := s.remove(ctx, host, marked); err != nil {
			wrong = append(wrong, fmt.Errorf("remove host %s: %w", host, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return wrong
}

// unmark takes back the marks of hosts that have queue instances, none of them disabled,
// and of those that are no more and were never added.
func (s *Source) unmark(ctx context.Context, hosts []Host, marked map[string]bool, nodes []autoscale.Node) (wrong []error) {
	stale := gone(marked, nodes)
	for i := range hosts {
		h := &hosts[i]
		disabled := slices.ContainsFunc(h.Instances, func(q Instance) bool { return strings.Contains(q.State, "d") })
		stale[strings.ToLower(h.Name)] = marked[strings.ToLower(h.Name)] && len(h.Instances) > 0 && !disabled
	}
	for _, host := range slices.Sorted(maps.Keys(stale)) {
		if stale[host] {
			wrong = append(wrong, s.leave(ctx, host, s.Drained))
		}
	}
	return wrong
}

// named are hosts of which no more than their names is known.
func named(names map[string]bool) []Host {
	list := make([]Host, 0, len(names))
	for _, name := range slices.Sorted(maps.Keys(names)) {
		list = append(list, Host{Name: name})
	}
	return list
}

// gone are the hosts of ours that no node is.
func gone(ours map[string]bool, nodes []autoscale.Node) map[string]bool {
	left, list := maps.Clone(ours), named(ours)
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
// It is ours once it is made, and then gets its queue instances, which it lacks till then.
// prepared is called for a host that is not ours yet.
func (s *Source) add(
	ctx context.Context, n *autoscale.Node, h *Host, ours map[string]bool, plan *HostPlan, prepared func() (map[string]Complex, error),
) error {
	name := n.Host
	if h != nil {
		name = h.Name
	}
	known := h != nil && ours[strings.ToLower(name)]
	if !known {
		complexes, err := prepared()
		if err != nil {
			return err
		}
		steps := []func() error{
			func() error { return s.execHost(ctx, name, h, s.values(complexes, plan)) },
			func() error { return s.adminHost(ctx, name) },
			func() error { return s.join(ctx, name, s.Ours) },
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

// prepare makes our host group and reads which resources hosts have amounts of: what is
// done once, however many hosts are added.
func (s *Source) prepare(ctx context.Context) (map[string]Complex, error) {
	if err := s.ensureGroup(ctx, s.Ours); err != nil {
		return nil, err
	}
	text, err := s.Run(ctx, "qconf", "-sc")
	if err != nil {
		return nil, err
	}
	return ReadComplexes(text)
}

// execHost makes the execution host with what it has to give of consumable resources. One
// that is there, since its daemon may register by itself, keeps what it has and gets what
// it lacks.
func (s *Source) execHost(ctx context.Context, name string, h *Host, values []Request) error {
	if h == nil {
		made, err := s.makeHost(ctx, name, values)
		if made || err != nil {
			return err
		}
	}
	return s.completeHost(ctx, name, values)
}

// makeHost makes an execution host, unless it is there by now.
func (s *Source) makeHost(ctx context.Context, name string, values []Request) (made bool, err error) {
	var b strings.Builder
	fmt.Fprintf(&b, "hostname %s\nload_scaling NONE\ncomplex_values %s\n", name, listed(values))
	for _, attribute := range []string{"user_lists", "xuser_lists", "projects", "xprojects", "usage_scaling", "report_variables"} {
		fmt.Fprintf(&b, "%s NONE\n", attribute)
	}
	err = s.withFile(b.String(), func(path string) error {
		_, err := s.Run(ctx, "qconf", "-Ae", path)
		return err
	})
	if said(err, "already exists") {
		return false, nil
	}
	return err == nil, err
}

// completeHost gives an execution host the resources that it has no amount of.
func (s *Source) completeHost(ctx context.Context, name string, values []Request) error {
	text, err := s.Run(ctx, "qconf", "-se", name)
	if err != nil {
		return err
	}
	has, err := attributes(text)
	if err != nil {
		return answerError("host "+name, text, err)
	}
	for part := range strings.FieldsFuncSeq(has["complex_values"], func(r rune) bool { return r == ',' || r == ' ' }) {
		known, _, _ := strings.Cut(part, "=")
		values = slices.DeleteFunc(values, func(v Request) bool { return v.Name == known })
	}
	if len(values) == 0 {
		return nil
	}
	_, err = s.Run(ctx, "qconf", "-aattr", "exechost", "complex_values", listed(values), name)
	return err
}

// listed writes amounts as qconf does.
func listed(values []Request) string {
	list := make([]string, len(values))
	for i, v := range values {
		list[i] = v.Name + "=" + v.Value
	}
	if len(list) == 0 {
		return "NONE"
	}
	return strings.Join(list, ",")
}

// values are what a host has of the consumable resources that the mapping knows, and what
// its pool says beside.
func (s *Source) values(complexes map[string]Complex, plan *HostPlan) []Request {
	list := slices.Clone(plan.Values)
	for _, name := range slices.Sorted(maps.Keys(complexes)) {
		told := slices.ContainsFunc(plan.Values, func(v Request) bool { return v.Name == name })
		if told || !consumed(complexes[name].Consumable) {
			continue
		}
		kind, _ := s.Mapping.kind(name, complexes)
		switch kind {
		case Exclusive:
			list = append(list, Request{name, "true"})
		case Memory:
			list = append(list, Request{name, strconv.FormatInt(int64(plan.Offer.Memory), 10)})
		case GPUs:
			list = append(list, Request{name, strconv.Itoa(plan.Offer.GPUs)})
		case Custom:
			list = append(list, Request{name, strconv.FormatInt(plan.Offer.Custom[name], 10)})
		}
	}
	return list
}

// slots gives the host's instances of our queues as many slots as it offers cores. A host
// that has instances and none of a queue is none of that queue's.
func (s *Source) slots(ctx context.Context, name string, h *Host, cores int) error {
	for _, queue := range s.Queues {
		if h != nil && len(h.Instances) > 0 {
			i := slices.IndexFunc(h.Instances, func(q Instance) bool { return q.Queue == queue })
			if i < 0 || h.Instances[i].Slots == int64(cores) {
				continue
			}
		}
		if _, err := s.Run(ctx, "qconf", "-rattr", "queue", "slots", strconv.Itoa(cores), queue+"@"+name); err != nil {
			return err
		}
	}
	return nil
}

// remove disables the host, looks again that nothing runs there, and takes it out of
// everything that names it; out of our own host group last, so that a removal that stops
// before is taken up again. A host where something runs stays, disabled under our mark:
// the cloud's list may be wrong, and the host is enabled again if its node is back.
func (s *Source) remove(ctx context.Context, name string, marked map[string]bool) error {
	h, err := s.host(ctx, name)
	if err != nil {
		return err
	}
	if h != nil {
		if drainOf(h, marked) == autoscale.NotDraining {
			if err := s.join(ctx, h.Name, s.Drained); err != nil {
				return err
			}
		}
		if err := s.switchTo(ctx, "-d", h); err != nil {
			return err
		}
		if h, err = s.host(ctx, name); err != nil || h != nil && len(h.Jobs) > 0 {
			return err
		}
	}
	if err := s.forget(ctx, name); err != nil {
		return err
	}
	options := []string{"-dh"}
	if s.SubmitHosts {
		options = append(options, "-ds")
	}
	for _, option := range options {
		if _, err := s.Run(ctx, "qconf", option, name); err != nil && !errors.Is(err, autoscale.ErrNotFound) {
			return err
		}
	}
	return s.delete(ctx, name)
}

// delete deletes a host that nothing names any more but our own host group. Grid Engine
// deletes none that is in a group; one that it did not delete goes back there, even if the
// time is up.
func (s *Source) delete(ctx context.Context, name string) error {
	if err := s.leave(ctx, name, s.Ours); err != nil {
		return err
	}
	if _, err := s.Run(ctx, "qconf", "-de", name); err != nil && !errors.Is(err, autoscale.ErrNotFound) {
		return errors.Join(err, s.join(context.WithoutCancel(ctx), name, s.Ours))
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
