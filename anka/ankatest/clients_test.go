package ankatest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The tests of this file decode answers as public Go clients of the real controller do: into the
// types that they are known to use, where a negative count, an empty time or a body of another kind is an error.

// answered decodes the body of an answer.
func answered[T any](f fixture, method, path, body string) T {
	f.Helper()
	var answer struct {
		Status, Message string
		Body            T
	}
	require.NoError(f, json.Unmarshal(f.raw(200, method, path, body).text, &answer))
	require.Equal(f, "OK", answer.Status)
	return answer.Body
}

// executorInstance is what a CI executor reads of an instance.
type executorInstance struct {
	State      string  `json:"instance_state"`
	ID         string  `json:"instance_id"`
	ExternalID string  `json:"external_id"`
	NodeID     string  `json:"node_id"`
	Progress   float32 `json:"progress"`
	VM         *struct {
		Name  string `json:"name"`
		Ports []struct {
			Guest    int    `json:"guest_port"`
			Host     int    `json:"host_port"`
			Protocol string `json:"protocol"`
		} `json:"port_forwarding"`
	} `json:"vminfo"`
}

// A CI executor finds its template by name, starts one VM, polls it, looks its Mac up, finds it again
// by its external id and ends it.
func TestAnExecutorsWalk(t *testing.T) {
	f := start(t, small())
	var template string
	for _, item := range answered[[]struct{ ID, Name string }](f, "GET", "/api/v1/registry/vm?apiVer=v1", "") {
		if item.Name == "build" {
			template = item.ID
		}
	}
	ids := answered[[]string](f, "POST", "/api/v1/vm", `{"vmid":"`+template+`","tag":"t1","external_id":"https://ci/jobs/1","priority":1000,
		"startup_script":"ZXhpdCAw","startup_script_condition":0,"script_monitoring":true,"script_timeout":120,"vcpu":4,"vram":4096}`)
	var seen executorInstance
	for range 20 {
		seen = answered[executorInstance](f, "GET", "/api/v1/vm?id="+ids[0], "")
		if seen.State != "Scheduling" {
			break
		}
		f.after(3 * time.Second)
	}
	require.Equal(t, []string{"Started", ids[0], "https://ci/jobs/1"}, []string{seen.State, seen.ID, seen.ExternalID})
	require.Equal(t, 22, seen.VM.Ports[0].Guest)
	nodes := answered[[]struct {
		ID   string `json:"node_id"`
		Name string `json:"node_name"`
		IP   string `json:"ip_address"`
	}](f, "GET", "/api/v1/node?id="+seen.NodeID, "")
	require.NotEmpty(t, nodes[0].IP)

	var found string
	for _, item := range answered[[]struct{ VM executorInstance }](f, "GET", "/api/v1/vm", "") {
		if item.VM.ExternalID == "https://ci/jobs/1" {
			found = item.VM.ID
		}
	}
	require.Equal(t, ids[0], found)
	f.terminate(found)
}

// exporterNode is what a metrics exporter reads of a node; its counts cannot be negative.
type exporterNode struct {
	ID       string  `json:"node_id"`
	CPUs     uint    `json:"cpu_count"`
	RAM      uint    `json:"ram"`
	VMs      uint    `json:"vm_count"`
	VCPUs    uint    `json:"vcpu_count"`
	VRAM     uint    `json:"vram"`
	CPUUse   float32 `json:"cpu_util"`
	RAMUse   float32 `json:"ram_util"`
	Free     uint    `json:"free_disk_space"`
	Anka     uint    `json:"anka_disk_usage"`
	Disk     uint    `json:"disk_size"`
	Capacity uint    `json:"capacity"`
	State    string  `json:"state"`
	Arch     string  `json:"host_arch"`
	Groups   []struct {
		ID       string `json:"id"`
		Name     string `json:"name"`
		Fallback string `json:"fallback_group_id"`
	} `json:"groups"`
}

func TestAnExportersScrape(t *testing.T) {
	f := start(t, DefaultConfig())
	f.vm(`{"vmid":"` + f.get("/api/v1/registry/vm").([]any)[0].(object)["id"].(string) + `","count":30}`)
	f.after(time.Minute)
	status := answered[struct {
		Status         string
		Version        string
		RegistryStatus string `json:"registry_status"`
		License        string
	}](f, "GET", "/api/v1/status", "")
	require.Equal(t, []string{"Running", "Running"}, []string{status.Status, status.RegistryStatus})
	for _, n := range answered[[]exporterNode](f, "GET", "/api/v1/node", "") {
		require.Contains(t, []string{"amd64", "arm64"}, n.Arch)
		require.NotEmpty(t, n.Groups[0].ID)
		require.Positive(t, n.Disk)
	}
	states := map[string]int{}
	for _, i := range answered[[]struct {
		ID string `json:"instance_id"`
		VM struct {
			State    string    `json:"instance_state"`
			Template string    `json:"vmid"`
			Group    string    `json:"group_id"`
			Node     string    `json:"node_id"`
			Arch     string    `json:"arch"`
			Created  time.Time `json:"cr_time"`
			Changed  time.Time `json:"ts"`
		} `json:"vm"`
	}](f, "GET", "/api/v1/vm", "") {
		require.False(t, i.VM.Created.IsZero() || i.VM.Changed.IsZero())
		states[i.VM.State]++
	}
	require.Equal(t, map[string]int{"Started": 12, "Pulling": 4, "Scheduling": 14}, states, "six Macs are warm, four pull")
	for _, item := range answered[[]struct {
		ID   string
		Size uint64
	}](f, "GET", "/api/v1/registry/vm", "") {
		one := answered[struct {
			Versions []struct {
				Tag  string
				Size uint64
			}
		}](f, "GET", "/api/v1/registry/vm?id="+item.ID, "")
		require.NotEmpty(t, one.Versions)
	}
	disk := answered[struct{ Total, Free uint64 }](f, "GET", "/api/v1/registry/disk", "")
	require.Less(t, disk.Free, disk.Total)
}
