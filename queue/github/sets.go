package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"autoscaled/internal/rest"
)

// Paths of the service.
const (
	groupsPath = "/_apis/runtime/runnergroups/"
	setsPath   = "/_apis/runtime/runnerscalesets"
	setRoute   = setsPath + "/{set}"
)

// DefaultGroup is the runner group that every owner has. Its id is 1: GitHub's
// own client assumes so as well.
const DefaultGroup = "default"

// Group is a runner group: which repositories may use its runners.
type Group struct {
	ID      int    `json:"id"`
	Name    string `json:"name"`
	Size    int    `json:"size"`
	Default bool   `json:"isDefaultGroup"`
}

// Label is what a job's runs-on names.
type Label struct {
	Type string `json:"type"` // "System"
	Name string `json:"name"`
}

// Labels makes labels of names.
func Labels(names ...string) []Label {
	labels := make([]Label, 0, len(names))
	for _, name := range names {
		labels = append(labels, Label{Type: "System", Name: name})
	}
	return labels
}

// RunnerSetting are settings of all runners of a set.
type RunnerSetting struct {
	// DisableUpdate keeps runners from updating themselves before a job.
	DisableUpdate bool `json:"disableUpdate"`
	Ephemeral     bool `json:"ephemeral,omitempty"` // older servers
	Elastic       bool `json:"isElastic,omitempty"` // older servers
}

// Set is a runner scale set.
type Set struct {
	ID        int    `json:"id,omitempty"`
	Name      string `json:"name,omitempty"` // unique in its group
	GroupID   int    `json:"runnerGroupId,omitempty"`
	GroupName string `json:"runnerGroupName,omitempty"`
	// Labels default to the name. GitHub Enterprise Server 3.18 to 3.20 drops all
	// but one without a word, unless a flag is on: compare what came back.
	Labels       []Label       `json:"labels,omitempty"`
	Setting      RunnerSetting `json:"RunnerSetting"`
	CreatedOn    time.Time     `json:"createdOn,omitzero"`
	JITConfigURL string        `json:"runnerJitConfigUrl,omitempty"`
	// Statistics are nil where the service doesn't tell them.
	Statistics *Statistics `json:"statistics,omitempty"`
}

func (s *Set) check() error {
	if s.ID <= 0 || s.Name == "" {
		return errors.New("a scale set without id or name")
	}
	return nil
}

// request leaves what the service alone decides.
func (s Set) request() Set {
	return Set{Name: s.Name, GroupID: s.GroupID, Labels: s.Labels, Setting: s.Setting}
}

func setPath(id int) string { return setsPath + "/" + strconv.Itoa(id) }

// FindGroup finds a runner group by its name; "" and "default" are group 1, and
// nothing is asked. ErrGroupNotFound if there is none.
func (c *Client) FindGroup(ctx context.Context, name string) (Group, error) {
	if name == "" || name == DefaultGroup {
		return Group{ID: 1, Name: DefaultGroup, Default: true}, nil
	}
	var groups []Group
	_, err := c.call(ctx, rest.Call{
		Method: http.MethodGet, Path: groupsPath, Query: url.Values{"groupName": {name}},
		Into: intoList(&groups, func(g *Group) error {
			if g.ID <= 0 {
				return errors.New("a runner group without id")
			}
			return nil
		}),
	})
	if err != nil {
		return Group{}, fmt.Errorf("find runner group %q: %w", name, err)
	}
	group, n := named(groups, name, func(g Group) string { return g.Name })
	return group, oneOf(n, "runner group", name, ErrGroupNotFound)
}

// oneOf makes the error of a search that did not find exactly one.
func oneOf(n int, what, name string, none error) error {
	switch n {
	case 0:
		return fmt.Errorf("find %s %q: %w", what, name, none)
	case 1:
		return nil
	}
	return fmt.Errorf("find %s %q: %w: %d have this name", what, name, ErrMalformed, n)
}

// Sets lists all scale sets of the owner.
func (c *Client) Sets(ctx context.Context) ([]Set, error) {
	sets, err := c.sets(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("list scale sets: %w", err)
	}
	return sets, nil
}

func (c *Client) sets(ctx context.Context, query url.Values) (sets []Set, err error) {
	_, err = c.call(ctx, rest.Call{Method: http.MethodGet, Path: setsPath, Query: query, Into: intoList(&sets, (*Set).check)})
	return sets, err
}

// FindSet finds a scale set of a group by its name, or is ErrSetNotFound.
func (c *Client) FindSet(ctx context.Context, group int, name string) (Set, error) {
	sets, err := c.sets(ctx, url.Values{"runnerGroupId": {strconv.Itoa(group)}, "name": {name}})
	if err != nil {
		return Set{}, fmt.Errorf("find scale set %q: %w", name, err)
	}
	set, n := named(sets, name, func(s Set) string { return s.Name })
	return set, oneOf(n, "scale set", name, ErrSetNotFound)
}

// Set reads one scale set, or is ErrSetNotFound.
func (c *Client) Set(ctx context.Context, id int) (Set, error) {
	set, err := c.set(ctx, http.MethodGet, setPath(id), setRoute, nil)
	if err != nil {
		return Set{}, fmt.Errorf("read scale set %d: %w", id, err)
	}
	return set, nil
}

// CreateSet makes a scale set. Its name must be free in its group, or it is
// ErrInvalidInput. An error that is ErrUncertain leaves it open whether the set
// exists: find it by name.
func (c *Client) CreateSet(ctx context.Context, s Set) (Set, error) {
	set, err := c.set(ctx, http.MethodPost, setsPath, setsPath, s.request())
	if err != nil {
		return Set{}, fmt.Errorf("create scale set %q: %w", s.Name, err)
	}
	return set, nil
}

// UpdateSet changes what s names of a scale set: name, group, labels; and its
// settings in any case. Members that are empty are left as they are.
func (c *Client) UpdateSet(ctx context.Context, id int, s Set) (Set, error) {
	set, err := c.set(ctx, http.MethodPatch, setPath(id), setRoute, s.request())
	if err != nil {
		return Set{}, fmt.Errorf("update scale set %d: %w", id, err)
	}
	return set, nil
}

func (c *Client) set(ctx context.Context, method, path, route string, body any) (set Set, err error) {
	_, err = c.call(ctx, rest.Call{Method: method, Path: path, Route: route, Body: body, Into: into(&set, (*Set).check)})
	return set, err
}

// DeleteSet deletes a scale set; one that is gone is no error. The service
// refuses while a runner of it has a job, and gives jobs that didn't start back
// to the queue.
func (c *Client) DeleteSet(ctx context.Context, id int) error {
	_, err := c.call(ctx, deletion(setPath(id), setRoute))
	if err != nil && !errors.Is(err, ErrSetNotFound) {
		return fmt.Errorf("delete scale set %d: %w", id, err)
	}
	return nil
}
