package gridengine

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"autoscaled/autoscale"
)

// layout is how the slots of a job lie on hosts: so many tasks of so many slots, and
// whether each task has a host of its own.
type layout struct {
	tasks, slots int64
	apart        bool
}

// layoutOf spreads a job's slots as the parallel environment's rule says. Of a range of
// slots the least that it can have counts: the job starts as soon as those are free, so
// that hosts for more would come too late.
func layoutOf(j *Job, pe PE) (layout, error) {
	if pe.Name == "" {
		return layout{tasks: 1, slots: 1}, nil
	}
	share := int64(1)
	if n, err := strconv.ParseInt(pe.Rule, 10, 64); err == nil {
		share = n
	}
	slots, err := leastSlots(j.Range, share)
	switch {
	case err != nil:
		return layout{}, err
	case slots > pe.Slots:
		return layout{}, fmt.Errorf("%d slots are more than the %d of parallel environment %s", slots, pe.Slots, pe.Name)
	}
	switch pe.Rule {
	case "$pe_slots":
		return layout{tasks: 1, slots: slots}, nil
	case "$fill_up", "$round_robin": // either takes any slots of any hosts in the end
		return layout{tasks: slots, slots: 1}, nil
	}
	return layout{tasks: slots / share, slots: share, apart: true}, nil
}

// environments are the parallel environments that a job may have, by name; of a serial
// job one without a name.
func environments(j *Job, all map[string]PE) ([]PE, error) {
	if j.PE == "" {
		return []PE{{}}, nil
	}
	var list []PE
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if matches(j.PE, name) {
			list = append(list, all[name])
		}
	}
	if len(list) == 0 {
		return nil, errors.New(held("PE", j.PE))
	}
	return list, nil
}

// shape is what a pending job asks for. Of several parallel environments the first counts
// that can have the job and for which there is a rule. An error is why it is no demand.
func (m *Mapping) shape(j *Job, pes map[string]PE, complexes map[string]Complex) (autoscale.Shape, error) {
	if host := fixedHost(j); host != "" {
		return autoscale.Shape{Tasks: 1}, errors.New(held("host", host))
	}
	candidates, err := environments(j, pes)
	if err != nil {
		return autoscale.Shape{Tasks: 1}, err
	}
	var first error
	for _, pe := range candidates {
		s, err := m.shapeIn(j, pe, complexes)
		if err == nil {
			return s, nil
		}
		if first == nil {
			first = err
		}
	}
	return autoscale.Shape{Tasks: 1}, first
}

func (m *Mapping) shapeIn(j *Job, pe PE, complexes map[string]Complex) (autoscale.Shape, error) {
	l, err := layoutOf(j, pe)
	if err != nil {
		return autoscale.Shape{}, errors.New(held("PE", err.Error()))
	}
	rule, known := m.rule(j, pe.Name)
	if !known {
		return autoscale.Shape{}, errors.New(held("rule", ""))
	}
	s := autoscale.Shape{Tasks: int(l.tasks), PerTask: autoscale.Resources{Cores: int(l.slots)}}
	if s.Selector, known = m.selector(&rule); !known {
		return s, errors.New(held("pools", rule.Name))
	}
	if l.tasks > 1 {
		s.Gang = autoscale.GangAll
		if rule.Coupled {
			s.Grouping = autoscale.Coupled
		}
	}
	if l.apart {
		s.TasksPerNode = 1
	}
	for _, h := range m.requests(j, complexes) {
		if err := m.request(&s, h, l, complexes); err != nil {
			return s, err
		}
	}
	return s, nil
}

// request adds to a shape what a job asks for beside slots.
func (m *Mapping) request(s *autoscale.Shape, h Request, l layout, complexes map[string]Complex) error {
	if h.Name == "hostname" || h.Name == "qname" {
		return nil
	}
	kind, known := m.kind(h.Name, complexes)
	if !known {
		return errors.New(held("resource", h.Name+"="+h.Value))
	}
	switch kind {
	case Ignored:
		return nil
	case Exclusive:
		return exclusive(s, h, l)
	case Runtime:
		limit, err := timeLimit(h.Value)
		if err != nil {
			return errors.New(held("unreadable", h.Name+"="+h.Value))
		}
		s.ExpectedRuntime = limit
		return nil
	}
	amount, err := quantity(h.Value)
	if err != nil {
		return errors.New(held("unreadable", h.Name+"="+h.Value))
	}
	m.amount(s, h.Name, kind, amount, l, complexes[h.Name].Consumable)
	return nil
}

// amount adds a countable resource: of each slot; of the job once, which is shared among
// its tasks since nobody knows which of them is first; or of each task's host, where it is
// not consumable.
func (m *Mapping) amount(s *autoscale.Shape, name string, kind Kind, amount int64, l layout, consumable string) {
	each, whole := amount, amount
	switch consumable {
	case "YES":
		each, whole = product(amount, l.slots), product(amount, l.slots*l.tasks)
	case "JOB":
		each = (amount + l.tasks - 1) / l.tasks
	}
	switch kind {
	case Memory:
		s.PerTask.Memory += autoscale.Bytes(each)
	case GPUs:
		s.PerTask.GPUs += int(min(each, maxSlots))
	case Custom:
		if s.PerTask.Custom == nil {
			s.PerTask.Custom = make(map[string]int64)
		}
		s.PerTask.Custom[name] += each
	case Licence:
		s.Draws = append(s.Draws, autoscale.Draw{Limit: autoscale.LimitID("licence/" + name), Amount: max(whole, 1)})
	}
}

// most bounds amounts, so that no sum of two is too large.
const most = math.MaxInt64 / 4

func product(a, b int64) int64 {
	if b > 0 && a > most/b {
		return most
	}
	return a * b
}

// exclusive gives a job its hosts for itself: a job of one task, or of one task a host,
// whole hosts, and others hosts that only their own slots share.
func exclusive(s *autoscale.Shape, h Request, l layout) error {
	switch yes, err := truth(h.Value); {
	case err != nil:
		return errors.New(held("unreadable", h.Name+"="+h.Value))
	case !yes:
		return nil
	}
	s.Exclusive = autoscale.ExclusiveJob
	if l.tasks == 1 || l.apart {
		s.Exclusive, s.TasksPerNode = autoscale.ExclusiveTask, 0
	}
	return nil
}

// truth reads a value of type BOOL, which users may write as a word or a digit.
func truth(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	}
	return false, errors.New("want TRUE or FALSE")
}

// quantity reads an amount as sge_types(1) has it: a number, and k, m, g or t for powers
// of 1000, K, M, G or T for those of 1024. Parts are rounded up.
func quantity(text string) (int64, error) {
	unit := 1.0
	if text != "" {
		switch c := text[len(text)-1]; c {
		case 'k':
			unit = 1e3
		case 'm':
			unit = 1e6
		case 'g':
			unit = 1e9
		case 't':
			unit = 1e12
		case 'K':
			unit = 1 << 10
		case 'M':
			unit = 1 << 20
		case 'G':
			unit = 1 << 30
		case 'T':
			unit = 1 << 40
		}
		if unit > 1 {
			text = text[:len(text)-1]
		}
	}
	n, err := strconv.ParseFloat(text, 64)
	if n = math.Ceil(n * unit); err != nil || !(n >= 0) {
		return 0, errors.New("want an amount such as 2G")
	}
	if n > most {
		return most, nil
	}
	return int64(n), nil
}

// timeLimit reads seconds, or hours, minutes and seconds with colons between. INFINITY
// is no limit, 0.
func timeLimit(text string) (time.Duration, error) {
	if strings.EqualFold(text, "INFINITY") {
		return 0, nil
	}
	parts := strings.Split(text, ":")
	if len(parts) > 3 {
		return 0, errors.New("want a time such as 1:30:00")
	}
	total := int64(0)
	for _, part := range parts {
		if part == "" {
			part = "0"
		}
		n, err := strconv.ParseUint(part, 10, 31)
		if err != nil {
			return 0, errors.New("want a time such as 1:30:00")
		}
		total = total*60 + int64(n)
	}
	return time.Duration(min(total, math.MaxInt32)) * time.Second, nil
}
