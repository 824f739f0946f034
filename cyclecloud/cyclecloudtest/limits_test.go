package cyclecloudtest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const twoArrays = `
regions:
  - name: westeurope
    cores: 200
    used_cores: 4
    spot_cores: 32
    used_spot: 8
    families:
      - {name: standardFSv2Family, cores: 96, used_cores: 8}
timing: {boot_sigma: 0}
clusters:
  - name: demo
    max_count: 20
    nodearrays:
      - name: a
        max_count: 10
        max_cores: 64
        buckets:
          - {machine_type: Standard_F4s_v2, max_count: 8}
          - {machine_type: Standard_F16s_v2}
      - name: b
        max_group_size: 3
        buckets:
          - {machine_type: Standard_F4s_v2}
          - {machine_type: Standard_HC44rs}
      - name: s
        spot: true
        buckets:
          - {machine_type: Standard_F4s_v2, placement_score: High}
`

func parse(t *testing.T, text string) Config {
	t.Helper()
	cfg, err := ParseConfig([]byte(text))
	require.NoError(t, err)
	return cfg
}

func available(f fixture, array, machine string) int {
	f.Helper()
	b := f.bucket(array, machine)
	count := int(b["availableCount"].(float64))
	cores := int(b["virtualMachine"].(object)["vcpuCount"].(float64))
	require.EqualValues(f, count*cores, b["availableCoreCount"])
	return count
}

// Every limit is the binding one once, and creating in one bucket lowers what others offer.
func TestLimitsInteract(t *testing.T) {
	f := start(t, parse(t, twoArrays))
	// The scheduler's 4 cores and the 4 of others leave 192 in the region; the family has 88.
	require.Equal(t, 8, available(f, "a", "Standard_F4s_v2"), "the bucket's own maxCount")
	require.Equal(t, 4, available(f, "a", "Standard_F16s_v2"), "the nodearray's maxCoreCount")
	require.Equal(t, 20, available(f, "b", "Standard_F4s_v2"), "the cluster's maxCount")
	require.Equal(t, 4, available(f, "b", "Standard_HC44rs"), "the regional quota")
	require.Equal(t, 6, available(f, "s", "Standard_F4s_v2"), "the region's spot quota")

	added, message := f.create(`{"nodearray":"a","count":9,"definition":{"machineType":"standard_f4S_V2"}}`)
	require.Equal(t, 8, added)
	require.Equal(t, "Added 8 of 9 nodes: bucket Standard_F4s_v2 maxCount is 8, 0 in use", message)

	require.Equal(t, 0, available(f, "a", "Standard_F4s_v2"))
	require.Equal(t, 2, available(f, "a", "Standard_F16s_v2"), "32 cores are left in the nodearray")
	require.Equal(t, 12, available(f, "b", "Standard_F4s_v2"), "12 nodes are left in the cluster")
	require.Equal(t, 3, available(f, "b", "Standard_HC44rs"), "160 cores are left in the region")
	require.Equal(t, 6, available(f, "s", "Standard_F4s_v2"), "spot draws on its own quota")

	added, message = f.create(`{"nodearray":"a","count":3,"definition":{"machineType":"Standard_F16s_v2"}}`)
	require.Equal(t, 2, added)
	require.Contains(t, message, "Added 2 of 3 nodes: ")
	require.Contains(t, message, "nodearray a max")

	added, message = f.create(`{"nodearray":"b","count":9,"definition":{"machineType":"Standard_F4s_v2"}}`)
	require.Equal(t, 6, added)
	require.Contains(t, message, "quota of family standardFSv2Family is 96, 72 in use")

	added, message = f.create(`{"nodearray":"b","count":4,"definition":{"machineType":"Standard_HC44rs"}}`)
	require.Equal(t, 2, added)
	require.Contains(t, message, "quota of region westeurope is 200, 96 in use")

	added, message = f.create(`{"nodearray":"s","count":9}`)
	require.Equal(t, 2, added)
	require.Contains(t, message, "cluster demo maxCount is 20, 18 in use")
	require.Equal(t, 4.0, f.bucket("s", "Standard_F4s_v2")["virtualMachine"].(object)["vcpuCount"])
	require.Empty(t, f.server.Books().Violations)
}

func TestBucketFields(t *testing.T) {
	f := start(t, parse(t, twoArrays))
	added, _ := f.create(`{"nodearray":"b","count":2,"placementGroupId":"g-1","definition":{"machineType":"Standard_F4s_v2"}}`)
	require.Equal(t, 2, added)
	got := f.bucket("b", "Standard_F4s_v2")
	id := got["bucketId"]
	delete(got, "bucketId")
	require.Equal(t, object{
		"definition": object{"machineType": "Standard_F4s_v2"}, "valid": true,
		"activeCount": 2.0, "activeCoreCount": 8.0, "availableCount": 18.0, "availableCoreCount": 72.0,
		"maxCount": 20.0, "maxCoreCount": 80.0,
		"quotaCount": 24.0, "quotaCoreCount": 96.0, "consumedCoreCount": 16.0,
		"familyQuotaCount": 24.0, "familyQuotaCoreCount": 96.0, "familyConsumedCoreCount": 16.0,
		"regionalQuotaCount": 50.0, "regionalQuotaCoreCount": 200.0, "regionalConsumedCoreCount": 16.0,
		"maxPlacementGroupSize": 3.0, "maxPlacementGroupCoreSize": 12.0,
		"placementGroups":     []any{object{"name": "g-1", "activeCount": 2.0, "activeCoreCount": 8.0}},
		"lastCapacityFailure": -1.0,
		"virtualMachine":      object{"vcpuCount": 4.0, "pcpuCount": 2.0, "gpuCount": 0.0, "memory": 8.0, "infiniband": false},
	}, got)
	require.Equal(t, id, f.bucket("b", "Standard_F4s_v2")["bucketId"], "stable")

	spot := f.bucket("s", "Standard_F4s_v2")
	require.NotContains(t, spot, "familyQuotaCoreCount")
	require.Equal(t, 32.0, spot["quotaCoreCount"])
	require.Equal(t, 8.0, spot["consumedCoreCount"])
	require.Equal(t, "High", spot["spotPlacementScore"])
}

func TestQuotaDetailIsOptional(t *testing.T) {
	cfg := parse(t, twoArrays)
	cfg.OmitQuotaDetail = true
	f := start(t, cfg)
	b := f.bucket("b", "Standard_F4s_v2")
	require.NotContains(t, b, "familyQuotaCoreCount")
	require.NotContains(t, b, "regionalQuotaCoreCount")
	require.Contains(t, b, "quotaCoreCount")
}

func TestConstrainedCoresCountAsTheWholeMachine(t *testing.T) {
	f := start(t, parse(t, `
regions: [{name: westeurope, cores: 400}]
clusters:
  - name: demo
    nodearrays:
      - {name: hb, buckets: [{machine_type: Standard_HB120-16rs_v3}]}
`))
	b := f.bucket("hb", "Standard_HB120-16rs_v3")
	require.Equal(t, 3.0, b["availableCount"], "(400-4)/120")
	require.Equal(t, 120.0, b["virtualMachine"].(object)["vcpuQuotaCount"])
	require.Equal(t, 16.0, b["virtualMachine"].(object)["vcpuCount"])
}

func TestPlacementGroupHasAMaximum(t *testing.T) {
	f := start(t, parse(t, twoArrays))
	set := `{"nodearray":"b","count":2,"placementGroupId":"pg0","definition":{"machineType":"Standard_F4s_v2"}}`
	added, _ := f.create(set)
	require.Equal(t, 2, added)
	added, message := f.create(set)
	require.Equal(t, 1, added)
	require.Contains(t, message, "placement group pg0 is 3, 2 in use")
	added, _ = f.create(`{"nodearray":"b","count":2,"placementGroupId":"pg1","definition":{"machineType":"Standard_F4s_v2"}}`)
	require.Equal(t, 2, added)

	f.post("/clusters/demo/nodes/terminate", `{"filter":"PlacementGroupId === \"pg0\""}`)
	f.clock.Advance(time.Hour)
	require.Equal(t, []any{object{"name": "pg1", "activeCount": 2.0, "activeCoreCount": 8.0}},
		f.bucket("b", "Standard_F4s_v2")["placementGroups"], "a group without nodes is no more")
}

// Without a definition a set goes whole into the first bucket that holds it, or in part into the
// first with room.
func TestFirstBucketThatFits(t *testing.T) {
	f := start(t, parse(t, `
clusters:
  - name: demo
    nodearrays:
      - name: a
        buckets: [{machine_type: Standard_F4s_v2, max_count: 2}, {machine_type: Standard_F16s_v2, max_count: 3}]
`))
	for _, c := range []struct {
		count, added int
		machine      string
	}{{3, 3, "Standard_F16s_v2"}, {3, 2, "Standard_F4s_v2"}} {
		o := f.post("/clusters/demo/nodes/create", `{"requestId":"`+c.machine+`","sets":[{"nodearray":"a","count":3}]}`)
		require.EqualValues(t, c.added, o["sets"].([]any)[0].(object)["added"])
		for _, n := range f.get("/clusters/demo/nodes?request_id=" + c.machine)["nodes"].([]any) {
			require.Equal(t, c.machine, n.(object)["MachineType"])
		}
	}
	added, message := f.create(`{"nodearray":"a","count":1}`)
	require.Zero(t, added)
	require.NotEmpty(t, message)
}

// A node on its way out is out of availableCount at once, but its place is not free before it is
// gone; and its quota is not free in either count.
func TestTerminatingNodesHoldTheirPlace(t *testing.T) {
	f := start(t, parse(t, `
clusters:
  - name: demo
    nodearrays: [{name: a, max_count: 2, buckets: [{machine_type: Standard_F4s_v2}]}]
`))
	added, _ := f.create(`{"nodearray":"a","count":2}`)
	require.Equal(t, 2, added)
	f.clock.Advance(time.Hour)
	f.post("/clusters/demo/nodes/terminate", `{"names":["a-1"]}`)
	b := f.bucket("a", "Standard_F4s_v2")
	require.Equal(t, 1.0, b["availableCount"])
	require.Equal(t, 1.0, b["activeCount"])
	require.Equal(t, 8.0, b["consumedCoreCount"])
	added, message := f.create(`{"nodearray":"a","count":1}`)
	require.Zero(t, added)
	require.Contains(t, message, "nodearray a maxCount is 2, 2 in use")
	f.clock.Advance(time.Hour)
	added, _ = f.create(`{"nodearray":"a","count":1}`)
	require.Equal(t, 1, added)
}

func TestInvalidBucketOnlyHoldsWhatItHas(t *testing.T) {
	cfg := parse(t, twoArrays)
	cfg.Clusters[0].Nodearrays[1].Buckets[1].InvalidReason = "NotActivated"
	f := start(t, cfg)
	b := f.bucket("b", "Standard_HC44rs")
	require.Equal(t, false, b["valid"])
	require.Equal(t, "NotActivated", b["invalidReason"])
	require.Equal(t, 0.0, b["availableCount"])
	added, message := f.create(`{"nodearray":"b","count":1,"definition":{"machineType":"Standard_HC44rs"}}`)
	require.Zero(t, added)
	require.Contains(t, message, "NotActivated")
	require.NoError(t, f.server.SetValidity(BucketKey{"demo", "b", "standard_hc44rs"}, ""))
	added, _ = f.create(`{"nodearray":"b","count":1,"definition":{"machineType":"Standard_HC44rs"}}`)
	require.Equal(t, 1, added)
}

func TestScale(t *testing.T) {
	f := start(t, parse(t, twoArrays))
	scale := func(query string) float64 {
		return f.post("/clusters/demo/scale/a?"+query, "")["sets"].([]any)[0].(object)["added"].(float64)
	}
	require.Equal(t, 3.0, scale("totalNodeCount=3"))
	require.Equal(t, 0.0, scale("totalNodeCount=3"))
	require.Equal(t, 0.0, scale("totalNodeCount=1"), "never shrinks")
	require.Equal(t, 2.0, scale("totalCoreCount=17"), "three nodes have 12 cores; two more pass 17")
	require.Equal(t, 3.0, scale("totalNodeCount=50"), "as far as the limits allow")
	f.call(409, "POST", "/clusters/demo/scale/a?totalNodeCount=3&totalCoreCount=3", "")
	f.call(409, "POST", "/clusters/demo/scale/a", "")
	f.call(409, "POST", "/clusters/demo/scale/a?totalNodeCount=-1", "")
	f.call(409, "POST", "/clusters/demo/scale/a?totalNodeCount=many", "")
	f.call(404, "POST", "/clusters/demo/scale/none?totalNodeCount=3", "")
}

func TestTwoClustersShareTheRegion(t *testing.T) {
	f := start(t, parse(t, `
regions: [{name: westeurope, cores: 48}]
clusters:
  - {name: demo, nodearrays: [{name: a, buckets: [{machine_type: Standard_F4s_v2}]}]}
  - {name: other, nodearrays: [{name: a, buckets: [{machine_type: Standard_F4s_v2}]}]}
`))
	require.Equal(t, 10, available(f, "a", "Standard_F4s_v2"), "two schedulers take 8 of 48 cores")
	f.post("/clusters/other/nodes/create", `{"requestId":"r","sets":[{"nodearray":"a","count":4}]}`)
	require.Equal(t, 6, available(f, "a", "Standard_F4s_v2"))
	require.Equal(t, []string{"scheduler"}, f.names())
	f.call(404, "GET", "/clusters/demo/nodes?request_id=r", "")
	f.call(409, "POST", "/clusters/demo/nodes/create", `{"requestId":"r","sets":[{"nodearray":"a","count":1}]}`)
}
