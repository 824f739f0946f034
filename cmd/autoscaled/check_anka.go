package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"autoscaled/anka"
	"autoscaled/autoscale"
	"autoscaled/config"
)

// checkAnka tells the controller's version, and of each pool what Macs can run it.
func (c *connection) checkAnka(ctx context.Context) {
	url := c.cluster.Anka.URL
	status, err := c.controller.Status(ctx)
	if err == nil || errors.Is(err, anka.ErrNoEndpoint) {
		var supply autoscale.Supply
		var pools []anka.PoolMacs
		if supply, pools, err = c.anka.Look(ctx); err == nil {
			c.ok("cloud", "%s: %s; %s", url, controllerName(status), plural(len(supply.Nodes), "instance", "instances"))
			for i := range pools {
				c.checkAnkaPool(ctx, &c.cluster.Scaling.Pools[i], &pools[i])
			}
			c.checkRules(supply.Pools)
			return
		}
	}
	switch {
	case errors.Is(err, anka.ErrCertificate):
		c.fail("cloud", "%v", err)
		c.pin(ctx, "cloud", url, "anka")
	case errors.Is(err, anka.ErrUnauthorized):
		c.fail("cloud", "%s refuses %s: %v", url, credentials(c.cluster.Anka), err)
	case errors.Is(err, anka.ErrNoEndpoint):
		c.fail("cloud", "%s is no Anka controller's address, which has no path behind it: %v", url, err)
	default:
		c.fail("cloud", "%s: %v", url, err)
	}
}

// controllerName says what is known of a controller.
func controllerName(s anka.Status) string {
	if s.Version == "" {
		return "an Anka controller that does not tell its version"
	}
	return fmt.Sprintf("Anka controller %s, licence %q, registry %s", s.Version, s.License, s.RegistryStatus)
}

// credentials are how we show who we are.
func credentials(a *config.Anka) string {
	switch {
	case !a.Token().IsZero():
		return "the root token"
	case a.KeyID != "":
		return "the API key " + a.KeyID
	case a.TLS.CertFile != "":
		return "the client certificate"
	}
	return "callers without a token, key or certificate"
}

func (c *connection) checkAnkaPool(ctx context.Context, pool *config.Pool, macs *anka.PoolMacs) {
	if macs.Problem != "" {
		c.fail("pool", "%s: %s%s", pool.Name, macs.Problem, c.hint(ctx, pool))
		return
	}
	where := ""
	if pool.Group != "" {
		where = " of group " + pool.Group
	}
	c.ok("pool", "%s: template %s, tag %s: %d of %s%s can run it, %d of them hold the tag; room for %s",
		pool.Name, pool.Template, pool.Tag, len(macs.Able), plural(macs.Macs, "Mac", "Macs"), where, macs.Holding, plural(macs.Room, "VM", "VMs"))
}

// hint says what a name was probably meant to be. What can't be asked for, it leaves
// out.
func (c *connection) hint(ctx context.Context, pool *config.Pool) string {
	var names []string
	var id string
	if list, err := c.controller.TemplatesFast(ctx); err == nil {
		for _, t := range list {
			names = append(names, t.Name)
			if t.Name == pool.Template || t.ID == pool.Template {
				id = t.ID
			}
		}
		if id == "" {
			return meant(pool.Template, names, "the registry has")
		}
	}
	if t, err := c.controller.Template(ctx, id); err == nil {
		var tags []string
		for _, v := range t.Versions {
			tags = append(tags, v.Tag)
		}
		if !slices.Contains(tags, pool.Tag) {
			return meant(pool.Tag, tags, "it has")
		}
	}
	names = nil
	if list, err := c.controller.Groups(ctx); err == nil && pool.Group != "" {
		for _, g := range list {
			if g.Name == pool.Group || g.ID == pool.Group {
				return ""
			}
			names = append(names, g.Name)
		}
		return meant(pool.Group, names, "there are")
	}
	return ""
}

// meant names what is near to a name, and what there is.
func meant(name string, known []string, have string) string {
	slices.Sort(known)
	text := ""
	if near := config.Nearest(name, known); near != "" {
		text = fmt.Sprintf("; did you mean %q?", near)
	}
	return text + listed("; "+have+" ", known)
}

// mostNames is how many names are listed.
const mostNames = 20

func listed(before string, names []string) string {
	if len(names) == 0 {
		return before + "none"
	}
	more := ""
	if n := len(names) - mostNames; n > 0 {
		names, more = names[:mostNames], fmt.Sprintf(" and %d more", n)
	}
	return before + strings.Join(names, ", ") + more
}
