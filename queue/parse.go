package queue

import (
	"strings"

	"autoscaled/autoscale"
)

// Parse reads a demand document, YAML or JSON. The name is for errors, and its
// ending ".json" rules YAML out. An error is always a *[DocumentError], which
// is autoscale.ErrMalformed and lists the mistakes with their lines; there is
// no demand beside it.
//
// A document without running vouches for no host; one whose running is an empty
// list vouches that nothing runs.
func Parse(data []byte, name string) (autoscale.Demand, error) {
	root, err := parseSyntax(data, name)
	if err != nil {
		m := Mistake{What: err.Error()}
		if syntax, ok := err.(*syntaxError); ok {
			m.Line = syntax.line
		}
		return autoscale.Demand{}, &DocumentError{Name: name, Mistakes: []Mistake{m}}
	}
	r := &reader{name: name, selectorFields: selectorFields()}
	var d document
	if root.kind != kindObject {
		r.failf(&root, "must be a mapping with jobs and running, not %s", root.describe())
	} else {
		readObject(r, &root, documentFields, &d)
		if !root.has("jobs") {
			r.failf(&root, "jobs is missing; an empty queue is written jobs: []")
		}
	}
	if err := r.err(); err != nil {
		return autoscale.Demand{}, err
	}
	return autoscale.Demand{Classes: autoscale.Intern(d.jobs), Use: d.use, Vouched: d.vouched}, nil
}

// document is what a text says, before its jobs are gathered into classes.
type document struct {
	jobs    []autoscale.Job
	use     map[string]autoscale.HostUse
	vouched bool
}

var documentFields = fields[document]{
	"$schema": func(r *reader, n *node, _ *document) { r.is(n, kindText) },
	"jobs":    func(r *reader, n *node, d *document) { d.jobs = r.jobs(n) },
	"running": func(r *reader, n *node, d *document) { d.use, d.vouched = r.running(n), true },
}

func (r *reader) running(n *node) map[string]autoscale.HostUse {
	use := make(map[string]autoscale.HostUse)
	if !r.is(n, kindList) {
		return use
	}
	r.each(n, func(item *node) {
		var e hostEntry
		if !readObject(r, item, hostFields, &e) {
			return
		}
		if !item.has("host") {
			r.failf(item, "host is missing")
		}
		if item.has("job") && item.has("jobs") {
			r.failAt(item, "jobs", "job and jobs exclude each other")
		}
		use[e.host] = r.addUse(item, use[e.host], e.use(item))
	})
	return use
}

// hostEntry is one entry of running.
type hostEntry struct {
	host  string
	jobs  []autoscale.JobID
	used  autoscale.Resources
	whole bool
	drain autoscale.Drain
}

var hostFields = fields[hostEntry]{
	"host":      func(r *reader, n *node, e *hostEntry) { e.host = r.host(n) },
	"job":       func(r *reader, n *node, e *hostEntry) { e.jobs = jobIDs(r.single(n)) },
	"jobs":      func(r *reader, n *node, e *hostEntry) { e.jobs = jobIDs(r.anyLabels(n)) },
	"cores":     func(r *reader, n *node, e *hostEntry) { e.used.Cores = int(r.count(n, 0, maxCount)) },
	"memory":    func(r *reader, n *node, e *hostEntry) { e.used.Memory = r.memory(n) },
	"gpus":      func(r *reader, n *node, e *hostEntry) { e.used.GPUs = int(r.count(n, 0, maxCount)) },
	"resources": func(r *reader, n *node, e *hostEntry) { e.used.Custom = r.custom(n) },
	"whole":     func(r *reader, n *node, e *hostEntry) { e.whole = r.flag(n) },
	"drain":     func(r *reader, n *node, e *hostEntry) { e.drain = word(r, n, drains) },
}

var drains = map[string]autoscale.Drain{
	"ours": autoscale.DrainOurs, "foreign": autoscale.DrainForeign,
}

// host lowers case, as host names have none.
func (r *reader) host(n *node) string {
	name := strings.ToLower(r.label(n))
	if strings.ContainsAny(name, " \t,") {
		r.failf(n, "must be one host name: %s", quoteShort(name))
	}
	return name
}

// use is what the entry says of its host. Where it tells neither amounts nor
// whole, the host is full, unless the entry is there for a drain mark or an
// empty list of jobs only.
func (e *hostEntry) use(n *node) autoscale.HostUse {
	u := autoscale.HostUse{Jobs: e.jobs, Used: e.used, Whole: e.whole, Drain: e.drain}
	told := false
	for _, key := range []string{"whole", "cores", "memory", "gpus", "resources"} {
		told = told || n.has(key)
	}
	if !told {
		u.Whole = len(e.jobs) > 0 || !n.has("jobs") && !n.has("drain")
	}
	return u
}

// addUse adds up what several entries say of one host. An administrator's drain
// mark goes before ours.
func (r *reader) addUse(n *node, a, b autoscale.HostUse) autoscale.HostUse {
	sum := autoscale.HostUse{
		Jobs:  append(a.Jobs, b.Jobs...),
		Used:  a.Used.Plus(b.Used),
		Whole: a.Whole || b.Whole,
		Drain: a.Drain,
	}
	if b.Drain == autoscale.DrainForeign || sum.Drain == autoscale.NotDraining {
		sum.Drain = b.Drain
	}
	tooMuch := sum.Used.Cores > maxCount || sum.Used.GPUs > maxCount || sum.Used.Memory > maxAmount
	for _, amount := range sum.Used.Custom {
		tooMuch = tooMuch || amount > maxAmount
	}
	if tooMuch {
		r.failf(n, "the entries of this host add up to more than any host has")
		sum.Used = autoscale.Resources{}
	}
	return sum
}
