package queue

import (
	"math"
	"strconv"

	"autoscaled/autoscale"
)

// Rounding says what becomes of values that are not whole.
type Rounding string

const (
	// RoundNone: they are mistakes.
	RoundNone Rounding = ""
	// RoundUp: 0.2 tasks are one.
	RoundUp Rounding = "up"
	// RoundNearest: 0.5 tasks are one, 0.4 are none.
	RoundNearest Rounding = "nearest"
)

// PrometheusLabels names the labels of a series that say what a task needs. One that
// is named here must be there wherever the value is not 0. Empty: there is none, and
// a task takes one core and runs anywhere.
type PrometheusLabels struct {
	// Name is the job's id; without it the series itself is.
	Name                          string
	Cores, Memory, GPUs, Priority string
	// Host is where something runs.
	Host string
	// Pools are labels that a pool must have with the series' value.
	Pools []PoolLabel
}

// PoolLabel is a pool's label and the series' label that has its value.
type PoolLabel struct{ Pool, Series string }

// jobs makes a job of each series whose value is not 0, with the value as its number
// of tasks. It is read by the same rules as a job in a document.
func (p *Prometheus) jobs(samples []promSample) ([]autoscale.Job, error) {
	r := p.reader("query")
	r.ids = make(map[autoscale.JobID]int)
	named := make(map[string]string)
	var jobs []autoscale.Job
	for i := range samples {
		s := &samples[i]
		r.path = []step{{key: s.place()}}
		tasks := r.tasks(s, p.options.Rounding)
		if tasks == 0 {
			continue
		}
		n := p.jobNode(r, s, tasks)
		id := n.find("id").text
		if first, twice := named[id]; twice {
			r.failf(&n, "has the same id as %s; name no label for it, or sum them up", first)
			continue
		}
		named[id] = s.place()
		jobs = append(jobs, r.readJob(&n))
	}
	return jobs, r.err()
}

func (p *Prometheus) reader(key string) *reader {
	return &reader{name: "answer of queue.prometheus." + key, selectorFields: selectorFields()}
}

// place names a series in a mistake.
func (s *promSample) place() string {
	if text := s.text(); text != "" {
		return text
	}
	return "{}"
}

// tasks reads a value: finite, not negative, whole once rounded.
func (r *reader) tasks(s *promSample, rounding Rounding) int64 {
	n := &node{kind: kindText, text: s.value}
	value, err := strconv.ParseFloat(s.value, 64)
	switch {
	case err != nil || math.IsNaN(value) || math.IsInf(value, 0):
		r.failf(n, "its value must be a finite number, not %s", quoteShort(s.value))
		return 0
	case value < 0:
		r.failf(n, "its value must not be negative: %s", s.value)
		return 0
	case rounding == RoundUp:
		value = math.Ceil(value)
	case rounding == RoundNearest:
		value = math.Round(value)
	}
	switch {
	case value != math.Trunc(value):
		r.failf(n, "its value must be whole, not %s; rounding may be up or nearest", s.value)
	case value > maxCount:
		r.failf(n, "its value must be at most %d, not %s", maxCount, s.value)
	default:
		return int64(value)
	}
	return 0
}

// jobNode writes a series as an entry of jobs.
func (p *Prometheus) jobNode(r *reader, s *promSample, tasks int64) node {
	l := &p.options.Labels
	n := node{kind: kindObject}
	id := node{key: "id", kind: kindText, text: s.place()}
	if l.Name != "" {
		id.text = r.labelOf(s, l.Name)
	}
	n.items = append(n.items, id, node{key: "tasks", kind: kindNumber, text: strconv.FormatInt(tasks, 10)})
	for _, pair := range []struct{ key, label string }{
		{"cores", l.Cores}, {"memory", l.Memory}, {"gpus", l.GPUs}, {"priority", l.Priority},
	} {
		if pair.label == "" {
			continue
		}
		value := r.labelOf(s, pair.label)
		member := node{key: pair.key, kind: kindNumber, text: value}
		if pair.key == "memory" && !isNumber(value) {
			member.kind = kindText
		}
		if value != "" {
			n.items = append(n.items, member)
		}
	}
	if len(l.Pools) > 0 {
		n.items = append(n.items, p.selectorNode(r, s))
	}
	return n
}

func (p *Prometheus) selectorNode(r *reader, s *promSample) node {
	all := node{key: "all", kind: kindList}
	for _, l := range p.options.Labels.Pools {
		all.items = append(all.items, node{kind: kindObject, items: []node{
			{key: "label", kind: kindText, text: l.Pool},
			{key: "in", kind: kindText, text: r.labelOf(s, l.Series)},
		}})
	}
	return node{key: "selector", kind: kindObject, items: []node{all}}
}

// labelOf is the value of a label that must be there. PromQL knows no difference
// between an empty label and none.
func (r *reader) labelOf(s *promSample, label string) string {
	value := s.labels[label]
	if value == "" {
		r.failf(&node{}, "has no label %s", label)
	}
	return value
}

// hosts is what runs where. A value of 0 says that nothing does.
func (p *Prometheus) hosts(samples []promSample) (map[string]autoscale.HostUse, error) {
	r := p.reader("running_query")
	use := make(map[string]autoscale.HostUse, len(samples))
	rounding := p.options.Rounding
	if rounding == RoundNearest {
		rounding = RoundUp // a host where little runs is no idle one
	}
	for i := range samples {
		s := &samples[i]
		r.path = []step{{key: s.place()}}
		count := r.tasks(s, rounding)
		n := &node{kind: kindText, text: r.labelOf(s, p.options.Labels.Host)}
		if n.text == "" {
			continue
		}
		host := r.host(n)
		add := autoscale.HostUse{Whole: count > 0}
		if p.options.RunningCores {
			add = autoscale.HostUse{Used: autoscale.Resources{Cores: int(count)}}
		}
		use[host] = r.addUse(n, use[host], add)
	}
	return use, r.err()
}
