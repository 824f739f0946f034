package ankatest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCurrentInstance(t *testing.T) {
	f := start(t, small())
	id := f.vm(`{"vmid":"` + buildID + `","external_id":"TEST123","metadata":{"op":"x","n":3,"b":true}}`)[0]
	item := f.get("/api/v1/vm").([]any)[0].(object)
	require.Equal(t, []any{id, nil, "TEST123"}, []any{item["instance_id"], item["name"], item["external_id"]})
	waiting := f.show(id)
	require.NotContains(t, waiting, "node_id", "an unknown node is left out, not empty")
	require.NotContains(t, waiting, "vminfo")
	require.Equal(t, object{"op": "x", "n": 3., "b": true}, waiting["metadata"])
	for key, want := range (object{"instance_id": id, "external_id": "TEST123", "arch": "amd64", "vlan": "", "usb_device": "", "group_id": "", "version": 1., "instance_state": "Scheduling"}) {
		require.Equal(t, want, waiting[key], key)
	}
	require.NotEmpty(t, waiting["inflight_reqid"])
	require.NotContains(t, waiting, "name")

	shown := f.after(time.Minute).show(id)
	require.Equal(t, shown, f.get("/api/v1/vm").([]any)[0].(object)["vm"].(object))
	info := shown["vminfo"].(object)
	require.ElementsMatch(t, []string{"uuid", "name", "status", "version", "creation_date", "access_date", "start_date", "stop_date", "timestamp",
		"cpu_cores", "ram", "node_id", "host_ip", "ip", "vnc_port", "port_forwarding"}, keys(info))
	require.Equal(t, object{"guest_port": 22., "host_port": 10000., "protocol": "tcp", "name": "ssh"}, info["port_forwarding"].([]any)[0])
	for _, o := range []any{shown["ts"], shown["cr_time"], info["start_date"], info["stop_date"], info["timestamp"]} {
		_, err := time.Parse(time.RFC3339, o.(string))
		require.NoError(t, err, "clients parse times as RFC 3339")
	}
}

func TestCurrentNode(t *testing.T) {
	f := start(t, small())
	n := f.node("MacPro-02.local")
	require.Equal(t, "amd64", n["host_arch"])
	require.Nil(t, n["groups"])
	require.Contains(t, n, "groups")
	require.Equal(t, []any{object{"uuid": buildID, "name": "build", "tag": "t1"}, object{"uuid": javaID, "name": "mojave-w-java", "tag": "teamcity"}}, n["templates"])
	require.Equal(t, "2026-03-02T08:00:00Z", n["last_updated"])
	require.Equal(t, n, f.get("/api/v1/node?id=" + proID).([]any)[0])
}

func TestCurrentRegistry(t *testing.T) {
	f := start(t, small())
	item := f.get("/api/v1/registry/vm").([]any)[0].(object)
	require.ElementsMatch(t, []string{"id", "name", "size", "arch", "last_pull", "last_push"}, keys(item))
	require.Equal(t, object{"id": buildID, "name": "build"}, f.get("/api/v1/registry/vm?apiVer=v1").([]any)[0], "the fast list knows no size")
	one := f.get("/api/v1/registry/vm?id=" + buildID).(object)
	require.ElementsMatch(t, []string{"id", "name", "size", "arch", "last_pull", "last_push", "versions"}, keys(one))
	require.ElementsMatch(t, []string{"number", "tag", "config_file", "nvram", "images", "state_files", "description", "state_file", "size", "arch", "last_pull", "last_push"},
		keys(one["versions"].([]any)[0].(object)))
	require.Equal(t, object{"total": 4000e9, "free": 3950e9}, f.get("/api/v1/registry/disk"))

	// Today a revert takes the tag that it names as well.
	f.ok("DELETE", "/api/v1/registry/revert?id="+buildID+"&tag=t1", "")
	require.Equal(t, []string{"t0"}, f.tags(buildID))
}

func TestRemoveFromNodes(t *testing.T) {
	f := start(t, small())
	id := f.vm(`{"vmid":"` + buildID + `"}`)[0]
	f.after(time.Minute)
	require.Equal(t, object{"requests_sent": 1., "node_ids": []any{proID}}, f.ok("DELETE", "/api/v1/registry/vm/remove?id="+buildID, ""))
	require.Len(t, f.node("MacPro-02.local")["templates"], 2, "not while a VM of it is there")
	f.terminate(id)
	f.after(time.Minute)
	f.ok("DELETE", "/api/v1/registry/vm/remove?id="+buildID, `{"node_ids":["`+proID+`"]}`)
	require.Len(t, f.node("MacPro-02.local")["templates"], 1)
	require.Equal(t, object{"requests_sent": 0., "node_ids": []any{}}, f.ok("DELETE", "/api/v1/registry/vm/remove?id="+buildID, ""))
	f.fail(400, "DELETE", "/api/v1/registry/vm/remove?id="+buildID, `{"node_ids":["none"]}`)
}

func TestStatusAndHealth(t *testing.T) {
	f := start(t, small())
	require.Equal(t, object{"status": "Running", "version": "1.50.0-5d3f1e7a", "registry_address": "http://anka.registry:8089",
		"registry_status": "Running", "license": "enterprise plus"}, f.get("/api/v1/status"))
	for path, status := range map[string]int{"/livez": 200, "/readyz": 200, "/": 200} {
		r, err := f.do("GET", path, "")
		require.NoError(t, err)
		require.Equal(t, status, r.StatusCode)
	}
	f.server.SetRegistry(false)
	require.NotEqual(t, "Running", f.get("/api/v1/status").(object)["registry_status"])
	r, err := f.do("GET", "/readyz", "")
	require.NoError(t, err)
	require.Equal(t, 503, r.StatusCode)
	r, err = f.do("GET", "/livez", "")
	require.NoError(t, err)
	require.Equal(t, 200, r.StatusCode)
	for _, path := range []string{"/api/v1/registry/vm", "/api/v1/registry/disk"} {
		f.fail(500, "GET", path, "")
	}
	f.fail(500, "DELETE", "/api/v1/registry/vm?id="+buildID, "")
	f.fail(500, "DELETE", "/api/v1/registry/revert?id="+buildID, "")
}

// Refusals carry their words and, in the style of current controllers, a 4xx status.
func TestRefusals(t *testing.T) {
	f := start(t, small())
	vm := func(rest string) string { return `{"vmid":"` + buildID + `"` + rest + `}` }
	for name, c := range map[string]struct {
		status             int
		method, path, body string
		message            string
	}{
		"missing template":   {400, "POST", "/api/v1/vm", `{"vmid":"none"}`, "VM not in the registry"},
		"no template":        {400, "POST", "/api/v1/vm", `{}`, "vmid is required"},
		"missing tag":        {400, "POST", "/api/v1/vm", vm(`,"tag":"t9"`), "No such tag t9"},
		"missing version":    {400, "POST", "/api/v1/vm", vm(`,"version":9`), "No such version 9"},
		"count":              {400, "POST", "/api/v1/vm", vm(`,"count":0`), "count must be"},
		"priority":           {400, "POST", "/api/v1/vm", vm(`,"priority":0`), "priority must be"},
		"high priority":      {400, "POST", "/api/v1/vm", vm(`,"priority":10001`), "priority must be"},
		"condition":          {400, "POST", "/api/v1/vm", vm(`,"startup_script_condition":2`), "startup_script_condition"},
		"handler":            {400, "POST", "/api/v1/vm", vm(`,"script_fail_handler":3`), "script_fail_handler"},
		"timeout":            {400, "POST", "/api/v1/vm", vm(`,"script_timeout":0`), "script_timeout"},
		"script":             {400, "POST", "/api/v1/vm", vm(`,"startup_script":"%"`), "not base64"},
		"vcpu":               {400, "POST", "/api/v1/vm", vm(`,"vcpu":-1`), "vcpu"},
		"metadata list":      {400, "POST", "/api/v1/vm", vm(`,"metadata":{"a":[]}`), "metadata: a"},
		"metadata fraction":  {400, "POST", "/api/v1/vm", vm(`,"metadata":{"a":1.5}`), "whole number"},
		"unknown group":      {400, "POST", "/api/v1/vm", vm(`,"group_id":"none"`), "No such group"},
		"unknown node":       {400, "POST", "/api/v1/vm", vm(`,"node_id":"none"`), "No such node"},
		"no JSON":            {400, "POST", "/api/v1/vm", `vmid=1`, "not the JSON expected"},
		"wrong type":         {400, "POST", "/api/v1/vm", `{"vmid":3}`, "not the JSON expected"},
		"two values":         {400, "POST", "/api/v1/vm", vm("") + `{}`, "more than one"},
		"show":               {404, "GET", "/api/v1/vm?id=none", "", "Not found"},
		"show empty":         {404, "GET", "/api/v1/vm?id=", "", "Not found"},
		"update":             {404, "PUT", "/api/v1/vm?id=none", "{}", "Not found"},
		"terminate":          {404, "DELETE", "/api/v1/vm", `{"id":"none"}`, "Not found"},
		"terminate, no JSON": {400, "DELETE", "/api/v1/vm", "", "not the JSON expected"},
		"restart":            {404, "POST", "/api/v1/rpc/vm/restart", `{"instance_id":"none"}`, "Not found"},
		"node":               {404, "GET", "/api/v1/node?id=none", "", "Not found"},
		"node config":        {404, "POST", "/api/v1/node/config", `{"node_id":"none"}`, "Not found"},
		"negative capacity":  {400, "POST", "/api/v1/node/config", `{"node_id":"` + proID + `","max_vm_count":-1}`, "max_vm_count"},
		"capacity mode":      {400, "POST", "/api/v1/node/config", `{"node_id":"` + proID + `","capacity_mode":"size"}`, "capacity_mode"},
		"delete node":        {404, "DELETE", "/api/v1/node", `{"node_id":"none"}`, "Not found"},
		"template":           {400, "GET", "/api/v1/registry/vm?id=none", "", "VM not in the registry"},
		"delete template":    {400, "DELETE", "/api/v1/registry/vm?id=none", "", "VM not in the registry"},
		"distribute":         {400, "POST", "/api/v1/registry/vm/distribute", `{"template_id":"none"}`, "VM not in the registry"},
		"distribute node":    {400, "POST", "/api/v1/registry/vm/distribute", `{"template_id":"` + buildID + `","node_ids":["none"]}`, "No such node"},
		"distribute group":   {400, "POST", "/api/v1/registry/vm/distribute", `{"template_id":"` + buildID + `","group_id":"none"}`, "No such group"},
		"cancel":             {404, "DELETE", "/api/v1/registry/vm/distribute?id=none", "", "Not found"},
		"image":              {404, "POST", "/api/v1/image", `{"id":"none","tag":"x","new_template_name":"y"}`, "Not found"},
		"image target":       {400, "POST", "/api/v1/image", `{"id":"none","tag":"x"}`, "target_vm_id or new_template_name"},
		"image tag":          {400, "POST", "/api/v1/image", `{"id":"none","new_template_name":"y"}`, "tag is required"},
		"image script":       {400, "POST", "/api/v1/image", `{"id":"x","tag":"x","new_template_name":"y","script":"%"}`, "not base64"},
		"group without name": {400, "POST", "/api/v1/group", `{}`, "name is required"},
		"group fallback":     {400, "POST", "/api/v1/group", `{"name":"x","fallback_group_id":"none"}`, "No such group"},
		"update group":       {404, "PUT", "/api/v1/group?id=none", `{}`, "Not found"},
		"delete group":       {404, "DELETE", "/api/v1/group?id=none", "", "Not found"},
		"members, group":     {404, "POST", "/api/v1/node/group", `{"group_ids":["none"],"node_ids":["` + proID + `"]}`, "No such group"},
		"members, node":      {404, "POST", "/api/v1/node/group", `{"group_ids":[],"node_ids":["none"]}`, "No such node"},
		"members, two nodes": {400, "POST", "/api/v1/node/group", `{"node_ids":["` + proID + `","` + miniID + `"]}`, "single node"},
	} {
		require.Contains(t, f.fail(c.status, c.method, c.path, c.body), c.message, name)
	}
	require.Empty(t, f.get("/api/v1/vm"), "what is refused starts nothing")
	require.Empty(t, f.server.Books().Starts)
}

// The style of errors can be chosen apart from the age.
func TestErrorStyles(t *testing.T) {
	cfg := small()
	cfg.Errors = ErrorsOK
	require.Equal(t, "Not found", start(t, cfg).fail(200, "GET", "/api/v1/vm?id=none", ""))
	f := start(t, cfg)
	f.server.SetRegistry(false)
	f.fail(500, "GET", "/api/v1/registry/vm", "") // what is the server's fault has its status in both styles
	cfg = aged()
	cfg.Errors = ErrorsStatus
	require.Equal(t, "Not found", start(t, cfg).fail(404, "GET", "/api/v1/vm?id=none", ""))
}

func TestLicenceTiers(t *testing.T) {
	for license, allowed := range map[string]bool{LicenseBasic: false, LicenseEnterprise: true, LicenseEnterprisePlus: true} {
		cfg := small()
		cfg.License = license
		cfg.Groups = []GroupConfig{{Name: "g", ID: "g"}}
		f := start(t, cfg)
		require.Equal(t, license, f.get("/api/v1/status").(object)["license"])
		for _, field := range []string{`"group_id":"g"`, `"priority":5`, `"usb_device":"ipad"`} {
			body := `{"vmid":"` + buildID + `",` + field + `}`
			if allowed {
				f.vm(body)
			} else {
				require.Contains(t, f.fail(400, "POST", "/api/v1/vm", body), "Enterprise")
			}
		}
		body := `{"template_id":"` + buildID + `","group_id":"g"}`
		if allowed {
			f.ok("POST", "/api/v1/registry/vm/distribute", body)
		} else {
			require.Contains(t, f.fail(400, "POST", "/api/v1/registry/vm/distribute", body), "Enterprise")
		}
	}
}

// Bodies are read whatever the content type says, and unknown keys are passed over.
func TestContentTypeDoesNotMatter(t *testing.T) {
	f := start(t, small())
	require.Len(t, f.vm(`{"vmid":"`+buildID+`","network_mode":"bridge","disk":{"size":"256G"},"port_forwarding_override":[{"name":"web"}]}`), 1)
	raw, err := json.Marshal(f.get("/api/v1/vm"))
	require.NoError(t, err)
	require.NotContains(t, string(raw), "startup_script")
}
