package cyclecloudtest

import (
	"encoding/json"
	"fmt"
	"maps"
	"time"
)

// take keeps the attributes that a create request gives to its nodes. KeepAlive, Fixed and
// ShutdownPolicy act; everything else is shown in the record and does nothing.
func (n *node) take(attributes map[string]any) {
	n.attributes = attributes
	n.keepAlive = attributes["KeepAlive"] == true
	n.fixed = attributes["Fixed"] == true
	if policy := attributes["ShutdownPolicy"]; policy == policyTerminate || policy == policyDeallocate {
		n.policy = policy.(string)
	}
}

// fields is the node's record: what the request gave, under what the server knows better. What is
// not known yet is absent.
func (n *node) fields() map[string]any {
	r := maps.Clone(n.attributes)
	if r == nil {
		r = map[string]any{}
	}
	maps.Copy(r, map[string]any{
		"Name": n.name, "NodeId": n.id, "ClusterName": n.cluster.name, "Template": n.template(),
		"MachineType": n.machine.Name, "Region": n.region,
		"CoreCount": n.machine.Vcpus, "Memory": n.machine.Memory, "Interruptible": n.spot,
		"Status": n.status, "State": coarseState[n.status], "TargetState": n.target,
		"KeepAlive": n.keepAlive, "Fixed": n.fixed, "ShutdownPolicy": n.policy,
		"CreationTime": n.created.UTC().Format(time.RFC3339),
	})
	for key, value := range map[string]string{
		"StatusMessage": n.message, "PlacementGroupId": n.group, "RequestId": n.requestID,
		"Hostname": n.host, "PrivateIp": n.ip, "InstanceId": n.instanceID,
	} {
		delete(r, key)
		if value != "" {
			r[key] = value
		}
	}
	r["Configuration"] = n.configuration()
	return r
}

// configuration is the nodearray's, under what the request gave for this node.
func (n *node) configuration() map[string]any {
	merged := map[string]any{"cyclecloud": map[string]any{
		"node": map[string]any{"name": n.name, "template": n.template()},
	}}
	if !n.isHead() {
		merge(merged, n.bucket.array.cfg.Configuration)
	}
	if own, ok := n.attributes["Configuration"].(map[string]any); ok {
		merge(merged, own)
	}
	return merged
}

// merge copies from over into, nested maps key by key. Maps of from are not shared afterwards.
func merge(into, from map[string]any) {
	for key, value := range from {
		nested, ok := value.(map[string]any)
		if !ok {
			into[key] = value
			continue
		}
		below, ok := into[key].(map[string]any)
		if !ok {
			below = map[string]any{}
			into[key] = below
		}
		merge(below, nested)
	}
}

// serialised is a node's record as JSON, kept until the node changes: a large cluster answers from
// here.
func (w *world) serialised(n *node) []byte {
	if n.record != nil {
		return n.record
	}
	fields := n.fields()
	n.record = mustMarshal(fields)
	if short := w.cfg.MinRecordBytes - len(n.record); short > 0 {
		fields["Configuration"].(map[string]any)["padding"] = w.padding(short)
		n.record = mustMarshal(fields)
	}
	return n.record
}

// padding is nested settings of the kind that cluster templates hold, of size bytes or a little
// more. Most nodes lack about the same, so each size is made once.
func (w *world) padding(size int) json.RawMessage {
	const step = 64
	size = (size + step - 1) / step * step
	if w.paddings[size] == nil {
		w.paddings[size] = mustMarshal(specs(size))
	}
	return w.paddings[size]
}

func specs(size int) map[string]any {
	list := map[string]any{}
	for i := 0; size > 0; i++ {
		key := fmt.Sprintf("project-%02d", i)
		spec := map[string]any{
			"version": fmt.Sprintf("1.%d.0", i), "order": 10000 + i,
			"mounts": map[string]any{"shared": map[string]any{"type": "nfs", "options": "rw,noatime"}},
		}
		list[key] = spec
		size -= len(mustMarshal(spec)) + len(key)
	}
	return list
}

// mustMarshal serialises what was decoded from JSON or YAML or made here; neither can fail.
func mustMarshal(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic("cyclecloudtest: serialise: " + err.Error())
	}
	return text
}

// withNodes puts the records of nodes into a serialised JSON object, as its last member.
func (w *world) withNodes(object []byte, nodes []*node) []byte {
	size := len(object) + len(`,"nodes":[]`) + len(nodes)
	for _, n := range nodes {
		size += len(w.serialised(n))
	}
	out := append(make([]byte, 0, size), object[:len(object)-1]...)
	if len(object) > len("{}") {
		out = append(out, ',')
	}
	out = append(out, `"nodes":[`...)
	for i, n := range nodes {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, n.record...)
	}
	return append(out, "]}"...)
}
