package anka_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/anka"
	"autoscaled/anka/ankatest"
)

// world is a simulated controller on a real socket, and a client of it.
type world struct {
	*testing.T
	server *ankatest.Server
	clock  *ankatest.ManualClock
	client *anka.Client
	ctx    context.Context
}

func newWorld(t *testing.T, change func(*ankatest.Config), options ...func(*anka.Options)) world {
	t.Helper()
	config := ankatest.DefaultConfig()
	change(&config)
	clock := ankatest.NewManualClock(time.Date(2026, time.March, 2, 8, 0, 0, 0, time.UTC))
	server, err := ankatest.New(config, clock, 1)
	require.NoError(t, err)
	url, err := server.Start("127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	o := anka.Options{URL: url, RetryWait: time.Millisecond}
	for _, f := range options {
		f(&o)
	}
	client, err := anka.New(o)
	require.NoError(t, err)
	return world{t, server, clock, client, t.Context()}
}

// ages runs a test against controllers of either age, which tell failures in
// either style.
func ages(t *testing.T, test func(w world, current bool)) {
	for _, shapes := range []string{ankatest.ShapesCurrent, ankatest.Shapes2019} {
		for _, style := range []string{ankatest.ErrorsStatus, ankatest.ErrorsOK} {
			t.Run(shapes+", errors by "+style, func(t *testing.T) {
				test(newWorld(t, func(c *ankatest.Config) { c.Shapes, c.Errors = shapes, style }), shapes == ankatest.ShapesCurrent)
			})
		}
	}
}

func (w world) template(name string) string {
	id, err := w.server.TemplateID(name)
	require.NoError(w, err)
	return id
}

// until moves the clock on until the instance is in that state.
func (w world) until(id string, state anka.State) anka.Instance {
	w.Helper()
	for range 200 {
		i, err := w.client.Instance(w.ctx, id)
		require.NoError(w, err)
		if i.State == state {
			return i
		}
		w.clock.Advance(5 * time.Second)
	}
	require.Fail(w, "never "+string(state))
	return anka.Instance{}
}

func TestSimulatedInstances(t *testing.T) {
	ages(t, func(w world, current bool) {
		template := w.template("macos-15-xcode-16")
		ids, err := w.client.StartInstances(w.ctx, anka.StartRequest{
			TemplateID: template, Tag: "v2", Count: 2, Name: "n", ExternalID: "attempt-1", Priority: 10,
			Metadata: anka.Metadata{"pool": anka.Text("ios"), "attempt": anka.Number(1), "ephemeral": anka.Flag(true)},
			Script:   anka.Script("echo hi"), ScriptMonitoring: true, ScriptTimeout: time.Minute,
		})
		require.NoError(w, err)
		require.Len(w, ids, 2)
		listed, err := w.client.Instances(w.ctx)
		require.NoError(w, err)
		require.Len(w, listed, 2)
		require.ElementsMatch(w, ids, []string{listed[0].ID, listed[1].ID})
		require.Equal(w, "n attempt-1", listed[0].Name+" "+listed[0].ExternalID)
		require.Equal(w, anka.Metadata{"pool": anka.Text("ios"), "attempt": anka.Number(1), "ephemeral": anka.Flag(true)}, listed[0].Metadata)

		up := w.until(ids[0], anka.Started)
		require.NotEmpty(w, up.NodeID)
		require.NotNil(w, up.VM)
		require.Equal(w, "ssh", up.VM.PortForwarding[0].Name)
		require.False(w, up.Created.IsZero())
		if current {
			require.Equal(w, "arm64", up.Arch)
		}
		require.NoError(w, w.client.UpdateInstance(w.ctx, ids[0], anka.InstanceUpdate{Name: pointer("other")}))
		if current {
			require.NoError(w, w.client.RestartInstance(w.ctx, anka.RestartRequest{InstanceID: ids[0]}))
		} else {
			require.ErrorIs(w, w.client.RestartInstance(w.ctx, anka.RestartRequest{InstanceID: ids[0]}), anka.ErrNoEndpoint)
		}
		require.NoError(w, w.client.TerminateInstance(w.ctx, ids[0]))
		w.clock.Advance(5 * time.Minute)
		_, err = w.client.Instance(w.ctx, ids[0])
		require.ErrorIs(w, err, anka.ErrInstanceNotFound)
		require.ErrorIs(w, w.client.TerminateInstance(w.ctx, "nobody"), anka.ErrInstanceNotFound)
		require.ErrorIs(w, w.client.UpdateInstance(w.ctx, "nobody", anka.InstanceUpdate{Name: pointer("x")}), anka.ErrInstanceNotFound)

		for _, test := range []struct {
			request anka.StartRequest
			want    error
		}{
			{anka.StartRequest{TemplateID: "nothing"}, anka.ErrTemplateNotFound},
			{anka.StartRequest{TemplateID: template, Tag: "v9"}, anka.ErrTagNotFound},
			{anka.StartRequest{TemplateID: template, Version: pointer(9)}, anka.ErrTagNotFound},
			{anka.StartRequest{TemplateID: template, GroupID: "nobody"}, anka.ErrGroupNotFound},
			{anka.StartRequest{TemplateID: template, NodeID: "nobody"}, anka.ErrNodeNotFound},
		} {
			_, err := w.client.StartInstances(w.ctx, test.request)
			require.ErrorIs(w, err, test.want)
			require.NotErrorIs(w, err, anka.ErrUncertain)
		}
	})
}

func TestSimulatedNodesAndGroups(t *testing.T) {
	ages(t, func(w world, current bool) {
		nodes, err := w.client.Nodes(w.ctx)
		require.NoError(w, err)
		require.Len(w, nodes, 20)
		id := nodes[0].ID
		require.NoError(w, w.client.ConfigureNode(w.ctx, anka.NodeConfig{NodeID: id, MaxVMCount: pointer(1), Name: "renamed", Host: "mac.test"}))
		node, err := w.client.Node(w.ctx, id)
		require.NoError(w, err)
		require.Equal(w, "renamed mac.test", node.Name+" "+node.Address)
		require.Equal(w, 1, node.Capacity)
		require.Equal(w, current, node.CapacityMode == anka.CapacityByNumber)
		_, err = w.client.Node(w.ctx, "nobody")
		require.ErrorIs(w, err, anka.ErrNodeNotFound)

		group, err := w.client.CreateGroup(w.ctx, anka.GroupRequest{Name: "new", Description: "d"})
		require.NoError(w, err)
		require.NoError(w, w.client.UpdateGroup(w.ctx, group.ID, anka.GroupUpdate{Name: pointer("newer")}))
		require.NoError(w, w.client.AddNodesToGroups(w.ctx, []string{group.ID}, []string{id, nodes[1].ID}))
		node, err = w.client.Node(w.ctx, id)
		require.NoError(w, err)
		require.Contains(w, node.Groups, anka.Group{ID: group.ID, Name: "newer", Description: "d"})
		require.NoError(w, w.client.RemoveNodesFromGroups(w.ctx, []string{group.ID}, []string{id, nodes[1].ID}))
		require.NoError(w, w.client.DeleteGroup(w.ctx, group.ID))
		require.ErrorIs(w, w.client.DeleteGroup(w.ctx, group.ID), anka.ErrGroupNotFound)
		require.ErrorIs(w, w.client.AddNodesToGroups(w.ctx, []string{group.ID}, []string{id}), anka.ErrGroupNotFound)
		groups, err := w.client.Groups(w.ctx)
		require.NoError(w, err)
		require.Len(w, groups, 3)

		require.NoError(w, w.server.SetSilent("renamed", true))
		require.NoError(w, w.client.DeleteNode(w.ctx, id))
		require.ErrorIs(w, w.client.DeleteNode(w.ctx, id), anka.ErrNodeNotFound)
		devices, err := w.client.USBDevices(w.ctx)
		require.NoError(w, err)
		require.Equal(w, 2, devices["ipad"].Available)
	})
}

func TestSimulatedRegistry(t *testing.T) {
	ages(t, func(w world, current bool) {
		templates, err := w.client.Templates(w.ctx)
		require.NoError(w, err)
		require.Len(w, templates, 3)
		fast, err := w.client.TemplatesFast(w.ctx)
		require.NoError(w, err)
		require.Len(w, fast, 3)
		id := w.template("macos-15-xcode-16")
		template, err := w.client.Template(w.ctx, id)
		require.NoError(w, err)
		require.Equal(w, "v1 v2", template.Versions[0].Tag+" "+template.Versions[1].Tag)
		_, err = w.client.Template(w.ctx, "nothing")
		require.ErrorIs(w, err, anka.ErrTemplateNotFound)

		request, err := w.client.Distribute(w.ctx, anka.DistributeRequest{TemplateID: id, Tag: "v1"})
		require.NoError(w, err)
		distribution, err := w.client.Distribution(w.ctx, request)
		require.NoError(w, err)
		require.NotEmpty(w, distribution.Nodes)
		all, err := w.client.Distributions(w.ctx)
		require.NoError(w, err)
		require.Len(w, all, 1)
		_, err = w.client.Distribution(w.ctx, "nothing")
		require.ErrorIs(w, err, anka.ErrDistributionNotFound)
		_, err = w.client.Distribute(w.ctx, anka.DistributeRequest{TemplateID: id, Tag: "v9"})
		require.ErrorIs(w, err, anka.ErrTagNotFound)
		if current {
			require.NoError(w, w.client.CancelDistribution(w.ctx, request))
			_, err = w.client.RemoveTemplateFromNodes(w.ctx, w.template("macos-13-intel"))
			require.NoError(w, err)
			_, err = w.client.RegistryDisk(w.ctx)
			require.NoError(w, err)
			status, err := w.client.Status(w.ctx)
			require.NoError(w, err)
			require.Equal(w, "Running enterprise plus", status.Status+" "+status.License)
			require.NoError(w, w.client.Live(w.ctx))
			require.NoError(w, w.client.Ready(w.ctx))
		} else {
			require.ErrorIs(w, w.client.CancelDistribution(w.ctx, request), anka.ErrNoEndpoint)
			require.ErrorIs(w, ask(w.client.RegistryDisk(w.ctx)), anka.ErrNoEndpoint)
			require.ErrorIs(w, ask(w.client.Status(w.ctx)), anka.ErrNoEndpoint)
		}
		require.ErrorIs(w, w.client.RevertTemplateToTag(w.ctx, id, "v9"), anka.ErrTagNotFound)
		require.ErrorIs(w, w.client.RevertTemplateToVersion(w.ctx, id, 9), anka.ErrTagNotFound)
		require.NoError(w, w.client.RevertTemplate(w.ctx, id))
		template, err = w.client.Template(w.ctx, id)
		require.NoError(w, err)
		require.Len(w, template.Versions, 1, "the latest version is gone")
		require.NoError(w, w.client.DeleteTemplate(w.ctx, id))
		require.ErrorIs(w, w.client.DeleteTemplate(w.ctx, id), anka.ErrTemplateNotFound)

		w.server.SetRegistry(false)
		require.ErrorIs(w, ask(w.client.Templates(w.ctx)), anka.ErrUnavailable)
	})
}

func TestSimulatedImages(t *testing.T) {
	ages(t, func(w world, _ bool) {
		ids, err := w.client.StartInstances(w.ctx, anka.StartRequest{TemplateID: w.template("macos-15-xcode-16")})
		require.NoError(w, err)
		w.until(ids[0], anka.Started)
		saved, err := w.client.SaveImage(w.ctx, anka.SaveImageRequest{InstanceID: ids[0], NewTemplateName: "saved", Tag: "v1", Script: anka.Script("echo hi")})
		require.NoError(w, err)
		save, err := w.client.ImageSave(w.ctx, saved)
		require.NoError(w, err)
		require.Equal(w, anka.ImagePending, save.Status)
		require.Equal(w, ids[0], save.Request.InstanceID)
		require.Equal(w, "echo hi", string(save.Request.Script))
		list, err := w.client.ImageSaves(w.ctx)
		require.NoError(w, err)
		require.Len(w, list, 1)
		_, err = w.client.ImageSave(w.ctx, "nothing")
		require.ErrorIs(w, err, anka.ErrImageSaveNotFound)
		_, err = w.client.SaveImage(w.ctx, anka.SaveImageRequest{InstanceID: "nobody", NewTemplateName: "x", Tag: "v1"})
		require.ErrorIs(w, err, anka.ErrInstanceNotFound)
	})
}

func TestSimulatedLicences(t *testing.T) {
	for _, style := range []string{ankatest.ErrorsStatus, ankatest.ErrorsOK} {
		w := newWorld(t, func(c *ankatest.Config) { c.License, c.Errors = ankatest.LicenseBasic, style })
		id := w.template("macos-15-xcode-16")
		group, err := w.server.GroupID("apple-silicon")
		require.NoError(t, err)
		for _, r := range []anka.StartRequest{{TemplateID: id, GroupID: group}, {TemplateID: id, Priority: 1}, {TemplateID: id, USBDevice: "ipad"}} {
			require.ErrorIs(t, ask(w.client.StartInstances(w.ctx, r)), anka.ErrLicence)
		}
		require.ErrorIs(t, ask(w.client.Distribute(w.ctx, anka.DistributeRequest{TemplateID: id, GroupID: group})), anka.ErrLicence)
	}
}

func TestSimulatedCredentials(t *testing.T) {
	der, err := x509.MarshalPKIXPublicKey(&testKey().PublicKey)
	require.NoError(t, err)
	public := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	guarded := func(c *ankatest.Config) {
		c.Auth.RootToken = "s3cret-token"
		c.Auth.Keys = []ankatest.KeyConfig{{ID: "ci", PublicKey: public}}
	}
	token := func(value string) func(*anka.Options) {
		return func(o *anka.Options) { o.RootToken = func() (string, error) { return value, nil } }
	}
	key := func(id string) func(*anka.Options) {
		return func(o *anka.Options) { o.APIKey = &anka.APIKey{ID: id, Key: pkcs1(testKey())} }
	}
	require.NoError(t, ask(newWorld(t, guarded, token("s3cret-token")).client.Nodes(t.Context())))
	for _, bad := range []func(*anka.Options){token("wrong"), key("nobody"), func(*anka.Options) {}} {
		require.ErrorIs(t, ask(newWorld(t, guarded, bad).client.Nodes(t.Context())), anka.ErrUnauthorized)
	}
	w := newWorld(t, guarded, key("ci"))
	require.NoError(t, ask(w.client.Nodes(w.ctx)))
	w.clock.Advance(time.Hour) // the session is over by the controller's clock, not by ours
	require.NoError(t, ask(w.client.Nodes(w.ctx)))
	require.NoError(t, w.client.Live(w.ctx))
}
