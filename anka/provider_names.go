package anka

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
)

// templateID is how the registry's ids of templates look. What looks so is taken for
// one, and not for a name.
var templateID = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)

// SetPools replaces the pools, as when the policy is loaded anew. What is known of
// starts under way stays. After an error the pools are as they were.
func (p *Provider) SetPools(pools []PoolOptions) error {
	o := p.options
	o.Pools = slices.Clone(pools)
	if err := o.check(); err != nil {
		return fmt.Errorf("pools of Anka: %w: %w", ErrConfig, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wanted, p.pools, p.last = o.Pools, nil, nil
	return nil
}

// asked are the pools as they were given.
func (p *Provider) asked() []PoolOptions {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.wanted
}

// poolNamed finds a pool as it was when the controller was last read, with the ids of
// what it names; nil: there is none, or nothing was read since the pools were set.
func (p *Provider) poolNamed(name string) *PoolOptions {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.pools
	if list == nil {
		list = p.wanted
	}
	return poolNamed(list, name)
}

// poolNamed finds a pool by its name; nil: there is none.
func poolNamed(pools []PoolOptions, name string) *PoolOptions {
	for i := range pools {
		if pools[i].Name == name {
			return &pools[i]
		}
	}
	return nil
}

// resolve fills in the ids of the templates and groups that pools name. What has none,
// or several, or can't be asked for, closes its pools only: their problem says why.
func (p *Provider) resolve(ctx context.Context, asked []PoolOptions, r *reading) error {
	pools := slices.Clone(asked)
	if slices.ContainsFunc(pools, func(o PoolOptions) bool { return o.GroupID != "" || o.Group != "" }) {
		if err := p.readGroups(ctx, r); err != nil {
			return err
		}
	}
	list, err := p.templatesNamed(ctx, pools)
	if err != nil {
		return err
	}
	for i := range pools {
		o := &pools[i]
		if o.TemplateID == "" {
			o.TemplateID, o.problem = list.id(o.Template)
		}
		if o.GroupID == "" && o.Group != "" {
			var why string
			o.GroupID, why = groupNamed(r.groups, o.Group)
			o.problem = first(o.problem, why)
		}
	}
	r.pools = pools
	return nil
}

// keep makes what was read what Create goes by, unless the pools were replaced
// meanwhile.
func (p *Provider) keep(asked []PoolOptions, r *reading) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(asked) > 0 && len(p.wanted) > 0 && &asked[0] == &p.wanted[0] {
		p.pools, p.last = r.pools, r
	}
}

// templateNames are the ids of templates by name, or why they are not known.
type templateNames struct {
	ids     map[string][]string
	problem string
}

// id finds the template that a pool names by its name, or by an id of unusual form.
func (n *templateNames) id(name string) (id, problem string) {
	switch ids := n.ids[name]; {
	case templateID.MatchString(name):
		return name, ""
	case len(ids) == 1:
		return ids[0], ""
	case len(ids) > 1:
		return "", fmt.Sprintf("%d templates are called %q: %q; give the id of one", len(ids), name, ids)
	case n.problem != "":
		return "", fmt.Sprintf("the id of template %q is not known: %s", name, n.problem)
	}
	return "", fmt.Sprintf("no template is called %q", name)
}

// templatesNamed lists the registry where a pool gives a template's name of which the
// id is not known from before. Ids found are remembered until their template is gone.
func (p *Provider) templatesNamed(ctx context.Context, pools []PoolOptions) (n templateNames, err error) {
	n.ids = p.remembered()
	missing := slices.ContainsFunc(pools, func(o PoolOptions) bool {
		return o.TemplateID == "" && !templateID.MatchString(o.Template) && len(n.ids[o.Template]) == 0
	})
	if !missing {
		return n, nil
	}
	list, err := p.options.Client.TemplatesFast(ctx)
	switch {
	case errors.Is(err, ErrUnavailable) && ctx.Err() == nil:
		n.problem = err.Error()
		return n, nil
	case err != nil:
		return n, err
	}
	n.ids = make(map[string][]string, 2*len(list))
	for _, t := range list {
		n.ids[t.Name] = append(n.ids[t.Name], t.ID)
		if t.Name != t.ID {
			n.ids[t.ID] = append(n.ids[t.ID], t.ID)
		}
	}
	p.remember(n.ids)
	return n, nil
}

// remembered are the ids of templates that names were found to stand for.
func (p *Provider) remembered() map[string][]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	ids := make(map[string][]string, len(p.ids))
	for name, id := range p.ids {
		ids[name] = []string{id}
	}
	return ids
}

// remember notes the ids of names that stand for one template.
func (p *Provider) remember(ids map[string][]string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ids = make(map[string]string, len(ids))
	for name, list := range ids {
		if len(list) == 1 {
			p.ids[name] = list[0]
		}
	}
}

// forget lets the registry be asked anew for the name of a template that is gone: one
// that was pushed again has another id.
func (p *Provider) forget(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, known := range p.ids {
		if known == id {
			delete(p.ids, name)
		}
	}
}

// groupNamed finds the group that a pool names, by its id or its name.
func groupNamed(groups map[string]Group, name string) (id, problem string) {
	if _, ok := groups[name]; ok {
		return name, ""
	}
	var found []string
	for _, g := range groups {
		if g.Name == name {
			found = append(found, g.ID)
		}
	}
	slices.Sort(found)
	switch len(found) {
	case 0:
		return "", fmt.Sprintf("no group is called %q", name)
	case 1:
		return found[0], ""
	}
	return "", fmt.Sprintf("%d groups are called %q: %q; give the id of one", len(found), name, found)
}
