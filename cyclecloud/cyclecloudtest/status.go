package cyclecloudtest

import (
	"slices"
	"strings"
	"time"
)

type statusBody struct {
	State        string        `json:"state,omitempty"`
	TargetState  string        `json:"targetState,omitempty"`
	MaxCount     int           `json:"maxCount"`
	MaxCoreCount int           `json:"maxCoreCount"`
	Nodearrays   []arrayStatus `json:"nodearrays"`
}

type arrayStatus struct {
	Name         string         `json:"name"`
	MaxCount     int            `json:"maxCount"`
	MaxCoreCount int            `json:"maxCoreCount"`
	Nodearray    map[string]any `json:"nodearray"`
	Buckets      []bucketStatus `json:"buckets"`
}

type bucketStatus struct {
	BucketID   string     `json:"bucketId"`
	Definition definition `json:"definition"`

	Valid         bool   `json:"valid"`
	InvalidReason string `json:"invalidReason,omitempty"`

	ActiveCount        int       `json:"activeCount"`
	ActiveCoreCount    int       `json:"activeCoreCount"`
	ActiveNodes        *[]string `json:"activeNodes,omitempty"`
	AvailableCount     int       `json:"availableCount"`
	AvailableCoreCount int       `json:"availableCoreCount"`
	MaxCount           int       `json:"maxCount"`
	MaxCoreCount       int       `json:"maxCoreCount"`

	QuotaCount        int `json:"quotaCount"`
	QuotaCoreCount    int `json:"quotaCoreCount"`
	ConsumedCoreCount int `json:"consumedCoreCount"`
	*quotaDetail

	MaxPlacementGroupSize     int           `json:"maxPlacementGroupSize"`
	MaxPlacementGroupCoreSize int           `json:"maxPlacementGroupCoreSize"`
	PlacementGroups           []groupStatus `json:"placementGroups"`
	LastCapacityFailure       float64       `json:"lastCapacityFailure"`
	SpotPlacementScore        string        `json:"spotPlacementScore,omitempty"`
	VirtualMachine            machineStatus `json:"virtualMachine"`
}

type definition struct {
	MachineType string `json:"machineType"`
}

// quotaDetail holds the optional fields. Spot buckets draw on no family and have none of its
// fields.
type quotaDetail struct {
	FamilyQuotaCount          *int `json:"familyQuotaCount,omitempty"`
	FamilyQuotaCoreCount      *int `json:"familyQuotaCoreCount,omitempty"`
	FamilyConsumedCoreCount   *int `json:"familyConsumedCoreCount,omitempty"`
	RegionalQuotaCount        int  `json:"regionalQuotaCount"`
	RegionalQuotaCoreCount    int  `json:"regionalQuotaCoreCount"`
	RegionalConsumedCoreCount int  `json:"regionalConsumedCoreCount"`
}

type groupStatus struct {
	Name            string `json:"name"`
	ActiveCount     int    `json:"activeCount"`
	ActiveCoreCount int    `json:"activeCoreCount"`
}

type machineStatus struct {
	VcpuCount      int     `json:"vcpuCount"`
	PcpuCount      int     `json:"pcpuCount"`
	GpuCount       int     `json:"gpuCount"`
	Memory         float64 `json:"memory"`
	Infiniband     bool    `json:"infiniband"`
	VcpuQuotaCount int     `json:"vcpuQuotaCount,omitempty"`
}

// toldStatus is an answer to GET status, and when it was made.
type toldStatus struct {
	text []byte
	at   time.Time
}

// lastStatus answers GET status, with an earlier answer while that is not too old.
func (w *world) lastStatus(c *cluster, nodes bool) []byte {
	last := c.told[nodes]
	if last.text == nil || w.now.Sub(last.at) >= w.cfg.Timing.StatusAge {
		last = toldStatus{w.status(c, nodes), w.now}
		c.told[nodes] = last
	}
	return last.text
}

// status tells every limit and count, and with nodes also the records of all nodes.
func (w *world) status(c *cluster, nodes bool) []byte {
	body := statusBody{
		State: c.state, TargetState: c.state,
		MaxCount: c.limit.nodes, MaxCoreCount: c.limit.cores, Nodearrays: []arrayStatus{},
	}
	count := w.census()
	active := map[*bucket][]string{}
	if nodes {
		for _, n := range c.nodes {
			if n.active() {
				active[n.bucket] = append(active[n.bucket], n.name)
			}
		}
	}
	for _, a := range c.arrays {
		s := arrayStatus{Name: a.cfg.Name, MaxCount: a.limit.nodes, MaxCoreCount: a.limit.cores, Nodearray: a.record()}
		for _, b := range a.buckets {
			bs := w.bucketStatus(b, count)
			if nodes {
				list := append([]string{}, active[b]...)
				bs.ActiveNodes = &list
			}
			s.Buckets = append(s.Buckets, bs)
		}
		body.Nodearrays = append(body.Nodearrays, s)
	}
	text := mustMarshal(body)
	if !nodes {
		return text
	}
	return w.withNodes(text, c.nodes)
}

// record is the nodearray's own attributes.
func (a *nodearray) record() map[string]any {
	r := map[string]any{
		"Name": a.cfg.Name, "Region": a.region, "SubnetId": "cyclecloud/hpc-network/compute",
		"Priority": a.cfg.Priority, "Interruptible": a.cfg.Spot, "ShutdownPolicy": a.cfg.ShutdownPolicy,
		"Azure":            map[string]any{"MaxScalesetSize": a.cfg.MaxGroupSize},
		"ThrottleCapacity": a.cfg.ThrottleCapacity, "ThrottleCapacityTime": int(a.cfg.ThrottleTime.Seconds()),
		"Configuration": map[string]any{},
	}
	if a.cfg.Configuration != nil {
		r["Configuration"] = a.cfg.Configuration
	}
	if a.cfg.PlacementGroup != "" {
		r["PlacementGroupId"] = a.cfg.PlacementGroup
	}
	return r
}

func (w *world) bucketStatus(b *bucket, c census) bucketStatus {
	limits := w.limitsOf(b, "", c)
	each := b.machine.limitCores()
	active := at(c.buckets, b).active
	available := w.advertised(b, limits)
	biggest := most(limits)
	s := bucketStatus{
		BucketID: b.id, Definition: definition{b.machine.Name},
		Valid: b.invalidReason == "", InvalidReason: b.invalidReason,
		ActiveCount: active.nodes, ActiveCoreCount: active.cores,
		AvailableCount: available, AvailableCoreCount: available * each,
		MaxCount: biggest, MaxCoreCount: biggest * each,
		MaxPlacementGroupSize: b.groupSize, MaxPlacementGroupCoreSize: b.groupSize * each,
		PlacementGroups: groupsOf(b, c), LastCapacityFailure: b.sinceFailure(w.now),
		SpotPlacementScore: b.score,
		VirtualMachine: machineStatus{
			VcpuCount: b.machine.Vcpus, PcpuCount: b.machine.Pcpus, GpuCount: b.machine.Gpus,
			Memory: b.machine.Memory, Infiniband: b.machine.Infiniband, VcpuQuotaCount: b.machine.QuotaVcpus,
		},
	}
	w.quotaStatus(&s, b, c)
	return s
}

// advertised is what the bucket says may still be created. It leaves nodes on their way out of the
// count that its own limits take; the cloud's quotas still hold them.
func (w *world) advertised(b *bucket, limits []limit) int {
	if b.invalidReason != "" || b.throttled(w.now) {
		return 0
	}
	room, _ := tightest(limits, true)
	return room
}

// quotaStatus fills in what the cloud allows. quotaCoreCount is the family's with the region's
// applied; for spot the region's spot quota stands for both.
func (w *world) quotaStatus(s *bucketStatus, b *bucket, c census) {
	each := b.machine.limitCores()
	quotas := w.quotasOf(b.array.region, b.array.cfg.Spot, b.machine, c)
	first, regional := quotas[0], quotas[len(quotas)-1]
	s.QuotaCoreCount = min(first.max, regional.max)
	s.QuotaCount = s.QuotaCoreCount / each
	s.ConsumedCoreCount = first.held
	if w.cfg.OmitQuotaDetail {
		return
	}
	s.quotaDetail = &quotaDetail{
		RegionalQuotaCount: regional.max / each, RegionalQuotaCoreCount: regional.max,
		RegionalConsumedCoreCount: regional.held,
	}
	if !b.array.cfg.Spot {
		nodes := first.max / each
		s.FamilyQuotaCount, s.FamilyQuotaCoreCount, s.FamilyConsumedCoreCount = &nodes, &first.max, &first.held
	}
}

// groupsOf lists the placement groups that have nodes; one without any no longer exists.
func groupsOf(b *bucket, c census) []groupStatus {
	list := []groupStatus{}
	for key, t := range c.groups {
		if key.bucket == b {
			list = append(list, groupStatus{key.name, t.active.nodes, t.active.cores})
		}
	}
	slices.SortFunc(list, func(a, b groupStatus) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// sinceFailure is the age of the last capacity failure in seconds, negative if there was none.
func (b *bucket) sinceFailure(now time.Time) float64 {
	if b.failedAt.IsZero() {
		return -1
	}
	return now.Sub(b.failedAt).Seconds()
}
