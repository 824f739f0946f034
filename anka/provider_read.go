package anka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// reading is what a controller told in one look.
type reading struct {
	at        time.Time
	instances []Instance
	nodes     []Node
	groups    map[string]Group // by id
	templates map[string]registered
	pools     []PoolOptions // with the ids of what they name
	// distributions are read only where pulls are bounded or templates distributed.
	distributions []Distribution
	// untold is why the distributions are not known: the registry, which the controller
	// asks for them, can't be reached. nil: they are.
	untold   error
	reserved []reservation    // places of starts that are not among the instances
	stages   map[string]stage // of instances of ours that are not Started, by id
}

// registered is a template as the registry tells of it, or why it doesn't.
type registered struct {
	Template
	// missing: the registry has none. unreachable: it could not be asked.
	missing, unreachable bool
	words                string
}

// read asks for instances first and for nodes after them, see Observe.
func (p *Provider) read(ctx context.Context) (r reading, err error) {
	client := p.options.Client
	r = reading{at: p.options.Now(), groups: map[string]Group{}, templates: map[string]registered{}}
	if r.instances, err = client.Instances(ctx); err != nil {
		return r, err
	}
	if r.nodes, err = client.Nodes(ctx); err != nil {
		return r, err
	}
	asked := p.asked()
	if err := p.resolve(ctx, asked, &r); err != nil {
		return r, err
	}
	for i := range r.pools {
		id := r.pools[i].TemplateID
		if _, known := r.templates[id]; !known && id != "" {
			if r.templates[id], err = p.registered(ctx, id); err != nil {
				return r, err
			}
		}
	}
	if p.options.PullingPercent > 0 || p.distributes() {
		r.distributions, err = client.Distributions(ctx)
		switch {
		case errors.Is(err, ErrUnavailable) && ctx.Err() == nil:
			r.untold = err
		case err != nil:
			return r, err
		}
	}
	p.keep(asked, &r)
	return r, nil
}

func (p *Provider) readGroups(ctx context.Context, r *reading) error {
	groups, err := p.options.Client.Groups(ctx)
	if err != nil {
		return err
	}
	for _, g := range groups {
		r.groups[g.ID] = g
	}
	return nil
}

// registered asks for a template. One that is missing closes its pools only, and so
// does a registry that can't be reached, but for the nodes that hold the tag.
func (p *Provider) registered(ctx context.Context, id string) (registered, error) {
	t, err := p.options.Client.Template(ctx, id)
	switch {
	case errors.Is(err, ErrTemplateNotFound):
		p.forget(id)
		return registered{missing: true}, nil
	case errors.Is(err, ErrUnavailable) && ctx.Err() == nil:
		return registered{unreachable: true, words: err.Error()}, nil
	}
	return registered{Template: t}, err
}

// image is a tag of a template as a pool starts it.
type image struct {
	template, tag string
	previous      string // a tag that will do where it is held; empty: none
	size          int64  // bytes; 0: not told
	arch          string // empty: not told
	unreachable   bool   // the registry can't be asked: only nodes that hold it have it
	problem       string // why there is none; empty: there is
}

// imageOf finds what a pool starts in what the registry told.
func imageOf(p *PoolOptions, t registered) image {
	i := image{template: p.TemplateID, tag: p.Tag, previous: p.PreviousTag, arch: first(t.Arch, p.Arch), unreachable: t.unreachable}
	switch {
	case p.problem != "":
		i.problem = p.problem
		return i
	case t.missing:
		i.problem = fmt.Sprintf("template %s is not in the registry", first(p.Template, p.TemplateID))
		return i
	case t.unreachable:
		return i
	}
	byTag := func(tag string) int {
		return slices.IndexFunc(t.Versions, func(v TemplateVersion) bool { return v.Tag == tag })
	}
	if byTag(p.PreviousTag) < 0 {
		i.previous = ""
	}
	if k := byTag(p.Tag); k >= 0 {
		i.size, i.arch = max(0, t.Versions[k].Size), first(t.Versions[k].Arch, i.arch)
		return i
	}
	i.problem = fmt.Sprintf("template %s has no tag %s", first(p.Template, p.TemplateID), p.Tag)
	return i
}

// on tells whether a node holds the tag, or the previous one, and whether it holds
// another than the tag of the template. told is false where the node's templates
// aren't known.
func (i *image) on(n *Node) (held, another, told bool) {
	for _, t := range n.Templates {
		if t.ID == i.template {
			held = held || t.Tag == i.tag || t.Tag == i.previous && i.previous != ""
			another = another || t.Tag != i.tag
		}
	}
	return held, another, n.Templates != nil
}
