package gitlab

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"autoscaled/autoscale"
)

// placeholder stands for a label of the pool in a runner's tag.
var placeholder = regexp.MustCompile(`\$\{([^{}]*)\}`)

func (o *RunnerOptions) check() error {
	lists := [][]string{o.Tags}
	for _, tags := range o.PoolTags {
		lists = append(lists, tags)
	}
	for _, tags := range lists {
		if len(tags) == 0 && len(o.PoolTags) == 0 {
			return fmt.Errorf("%w: runners need tags: they take no jobs without", ErrConfig)
		}
		for _, tag := range tags {
			if strings.TrimSpace(tag) == "" || strings.Contains(tag, ",") {
				return fmt.Errorf("%w: a runner can't have the tag %q", ErrConfig, tag)
			}
		}
	}
	return nil
}

// tags are those of the runners of a pool.
func (o *RunnerOptions) tags(pool autoscale.PoolID, labels map[string]string) ([]string, error) {
	list, own := o.PoolTags[pool]
	if !own {
		list = o.Tags
	}
	tags := make([]string, 0, len(list))
	for _, tag := range list {
		var missing string
		filled := placeholder.ReplaceAllStringFunc(tag, func(ref string) string {
			name := ref[2 : len(ref)-1]
			if labels[name] == "" {
				missing = name
			}
			return labels[name]
		})
		switch {
		case missing != "":
			return nil, fmt.Errorf("the tag %q of runners names the label %q, which pool %s does not have", tag, missing, pool)
		case strings.Contains(filled, ","):
			return nil, fmt.Errorf("the tag %q of runners has a comma for pool %s", tag, pool)
		}
		tags = append(tags, filled)
	}
	if len(tags) == 0 {
		return nil, fmt.Errorf("pool %s has no tags for its runners", pool)
	}
	return tags, nil
}

// untaken is why a job would wait for ever if a node came for it: the runner of some pool
// that the selector allows lacks a tag. Empty: it would be taken, or no pool is known.
func (s *Source) untaken(pools []autoscale.Pool, want autoscale.Selector, tags []string) string {
	for i := range pools {
		p := &pools[i]
		if _, ok := want.Match(p.Labels); !ok || p.Invalid != "" {
			continue
		}
		have, err := s.Runner.tags(p.ID, p.Labels)
		if err != nil {
			return err.Error()
		}
		for _, tag := range tags {
			if !slices.Contains(have, tag) {
				return fmt.Sprintf("runners of pool %s don't have the tag %s", p.ID, tag)
			}
		}
	}
	return ""
}
