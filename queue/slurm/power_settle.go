package slurm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"autoscaled/autoscale"
)

// settle takes nodes out of service and returns them.
func (p *PowerSaving) settle(ctx context.Context, v *view) error {
	lists := p.sort(v, p.giveUp(v))
	if err := p.lookAgain(ctx, v, &lists); err != nil {
		return err
	}
	failed := []error{p.setDown(ctx, v, lists.gone, true), p.setDown(ctx, v, lists.down, false)}
	if len(lists.expired) > 0 {
		failed = append(failed, p.restore(ctx, v, lists.expired))
	}
	if len(lists.again) > 0 {
		failed = append(failed, p.Cluster.UpdateNodes(ctx, NodeUpdate{Names: lists.again, State: "POWER_DOWN"}))
	}
	for _, id := range sortedKeys(lists.renewed) {
		failed = append(failed, p.renew(ctx, id, lists.renewed[id]))
	}
	for _, id := range sortedKeys(lists.back) {
		failed = append(failed, p.putBack(ctx, v, id, lists.back[id]))
	}
	return errors.Join(failed...)
}

// lists are nodes by what is to be done about them.
type lists struct {
	// gone are waking ones that are given up, and down those that nobody has, by why.
	gone, down map[string][]string
	// again are those that are given up and still powering up.
	again []string
	// back are those that nothing keeps out any more. Of some no offering is known.
	back map[autoscale.OfferingID][]string
	// renewed are those that are out and have the words of an earlier failure.
	renewed map[autoscale.OfferingID][]string
	// expired are those that did not come up in time, long ago.
	expired []string
}

// each puts what change makes of it in place of each list.
func (l *lists) each(change func(names []string) []string) {
	l.again, l.expired = change(l.again), change(l.expired)
	for _, byText := range []map[string][]string{l.gone, l.down} {
		for text, names := range byText {
			byText[text] = change(names)
		}
	}
	for _, byID := range []map[autoscale.OfferingID][]string{l.back, l.renewed} {
		for id, names := range byID {
			byID[id] = change(names)
		}
	}
}

// lookAgain leaves out the nodes that are no longer as they were when the plan was made,
// which may be a while ago: a job that has one by now would end with it, and what an
// administrator said of one meanwhile would be lost. The next tick knows what to do.
func (p *PowerSaving) lookAgain(ctx context.Context, v *view, l *lists) error {
	count := 0
	l.each(func(names []string) []string {
		count += len(names)
		return names
	})
	if count == 0 {
		return nil
	}
	nodes, err := p.Cluster.Nodes(ctx)
	if err != nil {
		return fmt.Errorf("look at nodes again before they are changed: %w", err)
	}
	now := statesOf(nodes)
	l.each(func(names []string) []string {
		return slices.DeleteFunc(names, func(name string) bool {
			was, is := v.states[name], now[name]
			return is == nil || is.State != was.State || is.Reason != was.Reason
		})
	})
	return nil
}

func (p *PowerSaving) sort(v *view, gone map[string][]string) lists {
	seen := p.expired
	p.expired = make(map[string]time.Time)
	l := lists{gone: gone, down: make(map[string][]string), back: make(map[autoscale.OfferingID][]string), renewed: make(map[autoscale.OfferingID][]string)}
	going := make(map[string]bool)
	for _, names := range gone {
		for _, name := range names {
			going[name] = true
		}
	}
	for i := range v.nodes {
		n := &v.nodes[i]
		if strings.HasPrefix(n.Reason, timedOut) && v.vacant(n) {
			since, before := seen[n.Name]
			if !before {
				since = v.state.At
			}
			p.expired[n.Name] = since
			if v.state.At.Sub(since) >= returnAfter {
				l.expired = append(l.expired, n.Name)
			}
		}
		marked := strings.HasPrefix(n.Reason, Mark)
		if going[n.Name] || !marked && len(p.held) == 0 {
			continue
		}
		id, text, out := p.troubleOf(v, n)
		switch {
		case marked && n.Is("DOWN") && n.Is("POWERING_UP"):
			l.again = append(l.again, n.Name)
		case out && spare(n) && p.probes[id].node != n.Name:
			l.down[text] = append(l.down[text], n.Name)
		case out && marked && n.Is("DOWN") && !p.held[id].failed.IsZero() && !p.held[id].told && n.Reason != plain(Mark+text):
			l.renewed[id] = append(l.renewed[id], n.Name)
		case marked && (suspended(n) || n.Is("DOWN")) && !out:
			l.back[id] = append(l.back[id], n.Name)
		}
	}
	return l
}

func sortedKeys[K ~string, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// vacant tells whether a node of ours is DOWN, powered down, and has no VM left.
func (v *view) vacant(n *Node) bool {
	if !n.Is("DOWN") || !n.Is("POWERED_DOWN") || n.Is("DRAIN") || v.standing[strings.ToLower(n.Name)] {
		return false
	}
	_, _, known := v.mapping.Node(n)
	return known
}

// spare tells whether a node may be taken out: nobody has it, and nobody took it out.
func spare(n *Node) bool {
	return suspended(n) && n.Is("IDLE") && !n.Is("DRAIN") && !n.Is("MAINT") && !n.Is("RESERVED") && unsaid(n)
}

// unsaid tells whether no administrator gave a node a reason. Slurm leaves its own on
// nodes that it took back into service.
func unsaid(n *Node) bool { return lostBySlurm(n.Reason) || strings.HasPrefix(n.Reason, Mark) }

// setDown takes nodes out, until the controller can't be reached: what is left is for the
// next tick.
func (p *PowerSaving) setDown(ctx context.Context, v *view, lists map[string][]string, waking bool) error {
	var failed []error
	for _, text := range sortedKeys(lists) {
		names := lists[text]
		if len(names) == 0 {
			continue
		}
		err := p.takeOut(ctx, v, names, text, waking)
		failed = append(failed, err)
		if errors.Is(err, autoscale.ErrUnavailable) {
			break
		}
	}
	return errors.Join(failed...)
}

// takeOut sets nodes DOWN, of which those that were waking have an address first. These are
// powered down as well: else they would be POWERING_UP until ResumeTimeout.
func (p *PowerSaving) takeOut(ctx context.Context, v *view, names []string, text string, waking bool) error {
	var addressed error
	if waking {
		if addressed = p.settleNowhere(ctx, v, names); errors.Is(addressed, autoscale.ErrUnavailable) {
			return addressed
		}
	}
	err := p.Cluster.UpdateNodes(ctx, NodeUpdate{Names: names, State: "DOWN", Reason: Mark + text})
	if err == nil && waking {
		err = p.Cluster.UpdateNodes(ctx, NodeUpdate{Names: names, State: "POWER_DOWN"})
	}
	if err == nil {
		p.Observe(Note{Event: NoteOut, Nodes: names, Detail: text})
	}
	return errors.Join(addressed, err)
}

// settleNowhere tells Slurm an address, at which nothing is and that says so at once, of nodes that have none but their name. The controller
// tells a node that is set DOWN to end its jobs, and looks for a name that does not
// resolve for ten seconds, one after the other and with all else waiting (seen on
// 22.05). It forgets the address when it powers the node down.
func (p *PowerSaving) settleNowhere(ctx context.Context, v *view, names []string) error {
	var places []Place
	for _, name := range names {
		if n := v.states[name]; n.Address == "" || strings.EqualFold(n.Address, n.Name) {
			places = append(places, Place{Node: name, Address: nowhere})
		}
	}
	if len(places) == 0 {
		return nil
	}
	return p.Cluster.PlaceNodes(ctx, places)
}

// renew gives nodes that are out since an earlier failure the words of the latest, once.
func (p *PowerSaving) renew(ctx context.Context, id autoscale.OfferingID, names []string) error {
	h := p.held[id]
	if len(names) == 0 {
		return nil
	}
	if err := p.Cluster.UpdateNodes(ctx, NodeUpdate{Names: names, Reason: Mark + h.text}); err != nil {
		return err
	}
	h.told = true
	p.held[id] = h
	return nil
}

// putBack returns the nodes of an offering whose time is over. While it is on trial, and
// there is demand, one goes first as the probe: once it came up all follow, and likewise
// if nothing wants it any more, or nothing took it in probeTaken.
func (p *PowerSaving) putBack(ctx context.Context, v *view, id autoscale.OfferingID, names []string) error {
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	first, sent := p.probes[id]
	switch n := v.states[first.node]; {
	case p.held[id].failed.IsZero():
	case sent && n != nil && (resumed(n) || suspended(n) && works(n)):
		return nil // its outcome is awaited
	case sent && n != nil && spare(n) && v.wantsAny(id) && v.state.At.Sub(first.returned) < probeTaken:
		return nil // Slurm may not have looked at its jobs yet
	case sent:
	case v.wantsAny(id):
		err := p.restore(ctx, v, names[:1])
		if err == nil {
			p.probes[id] = probe{node: names[0], returned: v.state.At}
		}
		return err
	}
	if err := p.restore(ctx, v, names); err != nil {
		return err
	}
	delete(p.held, id)
	delete(p.probes, id)
	return nil
}

// wantsAny tells whether a job waits in Slurm that could use an offering's nodes now.
func (v *view) wantsAny(id autoscale.OfferingID) bool {
	for i := range v.jobs {
		j := &v.jobs[i]
		if !j.Is("PENDING") || v.later(j) || heldBy(j) != "" {
			continue
		}
		shape, err := shapeOf(j, v.mapping)
		if err != nil {
			continue
		}
		for k := range v.state.Supply.Pools {
			pool := &v.state.Supply.Pools[k]
			_, ok := shape.Selector.Match(pool.Labels)
			if ok && (autoscale.OfferingOf(pool.ID, false) == id || autoscale.OfferingOf(pool.ID, true) == id) {
				return true
			}
		}
	}
	return false
}

// restore returns nodes: those that are DOWN, and those of which only our reason is left.
func (p *PowerSaving) restore(ctx context.Context, v *view, names []string) error {
	var down, rest []string
	for _, name := range names {
		if v.states[name].Is("DOWN") {
			down = append(down, name)
		} else {
			rest = append(rest, name)
		}
	}
	var err error
	if len(down) > 0 {
		if err = p.Cluster.UpdateNodes(ctx, NodeUpdate{Names: down, State: "IDLE"}); err == nil {
			p.Observe(Note{Event: NoteBack, Nodes: down})
		}
	}
	err = errors.Join(err, clearReason(ctx, p.Cluster, rest))
	return err
}
