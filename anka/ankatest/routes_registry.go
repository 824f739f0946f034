package ankatest

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
)

// unreachable answers what the controller would have to ask the registry for.
func (w *world) unreachable() *answer {
	if !w.registryDown {
		return nil
	}
	return refuse(http.StatusInternalServerError, "Registry is not reachable")
}

func getTemplates(w *world, c call) *answer {
	if no := w.unreachable(); no != nil {
		return no
	}
	if !c.URL.Query().Has("id") {
		list := []any{}
		for _, t := range w.templates {
			list = append(list, w.templateItem(t, c.query("apiVer") == "v1"))
		}
		return succeed(list)
	}
	t := w.template(c.query("id"))
	if t == nil {
		return refuse(http.StatusBadRequest, notInRegistry)
	}
	return succeed(w.templateView(t))
}

func deleteTemplate(w *world, c call) *answer {
	if no := w.unreachable(); no != nil {
		return no
	}
	t := w.template(c.query("id"))
	if t == nil {
		return refuse(http.StatusBadRequest, notInRegistry)
	}
	w.forget(t)
	return done()
}

// forget takes a template out of the registry. Macs that hold it keep it; pulls of it are lost.
func (w *world) forget(t *template) {
	t.gone = true
	w.templates = without(w.templates, t)
	w.dropPulls()
}

// dropPulls ends pulls of what the registry no longer has.
func (w *world) dropPulls() {
	for _, n := range w.nodes {
		if n.pull != nil && !w.inRegistry(n.pull.version) {
			w.abort(n, n.pull)
		}
	}
	w.assign()
}

// deleteRevert removes versions: the latest, or all after the one that is named. Whether the named
// one goes as well differs by age: in 2019 it stayed. The number is called version in the table of
// the reference and number in its example; both are read.
func deleteRevert(w *world, c call) *answer {
	if no := w.unreachable(); no != nil {
		return no
	}
	t := w.template(c.query("id"))
	if t == nil {
		return refuse(http.StatusBadRequest, notInRegistry)
	}
	q := c.URL.Query()
	number := orDefault(q.Get("number"), q.Get("version"))
	if q.Get("tag") == "" && number == "" {
		return w.revertTo(t, len(t.versions)-1)
	}
	v := t.version(q.Get("tag"))
	if q.Get("tag") == "" {
		n, err := strconv.Atoi(number)
		if err != nil {
			return invalid(errors.New("the version must be a whole number"))
		}
		if v = t.numbered(n); v == nil {
			return refuse(http.StatusBadRequest, "No such version %d", n)
		}
	}
	if v == nil {
		return refuse(http.StatusBadRequest, "No such tag %s", q.Get("tag"))
	}
	keep := slices.Index(t.versions, v)
	if !w.current() {
		keep++
	}
	return w.revertTo(t, keep)
}

// revertTo leaves the first versions. A template without any goes, which is this server's own
// choice.
func (w *world) revertTo(t *template, keep int) *answer {
	t.versions = t.versions[:keep:keep]
	if keep == 0 {
		w.forget(t)
	} else {
		w.dropPulls()
	}
	return succeed(nil)
}

func postDistribute(w *world, c call) *answer {
	var r distributeRequest
	if err := decode(c.body, &r); err != nil {
		return invalid(err)
	}
	if no := w.refuseGroups(r.GroupID, r.Group); no != nil {
		return no
	}
	if r.GroupID != "" && w.cfg.License == LicenseBasic {
		return refuse(http.StatusBadRequest, "group_id %s", needsLicense)
	}
	v, no := w.askedVersion(r.TemplateID, r.Tag, r.Version)
	if no != nil {
		return no
	}
	nodes, no := w.askedNodes(r.NodeIDs, r.GroupID)
	if no != nil {
		return no
	}
	return succeed(map[string]string{"request_id": w.distribute(v, nodes).id})
}

// askedNodes are those named, those of the group, or all; where both are given, those of both.
func (w *world) askedNodes(ids []string, groupID string) ([]*node, *answer) {
	var nodes []*node
	for _, id := range ids {
		n := w.node(id)
		if n == nil {
			return nil, refuse(http.StatusBadRequest, "No such node %s", id)
		}
		nodes = append(nodes, n)
	}
	if len(ids) == 0 {
		nodes = slices.Clone(w.nodes)
	}
	if groupID == "" {
		return nodes, nil
	}
	g := w.group(groupID)
	if g == nil {
		return nil, refuse(http.StatusBadRequest, "No such group %s", groupID)
	}
	return slices.DeleteFunc(nodes, func(n *node) bool { return !slices.Contains(n.groups, g) }), nil
}

func getDistribute(w *world, c call) *answer {
	if !c.URL.Query().Has("id") {
		list := []any{}
		for _, d := range w.distributions {
			list = append(list, w.distributionView(d))
		}
		return succeed(list)
	}
	d := w.distribution(c.query("id"))
	if d == nil {
		return refuse(http.StatusNotFound, notFound)
	}
	return succeed(w.distributionView(d))
}

func deleteDistribute(w *world, c call) *answer {
	d := w.distribution(c.query("id"))
	if d == nil {
		return refuse(http.StatusNotFound, notFound)
	}
	w.cancel(d)
	return done()
}

func (w *world) distribution(id string) *distribution {
	return find(w.distributions, func(d *distribution) bool { return d.id == id })
}

// deleteFromNodes removes a template from the disks of Macs; where a VM of it is, it stays.
func deleteFromNodes(w *world, c call) *answer {
	var r removeRequest
	if len(c.body) > 0 {
		if err := decode(c.body, &r); err != nil {
			return invalid(err)
		}
	}
	nodes, no := w.askedNodes(r.NodeIDs, "")
	if no != nil {
		return no
	}
	asked := []string{}
	for _, n := range nodes {
		h := find(n.held, func(h *held) bool { return h.version.template.id == c.query("id") })
		if h == nil {
			continue
		}
		asked = append(asked, n.id)
		if n.evictable(h, nil) {
			n.drop(h.version.template)
		}
	}
	w.assign()
	return succeed(map[string]any{"requests_sent": len(asked), "node_ids": asked})
}

// getDisk tells the registry's disk, in bytes.
func getDisk(w *world, _ call) *answer {
	if no := w.unreachable(); no != nil {
		return no
	}
	total, used := bytesOf(w.cfg.Registry.TotalGB), int64(0)
	for _, t := range w.templates {
		used += t.size()
	}
	return succeed(map[string]int64{"total": total, "free": max(0, total-used)})
}
