package anka_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/anka"
	"autoscaled/anka/ankatest"
	"autoscaled/autoscale"
)

func TestProviderFollowsInstances(t *testing.T) {
	ages(t, func(w world, current bool) {
		p := w.provide(w.ios())
		before := w.observe(p)
		require.Len(w, before.Pools, 1)
		pool := before.Pools[0]
		require.Equal(w, autoscale.Resources{Cores: 4, Memory: 8 * autoscale.GiB}, pool.Node)
		require.Equal(w, map[string]string{"pool": "ios", "template": "macos-15-xcode-16", "tag": "v2", "group": "apple-silicon"}, pool.Labels)
		require.Empty(w, pool.Invalid)
		require.Equal(w, []autoscale.Draw{{Limit: "macs/ios", Amount: 1}}, pool.Draws)
		require.Equal(w, []autoscale.Limit{{ID: "macs/ios", Kind: autoscale.LimitMacs, Name: "Macs of ios", Unit: autoscale.UnitNodes, Max: 20}}, before.Limits)

		one, err := p.Create(w.ctx, grow("r1", "ios", 1))
		require.NoError(w, err)
		two, err := p.Create(w.ctx, grow("r2", "ios", 2))
		require.NoError(w, err)
		require.Equal(w, 1, one.Added)
		require.Equal(w, 2, two.Added)
		require.True(w, strings.HasPrefix(one.CloudID, "autoscaled/r1/"), one.CloudID)
		starting := w.observe(p)
		require.Len(w, starting.Nodes, 3)
		hosts := map[string]bool{}
		for _, n := range starting.Nodes {
			require.Equal(w, autoscale.PhaseStarting, n.Phase)
			require.True(w, n.Owned)
			require.Empty(w, n.Protected)
			require.EqualValues(w, "ios", n.Pool)
			hosts[n.Host] = true
			require.Equal(w, n.Request == "r1", n.Host == n.Name, "a runner that is named beforehand is started alone")
		}
		require.Len(w, hosts, 3, "no two have one name in the queue")
		require.EqualValues(w, 3, starting.Limits[0].Used, "what waits uses its slot")
		require.EqualValues(w, 20, starting.Limits[0].Max)

		w.clock.Advance(5 * time.Minute)
		ready := w.observe(p)
		for _, n := range ready.Nodes {
			require.Equal(w, autoscale.PhaseReady, n.Phase)
			require.NotEmpty(w, n.Address)
			require.True(w, hosts[n.Host], "the name stays")
		}
		require.EqualValues(w, 3, ready.Limits[0].Used)

		receipt, err := p.Remove(w.ctx, autoscale.Remove{Request: "e1", Pool: "ios", Nodes: append(ready.Nodes[:2:2], autoscale.Node{ID: "gone"})})
		require.NoError(w, err)
		require.Empty(w, receipt.Refused, "gone already is success")
		require.Equal(w, autoscale.PhaseStopping, w.observe(p).Nodes[0].Phase)
		w.clock.Advance(40 * time.Second)
		require.Equal(w, autoscale.PhaseGone, w.observe(p).Nodes[0].Phase)
		w.clock.Advance(5 * time.Minute)
		require.Len(w, w.observe(p).Nodes, 1)
		require.Equal(w, []string(nil), violations(w))
	})
}

func violations(w world) (texts []string) {
	for _, v := range w.server.Books().Violations {
		texts = append(texts, v.Text)
	}
	return texts
}

func TestProviderShowsFailures(t *testing.T) {
	w := newWorld(t, func(*ankatest.Config) {})
	p := w.provide(w.ios())
	_, err := p.Create(w.ctx, grow("r1", "ios", 2))
	require.NoError(t, err)
	w.clock.Advance(5 * time.Minute)
	nodes := w.observe(p).Nodes
	require.NoError(t, w.server.FailInstance(string(nodes[0].ID), "There is no space left"))
	require.NoError(t, w.server.StopInstance(string(nodes[1].ID)))
	w.clock.Advance(time.Minute)
	nodes = w.observe(p).Nodes
	require.Equal(t, "failed There is no space left capacity", fmt.Sprint(nodes[0].Phase, " ", nodes[0].Message, " ", nodes[0].Class))
	require.Equal(t, "failed its VM is stopped", strings.TrimSpace(fmt.Sprint(nodes[1].Phase, " ", nodes[1].Message, " ", nodes[1].Class)))
}

func TestProviderLeavesOthersAlone(t *testing.T) {
	w := newWorld(t, func(*ankatest.Config) {})
	p := w.provide(w.ios())
	o := w.ios()
	another, err := anka.NewProvider(anka.ProviderOptions{Client: w.client, Pools: []anka.PoolOptions{o}, Now: w.clock.Now, Owner: "another"})
	require.NoError(t, err)
	_, err = another.Create(w.ctx, grow("r1", "ios", 1))
	require.NoError(t, err)
	for _, r := range []anka.StartRequest{
		{TemplateID: o.TemplateID},
		{TemplateID: o.TemplateID, ExternalID: "https://ci.test/job/1"},
		{TemplateID: o.TemplateID, ExternalID: "autoscaled/r1/a", Metadata: anka.Metadata{
			anka.MetadataOwner: anka.Text("autoscaled"), anka.MetadataRequest: anka.Text("r2"), anka.MetadataAttempt: anka.Text("a")}},
	} {
		_, err := w.client.StartInstances(w.ctx, r)
		require.NoError(t, err)
	}
	s := w.observe(p)
	require.Len(t, s.Nodes, 4)
	for _, n := range s.Nodes {
		require.NotEmpty(t, n.Protected)
		require.False(t, n.Owned)
		require.Empty(t, n.Pool)
		require.Empty(t, n.Request)
	}
	require.Contains(t, fmt.Sprint(s.Nodes), "started by others")
	require.Contains(t, fmt.Sprint(s.Nodes), `another owner, "another"`)
	require.Contains(t, fmt.Sprint(s.Nodes), "its metadata say")
	r, err := p.Remove(w.ctx, autoscale.Remove{Nodes: s.Nodes})
	require.NoError(t, err)
	require.Len(t, r.Refused, 4)
	w.clock.Advance(5 * time.Minute)
	for _, i := range w.server.Books().Instances {
		require.Zero(t, i.Asked)
	}
	resolution, err := p.Resolve(w.ctx, "r1")
	require.NoError(t, err)
	require.Equal(t, autoscale.ResolvedAbsent, resolution.State, "another's request of that id is not ours")
}

func TestProviderKnowsItsOwnByExternalIDAlone(t *testing.T) {
	w := newWorld(t, func(*ankatest.Config) {})
	p := w.provide(w.ios())
	_, err := p.Create(w.ctx, grow("r1", "ios", 1))
	require.NoError(t, err)
	id := string(w.observe(p).Nodes[0].ID)
	require.NoError(t, w.client.UpdateInstance(w.ctx, id, anka.InstanceUpdate{Metadata: anka.Metadata{"note": anka.Text("x")}}))
	n := w.observe(p).Nodes[0]
	require.Equal(t, "r1 ios true", fmt.Sprint(n.Request, " ", n.Pool, " ", n.Owned))
	require.Equal(t, id, n.Host)
}

func TestProviderOfAFormerPool(t *testing.T) {
	w := newWorld(t, func(*ankatest.Config) {})
	old := w.ios()
	old.Name = "old"
	_, err := w.provide(old).Create(w.ctx, grow("r1", "old", 1))
	require.NoError(t, err)
	s := w.observe(w.provide(w.ios()))
	require.EqualValues(t, "old", s.Nodes[0].Pool)
	require.Contains(t, invalid(s, "old"), "no pool of this name")
	require.EqualValues(t, 1, s.Limits[0].Used-s.Limits[0].Max+20, "it takes a slot all the same")
}

func TestProviderRefuses(t *testing.T) {
	w := newWorld(t, func(c *ankatest.Config) { c.License = ankatest.LicenseBasic })
	plain := w.pool("plain", "macos-15-xcode-16", "v2", "")
	tagless, missing := plain, plain
	tagless.Name, tagless.Tag = "tagless", "v9"
	missing.Name, missing.TemplateID = "missing", "nothing"
	p := w.provide(w.ios(), plain, tagless, missing)
	named, grouped := grow("r", "plain", 1), grow("r", "plain", 1)
	named.Names, grouped.Group = []string{"n1"}, "pg0"
	for what, g := range map[string]autoscale.Grow{
		"licence": grow("r", "ios", 1), "no such tag": grow("r", "tagless", 1), "not in the registry": grow("r", "missing", 1), "no pool other": grow("r", "other", 1),
		"0 instances": grow("r", "plain", 0), "one name": named, "placement groups": grouped, "external id": grow("a/b", "plain", 1),
	} {
		_, err := p.Create(w.ctx, g)
		require.ErrorIs(t, err, autoscale.ErrRejected, what)
		require.NotErrorIs(t, err, autoscale.ErrUncertain, what)
		require.ErrorContains(t, err, what)
		require.Equal(t, autoscale.ErrorConfig, autoscale.ClassOf(err), what)
	}
	require.Empty(t, w.server.Books().Starts)
	s := w.observe(p)
	require.Contains(t, invalid(s, "tagless"), "has no tag v9")
	require.Contains(t, invalid(s, "missing"), "not in the registry")

	_, err := p.Start(w.ctx, autoscale.Start{})
	require.ErrorIs(t, err, autoscale.ErrRejected)
	require.ErrorContains(t, err, "no deallocated instances")
	_, err = p.Remove(w.ctx, autoscale.Remove{Removal: autoscale.RemovalDeallocate})
	require.ErrorIs(t, err, autoscale.ErrRejected)
}

func TestProviderWithResourcePermissions(t *testing.T) {
	w := newWorld(t, func(c *ankatest.Config) {
		c.Permissions, c.Groups, c.Nodes = true, nil, []ankatest.NodeConfig{arm("a"), colds(1)}
	})
	without, with := w.pool("without", "macos-15-xcode-16", "v2", ""), w.pool("with", "macos-15-xcode-16", "v2", "")
	with.PermissionGroup, with.Distribute = "ci", true
	p := w.provide(without, with)
	_, err := p.Create(w.ctx, grow("r1", "without", 1))
	require.ErrorIs(t, err, autoscale.ErrRejected)
	require.ErrorContains(t, err, "group is required")
	r, err := p.Create(w.ctx, grow("r2", "with", 1))
	require.NoError(t, err)
	require.Equal(t, 1, r.Added)
	require.NoError(t, p.Tend(w.ctx))
	require.Len(t, p.Distributions(), 1)
	_, err = w.client.StartInstances(w.ctx, anka.StartRequest{TemplateID: with.TemplateID, GroupID: "g"})
	require.ErrorContains(t, err, "group_id is disabled")
}

func TestProviderOptionsAreChecked(t *testing.T) {
	w := newWorld(t, func(*ankatest.Config) {})
	for words, change := range map[string]func(*anka.ProviderOptions){
		"a client and a clock": func(o *anka.ProviderOptions) { o.Now = nil },
		"no pools":             func(o *anka.ProviderOptions) { o.Pools = nil },
		"two pools":            func(o *anka.ProviderOptions) { o.Pools = append(o.Pools, o.Pools[0]) },
		"time-out of 30s":      func(o *anka.ProviderOptions) { o.Settle = 30 * time.Second },
		"owner":                func(o *anka.ProviderOptions) { o.Owner = "a/b" },
		"a name is":            func(o *anka.ProviderOptions) { o.Pools[0].Name = "a+b" },
		"and a tag":            func(o *anka.ProviderOptions) { o.Pools[0].Tag = "" },
		"permission group":     func(o *anka.ProviderOptions) { o.Pools[0].PermissionGroup = "ci" },
		"previous tag":         func(o *anka.ProviderOptions) { o.Pools[0].PreviousTag = o.Pools[0].Tag },
		"% of the Macs":        func(o *anka.ProviderOptions) { o.PullingPercent = 101 },
		"negative":             func(o *anka.ProviderOptions) { o.PullTimeout = -1 },
		"0 vCPUs":              func(o *anka.ProviderOptions) { o.Pools[0].VCPU = 0 },
		"architecture":         func(o *anka.ProviderOptions) { o.Pools[0].Arch = "m68k" },
	} {
		o := anka.ProviderOptions{Client: w.client, Pools: []anka.PoolOptions{w.ios()}, Now: w.clock.Now}
		change(&o)
		_, err := anka.NewProvider(o)
		require.ErrorIs(t, err, anka.ErrConfig, words)
		require.ErrorContains(t, err, words)
	}
}

func TestProviderErrorsByMeaning(t *testing.T) {
	for _, test := range []struct {
		status int
		body   string
		want   error
		class  autoscale.ErrorClass
	}{
		{401, `{"status":"FAIL","message":"Authentication Required"}`, autoscale.ErrUnauthorized, autoscale.ErrorAuth},
		{429, ``, autoscale.ErrThrottled, autoscale.ErrorThrottle},
		{503, ``, autoscale.ErrUnavailable, ""},
		{200, `<html>`, autoscale.ErrMalformed, ""},
		{200, `{"status":"OK","body":null}`, autoscale.ErrMalformed, ""},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			rw.WriteHeader(test.status)
			_, _ = rw.Write([]byte(test.body))
		}))
		client, err := anka.New(anka.Options{URL: server.URL, Retries: -1})
		require.NoError(t, err)
		p, err := anka.NewProvider(anka.ProviderOptions{Client: client, Now: time.Now, Pools: []anka.PoolOptions{{Name: "a", TemplateID: "t", Tag: "v", VCPU: 1, VRAM: 1}}})
		require.NoError(t, err)
		_, err = p.Observe(t.Context())
		require.ErrorIs(t, err, test.want)
		require.Equal(t, test.class, autoscale.ClassOf(err))
		_, err = p.Create(t.Context(), grow("r", "a", 1))
		require.NotErrorIs(t, err, autoscale.ErrUncertain, "nothing was sent")
		require.NotErrorIs(t, err, autoscale.ErrMalformed, "which would leave it in doubt")
		r, err := p.Resolve(t.Context(), "r")
		require.ErrorIs(t, err, test.want)
		require.Equal(t, autoscale.ResolvedUnknown, r.State)
		server.Close()
	}
}
