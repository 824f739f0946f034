package anka_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/anka"
)

// Whether a failure comes as 200 or as 4xx, it means the same.
func TestBothErrorStylesMeanTheSame(t *testing.T) {
	start := func(ctx context.Context, c *anka.Client) error {
		return ask(c.StartInstances(ctx, anka.StartRequest{TemplateID: "t"}))
	}
	show := func(ctx context.Context, c *anka.Client) error { return ask(c.Instance(ctx, "x")) }
	for _, test := range []struct {
		call  func(context.Context, *anka.Client) error
		on    string
		words string
		want  error
	}{
		{start, "POST /api/v1/vm", "VM not in the registry", anka.ErrTemplateNotFound},
		{start, "POST /api/v1/vm", "No such tag enterprise license timed out", anka.ErrTagNotFound},
		{start, "POST /api/v1/vm", "Group does not exist", anka.ErrGroupNotFound},
		{start, "POST /api/v1/vm", "Could not find nodes 7", anka.ErrNodeNotFound},
		{start, "POST /api/v1/vm", "Version 7 not found in template", anka.ErrTagNotFound},
		{start, "POST /api/v1/vm", "Template not found", anka.ErrTemplateNotFound},
		{start, "POST /api/v1/vm", "Not found", anka.ErrNotFound},
		{start, "POST /api/v1/vm", "This feature requires an Enterprise license", anka.ErrLicence},
		{start, "POST /api/v1/vm", "priority needs a higher tier", anka.ErrLicence},
		{start, "POST /api/v1/vm", "Authentication Required", anka.ErrUnauthorized},
		{start, "POST /api/v1/vm", "vcpu: strange", anka.ErrInvalidInput},
		{show, "GET /api/v1/vm?id=x", "Not found", anka.ErrInstanceNotFound},
		{show, "GET /api/v1/vm?id=x", "Instance not found on any node", anka.ErrInstanceNotFound},
		{func(ctx context.Context, c *anka.Client) error { return c.TerminateInstance(ctx, "x") }, "DELETE /api/v1/vm", "Not found", anka.ErrInstanceNotFound},
		{func(ctx context.Context, c *anka.Client) error { return ask(c.Node(ctx, "x")) }, "GET /api/v1/node?id=x", "Not found", anka.ErrNodeNotFound},
		{func(ctx context.Context, c *anka.Client) error { return c.DeleteGroup(ctx, "x") }, "DELETE /api/v1/group?id=x", "not found", anka.ErrGroupNotFound},
		{func(ctx context.Context, c *anka.Client) error { return ask(c.Template(ctx, "x")) }, "GET /api/v1/registry/vm?id=x", "not found", anka.ErrTemplateNotFound},
		{func(ctx context.Context, c *anka.Client) error { return c.RevertTemplateToTag(ctx, "x", "y") }, "DELETE /api/v1/registry/revert?id=x&tag=y", "No such tag y", anka.ErrTagNotFound},
		{func(ctx context.Context, c *anka.Client) error { return ask(c.Distribution(ctx, "x")) }, "GET /api/v1/registry/vm/distribute?id=x", "no such request", anka.ErrDistributionNotFound},
		{func(ctx context.Context, c *anka.Client) error { return ask(c.ImageSave(ctx, "x")) }, "GET /api/v1/image?id=x", "not found", anka.ErrImageSaveNotFound},
		{func(ctx context.Context, c *anka.Client) error {
			return ask(c.CreateGroup(ctx, anka.GroupRequest{Name: "n"}))
		}, "POST /api/v1/group", "Group n already exists", anka.ErrConflict},
	} {
		for _, status := range []int{200, 400, 404} {
			if status == 404 && errors.Is(test.want, anka.ErrInvalidInput) {
				continue // a 404 is about what is not there, whatever it says
			}
			err := test.call(t.Context(), newController(t).on(test.on, fail(status, test.words)).client(t))
			name := fmt.Sprintf("%s: %d %s: %v", test.on, status, test.words, err)
			require.ErrorIs(t, err, test.want, name)
			require.NotErrorIs(t, err, anka.ErrUncertain, name)
			require.ErrorContains(t, err, test.words)
			e, ok := errors.AsType[*anka.Error](err)
			require.True(t, ok)
			require.Equal(t, test.want, e.Kind, "exactly that: %s", name)
			if strings.HasSuffix(test.want.Error(), "not found") {
				require.ErrorIs(t, err, anka.ErrNotFound)
			}
		}
	}
}

func TestWordsOfTroubleAreDoubtful(t *testing.T) {
	for _, words := range []string{
		"dial tcp 192.0.2.1:8089: connect: connection refused", "lookup registry: no such host", "etcdserver: request timed out", "Internal server error",
		"Post: context deadline exceeded", "registry is unreachable", "Registry is not reachable",
	} {
		s := newController(t).on("POST /api/v1/vm", fail(200, words)).on("GET /api/v1/vm", fail(200, words), recorded(t, "2019/instances"))
		_, err := s.client(t).StartInstances(t.Context(), anka.StartRequest{TemplateID: "t"})
		require.ErrorIs(t, err, anka.ErrUnavailable, words)
		require.ErrorIs(t, err, anka.ErrUncertain, words)
		_, err = s.client(t).Instances(t.Context())
		require.NoError(t, err, "a read is repeated")
	}
}

func TestStatusesWithoutAnEnvelope(t *testing.T) {
	for status, want := range map[int]error{
		400: anka.ErrInvalidInput, 401: anka.ErrUnauthorized, 403: anka.ErrUnauthorized, 404: anka.ErrNoEndpoint, 405: anka.ErrNoEndpoint,
		409: anka.ErrConflict, 429: anka.ErrThrottled, 500: anka.ErrUnavailable, 502: anka.ErrUnavailable,
	} {
		for _, body := range []string{"", "404 page not found\n", "<html><title>gate</title></html>", `{"message":"no"}`, "[]"} {
			_, err := newController(t).on("GET /api/v1/vm?id=x", answer{status, body}).client(t, func(o *anka.Options) { o.Retries = -1 }).Instance(t.Context(), "x")
			require.ErrorIs(t, err, want, "%d %s", status, body)
			require.NotErrorIs(t, err, anka.ErrInstanceNotFound)
		}
	}
	for status, want := range map[int]error{401: anka.ErrUnauthorized, 429: anka.ErrThrottled, 500: anka.ErrUnavailable, 403: anka.ErrUnauthorized} {
		_, err := newController(t).on("GET /api/v1/vm?id=x", fail(status, "Not found")).client(t).Instance(t.Context(), "x")
		require.ErrorIs(t, err, want, status)
		require.NotErrorIs(t, err, anka.ErrNotFound)
	}
	_, err := newController(t).on("GET /api/v1/usb", fail(403, "your license doesn't cover that")).client(t).USBDevices(t.Context())
	require.ErrorIs(t, err, anka.ErrLicence)
	_, err = newController(t).on("GET /api/v1/vm?id=x", fail(404, "gone fishing")).client(t).Instance(t.Context(), "x")
	require.ErrorIs(t, err, anka.ErrInstanceNotFound)
}

func TestWhatIsNotSent(t *testing.T) {
	s := newController(t)
	c, ctx := s.client(t), t.Context()
	start := func(change func(*anka.StartRequest)) func() error {
		return func() error {
			r := anka.StartRequest{TemplateID: "t", Script: anka.Script("x"), ScriptMonitoring: true}
			change(&r)
			return ask(c.StartInstances(ctx, r))
		}
	}
	for name, call := range map[string]func() error{
		"no template":            start(func(r *anka.StartRequest) { r.TemplateID = "" }),
		"tag and version":        start(func(r *anka.StartRequest) { r.Tag, r.Version = "a", pointer(1) }),
		"version":                start(func(r *anka.StartRequest) { r.Version = pointer(-1) }),
		"count":                  start(func(r *anka.StartRequest) { r.Count = -1 }),
		"vcpu":                   start(func(r *anka.StartRequest) { r.VCPU = -1 }),
		"vram":                   start(func(r *anka.StartRequest) { r.VRAM = -1 }),
		"priority":               start(func(r *anka.StartRequest) { r.Priority = 10001 }),
		"negative priority":      start(func(r *anka.StartRequest) { r.Priority = -1 }),
		"two groups":             start(func(r *anka.StartRequest) { r.Group, r.GroupID = "a", "b" }),
		"nothing to monitor":     start(func(r *anka.StartRequest) { r.Script = nil }),
		"timeout, not monitored": start(func(r *anka.StartRequest) { r.ScriptMonitoring, r.ScriptTimeout = false, 1e9 }),
		"failure, not monitored": start(func(r *anka.StartRequest) { r.ScriptMonitoring, r.ScriptFailure = false, anka.KeepVM }),
		"half a second":          start(func(r *anka.StartRequest) { r.ScriptTimeout = 5e8 }),
		"negative timeout":       start(func(r *anka.StartRequest) { r.ScriptTimeout = -1e9 }),
		"failure":                start(func(r *anka.StartRequest) { r.ScriptFailure = 3 }),
		"show no instance":       func() error { return ask(c.Instance(ctx, "")) },
		"update no instance":     func() error { return c.UpdateInstance(ctx, "", anka.InstanceUpdate{Name: pointer("n")}) },
		"update nothing":         func() error { return c.UpdateInstance(ctx, "i", anka.InstanceUpdate{}) },
		"end no instance":        func() error { return c.TerminateInstance(ctx, "") },
		"restart no instance":    func() error { return c.RestartInstance(ctx, anka.RestartRequest{}) },
		"show no node":           func() error { return ask(c.Node(ctx, "")) },
		"configure no node":      func() error { return c.ConfigureNode(ctx, anka.NodeConfig{Name: "n"}) },
		"configure nothing":      func() error { return c.ConfigureNode(ctx, anka.NodeConfig{NodeID: "n"}) },
		"negative capacity":      func() error { return c.ConfigureNode(ctx, anka.NodeConfig{NodeID: "n", MaxVMCount: pointer(-1)}) },
		"capacity mode":          func() error { return c.ConfigureNode(ctx, anka.NodeConfig{NodeID: "n", CapacityMode: "both"}) },
		"delete no node":         func() error { return c.DeleteNode(ctx, "") },
		"show no template":       func() error { return ask(c.Template(ctx, "")) },
		"delete no template":     func() error { return c.DeleteTemplate(ctx, "") },
		"revert no template":     func() error { return c.RevertTemplate(ctx, "") },
		"revert to no tag":       func() error { return c.RevertTemplateToTag(ctx, "t", "") },
		"revert to no version":   func() error { return c.RevertTemplateToVersion(ctx, "t", -1) },
		"remove no template":     func() error { return ask(c.RemoveTemplateFromNodes(ctx, "")) },
		"remove from an unnamed": func() error { return ask(c.RemoveTemplateFromNodes(ctx, "t", "")) },
		"distribute nothing":     func() error { return ask(c.Distribute(ctx, anka.DistributeRequest{})) },
		"distribute to none": func() error {
			return ask(c.Distribute(ctx, anka.DistributeRequest{TemplateID: "t", NodeIDs: []string{}}))
		},
		"distribute to an unnamed": func() error {
			return ask(c.Distribute(ctx, anka.DistributeRequest{TemplateID: "t", NodeIDs: []string{""}}))
		},
		"distribute both": func() error {
			return ask(c.Distribute(ctx, anka.DistributeRequest{TemplateID: "t", Tag: "a", Version: pointer(1)}))
		},
		"distribute version": func() error {
			return ask(c.Distribute(ctx, anka.DistributeRequest{TemplateID: "t", Version: pointer(-1)}))
		},
		"show no distribution":   func() error { return ask(c.Distribution(ctx, "")) },
		"cancel no distribution": func() error { return c.CancelDistribution(ctx, "") },
		"save no instance":       func() error { return ask(c.SaveImage(ctx, anka.SaveImageRequest{NewTemplateName: "n"})) },
		"save to nowhere":        func() error { return ask(c.SaveImage(ctx, anka.SaveImageRequest{InstanceID: "i"})) },
		"save to both": func() error {
			return ask(c.SaveImage(ctx, anka.SaveImageRequest{InstanceID: "i", NewTemplateName: "n", TargetTemplateID: "t"}))
		},
		"revert a new template": func() error {
			return ask(c.SaveImage(ctx, anka.SaveImageRequest{InstanceID: "i", NewTemplateName: "n", RevertTag: "x"}))
		},
		"test what isn't suspended": func() error {
			return ask(c.SaveImage(ctx, anka.SaveImageRequest{InstanceID: "i", NewTemplateName: "n", Suspend: pointer(false), SuspendSanityTest: true}))
		},
		"show no save":    func() error { return ask(c.ImageSave(ctx, "")) },
		"unnamed group":   func() error { return ask(c.CreateGroup(ctx, anka.GroupRequest{})) },
		"update no group": func() error { return c.UpdateGroup(ctx, "", anka.GroupUpdate{Name: pointer("n")}) },
		"nothing of it":   func() error { return c.UpdateGroup(ctx, "g", anka.GroupUpdate{}) },
		"delete no group": func() error { return c.DeleteGroup(ctx, "") },
		"no groups":       func() error { return c.AddNodesToGroups(ctx, nil, []string{"n"}) },
		"no nodes":        func() error { return c.RemoveNodesFromGroups(ctx, []string{"g"}, nil) },
		"unnamed node":    func() error { return c.AddNodesToGroups(ctx, []string{"g"}, []string{"n", ""}) },
		"empty group":     func() error { return c.AddNodesToGroups(ctx, []string{""}, []string{"n"}) },
	} {
		require.ErrorIs(t, call(), anka.ErrInvalidInput, name)
	}
	require.Empty(t, s.all())
}
