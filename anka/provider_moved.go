package anka

import "time"

// Moved is told that the clock of ProviderOptions.Now is set, forward by that much: an
// instance has waited no longer for it, and a lost start has not settled.
func (p *Provider) Moved(by time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.born = p.born.Add(by)
	for id, at := range p.doubts {
		p.doubts[id] = at.Add(by)
	}
	for id, r := range p.reserved {
		r.at = r.at.Add(by)
		p.reserved[id] = r
	}
	for _, d := range p.deliveries {
		d.Since = d.Since.Add(by)
		if !d.Ended.IsZero() {
			d.Ended = d.Ended.Add(by)
		}
	}
	if p.stages == nil {
		return
	}
	moved := make(map[string]stage, len(p.stages)) // surveys read the old one
	for id, s := range p.stages {
		moved[id] = stage{s.what, s.since.Add(by)}
	}
	p.stages = moved
}
