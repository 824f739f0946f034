package cyclecloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
)

// ClusterStatus is a cluster's state, ceilings and buckets.
type ClusterStatus struct {
	State        string      `json:"state"`       // empty before the first start
	TargetState  string      `json:"targetState"` // empty before the first start
	MaxCount     *int        `json:"maxCount"`    // nodes; nil: not told
	MaxCoreCount *int        `json:"maxCoreCount"`
	Nodearrays   []Nodearray `json:"nodearrays"`
	// Nodes are all nodes, head nodes included. nil: not told.
	Nodes []Node `json:"nodes"`

	Extra map[string]json.RawMessage `json:",embed"`
}

// Nodearray is a template of nodes and the buckets it offers.
type Nodearray struct {
	Name         string   `json:"name"`
	MaxCount     *int     `json:"maxCount"` // nodes; nil: not told
	MaxCoreCount *int     `json:"maxCoreCount"`
	Record       Node     `json:"nodearray"` // the nodearray's own attributes
	Buckets      []Bucket `json:"buckets"`

	Extra map[string]json.RawMessage `json:",embed"`
}

// Definition is what a bucket is made of; a create call takes it back.
type Definition struct {
	MachineType string `json:"machineType,omitempty"`

	Extra map[string]json.RawMessage `json:",embed"`
}

// Bucket is one machine type of a nodearray and what can be had of it. Counts
// are nodes or cores as named. A nil pointer is a field the server doesn't send.
type Bucket struct {
	ID            string     `json:"bucketId"` // stable for the cluster's lifetime
	Definition    Definition `json:"definition"`
	Valid         *bool      `json:"valid"`         // false: it only holds existing nodes
	InvalidReason string     `json:"invalidReason"` // NotActivated, DisabledMachineType

	// In use in this bucket and nodearray, nodes still acquiring a VM included.
	ActiveCount     int      `json:"activeCount"`
	ActiveCoreCount int      `json:"activeCoreCount"`
	ActiveNodes     []string `json:"activeNodes"` // names; only in a status with nodes

	// How many more may be created. It can be less than Max minus Active, since
	// limits further out cap it.
	AvailableCount     *int `json:"availableCount"`
	AvailableCoreCount *int `json:"availableCoreCount"`
	// With the nodearray's and global limits applied.
	MaxCount     *int `json:"maxCount"`
	MaxCoreCount *int `json:"maxCoreCount"`

	// The family's quota in the region with the regional quota applied, and the
	// family's cores in use in the whole region.
	QuotaCount        *int `json:"quotaCount"`
	QuotaCoreCount    *int `json:"quotaCoreCount"`
	ConsumedCoreCount *int `json:"consumedCoreCount"`
	// The family's quota alone.
	FamilyQuotaCount        *int `json:"familyQuotaCount"`
	FamilyQuotaCoreCount    *int `json:"familyQuotaCoreCount"`
	FamilyConsumedCoreCount *int `json:"familyConsumedCoreCount"`
	// The region's quota: of a spot nodearray, its spot quota.
	RegionalQuotaCount        *int `json:"regionalQuotaCount"`
	RegionalQuotaCoreCount    *int `json:"regionalQuotaCoreCount"`
	RegionalConsumedCoreCount *int `json:"regionalConsumedCoreCount"`

	MaxPlacementGroupSize     *int             `json:"maxPlacementGroupSize"`
	MaxPlacementGroupCoreSize *int             `json:"maxPlacementGroupCoreSize"`
	PlacementGroups           []PlacementGroup `json:"placementGroups"`

	// LastCapacityFailure is an age in seconds; negative or nil: never.
	LastCapacityFailure *float64       `json:"lastCapacityFailure"`
	SpotPlacementScore  string         `json:"spotPlacementScore"` // High, Medium, Low or empty
	VirtualMachine      VirtualMachine `json:"virtualMachine"`

	Extra map[string]json.RawMessage `json:",embed"`
}

// PlacementGroup is a group of a bucket and what is in it.
type PlacementGroup struct {
	Name            string `json:"name"`
	ActiveCount     int    `json:"activeCount"`
	ActiveCoreCount int    `json:"activeCoreCount"`

	Extra map[string]json.RawMessage `json:",embed"`
}

// VirtualMachine is what one VM of a bucket has.
type VirtualMachine struct {
	VCPUCount      int     `json:"vcpuCount"`
	PCPUCount      int     `json:"pcpuCount"`
	GPUCount       int     `json:"gpuCount"`
	Memory         float64 `json:"memory"` // GB
	Infiniband     bool    `json:"infiniband"`
	VCPUQuotaCount *int    `json:"vcpuQuotaCount"` // cores that count against quotas; nil, 0: VCPUCount

	Extra map[string]json.RawMessage `json:",embed"`
}

// QuotaCores is how many cores one VM counts against limits in cores. A count that
// can't be is as none: a VM that draws on no quota would know no limit in cores.
func (v VirtualMachine) QuotaCores() int {
	if v.VCPUQuotaCount != nil && *v.VCPUQuotaCount > 0 {
		return *v.VCPUQuotaCount
	}
	return v.VCPUCount
}

// Status reads a cluster's status. With nodes, it also has the nodes and each
// bucket's active nodes, all of one moment.
func (c *Client) Status(ctx context.Context, cluster string, nodes bool) (ClusterStatus, error) {
	var status ClusterStatus
	r, err := at("/clusters/{cluster}/status", cluster)
	if err != nil {
		return status, err
	}
	query := url.Values{}
	if nodes {
		query.Set("nodes", "true")
	}
	err = get(ctx, c, r, query, &status, (*ClusterStatus).check)
	return status, err
}

// check refuses what no cluster can be: such an answer is wrong in ways that can't
// be known, so nothing in it is believed.
func (s *ClusterStatus) check() error {
	if s.Nodearrays == nil {
		return errors.New("no cluster status: nodearrays are missing")
	}
	for i := range s.Nodearrays {
		if s.Nodearrays[i].Name == "" { // head nodes, which name none, would be in it
			return fmt.Errorf("nodearray %d has no name", i)
		}
	}
	return distinct(s.Nodes)
}

// distinct refuses two nodes of one id.
func distinct(nodes []Node) error {
	names := make(map[string]string, len(nodes))
	for i := range nodes {
		id := nodes[i].NodeID
		if id == "" {
			continue
		}
		if other, seen := names[id]; seen {
			return fmt.Errorf("nodes %.60q and %.60q have the same id %.60q", other, nodes[i].Name, id)
		}
		names[id] = nodes[i].Name
	}
	return nil
}
