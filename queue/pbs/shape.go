package pbs

import (
	"fmt"
	"strconv"
	"strings"

	"autoscaled/autoscale"
)

func number(n int64) string { return strconv.FormatInt(n, 10) }

// need is what one chunk asks for, and where it may run.
type need struct {
	autoscale.Resources
	selector  autoscale.Selector
	ungrouped bool
}

// packer turns requests into shapes. Jobs of the same words share one.
type packer struct {
	*Mapping
	known  map[string]*Resource
	shapes map[string]packed
}

// packed is a request in the planner's words: shapes that the planner knows as jobs of
// their own, or why there are none.
type packed struct {
	shapes []autoscale.Shape
	held   string
}

func newPacker(m *Mapping) *packer {
	return &packer{Mapping: m, known: m.resources(), shapes: make(map[string]packed)}
}

// pack is what a job, or each of an array's subjobs, asks for.
func (p *packer) pack(j *Job) packed {
	spec := j.SchedSelect
	if spec == "" {
		spec = j.Select
	}
	key := strings.Join([]string{spec, j.Place, j.Queue, p.wide(j)}, "\x00")
	got, known := p.shapes[key]
	if !known {
		shapes, err := p.shapesOf(spec, j)
		if got.shapes = shapes; err != nil {
			got = packed{held: err.Error()}
		}
		p.shapes[key] = got
	}
	return got
}

// wide tells apart jobs by what they ask for as a whole and not by chunk.
func (p *packer) wide(j *Job) string {
	var b strings.Builder
	for _, a := range j.Totals {
		if r := p.known[a.Name]; r != nil && (r.Kind == Label || r.Kind == Ungrouped || r.Kind == Licence) {
			b.WriteString(a.Name + "=" + a.Value + ";")
		}
	}
	return b.String()
}

func (p *packer) shapesOf(spec string, j *Job) ([]autoscale.Shape, error) {
	place, err := parsePlace(j.Place)
	if err != nil {
		return nil, err
	}
	chunks, needs, err := p.needs(spec, j)
	if err != nil {
		return nil, err
	}
	shapes, err := arrange(place, chunks, needs)
	if err != nil {
		return nil, err
	}
	draws, err := p.draws(j)
	if err != nil {
		return nil, err
	}
	shapes[0].Draws = draws
	return shapes, nil
}

// needs reads what each kind of chunk asks for. What a job asks for as a whole counts for
// each of its chunks, unless the chunk says otherwise.
func (p *packer) needs(spec string, j *Job) ([]Chunk, []need, error) {
	chunks, err := parseSelect(spec)
	if err != nil {
		return nil, nil, err
	}
	var all []autoscale.Selector
	if p.Queue != nil {
		s, served := p.Queue(j.Queue)
		if !served {
			return nil, nil, fmt.Errorf("no pool serves queue %s", j.Queue)
		}
		if !s.IsZero() {
			all = append(all, s)
		}
	}
	needs := make([]need, len(chunks))
	for i := range chunks {
		n, err := p.need(&chunks[i], j, all)
		if err != nil {
			return nil, nil, err
		}
		needs[i] = n
	}
	return chunks, needs, nil
}

func (p *packer) need(c *Chunk, j *Job, all []autoscale.Selector) (n need, err error) {
	selectors := append([]autoscale.Selector(nil), all...)
	said := make(map[string]bool, len(c.Resources))
	for _, a := range c.Resources {
		said[a.Name] = true
		if selectors, err = p.ask(&n, a, selectors); err != nil {
			return n, err
		}
	}
	for _, a := range j.Totals {
		r := p.known[a.Name]
		if r == nil || said[a.Name] || r.Kind != Label && r.Kind != Ungrouped {
			continue
		}
		if selectors, err = p.ask(&n, a, selectors); err != nil {
			return n, err
		}
	}
	switch len(selectors) {
	case 0:
	case 1:
		n.selector = selectors[0]
	default:
		n.selector = autoscale.Selector{All: selectors}
	}
	if n.Cores == 0 && n.Memory == 0 && n.GPUs == 0 && len(n.Custom) == 0 {
		n.Cores = 1 // a chunk takes a place on a node, whatever it asks for
	}
	return n, nil
}

// ask adds one resource of a chunk.
func (p *packer) ask(n *need, a Amount, selectors []autoscale.Selector) ([]autoscale.Selector, error) {
	if a.Name == "host" || a.Name == "vnode" {
		return nil, fmt.Errorf("names its %s (%s), and others are of no help", a.Name, a.Value)
	}
	r, known := p.known[a.Name]
	if !known {
		return nil, fmt.Errorf("asks for the resource %s, which the configuration does not map to anything that nodes have", a.Name)
	}
	var count int64
	var err error
	switch r.Kind {
	case Cores, GPUs:
		count, err = parseCount(a.Value)
	case Count:
		count, err = amountOf(a.Value)
	case Memory:
		var size autoscale.Bytes
		size, err = parseSize(a.Value)
		n.Memory = max(n.Memory, size)
	case Label:
		selectors = append(selectors, autoscale.HasLabel(r.as(), a.Value))
	case Ungrouped:
		n.ungrouped = isTrue(a.Value)
	case Group:
		err = fmt.Errorf("names its placement group %s, and others are of no help", a.Value)
	}
	if err != nil {
		return nil, fmt.Errorf("%s=%s: %w", a.Name, a.Value, err)
	}
	switch r.Kind {
	case Cores:
		n.Cores = int(count)
	case GPUs:
		n.GPUs = int(count)
	case Count:
		if n.Custom == nil {
			n.Custom = make(map[string]int64)
		}
		n.Custom[r.as()] = count
	}
	return selectors, nil
}

// draws are the licences that a job takes as a whole.
func (p *packer) draws(j *Job) (draws []autoscale.Draw, err error) {
	for _, a := range j.Totals {
		if r := p.known[a.Name]; r != nil && r.Kind == Licence {
			count, err := parseCount(a.Value)
			if err != nil {
				return nil, fmt.Errorf("%s=%s: %w", a.Name, a.Value, err)
			}
			if count > 0 {
				draws = append(draws, autoscale.Draw{Limit: autoscale.LimitID("licence/" + r.as()), Amount: count})
			}
		}
	}
	return draws, nil
}
