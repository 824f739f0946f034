package slurm

import (
	"errors"
	"strings"

	"autoscaled/autoscale"
)

// maxNesting bounds parentheses.
const maxNesting = 20

// featureSelector reads a job's constraints (sbatch's --constraint): names with &, |
// and parentheses, & binding closer. In "[a|b]" all nodes must have the same one, and
// in "a*2&b*1" so many nodes each: a selector can't say either, so both become "some
// of them", and which nodes then go together is left to Slurm.
func featureSelector(text string, of func(string) autoscale.Selector) (autoscale.Selector, error) {
	p := &featureParser{rest: text, of: of}
	s, err := p.either(0)
	if err == nil && p.rest != "" {
		err = errors.New("it does not end where it should")
	}
	return s, err
}

type featureParser struct {
	rest string
	of   func(string) autoscale.Selector
	// counted tells that a number of nodes was asked for with some feature.
	counted bool
}

// take tells whether c comes next, and goes past it.
func (p *featureParser) take(c byte) bool {
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

func (p *featureParser) either(depth int) (autoscale.Selector, error) {
	var list []autoscale.Selector
	for {
		s, err := p.both(depth)
		if err != nil {
			return s, err
		}
		list = append(list, s)
		if !p.take('|') {
			break
		}
	}
	if len(list) == 1 {
		return list[0], nil
	}
	return autoscale.Selector{Any: list}, nil
}

func (p *featureParser) both(depth int) (autoscale.Selector, error) {
	var list []autoscale.Selector
	counted := p.counted
	p.counted = false
	for {
		s, err := p.one(depth)
		if err != nil {
			return s, err
		}
		list = append(list, s)
		if !p.take('&') && !p.take(',') {
			break
		}
	}
	some := p.counted
	p.counted = counted
	switch {
	case len(list) == 1:
		return list[0], nil
	case some:
		return autoscale.Selector{Any: list}, nil
	}
	return autoscale.Selector{All: list}, nil
}

func (p *featureParser) one(depth int) (s autoscale.Selector, err error) {
	if depth > maxNesting {
		return s, errors.New("it is nested too deeply")
	}
	for open, closing := range map[byte]byte{'[': ']', '(': ')'} {
		if !p.take(open) {
			continue
		}
		if s, err = p.either(depth + 1); err != nil {
			return s, err
		}
		if !p.take(closing) {
			return s, errors.New("its brackets do not match")
		}
		p.count()
		return s, nil
	}
	end := strings.IndexAny(p.rest, "&|,()[]*")
	if end < 0 {
		end = len(p.rest)
	}
	if end == 0 {
		return s, errors.New("a feature has no name")
	}
	s, p.rest = p.of(p.rest[:end]), p.rest[end:]
	p.count()
	return s, nil
}

// count goes past a number of nodes.
func (p *featureParser) count() {
	if p.take('*') {
		p.counted = true
		p.rest = strings.TrimLeft(p.rest, "0123456789")
	}
}
