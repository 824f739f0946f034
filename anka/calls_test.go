package anka_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/anka"
)

// ask drops what a call returns beside its error.
func ask[T any](_ T, err error) error { return err }

const instanceID = "c983c3bf-a0c0-43dc-54dc-2fd9f7d62fce"

func TestInstanceCalls(t *testing.T) {
	run(t, map[string]step{
		"start": {
			func(ctx context.Context, c *anka.Client) error {
				ids, err := c.StartInstances(ctx, anka.StartRequest{TemplateID: "6b135004-0c89-43bb-b892-74796b8d266c", Count: 2})
				require.Equal(t, []string{instanceID, "e74dfc0e-dc94-4ca2-575e-3219ac08ffa2"}, ids)
				return err
			}, "POST /api/v1/vm", `{"vmid":"6b135004-0c89-43bb-b892-74796b8d266c","count":2}`, recorded(t, "2019/start"),
		},
		"start, every parameter": {
			func(ctx context.Context, c *anka.Client) error {
				return ask(c.StartInstances(ctx, anka.StartRequest{
					TemplateID: "t", Tag: "v1", Name: "n", NameTemplate: "$template_name-$ts", ExternalID: "e", Count: 2, NodeID: "node", GroupID: "g",
					Priority: 10, USBDevice: "iphone7", VCPU: 4, VRAM: 8192,
					Metadata: anka.Metadata{"pool": anka.Text("ios"), "attempt": anka.Number(2), "ephemeral": anka.Flag(false)},
					Script:   anka.Script("echo hi"), ScriptAtBoot: true, ScriptMonitoring: true, ScriptTimeout: 10 * time.Minute, ScriptFailure: anka.DeleteVM,
				}))
			}, "POST /api/v1/vm", `{"vmid":"t","tag":"v1","name":"n","name_template":"$template_name-$ts","external_id":"e","count":2,"node_id":"node","group_id":"g",
				"priority":10,"usb_device":"iphone7","vcpu":4,"vram":8192,"metadata":{"pool":"ios","attempt":2,"ephemeral":false},
				"startup_script":"ZWNobyBoaQ==","startup_script_condition":1,"script_monitoring":true,"script_timeout":600,"script_fail_handler":2}`,
			recorded(t, "2019/start"),
		},
		"start by version for a permission group": {
			func(ctx context.Context, c *anka.Client) error {
				return ask(c.StartInstances(ctx, anka.StartRequest{TemplateID: "t", Version: pointer(0), Group: "ci", Count: 2}))
			}, "POST /api/v1/vm", `{"vmid":"t","version":0,"group":"ci","count":2}`, recorded(t, "2019/start"),
		},
		"update": {
			func(ctx context.Context, c *anka.Client) error {
				return c.UpdateInstance(ctx, instanceID, anka.InstanceUpdate{Name: pointer("My VM name"), ExternalID: pointer(""), Metadata: anka.Metadata{"a": anka.Flag(true)}})
			}, "PUT /api/v1/vm?id=" + instanceID, `{"name":"My VM name","external_id":"","metadata":{"a":true}}`, recorded(t, "2019/update"),
		},
		"terminate": {
			func(ctx context.Context, c *anka.Client) error { return c.TerminateInstance(ctx, instanceID) },
			"DELETE /api/v1/vm", `{"id":"` + instanceID + `"}`, recorded(t, "2019/terminate"),
		},
		"restart": {
			func(ctx context.Context, c *anka.Client) error {
				return c.RestartInstance(ctx, anka.RestartRequest{InstanceID: instanceID, USBDevice: "iPhone", VNCPassword: "1111111111"})
			}, "POST /api/v1/rpc/vm/restart", `{"instance_id":"` + instanceID + `","usb_device":"iPhone","vnc_password":"1111111111"}`, recorded(t, "now/ok"),
		},
		"list": {
			func(ctx context.Context, c *anka.Client) error { return ask(c.Instances(ctx)) },
			"GET /api/v1/vm", "", recorded(t, "2019/instances"),
		},
		"show": {
			func(ctx context.Context, c *anka.Client) error {
				return ask(c.Instance(ctx, "04b7ca7a-945c-4bdc-5123-68b2e4c8ad13"))
			},
			"GET /api/v1/vm?id=04b7ca7a-945c-4bdc-5123-68b2e4c8ad13", "", recorded(t, "2019/instance"),
		},
	})
}

func TestNodeCalls(t *testing.T) {
	const id = "f8707005-4630-4c9c-8403-c9c5964097f6"
	run(t, map[string]step{
		"list": {
			func(ctx context.Context, c *anka.Client) error { return ask(c.Nodes(ctx)) },
			"GET /api/v1/node", "", recorded(t, "2019/nodes"),
		},
		"show": {
			func(ctx context.Context, c *anka.Client) error { return ask(c.Node(ctx, id)) },
			"GET /api/v1/node?id=" + id, "", recorded(t, "2019/node"),
		},
		"config": {
			func(ctx context.Context, c *anka.Client) error {
				return c.ConfigureNode(ctx, anka.NodeConfig{NodeID: id, Name: "MacPro1", MaxVMCount: pointer(6)})
			}, "POST /api/v1/node/config", `{"node_id":"` + id + `","name":"MacPro1","max_vm_count":6}`, recorded(t, "2019/node-config"),
		},
		"config, every parameter": {
			func(ctx context.Context, c *anka.Client) error {
				return c.ConfigureNode(ctx, anka.NodeConfig{
					NodeID: id, Name: "n", Host: "mac.test", MaxVMCount: pointer(0), CapacityMode: anka.CapacityByResource,
					VCPUOverride: pointer(12), RAMOverride: pointer(24576), DisableCentralLogging: pointer(false), DrainMode: pointer(true),
				})
			}, "POST /api/v1/node/config", `{"node_id":"` + id + `","name":"n","host":"mac.test","max_vm_count":0,"capacity_mode":"resource",
				"vcpu_override":12,"ram_override":24576,"disable_central_logging":false,"drain_mode":true}`, recorded(t, "2019/nodes"),
		},
		"delete": {
			func(ctx context.Context, c *anka.Client) error { return c.DeleteNode(ctx, id) },
			"DELETE /api/v1/node", `{"node_id":"` + id + `"}`, recorded(t, "2019/node-delete"),
		},
	})
}

func TestTemplateCalls(t *testing.T) {
	const id = "00510971-5c37-4a60-a9c6-ea185397d9b4"
	run(t, map[string]step{
		"list": {
			func(ctx context.Context, c *anka.Client) error { return ask(c.Templates(ctx)) },
			"GET /api/v1/registry/vm", "", recorded(t, "2019/templates"),
		},
		"list, fast": {
			func(ctx context.Context, c *anka.Client) error { return ask(c.TemplatesFast(ctx)) },
			"GET /api/v1/registry/vm?apiVer=v1", "", recorded(t, "now/templates-fast"),
		},
		"show": {
			func(ctx context.Context, c *anka.Client) error { return ask(c.Template(ctx, id)) },
			"GET /api/v1/registry/vm?id=" + id, "", recorded(t, "2019/template"),
		},
		"delete": {
			func(ctx context.Context, c *anka.Client) error { return c.DeleteTemplate(ctx, id) },
			"DELETE /api/v1/registry/vm?id=" + id, "", recorded(t, "2019/template-delete"),
		},
		"revert the latest": {
			func(ctx context.Context, c *anka.Client) error { return c.RevertTemplate(ctx, id) },
			"DELETE /api/v1/registry/revert?id=" + id, "", recorded(t, "2019/revert"),
		},
		"revert to a version": {
			func(ctx context.Context, c *anka.Client) error { return c.RevertTemplateToVersion(ctx, id, 0) },
			"DELETE /api/v1/registry/revert?id=" + id + "&number=0&version=0", "", recorded(t, "2019/revert-version"),
		},
		"revert to a tag": {
			func(ctx context.Context, c *anka.Client) error { return c.RevertTemplateToTag(ctx, id, "p1 & 2") },
			"DELETE /api/v1/registry/revert?id=" + id + "&tag=p1+%26+2", "", recorded(t, "2019/revert-tag"),
		},
		"remove from nodes": {
			func(ctx context.Context, c *anka.Client) error {
				asked, err := c.RemoveTemplateFromNodes(ctx, id, "a", "b")
				require.Equal(t, []string{"a"}, asked)
				return err
			}, "DELETE /api/v1/registry/vm/remove?id=" + id, `{"node_ids":["a","b"]}`, answer{200, `{"status":"OK","body":{"requests_sent":1,"node_ids":["a"]}}`},
		},
		"remove from all nodes": {
			func(ctx context.Context, c *anka.Client) error { return ask(c.RemoveTemplateFromNodes(ctx, id)) },
			"DELETE /api/v1/registry/vm/remove?id=" + id, `{}`, answer{200, `{"status":"OK","body":{"requests_sent":0,"node_ids":null}}`},
		},
		"disk": {
			func(ctx context.Context, c *anka.Client) error { return ask(c.RegistryDisk(ctx)) },
			"GET /api/v1/registry/disk", "", recorded(t, "now/disk"),
		},
	})
}

func TestDistributionCalls(t *testing.T) {
	const id = "74efc824-2fcb-4e07-5e7d-7f9cc98e0ee5"
	run(t, map[string]step{
		"distribute": {
			func(ctx context.Context, c *anka.Client) error {
				got, err := c.Distribute(ctx, anka.DistributeRequest{TemplateID: "eaef3af8-cb54-4c3e-baf9-839053472f15"})
				require.Equal(t, id, got)
				return err
			}, "POST /api/v1/registry/vm/distribute", `{"template_id":"eaef3af8-cb54-4c3e-baf9-839053472f15"}`, recorded(t, "2019/distribute"),
		},
		"distribute, every parameter": {
			func(ctx context.Context, c *anka.Client) error {
				return ask(c.Distribute(ctx, anka.DistributeRequest{TemplateID: "t", Version: pointer(0), NodeIDs: []string{"a", "b"}, GroupID: "g", Group: "ci"}))
			}, "POST /api/v1/registry/vm/distribute", `{"template_id":"t","version":0,"node_ids":["a","b"],"group_id":"g","group":"ci"}`, recorded(t, "2019/distribute"),
		},
		"distribute a tag": {
			func(ctx context.Context, c *anka.Client) error {
				return ask(c.Distribute(ctx, anka.DistributeRequest{TemplateID: "t", Tag: "v1"}))
			}, "POST /api/v1/registry/vm/distribute", `{"template_id":"t","tag":"v1"}`, recorded(t, "2019/distribute"),
		},
		"list": {
			func(ctx context.Context, c *anka.Client) error { return ask(c.Distributions(ctx)) },
			"GET /api/v1/registry/vm/distribute", "", recorded(t, "2019/distributions"),
		},
		"show": {
			func(ctx context.Context, c *anka.Client) error { return ask(c.Distribution(ctx, id)) },
			"GET /api/v1/registry/vm/distribute?id=" + id, "", recorded(t, "2019/distribution"),
		},
		"cancel": {
			func(ctx context.Context, c *anka.Client) error { return c.CancelDistribution(ctx, id) },
			"DELETE /api/v1/registry/vm/distribute?id=" + id, "", recorded(t, "now/ok"),
		},
	})
}

func TestImageCalls(t *testing.T) {
	const id = "cc55f7dd-5280-4120-461c-9b0ef9b40131"
	run(t, map[string]step{
		"save": {
			func(ctx context.Context, c *anka.Client) error {
				got, err := c.SaveImage(ctx, anka.SaveImageRequest{
					InstanceID: "i", TargetTemplateID: "t", Tag: "my-new-vm-1901", RevertBeforePush: true, RevertTag: "latest-vm-1801",
				})
				require.Equal(t, id, got)
				return err
			}, "POST /api/v1/image", `{"id":"i","target_vm_id":"t","tag":"my-new-vm-1901","revert_before_push":true,"revert_tag":"latest-vm-1801"}`,
			recorded(t, "2019/image-save"),
		},
		"save as new, every parameter": {
			func(ctx context.Context, c *anka.Client) error {
				return ask(c.SaveImage(ctx, anka.SaveImageRequest{
					InstanceID: "i", NewTemplateName: "n", Tag: "v1", Description: "d", Suspend: pointer(true), Script: anka.Script("echo hi"), SuspendSanityTest: true,
				}))
			}, "POST /api/v1/image", `{"id":"i","new_template_name":"n","tag":"v1","description":"d","suspend":true,"script":"ZWNobyBoaQ==","do_suspend_sanity_test":true}`,
			recorded(t, "2019/image-save"),
		},
		"list": {
			func(ctx context.Context, c *anka.Client) error { return ask(c.ImageSaves(ctx)) },
			"GET /api/v1/image", "", recorded(t, "2019/images"),
		},
		"show": {
			func(ctx context.Context, c *anka.Client) error { return ask(c.ImageSave(ctx, id)) },
			"GET /api/v1/image?id=" + id, "", recorded(t, "2019/image"),
		},
	})
}

func TestGroupCalls(t *testing.T) {
	const id = "89a66167-62b1-42bb-5a0b-ff667906b8f5"
	run(t, map[string]step{
		"create": {
			func(ctx context.Context, c *anka.Client) error {
				got, err := c.CreateGroup(ctx, anka.GroupRequest{Name: "GreateNodes", Description: "best of my macs", FallbackGroupID: "f"})
				require.Equal(t, anka.Group{ID: id, Name: "GreateNodes", Description: "best of my macs"}, got)
				return err
			}, "POST /api/v1/group", `{"name":"GreateNodes","description":"best of my macs","fallback_group_id":"f"}`, recorded(t, "2019/group-create"),
		},
		"list": {
			func(ctx context.Context, c *anka.Client) error { return ask(c.Groups(ctx)) },
			"GET /api/v1/group", "", recorded(t, "2019/groups"),
		},
		"update": {
			func(ctx context.Context, c *anka.Client) error {
				return c.UpdateGroup(ctx, id, anka.GroupUpdate{Name: pointer("n"), Description: pointer(""), FallbackGroupID: pointer("f")})
			}, "PUT /api/v1/group?id=" + id, `{"name":"n","description":"","fallback_group_id":"f"}`, recorded(t, "2019/group-update"),
		},
		"delete": {
			func(ctx context.Context, c *anka.Client) error { return c.DeleteGroup(ctx, id) },
			"DELETE /api/v1/group?id=" + id, "", recorded(t, "2019/group-delete"),
		},
		"add": {
			func(ctx context.Context, c *anka.Client) error {
				return c.AddNodesToGroups(ctx, []string{"g", "h"}, []string{"a"})
			}, "POST /api/v1/node/group", `{"group_ids":["g","h"],"node_ids":["a"]}`, recorded(t, "2019/group-add"),
		},
		"remove": {
			func(ctx context.Context, c *anka.Client) error {
				return c.RemoveNodesFromGroups(ctx, []string{"g"}, []string{"a"})
			}, "DELETE /api/v1/node/group", `{"group_ids":["g"],"node_ids":["a"]}`, recorded(t, "2019/group-remove"),
		},
	})
}

// Newer controllers take one node a request; where it stops is told.
func TestNodesJoinGroupsOneByOne(t *testing.T) {
	s := newController(t).on("POST /api/v1/node/group", done, fail(400, "Node not found"))
	err := s.client(t).AddNodesToGroups(t.Context(), []string{"g"}, []string{"a", "b", "c"})
	require.ErrorIs(t, err, anka.ErrNodeNotFound)
	require.ErrorContains(t, err, "node b: ")
	require.Len(t, s.all(), 2)
	require.JSONEq(t, `{"group_ids":["g"],"node_ids":["b"]}`, s.last().body)
}

func TestStatusCalls(t *testing.T) {
	run(t, map[string]step{
		"status": {
			func(ctx context.Context, c *anka.Client) error { return ask(c.Status(ctx)) },
			"GET /api/v1/status", "", recorded(t, "now/status"),
		},
		"live":  {func(ctx context.Context, c *anka.Client) error { return c.Live(ctx) }, "GET /livez", "", answer{200, "ok"}},
		"ready": {func(ctx context.Context, c *anka.Client) error { return c.Ready(ctx) }, "GET /readyz", "", answer{200, ""}},
		"usb": {
			func(ctx context.Context, c *anka.Client) error {
				got, err := c.USBDevices(ctx)
				require.Equal(t, map[string]anka.USBDevices{"iphone7": {Available: 3, Busy: 1}, "tablet": {Busy: 2}}, got)
				return err
			}, "GET /api/v1/usb", "", recorded(t, "2019/usb"),
		},
		"no usb": {func(ctx context.Context, c *anka.Client) error { return ask(c.USBDevices(ctx)) }, "GET /api/v1/usb", "", answer{200, `{"status":"OK","body":null}`}},
	})
	s := newController(t).on("GET /readyz", answer{503, "starting"}).on("GET /livez", answer{404, "404 page not found"})
	require.ErrorIs(t, s.client(t).Ready(t.Context()), anka.ErrUnavailable)
	require.ErrorIs(t, s.client(t).Live(t.Context()), anka.ErrNoEndpoint)
}
