package ankatest

import (
	"fmt"
	"strconv"
	"time"
)

// object is a JSON object in the making.
type object = map[string]any

// stamp writes a time as the API does. Clients parse these, so an unknown time is left out by who
// writes the object, never sent empty.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// listItem is an instance as the list shows it: a wrapper around its VM.
func (w *world) listItem(i *instance) object {
	item := object{"instance_id": i.id, "vm": w.flat(i)}
	if w.current() {
		item["name"], item["external_id"] = i.name, i.externalID
		return item
	}
	if i.name != nil {
		item["name"] = *i.name
	}
	if i.externalID != nil {
		item["external_id"] = *i.externalID
	}
	return item
}

// flat is an instance as GET ?id= shows it, and as it stands in the list's wrapper. In 2019 it did
// not name itself; today it does.
func (w *world) flat(i *instance) object {
	o := object{
		"instance_state": i.state, "anka_registry": w.cfg.Registry.Address, "vmid": i.version.template.id, "tag": i.version.tag,
		"ts": stamp(i.changed), "cr_time": stamp(i.created), "progress": w.pullProgress(i),
	}
	optional(o, "message", w.shown(i))
	optional(o, "group_id", i.groupID)
	if i.node != nil {
		o["node_id"] = i.node.id
	}
	if i.vm != nil {
		o["vminfo"] = w.vmView(i)
	}
	if len(i.metadata) > 0 {
		o["metadata"] = i.metadata
	}
	if i.state == stateScheduling || i.state == statePulling {
		o["inflight_reqid"] = i.requestID
	}
	if w.current() {
		w.addNewer(o, i)
	}
	return o
}

// addNewer adds what came after 2019. Some fields are never left out, as documented.
func (w *world) addNewer(o object, i *instance) {
	o["instance_id"], o["group_id"], o["vlan"], o["usb_device"] = i.id, i.groupID, "", i.usb
	o["arch"] = i.version.template.arch
	o["inflight_reqid"] = i.requestID
	optional(o, "name", text(i.name))
	optional(o, "external_id", text(i.externalID))
	if i.version.number > 0 {
		o["version"] = i.version.number
	}
	if i.result != nil {
		o["startup_script"] = scriptView(i.result)
	}
}

func optional(o object, key, value string) {
	if value != "" {
		o[key] = value
	}
}

func scriptView(r *ScriptOutcome) object {
	return object{"return_code": r.ReturnCode, "did_timeout": r.timedOut, "stdout": r.Stdout, "stderr": r.Stderr}
}

// vmView is vminfo. The name of a port rule has had several names.
func (w *world) vmView(i *instance) object {
	v, n := i.vm, i.node
	rule := object{"guest_port": 22, "host_port": 10000 + v.slot, "protocol": "tcp"}
	o := object{
		"uuid": v.uuid, "name": v.name, "status": v.status, "cpu_cores": i.vcpu, "ram": ramText(i.vram),
		"node_id": n.id, "host_ip": n.address, "ip": v.ip, "vnc_port": 5900 + v.slot,
	}
	if v.status == vmRunning {
		o["port_forwarding"] = []object{rule}
	}
	if !w.current() {
		rule["Name"] = "ssh"
		o["vnc_connection_string"] = fmt.Sprintf("vnc://:@%s:%d", n.address, 5900+v.slot)
		return o
	}
	rule["name"] = "ssh"
	o["version"] = ""
	o["creation_date"], o["access_date"] = stamp(v.created), stamp(v.start)
	o["start_date"], o["stop_date"] = stamp(v.start), stamp(v.stop)
	o["timestamp"] = stamp(w.now)
	return o
}

// ramText writes MB as Anka does: whole GB with a G.
func ramText(mb int) string {
	if mb%1024 == 0 {
		return strconv.Itoa(mb/1024) + "G"
	}
	return strconv.Itoa(mb) + "M"
}

// nodeView is a node. Shown by its id, nodes had a blank mode and version until 1.32; usb_devices is
// null where there are none, and so are groups today, which were absent in 2019.
func (w *world) nodeView(n *node, single bool) object {
	vcpu, vram := n.use()
	o := object{
		"node_id": n.id, "node_name": n.name, "ip_address": n.address, "state": w.state(n),
		"cpu_count": n.cpus, "ram": n.ram, "vm_count": n.count(), "vcpu_count": vcpu, "vram": vram,
		"cpu_util": fraction(vcpu, n.cpus), "ram_util": fraction(vram, n.ram*1024),
		"capacity": n.capacity, "capacity_mode": n.mode, "vcpu_override": n.vcpuOverride, "ram_override": n.ramOverride,
		"disk_size": n.disk, "free_disk_space": n.free(), "anka_disk_usage": n.ankaBytes(),
		"anka_version": object{"product": "Anka Build Enterpriseplus", "version": "3.5.0", "build": "191", "license": "com.veertu.anka.entplus"},
		"usb_devices":  usbView(n),
	}
	if len(n.groups) > 0 {
		list := make([]object, len(n.groups))
		for i, g := range n.groups {
			list[i] = groupView(g)
		}
		o["groups"] = list
	}
	if w.current() {
		w.addNewerNode(o, n)
	} else if single {
		o["capacity_mode"] = ""
		o["anka_version"] = object{"product": "", "version": "", "build": "", "license": ""}
	}
	return o
}

func (w *world) addNewerNode(o object, n *node) {
	if len(n.groups) == 0 {
		o["groups"] = nil
	}
	seen := w.now
	if n.silent() {
		seen = n.silentSince
	}
	templates := []object{}
	for _, h := range n.held {
		t := h.version.template
		templates = append(templates, object{"uuid": t.id, "name": t.name, "tag": h.version.tag})
	}
	o["host_arch"], o["templates"], o["last_updated"], o["timestamp"] = n.arch, templates, stamp(seen), seen.Unix()
	o["agent_version"] = w.cfg.Version
}

// fraction is used/all, at most 1.
func fraction(used, all int) float64 {
	return min(1, float64(used)/float64(max(1, all)))
}

// usbView lists devices by name; the form of the entries is this server's own.
func usbView(n *node) []object {
	var list []object
	for _, d := range n.usb {
		list = append(list, object{"name": d.name, "busy": d.by != nil})
	}
	return list
}

func groupView(g *group) object {
	o := object{"id": g.id, "name": g.name, "description": g.description, "fallback_group_id": nil}
	if g.fallback != nil {
		o["fallback_group_id"] = g.fallback.id
	}
	return o
}

// templateItem is a template in the list; the fast list tells no size and no architecture.
func (w *world) templateItem(t *template, fast bool) object {
	o := object{"id": t.id, "name": t.name}
	if fast && w.current() {
		return o
	}
	o["size"] = t.size()
	if w.current() {
		o["arch"] = t.arch
		addPulls(o, t.versions)
	}
	return o
}

// addPulls tells when one of the versions was last pulled and pushed, in seconds since 1970.
func addPulls(o object, versions []*version) {
	var pulled, pushed int64
	for _, v := range versions {
		if !v.pulled.IsZero() {
			pulled = max(pulled, v.pulled.Unix())
		}
		pushed = max(pushed, v.pushed.Unix())
	}
	o["last_pull"], o["last_push"] = pulled, pushed
}

func (w *world) templateView(t *template) object {
	versions := []object{}
	for i, v := range t.versions {
		view := object{
			"tag": v.tag, "number": v.number, "description": v.description, "images": v.images, "state_files": []string{},
			"config_file": t.id + ".yaml", "nvram": "nvram", "size": v.size,
		}
		if v.stateFile != "" {
			view["state_files"] = []string{v.stateFile}
		}
		if w.current() {
			view["state_file"], view["arch"] = v.stateFile, t.arch
			addPulls(view, t.versions[i:i+1])
		}
		versions = append(versions, view)
	}
	o := w.templateItem(t, false)
	o["versions"] = versions
	if !w.current() {
		delete(o, "size")
	}
	return o
}

func (w *world) distributionView(d *distribution) object {
	nodes := object{}
	for id, s := range d.nodes {
		view := object{"status": s.done, "progress": w.shareProgress(d, id)}
		optional(view, "error", s.problem)
		nodes[id] = view
	}
	return object{
		"request":           object{"request_id": d.id, "template_id": d.version.template.id, "time_requested": stamp(d.requested)},
		"distribute_status": nodes,
	}
}

// imageView is a request to save an image. Of its script's text the real controller shows all; so
// does this one.
func (w *world) imageView(m *image) object {
	r := m.request
	request := object{
		"RequestId": m.id, "Priority": 0, "Timestamp": m.requested.Unix(), "RegistryAddr": w.cfg.Registry.Address,
		"VMID": m.vmUUID, "InstanceID": r.ID, "NodeID": m.nodeID, "TemplateID": r.TargetID, "NewTemplateName": r.NewName,
		"Tag": r.Tag, "Description": r.Description, "Suspend": r.suspends(), "Script": r.Script,
		"DoSuspendTest": r.SanityTest, "RevertBeforePush": r.Revert, "RevertTag": r.RevertTag,
	}
	o := object{"id": m.id, "status": m.status, "request": request, "error": nil}
	if !w.current() {
		if m.problem != "" {
			o["error"] = m.problem
		}
		return o
	}
	request["ReserveExpiryTimestamp"], request["CancelOnScriptFailure"] = 0, r.CancelOnScriptFailure
	if m.problem != "" {
		o["error"] = object{"Message": m.problem, "Code": 0}
	}
	o["script_result"] = nil
	if m.script != nil {
		o["script_result"] = scriptView(m.script)
	}
	return o
}
