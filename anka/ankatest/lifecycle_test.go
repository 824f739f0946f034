package ankatest

import (
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// onMini starts an instance of a template on the Mac that holds nothing.
func (f fixture) onMini(template string) string {
	f.Helper()
	return f.vm(`{"vmid":"` + template + `","node_id":"` + miniID + `"}`)[0]
}

func TestInstanceWithTemplateOnTheMac(t *testing.T) {
	f := start(t, small())
	id := f.vm(`{"vmid":"` + buildID + `"}`)[0]
	require.Equal(t, "Scheduling", f.state(id))
	require.Equal(t, "Scheduling", f.after(4*time.Second).state(id), "booting")
	require.Equal(t, proID, f.show(id)["node_id"])
	require.EqualValues(t, 1, f.node("MacPro-02.local")["vm_count"], "a VM that boots has its slot")
	shown := f.after(24 * time.Second).show(id)
	require.Equal(t, "Started", shown["instance_state"])
	require.Equal(t, "", shown["vminfo"].(object)["ip"], "the network comes later")
	require.Equal(t, "192.168.64.2", f.after(5 * time.Second).show(id)["vminfo"].(object)["ip"])
	f.terminate(id)
	require.Equal(t, "Terminating", f.state(id))
	require.EqualValues(t, 1, f.node("MacPro-02.local")["vm_count"])
	f.terminate(id) // again: it is left to it
	require.Equal(t, "Terminated", f.after(8*time.Second).state(id))
	require.EqualValues(t, 0, f.node("MacPro-02.local")["vm_count"])
	require.Len(t, f.after(59*time.Second).get("/api/v1/vm"), 1)
	require.Empty(t, f.after(time.Second).get("/api/v1/vm"), "after a minute it is forgotten")
	books := f.server.Books()
	require.Len(t, books.Instances, 1, "but not by the books")
	require.Equal(t, []bool{false, false}, []bool{books.Instances[0].Listed, books.Instances[0].HasVM})
}

// A pull goes through Pulling, and since 1.50 through Scheduling again.
func TestPullThenSchedulingAgain(t *testing.T) {
	for _, again := range []bool{true, false} {
		cfg := small()
		cfg.Reschedule = again
		f := start(t, cfg)
		id := f.onMini(buildID)
		f.after(3 * time.Second)
		require.Equal(t, "Pulling", f.state(id))
		require.EqualValues(t, 0, f.show(id)["progress"])
		require.InDelta(t, 0.5, f.after(100 * time.Second).show(id)["progress"], 1e-9)
		require.EqualValues(t, 0, f.node("mini")["vm_count"], "no VM yet")
		require.EqualValues(t, 20e9, f.node("mini")["anka_disk_usage"], "the disk is taken from the start")
		shown := f.after(100 * time.Second).show(id)
		require.Equal(t, map[bool]string{true: "Scheduling", false: "Pulling"}[again], shown["instance_state"])
		require.EqualValues(t, 1, shown["progress"])
		require.Equal(t, miniID, shown["node_id"])
		require.Equal(t, "Started", f.after(25*time.Second).state(id))
		require.Equal(t, []PullRecord{{From: testStart.Add(3 * time.Second), Until: testStart.Add(203 * time.Second), Template: "build", Tag: "t1", Bytes: 20e9}},
			f.server.Books().Nodes[1].Pulls)
	}
}

// An instance that ended before a Mac took it vanishes at once.
func TestTerminateBeforeStart(t *testing.T) {
	f := start(t, small())
	id := f.onMini(buildID)
	f.terminate(id)
	require.Empty(t, f.get("/api/v1/vm"))

	id = f.onMini(buildID)
	f.after(50 * time.Second)
	f.terminate(id)
	require.Equal(t, "Terminating", f.state(id))
	require.EqualValues(t, 0, f.node("mini")["anka_disk_usage"], "the pull is given up")
	require.Equal(t, "Terminated", f.after(8*time.Second).state(id))
	require.Empty(t, f.after(time.Hour).server.Books().Nodes[1].Pulls)
}

func TestStartFailureAndStuck(t *testing.T) {
	cfg := small()
	cfg.Chances.StartFailure = 1
	f := start(t, cfg)
	id := f.vm(`{"vmid":"` + buildID + `"}`)[0]
	shown := f.after(time.Minute).show(id)
	require.Equal(t, "Error", shown["instance_state"])
	require.Equal(t, "Failed to start VM", shown["message"])
	require.EqualValues(t, 1, f.node("MacPro-02.local")["vm_count"], "it keeps its slot until it is terminated")
	f.terminate(id)
	require.EqualValues(t, 0, f.after(time.Minute).node("MacPro-02.local")["vm_count"])

	cfg = small()
	cfg.Chances.Stuck = 1
	f = start(t, cfg)
	id = f.vm(`{"vmid":"` + buildID + `"}`)[0]
	require.Equal(t, "Scheduling", f.after(1000*time.Hour).state(id))
	f.terminate(id)
	require.Empty(t, f.get("/api/v1/vm"))
}

func script(text, rest string) string {
	return fmt.Sprintf(`{"vmid":"%s","startup_script":"%s"%s}`, buildID, base64.StdEncoding.EncodeToString([]byte(text)), rest)
}

func TestStartupScripts(t *testing.T) {
	f := start(t, small())
	var heard []StartupScript
	f.server.OnStartupScript(func(s StartupScript) ScriptOutcome {
		heard = append(heard, s)
		switch string(s.Text) {
		case "slow":
			return ScriptOutcome{Duration: 2 * time.Minute, Stdout: "never read"}
		case "bad":
			return ScriptOutcome{ReturnCode: 3, Stderr: "no\n"}
		}
		return ScriptOutcome{Stdout: "123\n"}
	})
	good := f.vm(script("good", `,"script_monitoring":true,"external_id":"e1"`))[0]
	quiet := f.vm(script("bad", ""))[0]
	f.after(time.Minute)
	require.Equal(t, object{"return_code": 0., "did_timeout": false, "stdout": "123\n", "stderr": ""}, f.show(good)["startup_script"])
	require.Equal(t, "Started", f.state(quiet), "what is not monitored cannot fail")
	require.NotContains(t, f.show(quiet), "startup_script")
	require.ElementsMatch(t, []string{"e1", ""}, []string{heard[0].ExternalID, heard[1].ExternalID})
	require.Equal(t, "MacPro-02.local", heard[0].Node)
	require.Equal(t, testStart.Add(33*time.Second), heard[0].At, "picked up, booted, on the network")

	stopped := f.vm(script("bad", `,"script_monitoring":true`))[0]
	kept := f.vm(script("bad", `,"script_monitoring":true,"script_fail_handler":1`))[0]
	deleted := f.vm(script("bad", `,"script_monitoring":true,"script_fail_handler":2`))[0]
	f.after(time.Minute)
	for id, status := range map[string]any{stopped: "stopped", kept: "running", deleted: nil} {
		shown := f.show(id)
		require.Equal(t, "Error", shown["instance_state"])
		require.Equal(t, "Startup script failed with return code 3", shown["message"])
		require.Equal(t, object{"return_code": 3., "did_timeout": false, "stdout": "", "stderr": "no\n"}, shown["startup_script"])
		info, _ := shown["vminfo"].(object)
		require.Equal(t, status, info["status"])
	}
	require.EqualValues(t, 4, f.node("MacPro-02.local")["vm_count"], "the deleted VM gave its slot back")
}

func TestStartupScriptTimesOut(t *testing.T) {
	f := start(t, small())
	f.server.OnStartupScript(func(StartupScript) ScriptOutcome { return ScriptOutcome{Duration: 2 * time.Minute} })
	byDefault := f.vm(script("x", `,"script_monitoring":true,"startup_script_condition":1`))[0]
	longer := f.vm(script("x", `,"script_monitoring":true,"script_timeout":150`))[0]
	f.after(28*time.Second + 90*time.Second)
	require.Equal(t, object{"return_code": -1., "did_timeout": true, "stdout": "", "stderr": ""}, f.show(byDefault)["startup_script"])
	require.Equal(t, "Startup script timed out", f.show(byDefault)["message"])
	require.Equal(t, "Started", f.after(time.Minute).state(longer))
	require.EqualValues(t, 0, f.show(longer)["startup_script"].(object)["return_code"])
}

func TestScriptFailsByChance(t *testing.T) {
	cfg := small()
	cfg.Chances.ScriptFailure = 1
	f := start(t, cfg)
	id := f.vm(script("x", `,"script_monitoring":true`))[0]
	require.Equal(t, "Error", f.after(time.Minute).state(id))
}

func TestStopAndRestart(t *testing.T) {
	f := start(t, small())
	id := f.vm(`{"vmid":"` + buildID + `"}`)[0]
	require.Error(t, f.server.StopInstance(id), "it is not started")
	f.fail(400, "POST", "/api/v1/rpc/vm/restart", `{"instance_id":"`+id+`"}`)
	f.after(time.Minute)
	before := f.show(id)["vminfo"].(object)["start_date"]
	require.NoError(t, f.server.StopInstance(id))
	require.Equal(t, "Stopping", f.state(id))
	require.Equal(t, "Stopped", f.after(8*time.Second).state(id))
	require.EqualValues(t, 1, f.node("MacPro-02.local")["vm_count"])

	f.ok("POST", "/api/v1/rpc/vm/restart", `{"instance_id":"`+id+`"}`)
	f.fail(400, "POST", "/api/v1/rpc/vm/restart", `{"instance_id":"`+id+`","usb_device":"ipad"}`)
	shown := f.after(time.Minute).show(id)
	require.Equal(t, "Started", shown["instance_state"])
	info := shown["vminfo"].(object)
	require.Equal(t, "running", info["status"])
	require.NotEqual(t, before, info["start_date"])
	require.NotEmpty(t, info["ip"])
}

func TestFailInstance(t *testing.T) {
	f := start(t, small())
	id := f.vm(`{"vmid":"` + buildID + `"}`)[0]
	require.Error(t, f.server.FailInstance(id, "x"))
	f.after(time.Minute)
	require.NoError(t, f.server.FailInstance(id, "kernel panic"))
	require.Equal(t, []any{"Error", "kernel panic"}, []any{f.show(id)["instance_state"], f.show(id)["message"]})
	require.Error(t, f.server.FailInstance("none", ""))
}

func TestImages(t *testing.T) {
	cfg := small()
	f := start(t, cfg)
	save := func(id, rest string) string {
		return f.ok("POST", "/api/v1/image", `{"id":"`+id+`","tag":"saved"`+rest+`}`).(object)["request_id"].(string)
	}
	image := func(id string) object { return f.get("/api/v1/image?id=" + id).(object) }
	ids := f.vm(`{"vmid":"` + buildID + `","count":4}`)
	f.fail(400, "POST", "/api/v1/image", `{"id":"`+ids[0]+`","tag":"saved","new_template_name":"x"}`)
	f.after(time.Minute)

	fresh := save(ids[0], `,"new_template_name":"fresh","script":"ZXhpdCAw","suspend":false`)
	require.Nil(t, image(fresh)["script_result"])
	f.after(time.Minute)
	require.Equal(t, "done", image(fresh)["status"])
	require.Equal(t, object{"return_code": 0., "did_timeout": false, "stdout": "", "stderr": ""}, image(fresh)["script_result"])
	list := f.get("/api/v1/registry/vm").([]any)
	require.Equal(t, "fresh", list[2].(object)["name"])
	require.EqualValues(t, 21e9, list[2].(object)["size"])

	f.fail(400, "POST", "/api/v1/image", `{"id":"`+ids[1]+`","tag":"t1","target_vm_id":"`+buildID+`"}`)
	f.fail(400, "POST", "/api/v1/image", `{"id":"`+ids[1]+`","tag":"t9","target_vm_id":"none"}`)
	onTop := save(ids[1], `,"target_vm_id":"`+buildID+`","revert_before_push":true,"revert_tag":"none"`)
	f.after(time.Minute)
	require.Equal(t, "done", image(onTop)["status"])
	require.Equal(t, []string{"t0", "t1", "saved"}, f.tags(buildID), "a tag that does not exist reverts nothing")

	lost := save(ids[2], `,"new_template_name":"lost"`)
	f.server.SetRegistry(false)
	f.after(time.Minute)
	require.Equal(t, "error", image(lost)["status"])
	require.Equal(t, object{"Message": "Registry is not reachable", "Code": 0.}, image(lost)["error"])
	require.Equal(t, "Started", f.state(ids[2]), "it runs on")
	f.server.SetRegistry(true)

	gone := save(ids[3], `,"target_vm_id":"`+javaID+`"`)
	f.ok("DELETE", "/api/v1/registry/vm?id="+javaID, "")
	f.after(time.Minute)
	require.Equal(t, "VM not in the registry", image(gone)["error"].(object)["Message"])
	gone = save(ids[3], `,"new_template_name":"again"`)
	f.terminate(ids[3])
	require.Equal(t, "Instance was terminated", image(gone)["error"].(object)["Message"])
}

func TestImageScriptFails(t *testing.T) {
	cfg := small()
	cfg.Chances.ScriptFailure = 1
	f := start(t, cfg)
	id := f.vm(`{"vmid":"` + buildID + `"}`)[0]
	f.after(time.Minute)
	body := f.ok("POST", "/api/v1/image", `{"id":"`+id+`","tag":"x","new_template_name":"y","script":"ZXhpdCAx","cancel_on_script_failure":true}`).(object)
	f.after(time.Minute)
	m := f.get("/api/v1/image?id=" + body["request_id"].(string)).(object)
	require.Equal(t, "error", m["status"])
	require.EqualValues(t, 1, m["script_result"].(object)["return_code"])
	require.Equal(t, "Started", f.state(id))
}
