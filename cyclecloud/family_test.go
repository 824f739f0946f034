package cyclecloud_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

// familyOf is the family limit that each machine type draws on, in order, where
// quota and use are the figures of its bucket.
func familyOf(t *testing.T, buckets ...string) []string {
	supply := observeBody(t, `{"state":"Started","nodes":[],"nodearrays":[{"name":"a","nodearray":{"Region":"R"},"buckets":[`+strings.Join(buckets, ",")+`]}]}`)
	require.Len(t, supply.Pools, len(buckets))
	var families []string
	for _, p := range supply.Pools {
		for _, d := range p.Draws {
			if name, ok := strings.CutPrefix(string(d.Limit), "family/r/"); ok {
				families = append(families, strings.TrimSuffix(name, "/cores"))
			}
		}
	}
	return families
}

func bucket(machineType string, cores, quota, consumed int) string {
	return fmt.Sprintf(`{"definition":{"machineType":%q},"virtualMachine":{"vcpuCount":%d},"familyQuotaCoreCount":%d,"familyConsumedCoreCount":%d}`,
		machineType, cores, quota, consumed)
}

func TestFamilyNames(t *testing.T) {
	for machineType, want := range map[string]string{
		"Standard_F4s_v2":          "Fs_v2",
		"Standard_F32s_v2":         "Fs_v2",
		"standard_f72S_V2":         "Fs_v2",
		"Standard_D4s_v5":          "Ds_v5",
		"Standard_D4ds_v5":         "Dds_v5",
		"Standard_HC44rs":          "HCs",
		"Standard_HB120rs_v3":      "HBs_v3",
		"Standard_HB120-16rs_v3":   "HBs_v3",
		"Standard_M128ms":          "Ms",
		"Standard_E64i_v3":         "E_v3",
		"Standard_NC24ads_A100_v4": "NCads_a100_v4",
		"Basic_A1":                 "Basic_a1",
		"X":                        "X",
	} {
		require.Equal(t, []string{want}, familyOf(t, bucket(machineType, 4, 100, 0)), machineType)
	}
}

func TestFiguresTellFamiliesApart(t *testing.T) {
	for name, test := range map[string]struct{ buckets, want []string }{
		"one quota":             {[]string{bucket("Standard_F4s_v2", 4, 100, 8), bucket("Standard_F16s_v2", 16, 100, 8)}, []string{"Fs_v2", "Fs_v2"}},
		"rounded to whole VMs":  {[]string{bucket("Standard_F4s_v2", 4, 100, 8), bucket("Standard_F16s_v2", 16, 96, 8)}, []string{"Fs_v2", "Fs_v2"}},
		"another quota":         {[]string{bucket("Standard_F4s_v2", 4, 100, 8), bucket("Standard_F16s_v2", 16, 84, 8)}, []string{"Fs_v2", "Fs_v2-2"}},
		"other use":             {[]string{bucket("Standard_F4s_v2", 4, 100, 8), bucket("Standard_F16s_v2", 16, 100, 9)}, []string{"Fs_v2", "Fs_v2-2"}},
		"two pairs":             {[]string{bucket("Standard_F4s_v2", 4, 100, 8), bucket("Standard_F16s_v2", 16, 500, 8), bucket("Standard_F2s_v2", 2, 500, 8)}, []string{"Fs_v2", "Fs_v2-2", "Fs_v2-2"}},
		"same series, same use": {[]string{bucket("Standard_D4s_v5", 4, 100, 8), bucket("Standard_D4ds_v5", 4, 100, 8)}, []string{"Ds_v5", "Ds_v5"}},
		"same series, no use":   {[]string{bucket("Standard_D4s_v5", 4, 100, 0), bucket("Standard_D4ds_v5", 4, 100, 0)}, []string{"Ds_v5", "Dds_v5"}},
		"other series":          {[]string{bucket("Standard_D4s_v5", 4, 100, 8), bucket("Standard_E4s_v5", 4, 100, 8)}, []string{"Ds_v5", "Es_v5"}},
		"other generation":      {[]string{bucket("Standard_D4s_v5", 4, 100, 8), bucket("Standard_D4s_v4", 4, 100, 8)}, []string{"Ds_v5", "Ds_v4"}},
	} {
		require.Equal(t, test.want, familyOf(t, test.buckets...), name)
	}
}

// What buckets of one family tell differently is taken on the safe side.
func TestFamilyLimitIsTheLeastToldAndTheMostUsed(t *testing.T) {
	supply := observeBody(t, `{"state":"Started","nodearrays":[{"name":"a","nodearray":{"Region":"R"},"buckets":[`+
		bucket("Standard_F4s_v2", 4, 100, 8)+","+bucket("Standard_F16s_v2", 16, 96, 8)+`]}],"nodes":[
		{"Name":"1","NodeId":"1","Template":"a","MachineType":"standard_f16s_v2","TargetState":"Started","Status":"Acquiring"}]}`)
	l := limit(t, supply, "family/r/Fs_v2/cores")
	require.Equal(t, autoscale.Limit{ID: l.ID, Kind: autoscale.LimitFamily, Name: "Fs_v2 in r", Unit: autoscale.UnitCores, Max: 96, Used: 16}, l)
}
