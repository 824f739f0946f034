package ankatest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The tests of this file make the calls of the reference's curl examples, in its order and with its
// bodies but for ids, and hold the answers against the documented ones, key by key.

func TestReferenceInstances(t *testing.T) {
	f := start(t, aged())
	ids := f.vm(`{"vmid": "6b135004-0c89-43bb-b892-74796b8d266c", "count": 2}`)
	require.Len(t, ids, 2)
	mine := f.vm(`{"vmid": "` + buildID + `", "name": "My VM", "external_id": "ly79930", "tag": "t1"}`)[0]
	f.after(time.Minute)

	update := f.call(200, "PUT", "/api/v1/vm?id="+mine, `{"name": "My VM name"}`)
	require.Equal(t, object{"status": "OK", "message": ""}, update)

	list := f.get("/api/v1/vm").([]any)
	require.Len(t, list, 3)
	item := list[2].(object)
	require.ElementsMatch(t, []string{"instance_id", "name", "external_id", "vm"}, keys(item))
	require.Equal(t, []any{mine, "My VM name", "ly79930"}, []any{item["instance_id"], item["name"], item["external_id"]})
	inner := item["vm"].(object)
	require.ElementsMatch(t, []string{"anka_registry", "ts", "progress", "vminfo", "tag", "instance_state", "cr_time", "vmid", "node_id"}, keys(inner))
	require.Equal(t, "Started", inner["instance_state"])
	info := inner["vminfo"].(object)
	require.ElementsMatch(t, []string{"ip", "status", "cpu_cores", "name", "port_forwarding", "ram", "vnc_port", "node_id", "vnc_connection_string", "host_ip", "uuid"}, keys(info))
	require.Equal(t, "2G", info["ram"])
	require.EqualValues(t, 2, info["cpu_cores"])
	require.Contains(t, info["name"], "mgmtManaged-build-")
	require.ElementsMatch(t, []string{"Name", "protocol", "host_port", "guest_port"}, keys(info["port_forwarding"].([]any)[0].(object)))
	require.ElementsMatch(t, []string{"instance_id", "vm"}, keys(list[0].(object)), "names that are not set are absent")

	require.Equal(t, inner, f.show(mine), "shown by its id an instance is flat and does not name itself")

	ended := f.call(200, "DELETE", "/api/v1/vm", `{"id": "`+ids[0]+`"}`)
	require.Equal(t, object{"status": "OK", "message": ""}, ended)
	require.Equal(t, "Terminating", f.state(ids[0]))
	require.Equal(t, "Terminated", f.after(10*time.Second).state(ids[0]))
	require.Equal(t, "Not found", f.after(time.Minute).fail(200, "GET", "/api/v1/vm?id="+ids[0], ""))
}

func TestReferenceNodes(t *testing.T) {
	f := start(t, aged())
	documented := []string{"ip_address", "cpu_count", "capacity", "node_name", "vm_count", "usb_devices", "vcpu_count", "node_id", "cpu_util",
		"vram", "ram_util", "state", "vcpu_override", "anka_version", "free_disk_space", "anka_disk_usage", "disk_size", "ram", "ram_override", "capacity_mode"}
	f.vm(`{"vmid": "` + buildID + `", "node_id": "` + proID + `"}`)
	f.after(10 * time.Second)
	n := f.get("/api/v1/node").([]any)[0].(object)
	require.ElementsMatch(t, documented, keys(n))
	require.Equal(t, object{"build": "191", "product": "Anka Build Enterpriseplus", "version": "3.5.0", "license": "com.veertu.anka.entplus"}, n["anka_version"])
	want := object{"capacity": 6., "vm_count": 1., "vcpu_count": 2., "vram": 2048., "ram": 64., "ram_util": 0.03125, "state": "Active",
		"capacity_mode": "number", "disk_size": 250e9, "anka_disk_usage": 50e9, "free_disk_space": 140e9, "usb_devices": nil}
	for key, want := range want {
		require.Equal(t, want, n[key], key)
	}

	shown := f.get("/api/v1/node?id=" + proID).([]any)
	require.Len(t, shown, 1, "a node shown by its id comes in an array")
	one := shown[0].(object)
	require.ElementsMatch(t, documented, keys(one))
	require.Equal(t, "", one["capacity_mode"])
	require.Equal(t, object{"build": "", "product": "", "version": "", "license": ""}, one["anka_version"])

	changed := f.call(200, "POST", "/api/v1/node/config", `{"node_id": "`+proID+`", "name": "MacPro1", "max_vm_count": 5, "host": "10.0.0.9", "disable_central_logging": true}`)
	require.Equal(t, object{"status": "OK", "message": ""}, changed)
	require.EqualValues(t, 5, f.node("MacPro1")["capacity"])
	require.Equal(t, "10.0.0.9", f.node("MacPro1")["ip_address"])

	removed := f.call(200, "DELETE", "/api/v1/node", `{"node_id": "`+proID+`"}`)
	require.Equal(t, object{"status": "OK", "message": ""}, removed)
	require.Len(t, f.get("/api/v1/node"), 1)
	require.Equal(t, "Not found", f.fail(200, "GET", "/api/v1/node?id="+proID, ""))
}

func TestReferenceTemplates(t *testing.T) {
	f := start(t, aged())
	list := f.get("/api/v1/registry/vm").([]any)
	require.Equal(t, []any{
		object{"id": buildID, "name": "build", "size": 20e9},
		object{"id": javaID, "name": "mojave-w-java", "size": 30e9},
	}, list)

	one := f.get("/api/v1/registry/vm?id=" + buildID).(object)
	require.ElementsMatch(t, []string{"name", "id", "versions"}, keys(one))
	versions := one["versions"].([]any)
	require.Len(t, versions, 2)
	v := versions[1].(object)
	require.ElementsMatch(t, []string{"config_file", "state_files", "number", "size", "description", "nvram", "images", "tag"}, keys(v))
	require.Equal(t, []any{"t1", 1., 20e9, buildID + ".yaml"}, []any{v["tag"], v["number"], v["size"], v["config_file"]})
	require.Len(t, v["images"], 2)
	require.Len(t, v["state_files"], 1)

	// A revert without a tag takes the latest version away.
	o := f.call(200, "DELETE", "/api/v1/registry/revert?id="+buildID, "")
	require.Equal(t, object{"body": nil, "message": "", "status": "OK"}, o)
	require.Len(t, f.get("/api/v1/registry/vm?id=" + buildID).(object)["versions"], 1)

	require.NoError(t, f.server.PushTag("build", TagConfig{Tag: "t2", SizeGB: 21, LayerGB: 1}))
	require.NoError(t, f.server.PushTag("build", TagConfig{Tag: "t3", SizeGB: 22, LayerGB: 1}))
	f.ok("DELETE", "/api/v1/registry/revert?id="+buildID+"&tag=t2", "")
	require.Equal(t, []string{"t0", "t2"}, f.tags(buildID), "in 2019 the tag itself stays")
	f.ok("DELETE", "/api/v1/registry/revert?id="+buildID+"&number=0", "")
	require.Equal(t, []string{"t0"}, f.tags(buildID))
	f.ok("DELETE", "/api/v1/registry/revert?id="+buildID+"&version=0", "")

	require.Equal(t, "No such tag t9", f.fail(200, "DELETE", "/api/v1/registry/revert?id="+buildID+"&tag=t9", ""))
	require.Equal(t, "No such version 9", f.fail(200, "DELETE", "/api/v1/registry/revert?id="+buildID+"&number=9", ""))
	f.fail(200, "DELETE", "/api/v1/registry/revert?id="+buildID+"&number=last", "")
	require.Equal(t, "VM not in the registry", f.fail(200, "DELETE", "/api/v1/registry/revert?id=none", ""))

	o = f.call(200, "DELETE", "/api/v1/registry/vm?id="+buildID, "")
	require.Equal(t, object{"message": "", "status": "OK"}, o)
	require.Equal(t, "VM not in the registry", f.fail(200, "GET", "/api/v1/registry/vm?id="+buildID, ""))
	f.ok("DELETE", "/api/v1/registry/revert?id="+javaID, "")
	require.Empty(t, f.get("/api/v1/registry/vm"), "a template without versions goes")
}

func TestReferenceDistribution(t *testing.T) {
	f := start(t, aged())
	body := f.ok("POST", "/api/v1/registry/vm/distribute", `{"template_id": "`+buildID+`"}`).(object)
	id := body["request_id"].(string)
	require.Equal(t, []string{"request_id"}, keys(body))
	f.after(100 * time.Second)
	want := object{
		"request": object{"time_requested": "2026-03-02T08:00:00Z", "template_id": buildID, "request_id": id},
		"distribute_status": object{
			proID:  object{"progress": 1., "status": true},
			miniID: object{"progress": 0.5, "status": false},
		},
	}
	require.Equal(t, []any{want}, f.get("/api/v1/registry/vm/distribute"))
	require.Equal(t, want, f.get("/api/v1/registry/vm/distribute?id="+id))
	f.after(100 * time.Second)
	require.Equal(t, object{"progress": 1., "status": true},
		f.get("/api/v1/registry/vm/distribute?id=" + id).(object)["distribute_status"].(object)[miniID])
	require.Equal(t, "Not found", f.fail(200, "GET", "/api/v1/registry/vm/distribute?id=none", ""))
}

func TestReferenceImages(t *testing.T) {
	f := start(t, aged())
	vm := f.vm(`{"vmid": "` + buildID + `"}`)[0]
	f.after(time.Minute)
	body := f.ok("POST", "/api/v1/image", `{"id": "`+vm+`", "target_vm_id": "`+buildID+`", "tag": "my-new-vm-1901", "revert_before_push": true, "revert_tag": "t1"}`).(object)
	id := body["request_id"].(string)
	require.Equal(t, "Pushing", f.state(vm))
	one := f.get("/api/v1/image?id=" + id).(object)
	require.ElementsMatch(t, []string{"id", "status", "request", "error"}, keys(one))
	require.Equal(t, []any{id, "pending", nil}, []any{one["id"], one["status"], one["error"]})
	request := one["request"].(object)
	uuid := request["VMID"]
	require.NotEmpty(t, uuid)
	require.Equal(t, object{
		"Suspend": true, "InstanceID": vm, "RequestId": id, "RegistryAddr": "http://anka.registry:8089", "NewTemplateName": "", "Priority": 0.,
		"Description": "", "Timestamp": float64(testStart.Add(time.Minute).Unix()), "NodeID": proID, "RevertTag": "t1", "Tag": "my-new-vm-1901",
		"TemplateID": buildID, "Script": "", "RevertBeforePush": true, "VMID": uuid, "DoSuspendTest": false,
	}, request)
	require.Equal(t, []any{one}, f.get("/api/v1/image"))

	f.after(time.Minute)
	require.Equal(t, "done", f.get("/api/v1/image?id=" + id).(object)["status"])
	require.Equal(t, []string{"t0", "my-new-vm-1901"}, f.tags(buildID))
	require.Equal(t, "Terminated", f.state(vm), "what was saved is no more")
	require.Equal(t, "Not found", f.fail(200, "GET", "/api/v1/image?id=none", ""))
}

func TestReferenceGroups(t *testing.T) {
	f := start(t, aged())
	created := f.ok("POST", "/api/v1/group", `{"name": "GreateNodes", "description": "best of my macs"}`).(object)
	id := created["id"].(string)
	want := object{"fallback_group_id": nil, "name": "GreateNodes", "description": "best of my macs", "id": id}
	require.Equal(t, want, created)
	require.Equal(t, []any{want}, f.get("/api/v1/group"))

	o := f.call(200, "PUT", "/api/v1/group?id="+id, `{"name": "Creme-de-la-nodes", "description": "A selected group of my favorite computers"}`)
	require.Equal(t, object{"status": "OK", "message": ""}, o)
	require.Equal(t, "Creme-de-la-nodes", f.get("/api/v1/group").([]any)[0].(object)["name"])

	pair := `{"group_ids": ["` + id + `"], "node_ids": ["` + miniID + `"]}`
	require.Equal(t, object{"status": "OK", "message": ""}, f.call(200, "POST", "/api/v1/node/group", pair))
	require.Equal(t, []any{object{"fallback_group_id": nil, "name": "Creme-de-la-nodes", "description": "A selected group of my favorite computers", "id": id}},
		f.node("mini")["groups"])
	require.Equal(t, object{"status": "OK", "message": ""}, f.call(200, "DELETE", "/api/v1/node/group", pair))
	require.NotContains(t, f.node("mini"), "groups")

	f.ok("POST", "/api/v1/node/group", `{"group_ids": ["`+id+`"], "node_ids": ["`+miniID+`", "`+proID+`"]}`)
	require.Equal(t, object{"status": "OK", "message": ""}, f.call(200, "DELETE", "/api/v1/group?id="+id, ""))
	require.Empty(t, f.get("/api/v1/group"))
	require.NotContains(t, f.node("mini"), "groups")
}

func TestReferenceUSB(t *testing.T) {
	cfg := aged()
	cfg.Nodes[0].USB = []string{"iphone7", "iphone7", "tablet"}
	cfg.Nodes[1].USB = []string{"iphone7"}
	f := start(t, cfg)
	f.vm(`{"vmid": "` + buildID + `", "usb_device": "tablet"}`)
	f.vm(`{"vmid": "` + buildID + `", "usb_device": "iphone7"}`)
	f.after(5 * time.Second)
	require.Equal(t, object{
		"iphone7": object{"available": 2., "busy": 1.},
		"tablet":  object{"available": 0., "busy": 1.},
	}, f.get("/api/v1/usb"))
	require.Len(t, f.node("MacPro-02.local")["usb_devices"], 3)
}

// What came after 2019 was not there then.
func TestOldControllersLackNewerCalls(t *testing.T) {
	f := start(t, aged())
	for _, call := range [][2]string{{"GET", "/api/v1/status"}, {"GET", "/livez"}, {"GET", "/readyz"}, {"GET", "/api/v1/registry/disk"}, {"POST", "/tap/v1/hand"}, {"POST", "/api/v1/rpc/vm/restart"}} {
		r, err := f.do(call[0], call[1], "")
		require.NoError(t, err)
		require.Equal(t, 404, r.StatusCode, call)
	}
	r, err := f.do("DELETE", "/api/v1/registry/vm/distribute?id=x", "")
	require.NoError(t, err)
	require.Equal(t, 405, r.StatusCode)

	f.ok("POST", "/api/v1/node/config", `{"node_id":"`+proID+`","drain_mode":true}`)
	require.Equal(t, "Active", f.node("MacPro-02.local")["state"])
	require.Contains(t, f.get("/api/v1/registry/vm?apiVer=v1").([]any)[0], "size")
	id := f.vm(`{"vmid":"` + buildID + `","startup_script":"ZXhpdCAx","script_monitoring":true}`)[0]
	require.NotContains(t, f.after(5*time.Minute).show(id), "startup_script")
}

func keys(o object) []string {
	var list []string
	for k := range o {
		list = append(list, k)
	}
	return list
}

func (f fixture) tags(template string) []string {
	f.Helper()
	var list []string
	for _, v := range f.get("/api/v1/registry/vm?id=" + template).(object)["versions"].([]any) {
		list = append(list, v.(object)["tag"].(string))
	}
	return list
}
