package anka

import (
	"encoding/json"
	"fmt"
	"time"
)

// NodeState is a word for how a node is. Words that are not listed here are kept
// as the controller says them.
type NodeState string

// The states of a node.
const (
	NodeActive   NodeState = "Active"
	NodeOffline  NodeState = "Offline" // silent for two minutes
	NodeInactive NodeState = "Inactive (Invalid License)"
	NodeUpdating NodeState = "Updating"
	// NodeUnhealthy is full, and none of its VMs runs.
	NodeUnhealthy NodeState = "Unhealthy"
	NodeDrain     NodeState = "Drain Mode" // since 1.32; set by NodeConfig.DrainMode
)

// CapacityMode says what a node's capacity is counted in.
type CapacityMode string

// The modes of capacity. An empty one, as controllers before 1.32 may tell of a
// single node, is unknown.
const (
	CapacityByNumber   CapacityMode = "number"   // of VMs: Capacity − VMCount are free
	CapacityByResource CapacityMode = "resource" // VCPUOverride − VCPUs and RAMOverride − VRAM are free
)

// Node is one Mac that has joined the controller.
type Node struct {
	ID       string    `json:"node_id"`
	Name     string    `json:"node_name"`
	Address  string    `json:"ip_address"` // or a host name
	State    NodeState `json:"state"`
	CPUs     int       `json:"cpu_count"`
	RAM      int       `json:"ram"`        // GB
	VMCount  int       `json:"vm_count"`   // running, those that the controller didn't start included
	VCPUs    int       `json:"vcpu_count"` // of running VMs
	VRAM     int       `json:"vram"`       // MB, of running VMs
	CPUUse   float64   `json:"cpu_util"`   // 0 to 1
	RAMUse   float64   `json:"ram_util"`   // 0 to 1
	Capacity int       `json:"capacity"`   // VMs; written as NodeConfig.MaxVMCount
	Groups   []Group   `json:"groups"`     // nil: none, or not told
	Anka     Version   `json:"anka_version"`
	HostArch string    `json:"host_arch"` // amd64 or arm64, newer controllers
	// Templates are those that need no pull. nil: none, or not told.
	Templates []NodeTemplate `json:"templates"`
	// USBDevices are as the controller tells them: the form is not documented.
	USBDevices    []json.RawMessage `json:"usb_devices"`
	CapacityMode  CapacityMode      `json:"capacity_mode"`
	VCPUOverride  int               `json:"vcpu_override"`   // limit in mode resource
	RAMOverride   int               `json:"ram_override"`    // limit in mode resource, MB
	DiskSize      int64             `json:"disk_size"`       // bytes
	FreeDiskSpace int64             `json:"free_disk_space"` // bytes
	AnkaDiskUsage int64             `json:"anka_disk_usage"` // bytes
	Updated       time.Time         `json:"last_updated"`    // newer controllers
	AgentVersion  string            `json:"agent_version"`   // newer controllers
}

// NodeTemplate is a template that a node holds, so that it needs no pull. Newer
// controllers only.
type NodeTemplate struct {
	ID   string `json:"uuid"`
	Name string `json:"name"`
	Tag  string `json:"tag"`
}

// Version is the Anka software of a node. It may be empty where a controller
// before 1.32 shows a single node.
type Version struct {
	Product string `json:"product"` // as "Anka Build Enterpriseplus"
	Version string `json:"version"`
	Build   string `json:"build"`
	License string `json:"license"` // as "com.veertu.anka.entplus"
	Expires string `json:"expires"` // newer controllers
}

// check wants of a node what nothing can be decided without.
func (n *Node) check() error {
	if n.ID == "" {
		return fmt.Errorf("node %.60q has no node_id", n.Name)
	}
	if n.State == "" {
		return fmt.Errorf("node %.60q has no state", n.ID)
	}
	for _, count := range []struct {
		name  string
		value int
	}{
		{"cpu_count", n.CPUs}, {"ram", n.RAM}, {"vm_count", n.VMCount}, {"vcpu_count", n.VCPUs}, {"vram", n.VRAM},
		{"capacity", n.Capacity}, {"vcpu_override", n.VCPUOverride}, {"ram_override", n.RAMOverride},
	} {
		if count.value < 0 {
			return fmt.Errorf("node %.60q has a %s of %d", n.ID, count.name, count.value)
		}
	}
	return nil
}
