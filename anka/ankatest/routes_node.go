package ankatest

import (
	"errors"
	"net/http"
	"slices"
)

func getNode(w *world, c call) *answer {
	nodes, single := w.nodes, c.URL.Query().Has("id")
	if single {
		n := w.node(c.query("id"))
		if n == nil {
			return refuse(http.StatusNotFound, notFound)
		}
		nodes = []*node{n}
	}
	list := []any{}
	for _, n := range nodes {
		list = append(list, w.nodeView(n, single))
	}
	return succeed(list)
}

func deleteNode(w *world, c call) *answer {
	var r nodeRequest
	if err := decode(c.body, &r); err != nil {
		return invalid(err)
	}
	n := w.node(r.NodeID)
	if n == nil {
		return refuse(http.StatusNotFound, notFound)
	}
	w.removeNode(n)
	return done()
}

func postNodeConfig(w *world, c call) *answer {
	var r configRequest
	if err := decode(c.body, &r); err != nil {
		return invalid(err)
	}
	if err := r.check(); err != nil {
		return invalid(err)
	}
	n := w.node(r.NodeID)
	if n == nil {
		return refuse(http.StatusNotFound, notFound)
	}
	set(&n.capacity, r.MaxVMCount)
	set(&n.name, r.Name)
	set(&n.address, r.Host)
	set(&n.mode, r.CapacityMode)
	set(&n.vcpuOverride, r.VCPUOverride)
	set(&n.ramOverride, r.RAMOverride)
	if w.current() {
		set(&n.drain, r.DrainMode)
	}
	w.assign()
	return done()
}

// set writes what was given.
func set[T any](field, given *T) {
	if given != nil {
		*field = *given
	}
}

func postGroup(w *world, c call) *answer {
	var r groupRequest
	if err := decode(c.body, &r); err != nil {
		return invalid(err)
	}
	if r.Name == nil || *r.Name == "" {
		return invalid(errors.New("name is required"))
	}
	g := &group{}
	if no := w.writeGroup(g, r); no != nil {
		return no
	}
	g.id = w.nextID("group")
	w.groups = append(w.groups, g)
	return succeed(groupView(g))
}

// writeGroup sets what was given; an empty fallback takes it away.
func (w *world) writeGroup(g *group, r groupRequest) *answer {
	if f := text(r.Fallback); f != "" && w.group(f) == nil {
		return refuse(http.StatusBadRequest, "No such group %s", f)
	}
	set(&g.name, r.Name)
	set(&g.description, r.Description)
	if r.Fallback != nil {
		g.fallback = w.group(*r.Fallback)
	}
	w.assign()
	return nil
}

func getGroup(w *world, _ call) *answer {
	list := []any{}
	for _, g := range w.groups {
		list = append(list, groupView(g))
	}
	return succeed(list)
}

func putGroup(w *world, c call) *answer {
	g := w.group(c.query("id"))
	if g == nil {
		return refuse(http.StatusNotFound, notFound)
	}
	var r groupRequest
	if err := decode(c.body, &r); err != nil {
		return invalid(err)
	}
	if no := w.writeGroup(g, r); no != nil {
		return no
	}
	return done()
}

// deleteGroup takes a group away. What becomes of instances that wait for it is not documented;
// here they wait for ever.
func deleteGroup(w *world, c call) *answer {
	g := w.group(c.query("id"))
	if g == nil {
		return refuse(http.StatusNotFound, notFound)
	}
	w.groups = without(w.groups, g)
	for _, other := range w.groups {
		if other.fallback == g {
			other.fallback = nil
		}
	}
	for _, n := range w.nodes {
		n.groups = without(n.groups, g)
	}
	return done()
}

func postMembers(w *world, c call) *answer {
	return changeMembers(w, c, func(n *node, g *group) {
		if !slices.Contains(n.groups, g) {
			n.groups = append(n.groups, g)
		}
	})
}

func deleteMembers(w *world, c call) *answer {
	return changeMembers(w, c, func(n *node, g *group) { n.groups = without(n.groups, g) })
}

// changeMembers does something to each pair of a node and a group, all or none.
func changeMembers(w *world, c call, change func(*node, *group)) *answer {
	var r membersRequest
	if err := decode(c.body, &r); err != nil {
		return invalid(err)
	}
	// Since 1.39 controllers take one node a call.
	if w.current() && len(r.NodeIDs) > 1 {
		return refuse(http.StatusBadRequest, "Only a single node id is supported")
	}
	var nodes []*node
	for _, id := range r.NodeIDs {
		n := w.node(id)
		if n == nil {
			return refuse(http.StatusNotFound, "No such node %s", id)
		}
		nodes = append(nodes, n)
	}
	var groups []*group
	for _, id := range r.GroupIDs {
		g := w.group(id)
		if g == nil {
			return refuse(http.StatusNotFound, "No such group %s", id)
		}
		groups = append(groups, g)
	}
	for _, n := range nodes {
		for _, g := range groups {
			change(n, g)
		}
	}
	w.assign()
	return done()
}

func getUSB(w *world, _ call) *answer {
	type count struct {
		Available int `json:"available"`
		Busy      int `json:"busy"`
	}
	all := map[string]count{}
	for _, n := range w.nodes {
		for _, d := range n.usb {
			of := all[d.name]
			if d.by == nil {
				of.Available++
			} else {
				of.Busy++
			}
			all[d.name] = of
		}
	}
	return succeed(all)
}

// getStatus tells of the controller. How it words a registry that is not reachable is not
// documented.
func getStatus(w *world, _ call) *answer {
	registry := "Running"
	if w.registryDown {
		registry = "Not reachable"
	}
	return succeed(map[string]string{
		"status": "Running", "version": w.cfg.Version, "registry_address": w.cfg.Registry.Address,
		"registry_status": registry, "license": w.cfg.License,
	})
}

func getLive(*world, call) *answer {
	return &answer{status: http.StatusOK, contentType: "text/plain; charset=utf-8", body: []byte("ok\n")}
}

// getReady tells whether the controller can serve; without its registry it is not ready.
func getReady(w *world, c call) *answer {
	if w.registryDown {
		return &answer{status: http.StatusServiceUnavailable, contentType: "text/plain; charset=utf-8", body: []byte("registry is not reachable\n")}
	}
	return getLive(w, c)
}
