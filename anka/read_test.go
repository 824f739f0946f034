package anka_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/anka"
)

func at(t *testing.T, text string) time.Time {
	parsed, err := time.Parse(time.RFC3339Nano, text)
	require.NoError(t, err)
	return parsed
}

func TestInstancesOf2019(t *testing.T) {
	s := newController(t).on("GET /api/v1/vm", recorded(t, "2019/instances")).
		on("GET /api/v1/vm?id=04b7ca7a-945c-4bdc-5123-68b2e4c8ad13", recorded(t, "2019/instance"))
	list, err := s.client(t).Instances(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 3)
	require.Equal(t, anka.Instance{
		ID: "04b7ca7a-945c-4bdc-5123-68b2e4c8ad13", Name: "My VM", ExternalID: "ly79930", State: anka.Started, Tag: "t1",
		TemplateID: "a29dcb72-f663-469d-9d83-8c4641b2e5dd", NodeID: "f8707005-4630-4c9c-8403-c9c5964097f6",
		Updated: at(t, "2019-12-25T16:06:20.681609561Z"), Created: at(t, "2019-11-26T15:22:52.221924626Z"),
		VM: &anka.VM{
			ID: "381e5c9f-d453-48dc-87a4-af6a2a98e46f", Name: "mgmtManaged-build_vm3-MacPro-02.local-1574781776830830000", Status: "running",
			CPUCores: 2, RAM: "2G", NodeID: "f8707005-4630-4c9c-8403-c9c5964097f6", HostIP: "207.254.51.229", IP: "192.168.64.4", VNCPort: 5902,
			VNCConnection:  "vnc://:@207.254.51.229:5902",
			PortForwarding: []anka.PortForwarding{{Name: "ssh", Protocol: "tcp", HostPort: 10001, GuestPort: 22}},
		},
	}, list[0])
	require.Empty(t, list[1].ExternalID)
	require.InDelta(t, 1, list[2].Progress, 0)
	require.Equal(t, "teamcity", list[2].VM.Tag)

	shown, err := s.client(t).Instance(t.Context(), "04b7ca7a-945c-4bdc-5123-68b2e4c8ad13")
	require.NoError(t, err)
	require.Equal(t, "04b7ca7a-945c-4bdc-5123-68b2e4c8ad13", shown.ID, "the flat form lacks it")
	require.Equal(t, anka.Started, shown.State)
	require.Equal(t, list[0].VM, shown.VM)
}

func TestInstancesOfNow(t *testing.T) {
	s := newController(t).on("GET /api/v1/vm", recorded(t, "now/instances")).
		on("GET /api/v1/vm?id=6d5b7632-6ace-433a-44d9-e0c25f56706b", recorded(t, "now/instance"))
	list, err := s.client(t).Instances(t.Context())
	require.NoError(t, err)
	require.Equal(t, anka.Instance{
		ID: "e51259fe-6277-4776-4de0-016ea5971c7e", ExternalID: "attempt-7", State: anka.Started, Message: `Unexpected VM state: "stopped"`,
		Registry: "http://registry.test:8089", TemplateID: "d792c6f6-198c-470f-9526-9c998efe7ab4", Tag: "v1", Version: pointer(3),
		NodeID: "dc76c575-20dc-48be-a2a5-4f672fd758c6", GroupID: "bc288727-676c-4ab5-47b3-d1cd04227d11",
		InflightRequestID: "ace1715e-ace7-4ae8-718e-825c02f579c5",
		Updated:           at(t, "2024-01-24T11:51:56.935646-05:00"), Created: at(t, "2024-01-24T11:44:59.489699-05:00"),
		Metadata: anka.Metadata{"pool": anka.Text("ios"), "attempt": anka.Number(7), "ephemeral": anka.Flag(true)},
		Arch:     "arm64", MACAddress: "00:00:00:00:FF:FF", VLAN: "12", USBDevice: "iphone7",
		Script: &anka.ScriptResult{ReturnCode: -1, TimedOut: true, Stdout: "hello", Stderr: "bye", Errors: []string{"stdin"}},
		VM: &anka.VM{
			ID: "27f9cae9-08c4-48ad-8a06-0c10d66a45aa", Name: "mgmtManaged-14.2-arm64-1706114704759425000", Status: "running", Version: "v1",
			CPUCores: 4, RAM: "4G", NodeID: "dc76c575-20dc-48be-a2a5-4f672fd758c6", HostIP: "192.0.2.200", IP: "192.168.69.15", VNCPort: 5900,
			VNCConnection: "vnc://:pass-word@192.0.2.200:5900",
			PortForwarding: []anka.PortForwarding{
				{Name: "ssh", Protocol: "tcp", HostPort: 10001, GuestPort: 22}, {Name: "web", Protocol: "tcp", HostPort: 10002, GuestPort: 80},
			},
			Created: at(t, "2023-12-11T20:18:25Z"), Accessed: at(t, "2024-01-24T16:51:54Z"), Started: at(t, "2024-10-13T10:51:34Z"),
			Updated: at(t, "2024-01-24T11:51:54.502527-05:00"),
		},
	}, list[0])
	require.Equal(t, anka.Instance{
		ID: "6d5b7632-6ace-433a-44d9-e0c25f56706b", State: anka.Scheduling, TemplateID: "d792c6f6-198c-470f-9526-9c998efe7ab4", Progress: 0.25,
	}, list[1])

	shown, err := s.client(t).Instance(t.Context(), "6d5b7632-6ace-433a-44d9-e0c25f56706b")
	require.NoError(t, err)
	require.Equal(t, "attempt-8", shown.ExternalID)
	require.Equal(t, anka.Pulling, shown.State)
	require.InDelta(t, 0.75, shown.Progress, 0)
}

func TestNodesOfBothAges(t *testing.T) {
	s := newController(t).on("GET /api/v1/node", recorded(t, "2019/nodes"), recorded(t, "now/nodes")).
		on("GET /api/v1/node?id=f8707005-4630-4c9c-8403-c9c5964097f6", recorded(t, "2019/node"))
	c := s.client(t)
	old, err := c.Nodes(t.Context())
	require.NoError(t, err)
	require.Equal(t, []anka.Node{{
		ID: "f8707005-4630-4c9c-8403-c9c5964097f6", Name: "MacPro-02.local", Address: "207.254.51.229", State: anka.NodeActive, CPUs: 12, RAM: 64,
		VMCount: 1, VCPUs: 2, VRAM: 2048, CPUUse: 0.074900396, RAMUse: 0.03125, Capacity: 6, CapacityMode: anka.CapacityByNumber,
		Anka:     anka.Version{Product: "Anka Build Enterpriseplus", Version: "2.1.2", Build: "112", License: "com.veertu.anka.entplus"},
		DiskSize: 250135076864, FreeDiskSpace: 155624185856, AnkaDiskUsage: 38274388000,
	}}, old)

	now, err := c.Nodes(t.Context())
	require.NoError(t, err)
	require.Equal(t, []anka.Node{{
		ID: "3c101836-9540-4733-9482-604d0c5fbe30", Name: "mac-1.test", Address: "192.0.2.106", State: anka.NodeDrain, CPUs: 8, RAM: 32,
		VMCount: 1, VCPUs: 4, VRAM: 4096, CPUUse: 0.25, RAMUse: 0.125, Capacity: 2,
		Groups:   []anka.Group{{ID: "bc288727-676c-4ab5-47b3-d1cd04227d11", Name: "iOS", Description: "for iOS builds"}},
		Anka:     anka.Version{Product: "Anka Build Enterpriseplus", Version: "3.5.0", Build: "191", License: "com.veertu.anka.entplus", Expires: "17-aug-2025"},
		HostArch: "arm64", Templates: []anka.NodeTemplate{{ID: "d792c6f6-198c-470f-9526-9c998efe7ab4", Name: "14.5-arm64", Tag: "v1"}},
		USBDevices:   []json.RawMessage{json.RawMessage(`{ "name": "iphone7" }`)},
		CapacityMode: anka.CapacityByResource, VCPUOverride: 12, RAMOverride: 24576,
		DiskSize: 994662584320, FreeDiskSpace: 306762862592, AnkaDiskUsage: 132683026432,
		Updated: at(t, "2024-09-24T13:27:31.317822-08:00"), AgentVersion: "1.43.0-9f1c073a",
	}}, now)

	shown, err := c.Node(t.Context(), "f8707005-4630-4c9c-8403-c9c5964097f6")
	require.NoError(t, err)
	require.Equal(t, 6, shown.Capacity)
	require.Empty(t, shown.CapacityMode)
	require.Zero(t, shown.Anka)
}

func TestTemplatesOfBothAges(t *testing.T) {
	s := newController(t).on("GET /api/v1/registry/vm", recorded(t, "2019/templates"), recorded(t, "now/templates")).
		on("GET /api/v1/registry/vm?id=00510971-5c37-4a60-a9c6-ea185397d9b4", recorded(t, "2019/template")).
		on("GET /api/v1/registry/vm?id=d937553f-ab5f-405a-8d91-198f5001794e", recorded(t, "now/template")).
		on("GET /api/v1/registry/disk", recorded(t, "now/disk"))
	c := s.client(t)
	old, err := c.Templates(t.Context())
	require.NoError(t, err)
	require.Len(t, old, 5)
	require.Equal(t, anka.Template{ID: "0bf1a7e8-be95-43d9-a0c8-68c6aed0f2dd", Name: "jenkins-slave", Size: 16427892736}, old[0])
	now, err := c.Templates(t.Context())
	require.NoError(t, err)
	require.Equal(t, anka.Template{
		ID: "0bf1a7e8-be95-43d9-a0c8-68c6aed0f2dd", Name: "jenkins", Size: 16427892736, Arch: "amd64", LastPull: 1727209082, LastPush: 1721141574,
	}, now[0])

	shown, err := c.Template(t.Context(), "00510971-5c37-4a60-a9c6-ea185397d9b4")
	require.NoError(t, err)
	require.Equal(t, "android-2", shown.Name)
	require.Len(t, shown.Versions[0].Images, 16)
	require.Equal(t, []string{"c19ba955c706475e9aeade79f174a925.ank"}, shown.Versions[0].StateFiles)
	require.Equal(t, int64(16634568704), shown.Versions[0].Size)
	shown, err = c.Template(t.Context(), "d937553f-ab5f-405a-8d91-198f5001794e")
	require.NoError(t, err)
	require.Equal(t, anka.TemplateVersion{
		Tag: "v1", Description: "first", Images: []string{"ac34d3acee6549b2bf4822a82546d04d.ank"}, StateFiles: []string{"a5058396218943858021cb37b31c718c.ank"},
		StateFile: "a5058396218943858021cb37b31c718c.ank", Size: 28655484928, NVRAM: "nvram", ConfigFile: "d937553f-ab5f-405a-8d91-198f5001794e.yaml",
		Arch: "arm64", LastPull: 1727208044, LastPush: 1725265564,
	}, shown.Versions[0])

	disk, err := c.RegistryDisk(t.Context())
	require.NoError(t, err)
	require.Equal(t, anka.Disk{Total: 994662584320, Free: 306762862592}, disk)
}

func TestDistributionsOfBothAges(t *testing.T) {
	const id = "74efc824-2fcb-4e07-5e7d-7f9cc98e0ee5"
	s := newController(t).on("GET /api/v1/registry/vm/distribute", recorded(t, "2019/distributions"), recorded(t, "now/distributions")).
		on("GET /api/v1/registry/vm/distribute?id="+id, recorded(t, "2019/distribution"))
	c := s.client(t)
	old, err := c.Distributions(t.Context())
	require.NoError(t, err)
	require.Equal(t, []anka.Distribution{{
		ID: id, TemplateID: "eaef3af8-cb54-4c3e-baf9-839053472f15", Requested: at(t, "2019-12-26T17:48:50.380949005+02:00"),
		Nodes: map[string]anka.NodePull{"64230242-321c-442a-bd96-d87edd0943a3": {}},
	}}, old)
	now, err := c.Distributions(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string]anka.NodePull{"mac-1": {Progress: 0.04, Error: "request canceled"}, "mac-2": {Done: true, Progress: 1}}, now[0].Nodes)
	shown, err := c.Distribution(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, old[0], shown)
}

func TestImageSavesOfBothAges(t *testing.T) {
	const id = "cc55f7dd-5280-4120-461c-9b0ef9b40131"
	s := newController(t).on("GET /api/v1/image", recorded(t, "2019/images"), recorded(t, "now/images")).on("GET /api/v1/image?id="+id, recorded(t, "2019/image"))
	c := s.client(t)
	old, err := c.ImageSaves(t.Context())
	require.NoError(t, err)
	require.Equal(t, []anka.ImageSave{{ID: id, Status: anka.ImagePending, Request: anka.ImageSaveDetails{
		RequestID: id, InstanceID: "cfc3cafd-d326-459d-7b3b-3c41b1a3efb7", NodeID: "64230242-321c-442a-bd96-d87edd0943a3",
		VMID: "578a3be9-ad37-49c3-99fc-59c41b79dc59", TemplateID: "cb1473f2-1f0a-413c-a376-236bfd7d718f", Tag: "my-new-vm-1901",
		RegistryAddress: "http://192.168.1.108:8089", Timestamp: 1577364097, Suspend: true, RevertBeforePush: true, RevertTag: "latest-vm-1801",
	}}}, old)
	now, err := c.ImageSaves(t.Context())
	require.NoError(t, err)
	require.Equal(t, anka.ImageFailure("Script execution failed"), now[0].Error)
	require.Equal(t, &anka.ScriptResult{ReturnCode: 127, Stderr: "sh: no such command"}, now[0].ScriptResult)
	require.Equal(t, anka.ImageSaveDetails{
		RequestID: "ad84c5aa-2b1d-4ff5-72ef-9b519646b212", InstanceID: "6f1776ad-3b6d-40b3-4bf9-21fe986bc26d", NodeID: "3c101836-9540-4733-9482-604d0c5fbe30",
		VMID: "bd07b49e-201c-44ad-8103-be39ec1b9a2c", TemplateID: "e2729233-fbca-4e71-82de-511028191e33", NewTemplateName: "new", Tag: "test123",
		Description: "words", RegistryAddress: "http://registry.test:8089", Priority: 5, Timestamp: 1617720316, Suspend: true, DoSuspendTest: true,
		RevertBeforePush: true, RevertTag: "old", Script: anka.Script("echo hi"),
	}, now[0].Request)
	shown, err := c.ImageSave(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, old[0], shown)
}

func TestImageErrorsOfEveryForm(t *testing.T) {
	for body, want := range map[string]anka.ImageFailure{`null`: "", `"disk full"`: "disk full", `{"Message":"no"}`: "no", `{"Code":7}`: `{"Code":7}`, `7`: "7"} {
		s := newController(t).on("GET /api/v1/image?id=i", answer{200, `{"status":"OK","body":{"id":"i","status":"error","request":{"Script":"not base64!"},"error":` + body + `}}`})
		got, err := s.client(t).ImageSave(t.Context(), "i")
		require.NoError(t, err)
		require.Equal(t, want, got.Error)
		require.Equal(t, "not base64!", string(got.Request.Script), "kept as it is")
	}
}

func TestStatusAndGroups(t *testing.T) {
	s := newController(t).on("GET /api/v1/status", recorded(t, "now/status")).on("GET /api/v1/group", recorded(t, "2019/groups"))
	status, err := s.client(t).Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, anka.Status{
		Status: "Running", Version: "1.50.0-24e848a5", RegistryAddress: "http://registry.test:8089", RegistryStatus: "Running", License: "enterprise plus",
	}, status)
	groups, err := s.client(t).Groups(t.Context())
	require.NoError(t, err)
	require.Equal(t, []anka.Group{{ID: "89a66167-62b1-42bb-5a0b-ff667906b8f5", Name: "GreateNodes", Description: "best of my macs"}}, groups)
}

// What the forms have in common is read in either place, whole numbers however
// they are written, and absent or empty times are none.
func TestOddInstancesAreRead(t *testing.T) {
	s := newController(t).on("GET /api/v1/vm", answer{200, `{"status":"OK","body":[
		{"instance_id":"flat","name":null,"instance_state":"Started","ts":"","cr_time":null,"version":2.0,"vminfo":null},
		{"vm":{"instance_id":"inside","name":"n","external_id":"e","instance_state":"Brewing","ts":"0001-01-01T00:00:00Z","cr_time":"0001-01-01T00:00:00-05:00"}},
		{"instance_id":"both","external_id":"e","metadata":{"a":1.5,"b":null},"vm":{"instance_id":"both","external_id":null,"instance_state":"Error"}}]}`})
	list, err := s.client(t).Instances(t.Context())
	require.NoError(t, err)
	require.Equal(t, anka.Instance{ID: "flat", State: anka.Started, Version: pointer(2)}, list[0])
	require.Equal(t, anka.Instance{ID: "inside", Name: "n", ExternalID: "e", State: "Brewing"}, list[1])
	require.Equal(t, "e", list[2].ExternalID)
	require.Equal(t, "1.5 null", list[2].Metadata["a"].String()+" "+list[2].Metadata["b"].String())
}
