package anka_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/anka"
	"autoscaled/anka/ankatest"
)

// named is the pool ios by the names that people use.
func named(template, group string) anka.PoolOptions {
	return anka.PoolOptions{Name: "ios", Template: template, Tag: "v2", Group: group, VCPU: 4, VRAM: 8192}
}

// Names become ids when the controller is read, and what is started is the same as if
// the ids had been given.
func TestProviderFindsNames(t *testing.T) {
	ages(t, func(w world, _ bool) {
		p := w.provide(named("macos-15-xcode-16", "apple-silicon"))
		_, err := p.Create(w.ctx, grow("early", "ios", 1))
		require.ErrorContains(w, err, "nothing was read yet")
		s := w.observe(p)
		require.Empty(w, invalid(s, "ios"))
		require.Equal(w, 20, room(s, "ios"))
		require.Equal(w, "apple-silicon", s.Pools[0].Labels["group"])
		_, err = p.Create(w.ctx, grow("r1", "ios", 1))
		require.NoError(w, err)
		start := w.server.Books().Starts[0]
		require.Equal(w, w.template("macos-15-xcode-16"), start.Template)
		require.Equal(w, w.ios().GroupID, start.Group)

		listed := w.server.Books().Calls["GET /api/v1/registry/vm"]
		w.observe(p)
		require.Equal(w, listed+1, w.server.Books().Calls["GET /api/v1/registry/vm"], "only the template itself is asked for again")
	})
}

func TestProviderTellsUnknownNames(t *testing.T) {
	// Two templates and two groups get one name.
	rename := strings.NewReplacer(`"macos-14-xcode-15"`, `"macos-15-xcode-16"`, `"intel-usb"`, `"intel"`)
	twins := func(o *anka.Options) {
		o.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			answer, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				return nil, err
			}
			defer answer.Body.Close()
			text, err := io.ReadAll(answer.Body)
			answer.Body, answer.ContentLength = io.NopCloser(strings.NewReader(rename.Replace(string(text)))), -1
			return answer, err
		})
	}
	w := newWorld(t, func(*ankatest.Config) {}, twins)
	id := w.template("macos-15-xcode-16")
	for i, c := range []struct {
		template, group, want string
		startable             bool
	}{
		{"macos-16", "", `no template is called "macos-16"`, false},
		{"macos-15-xcode-16", "intel", `2 templates are called "macos-15-xcode-16": ["`, false},
		{id, "apple-silicon", "", true},
		{"99999999-2222-3333-4444-555555555555", "", "template 99999999-2222-3333-4444-555555555555 is not in the registry", false},
		{id, "arm", `no group is called "arm"`, false},
		{id, "intel", `2 groups are called "intel": ["`, false},
	} {
		p := w.provide(named(c.template, c.group), w.pool("intel", "macos-13-intel", "base", ""))
		s := w.observe(p)
		require.True(t, strings.HasPrefix(invalid(s, "ios"), c.want), "%s: %s", c.template, invalid(s, "ios"))
		require.Equal(t, c.want == "", invalid(s, "ios") == "")
		require.Empty(t, invalid(s, "intel"), "other pools go on")
		_, err := p.Create(w.ctx, grow(fmt.Sprintf("r%d", i), "ios", 1))
		require.Equal(t, c.startable, err == nil, "%v", err)
	}
}

// A registry that can't be listed closes the pools whose ids are not known from before.
func TestProviderWithoutTheRegistry(t *testing.T) {
	w := newWorld(t, func(*ankatest.Config) {}, func(o *anka.Options) { o.Retries = -1 })
	p := w.provide(named("macos-15-xcode-16", "apple-silicon"))
	down := ankatest.Fault{Kind: ankatest.FaultStatus, Method: http.MethodGet, Path: "/api/v1/registry/vm", Status: http.StatusServiceUnavailable}
	w.order(down)
	require.Contains(t, invalid(w.observe(p), "ios"), `the id of template "macos-15-xcode-16" is not known: `)
	require.Empty(t, invalid(w.observe(p), "ios"), "it is asked again")
	w.order(down)
	require.Equal(t, 12, room(w.observe(p), "ios"), "the Macs that hold it")
}

// New pools are followed from the next read on, whatever is under way.
func TestProviderSetsPools(t *testing.T) {
	w := newWorld(t, func(*ankatest.Config) {})
	p := w.provide(named("macos-15-xcode-16", "apple-silicon"))
	w.observe(p)
	_, err := p.Create(w.ctx, grow("r1", "ios", 1))
	require.NoError(t, err)

	old := named("macos-15-xcode-16", "apple-silicon")
	old.Tag = "v1"
	require.NoError(t, p.SetPools([]anka.PoolOptions{old, {Name: "intel", Template: "macos-13-intel", Tag: "base", VCPU: 4, VRAM: 8192}}))
	_, err = p.Create(w.ctx, grow("r2", "ios", 1))
	require.ErrorContains(t, err, "nothing was read yet")
	s := w.observe(p)
	require.Len(t, s.Pools, 2)
	require.Equal(t, "v1", s.Pools[0].Labels["tag"])
	require.EqualValues(t, "ios", s.Nodes[0].Pool)
	_, err = p.Create(w.ctx, grow("r2", "ios", 1))
	require.NoError(t, err)
	require.Equal(t, "v1", w.server.Books().Starts[1].Tag)

	require.ErrorIs(t, p.SetPools(nil), anka.ErrConfig)
	require.ErrorIs(t, p.SetPools([]anka.PoolOptions{{Name: "ios", Template: "a", TemplateID: "b", Tag: "v2", VCPU: 4, VRAM: 8192}}), anka.ErrConfig)
	require.ErrorIs(t, p.SetPools([]anka.PoolOptions{{Name: "ios", Template: "a", Tag: "v2", Group: "a", GroupID: "b", VCPU: 4, VRAM: 8192}}), anka.ErrConfig)
	require.Len(t, w.observe(p).Pools, 2, "as they were")
}

func TestProviderTellsThePoolsMacs(t *testing.T) {
	w := newWorld(t, func(*ankatest.Config) {})
	unknown := named("nothing", "")
	unknown.Name = "none"
	p := w.provide(named("macos-15-xcode-16", "apple-silicon"), unknown)
	_, err := p.Create(w.ctx, grow("r0", "none", 1))
	require.Error(t, err)
	supply, pools, err := p.Look(w.ctx)
	require.NoError(t, err)
	require.Equal(t, w.observe(p), supply)
	require.Len(t, pools, 2)
	require.Len(t, pools[0].Able, 10)
	require.Contains(t, pools[0].Able, "mini-arm-01")
	pools[0].Able = nil
	require.Equal(t, anka.PoolMacs{Pool: "ios", Macs: 10, Holding: 6, Room: 20}, pools[0])
	require.Equal(t, anka.PoolMacs{Pool: "none", Problem: `no template is called "nothing"`}, pools[1])

	_, err = p.Create(w.ctx, grow("r1", "ios", 3))
	require.NoError(t, err)
	_, pools, err = p.Look(w.ctx)
	require.NoError(t, err)
	require.Equal(t, 17, pools[0].Room)
}
