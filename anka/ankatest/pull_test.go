package ankatest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func (f fixture) progress(distribution, node string) object {
	f.Helper()
	return f.get("/api/v1/registry/vm/distribute?id=" + distribution).(object)["distribute_status"].(object)[node].(object)
}

func (f fixture) distribute(rest string) string {
	f.Helper()
	return f.ok("POST", "/api/v1/registry/vm/distribute", `{"template_id":"`+buildID+`"`+rest+`}`).(object)["request_id"].(string)
}

// While a Mac pulls it takes nothing else, not even an instance whose template it has.
func TestOneTaskWhilePulling(t *testing.T) {
	f := start(t, small())
	f.ok("POST", "/api/v1/registry/vm/distribute", `{"template_id":"`+javaID+`","node_ids":["`+miniID+`"]}`)
	id := f.onMini(buildID)
	require.Equal(t, "Scheduling", f.after(299*time.Second).state(id))
	require.Equal(t, "Pulling", f.after(time.Second).state(id), "30 GB take five minutes; then its turn comes")
	require.Equal(t, 1, f.server.Books().MostPulling)
}

// A new tag of a template that is there is pulled on top.
func TestPullsAreIncremental(t *testing.T) {
	f := start(t, small())
	first := f.distribute(`,"tag":"t0","node_ids":["` + miniID + `"]`)
	require.Equal(t, false, f.after(179*time.Second).progress(first, miniID)["status"])
	require.Equal(t, true, f.after(time.Second).progress(first, miniID)["status"])
	second := f.distribute(`,"version":1,"node_ids":["` + miniID + `"]`)
	require.Equal(t, true, f.after(20*time.Second).progress(second, miniID)["status"])
	n := f.node("mini")
	require.Len(t, n["templates"], 2, "the old tag stays, so that going back is quick")
	require.EqualValues(t, 20e9, n["anka_disk_usage"])
	require.Equal(t, []int64{18e9, 2e9}, []int64{f.server.Books().Nodes[1].Pulls[0].Bytes, f.server.Books().Nodes[1].Pulls[1].Bytes})
	require.True(t, f.server.Books().Nodes[1].Pulls[0].Distributed)
	last := f.get("/api/v1/registry/vm?id=" + buildID).(object)["last_pull"]
	require.EqualValues(t, testStart.Add(200*time.Second).Unix(), last)
}

func TestDiskMakesRoomForOthers(t *testing.T) {
	cfg := small()
	cfg.Nodes[1].DiskGB, cfg.Nodes[1].OtherGB = 60, 20 // 40 for templates: 30 and 20 do not fit together
	f := start(t, cfg)
	id := f.onMini(javaID)
	f.after(10 * time.Minute)
	blocked := f.onMini(buildID)
	require.Equal(t, "Scheduling", f.after(time.Hour).state(blocked), "the other template is in use: for ever")
	f.terminate(id)
	require.Equal(t, "Started", f.after(time.Hour).state(blocked))
	require.Equal(t, []any{object{"uuid": buildID, "name": "build", "tag": "t1"}}, f.node("mini")["templates"])
	require.Equal(t, 1, f.server.Books().Nodes[1].Evictions)

	cfg.Nodes[1].DiskGB = 30 // 10: nothing fits
	f = start(t, cfg)
	id = f.onMini(javaID)
	d := f.distribute(`,"node_ids":["` + miniID + `"]`)
	require.Equal(t, "Scheduling", f.after(24*time.Hour).state(id))
	require.Equal(t, object{"status": false, "progress": 0.}, f.progress(d, miniID))
	require.Empty(t, f.server.Books().Nodes[1].Pulls)
}

// A template does not leave its disk for a tag of its own.
func TestOwnTagsStay(t *testing.T) {
	cfg := small()
	cfg.Nodes[1].DiskGB = 39 // 19 for templates
	cfg.Nodes[1].Holds = []HoldConfig{{"build", "t0"}}
	f := start(t, cfg)
	id := f.onMini(buildID)
	require.Equal(t, "Scheduling", f.after(time.Hour).state(id), "1 GB is free, 2 are needed")
	require.Len(t, f.node("mini")["templates"], 1)
}

// The template that was used least recently leaves first.
func TestLeastRecentlyUsedLeaves(t *testing.T) {
	cfg := small()
	cfg.Templates = append(cfg.Templates, TemplateConfig{Name: "third", ID: "third", Arch: "amd64", Tags: []TagConfig{{Tag: "x", SizeGB: 40}}})
	cfg.Nodes[1].DiskGB = 90 // 70: build and java fit together, not with the third
	f := start(t, cfg)
	for _, template := range []string{buildID, javaID, buildID} {
		id := f.onMini(template)
		f.after(time.Hour)
		f.terminate(id)
		f.after(time.Minute)
	}
	f.onMini("third")
	f.after(time.Hour)
	var names []any
	for _, h := range f.node("mini")["templates"].([]any) {
		names = append(names, h.(object)["name"])
	}
	require.Equal(t, []any{"build", "third"}, names)
}

func TestDistributionByGroupAndCancel(t *testing.T) {
	cfg := small()
	cfg.Groups = []GroupConfig{{Name: "g", ID: "g"}}
	cfg.Nodes[1].Groups = []string{"g"}
	f := start(t, cfg)
	d := f.distribute(`,"group_id":"g"`)
	status := f.get("/api/v1/registry/vm/distribute?id=" + d).(object)["distribute_status"].(object)
	require.Equal(t, []string{miniID}, keys(status))
	f.after(50 * time.Second)
	queued := f.distribute(`,"tag":"t0","node_ids":["` + miniID + `"]`)
	f.ok("DELETE", "/api/v1/registry/vm/distribute?id="+d, "")
	require.Equal(t, object{"status": false, "error": "request canceled", "progress": 0.25}, f.progress(d, miniID))
	require.Equal(t, true, f.after(time.Hour).progress(queued, miniID)["status"], "the Mac goes on to the next one")
	require.Equal(t, object{"status": false, "error": "request canceled", "progress": 0.25}, f.progress(d, miniID))
	f.ok("DELETE", "/api/v1/registry/vm/distribute?id="+queued, "")
	require.Equal(t, true, f.progress(queued, miniID)["status"], "what is done stays done")

	d = f.distribute("")
	require.NoError(t, f.server.RemoveNode("mini"))
	status = f.get("/api/v1/registry/vm/distribute?id=" + d).(object)["distribute_status"].(object)
	require.Equal(t, []string{proID}, keys(status))
}

func TestDrainingMacTakesTemplates(t *testing.T) {
	f := start(t, small())
	require.NoError(t, f.server.SetDrain("mini", true))
	d := f.distribute(`,"node_ids":["` + miniID + `"]`)
	require.Equal(t, true, f.after(200*time.Second).progress(d, miniID)["status"])
}

func TestRegistryOutage(t *testing.T) {
	f := start(t, small())
	id := f.onMini(buildID)
	d := f.distribute(`,"tag":"t0","node_ids":["` + proID + `"]`)
	f.after(10 * time.Second)
	require.Equal(t, "Pulling", f.state(id))
	f.server.SetRegistry(false)
	require.Equal(t, "Scheduling", f.state(id))
	require.Equal(t, object{"status": false, "progress": 0.}, f.progress(d, proID))
	cached := f.vm(`{"vmid":"` + buildID + `","node_id":"` + proID + `"}`)[0]
	f.after(time.Hour)
	require.Equal(t, []string{"Scheduling", "Started"}, []string{f.state(id), f.state(cached)}, "what is on a Mac still starts")
	f.server.SetRegistry(true)
	f.after(5 * time.Minute)
	require.Equal(t, "Started", f.state(id))
	require.Equal(t, true, f.progress(d, proID)["status"])
}

func TestSlowPulls(t *testing.T) {
	f := start(t, small())
	require.NoError(t, f.server.SetPullFactor("mini", 3))
	d := f.distribute(`,"node_ids":["` + miniID + `"]`)
	require.InDelta(t, 0.5, f.after(300*time.Second).progress(d, miniID)["progress"], 1e-9)

	cfg := small()
	cfg.Chances.SlowPull, cfg.Chances.SlowFactor = 1, 10
	f = start(t, cfg)
	d = f.distribute(`,"node_ids":["` + miniID + `"]`)
	require.InDelta(t, 0.1, f.after(200*time.Second).progress(d, miniID)["progress"], 1e-9)
}

// A template that leaves the registry while it is pulled is not pulled to the end; Macs that have it
// start it.
func TestTemplateLeavesTheRegistry(t *testing.T) {
	f := start(t, small())
	pulling := f.onMini(buildID)
	waiting := f.vm(`{"vmid":"` + buildID + `","node_id":"` + proID + `"}`)[0]
	f.after(3 * time.Second)
	require.Equal(t, "Pulling", f.state(pulling))
	f.ok("DELETE", "/api/v1/registry/vm?id="+buildID, "")
	f.after(time.Hour)
	require.Equal(t, []string{"Scheduling", "Started"}, []string{f.state(pulling), f.state(waiting)})
	f.fail(400, "POST", "/api/v1/vm", `{"vmid":"`+buildID+`"}`)
}

func TestPushTag(t *testing.T) {
	f := start(t, small())
	require.NoError(t, f.server.PushTag("build", TagConfig{Tag: "t2", SizeGB: 30, LayerGB: 10}))
	require.Equal(t, []string{"t0", "t1", "t2"}, f.tags(buildID))
	for _, wrong := range []TagConfig{{}, {Tag: "t2", SizeGB: 1}, {Tag: "t3"}, {Tag: "t3", SizeGB: 1, LayerGB: 2}} {
		require.Error(t, f.server.PushTag("build", wrong))
	}
	require.Error(t, f.server.PushTag("none", TagConfig{Tag: "t3", SizeGB: 1}))
	id := f.vm(`{"vmid":"` + buildID + `"}`)[0]
	require.Equal(t, "t2", f.show(id)["tag"], "the latest, as it was when the start was asked for")
}

// A device that waits for a pull is free again when the pull is given up.
func TestDevicesComeBackFromPulls(t *testing.T) {
	cfg := small()
	cfg.Nodes[1].USB = []string{"ipad"}
	f := start(t, cfg)
	free := object{"ipad": object{"available": 1., "busy": 0.}}
	id := f.vm(`{"vmid":"` + buildID + `","usb_device":"ipad"}`)[0]
	require.Equal(t, "Pulling", f.after(10*time.Second).state(id))
	require.NotEqual(t, free, f.get("/api/v1/usb"))
	f.server.SetRegistry(false)
	require.Equal(t, free, f.get("/api/v1/usb"))
	f.server.SetRegistry(true)
	require.Equal(t, "Pulling", f.after(10*time.Second).state(id))
	f.terminate(id)
	require.Equal(t, free, f.get("/api/v1/usb"))
}

// A Mac whose licence expires finishes its pull, but starts nothing and begins no other.
func TestUnlicensedMac(t *testing.T) {
	f := start(t, small())
	id := f.onMini(buildID)
	f.after(10 * time.Second)
	require.NoError(t, f.server.SetLicensed("mini", false))
	d := f.distribute(`,"tag":"t0","node_ids":["` + miniID + `"]`)
	require.Equal(t, "Scheduling", f.after(time.Hour).state(id))
	require.NotContains(t, f.show(id), "node_id")
	require.Equal(t, object{"status": false, "progress": 0.}, f.progress(d, miniID))
	require.NoError(t, f.server.SetLicensed("mini", true))
	f.after(time.Hour)
	require.Equal(t, "Started", f.state(id))
	require.Equal(t, true, f.progress(d, miniID)["status"])
}
