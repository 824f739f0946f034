package queue

import "autoscaled/autoscale"

// maxPreferences is how many alternatives one list may have: the planner tells
// no more ranks apart.
const maxPreferences = 1000

// selectorFields is a function since the fields refer to themselves.
func selectorFields() fields[autoscale.Selector] {
	return fields[autoscale.Selector]{
		"all":    func(r *reader, n *node, s *autoscale.Selector) { s.All = r.selectors(n) },
		"any":    func(r *reader, n *node, s *autoscale.Selector) { s.Any = r.selectors(n) },
		"prefer": func(r *reader, n *node, s *autoscale.Selector) { s.Prefer = r.selectors(n) },
		"not": func(r *reader, n *node, s *autoscale.Selector) {
			inner := r.selector(n)
			if n.kind == kindObject && len(n.items) == 0 {
				r.failf(n, "must not be empty: it would match no pool")
			}
			s.Not = &inner
		},
		"label": func(r *reader, n *node, s *autoscale.Selector) { s.Label = r.label(n) },
		"in":    func(r *reader, n *node, s *autoscale.Selector) { s.In = r.labelValues(n) },
	}
}

func (r *reader) selector(n *node) autoscale.Selector {
	var s autoscale.Selector
	if !readObject(r, n, r.selectorFields, &s) {
		return s
	}
	switch label, in := n.has("label"), n.has("in"); {
	case label && !in:
		r.failAt(n.find("label"), "label", "needs in: the values it may have")
	case in && !label:
		r.failAt(n.find("in"), "in", "needs label: whose values these are")
	}
	return s
}

func (r *reader) selectors(n *node) []autoscale.Selector {
	if !r.is(n, kindList) {
		return nil
	}
	switch {
	case len(n.items) == 0:
		r.failf(n, "must hold at least one selector")
	case len(n.items) > maxPreferences:
		r.failf(n, "must hold at most %d selectors", maxPreferences)
		return nil
	}
	list := make([]autoscale.Selector, 0, len(n.items))
	r.each(n, func(item *node) { list = append(list, r.selector(item)) })
	return list
}

// labelValues also takes true and false, which the label "spot" has.
func (r *reader) labelValues(n *node) []string {
	texts := *n
	if n.kind == kindBool {
		texts.kind = kindText
	}
	texts.items = make([]node, len(n.items))
	for i, item := range n.items {
		if item.kind == kindBool {
			item.kind = kindText
		}
		texts.items[i] = item
	}
	return r.labels(&texts)
}

func labelSelector(label string, values []string) autoscale.Selector {
	if len(values) == 0 {
		return autoscale.Selector{}
	}
	return autoscale.HasLabel(label, values...)
}

// joinSelectors is the selector that matches what all of them match.
func joinSelectors(all ...autoscale.Selector) autoscale.Selector {
	var joined autoscale.Selector
	for _, s := range all {
		if !s.IsZero() {
			joined.All = append(joined.All, s)
		}
	}
	if len(joined.All) == 1 {
		return joined.All[0]
	}
	return joined
}
