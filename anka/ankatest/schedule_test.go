package ankatest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// macs is a world of equal Macs that hold all templates, in groups if some are given.
func macs(arch string, count, capacity int, groups ...GroupConfig) Config {
	cfg := small()
	for i := range cfg.Templates {
		cfg.Templates[i].Arch = arch
	}
	cfg.Groups = groups
	node := NodeConfig{Name: "mac", Count: count, Arch: arch, Capacity: capacity, Holds: []HoldConfig{{"build", "t1"}, {"mojave-w-java", "teamcity"}}}
	cfg.Nodes = []NodeConfig{node}
	return cfg
}

func (f fixture) states() map[string]int {
	f.Helper()
	count := map[string]int{}
	for _, i := range f.server.Books().Instances {
		if i.Listed {
			count[i.State]++
		}
	}
	return count
}

func many(count int, rest string) string {
	return fmt.Sprintf(`{"vmid":"%s","count":%d%s}`, buildID, count, rest)
}

func TestCapacityByNumber(t *testing.T) {
	f := start(t, macs("amd64", 2, 3))
	ids := f.vm(many(8, ""))
	require.Equal(t, map[string]int{"Started": 6, "Scheduling": 2}, f.after(time.Hour).states(), "no capacity is no error")
	for _, id := range ids {
		if f.state(id) == "Started" {
			f.terminate(id)
			break
		}
	}
	require.Equal(t, map[string]int{"Started": 6, "Scheduling": 1}, f.after(5*time.Minute).states())
	f.ok("POST", "/api/v1/node/config", `{"node_id":"`+f.node("mac-01")["node_id"].(string)+`","max_vm_count":4}`)
	require.Equal(t, map[string]int{"Started": 7}, f.after(time.Minute).states())
}

func TestCapacityByResource(t *testing.T) {
	cfg := macs("amd64", 1, 100)
	cfg.Nodes[0].CapacityMode, cfg.Nodes[0].VCPUOverride, cfg.Nodes[0].RAMOverride = "resource", 6, 10000
	f := start(t, cfg)
	f.vm(many(4, ""))
	require.Equal(t, map[string]int{"Started": 3, "Scheduling": 1}, f.after(time.Hour).states(), "6 vCPUs hold three VMs of 2")
	n := f.node("mac")
	require.Equal(t, []any{6., 6144., "resource", 6., 10000.}, []any{n["vcpu_count"], n["vram"], n["capacity_mode"], n["vcpu_override"], n["ram_override"]})
	require.InDelta(t, 0.5, n["cpu_util"], 1e-9)

	// Memory limits as well. What a start asks for counts, where the image is not of a suspended VM.
	f = start(t, cfg)
	f.vm(`{"vmid":"` + javaID + `","vcpu":1,"vram":6000,"count":2}`)
	require.Equal(t, map[string]int{"Started": 1, "Scheduling": 1}, f.after(time.Hour).states())
	f = start(t, cfg)
	f.vm(`{"vmid":"` + buildID + `","vcpu":1,"vram":6000,"count":2}`)
	require.Equal(t, map[string]int{"Started": 2}, f.after(time.Hour).states(), "t1 is suspended: its size stays")
}

// An arm64 Mac runs two VMs, whatever its capacity and mode say, foreign ones included.
func TestArmRunsTwo(t *testing.T) {
	cfg := macs("arm64", 2, 6)
	f := start(t, cfg)
	foreign, err := f.server.StartForeign("mac-01")
	require.NoError(t, err)
	f.vm(many(5, ""))
	require.Equal(t, map[string]int{"Started": 3, "Scheduling": 2}, f.after(time.Hour).states())
	require.EqualValues(t, 2, f.node("mac-01")["vm_count"])
	_, err = f.server.StartForeign("mac-01")
	require.ErrorContains(t, err, "runs 2 at most")
	require.Len(t, f.get("/api/v1/vm"), 5, "the list does not know of foreign VMs")
	require.NoError(t, f.server.EndForeign(foreign))
	require.Error(t, f.server.EndForeign(foreign))
	require.Equal(t, map[string]int{"Started": 4, "Scheduling": 1}, f.after(time.Hour).states())

	cfg.Nodes[0].CapacityMode, cfg.Nodes[0].VCPUOverride, cfg.Nodes[0].RAMOverride = "resource", 100, 100000
	f = start(t, cfg)
	f.vm(many(5, ""))
	require.Equal(t, map[string]int{"Started": 4, "Scheduling": 1}, f.after(time.Hour).states())
}

func TestArchitectureMustMatch(t *testing.T) {
	cfg := macs("arm64", 1, 2)
	cfg.Templates[0].Arch = "amd64"
	f := start(t, cfg)
	f.vm(many(1, ""))
	require.Equal(t, map[string]int{"Scheduling": 1}, f.after(time.Hour).states(), "for ever")
}

// A foreign VM that came while a Mac pulled has the slot: the instance goes back to Scheduling.
func TestSlotTakenDuringPull(t *testing.T) {
	cfg := macs("arm64", 1, 2)
	cfg.Nodes[0].Holds = nil
	f := start(t, cfg)
	id := f.vm(many(1, ""))[0]
	require.Equal(t, "Pulling", f.after(10*time.Second).state(id))
	for range 2 {
		_, err := f.server.StartForeign("mac")
		require.NoError(t, err)
	}
	shown := f.after(time.Hour).show(id)
	require.Equal(t, "Scheduling", shown["instance_state"])
	require.NotContains(t, shown, "node_id")
	require.Len(t, f.node("mac")["templates"], 1)
}

func TestPriorityGoesFirst(t *testing.T) {
	f := start(t, macs("amd64", 1, 2))
	f.vm(many(2, ""))
	f.after(time.Minute)
	later := f.vm(many(5, `,"priority":2000`))
	plain := f.vm(many(5, ""))
	urgent := f.vm(many(2, `,"priority":1`))
	order := func(of []string) (started []time.Time) {
		for _, i := range f.server.Books().Instances {
			for _, id := range of {
				if i.ID == id {
					started = append(started, i.Started)
				}
			}
		}
		return started
	}
	for range 40 {
		for _, i := range f.server.Books().Instances {
			if i.State == "Started" {
				f.terminate(i.ID)
			}
		}
		f.after(time.Minute)
	}
	latest := func(times []time.Time) time.Time {
		last := times[0]
		for _, at := range times {
			require.False(t, at.IsZero())
			if at.After(last) {
				last = at
			}
		}
		return last
	}
	for _, at := range order(plain) {
		require.False(t, at.Before(latest(order(urgent))))
	}
	for _, at := range order(later) {
		require.False(t, at.Before(latest(order(plain))))
	}
}

// Equal priorities are not served first in, first out.
func TestNotFirstInFirstOut(t *testing.T) {
	f := start(t, macs("amd64", 1, 1))
	var ids []string
	for range 12 {
		ids = append(ids, f.vm(many(1, ""))...)
		f.after(5 * time.Second)
	}
	var served []string
	for range 40 {
		for _, i := range f.server.Books().Instances {
			if i.State == "Started" {
				served = append(served, i.ID)
				f.terminate(i.ID)
			}
		}
		f.after(time.Minute)
	}
	require.ElementsMatch(t, ids, served, "each is served in the end")
	require.NotEqual(t, ids, served)
}

func TestMacsWithTheTemplateAreFavoured(t *testing.T) {
	cfg := macs("amd64", 1, 2)
	cfg.Nodes = append([]NodeConfig{{Name: "cold", Count: 3, Arch: "amd64", Capacity: 9}}, cfg.Nodes...)
	f := start(t, cfg)
	ids := f.vm(many(3, ""))
	f.after(10 * time.Second)
	where := map[string]int{}
	for _, id := range ids {
		where[f.where(id)[:3]]++
	}
	require.Equal(t, map[string]int{"mac": 2, "col": 1}, where, "the third pulls rather than wait")
}

func TestGroupsFallBack(t *testing.T) {
	groups := []GroupConfig{{Name: "a", ID: "a", Fallback: "b"}, {Name: "b", ID: "b", Fallback: "c"}, {Name: "c", ID: "c", Fallback: "a"}, {Name: "empty", ID: "empty"}}
	cfg := macs("amd64", 1, 2, groups...)
	cfg.Nodes[0].Name, cfg.Nodes[0].Groups = "of-a", []string{"a"}
	second := cfg.Nodes[0]
	second.Name, second.Groups = "of-c", []string{"c"}
	cfg.Nodes = append(cfg.Nodes, second)
	f := start(t, cfg)
	count := func(ids []string) map[string]int {
		where := map[string]int{}
		for _, id := range ids {
			where[f.where(id)]++
		}
		return where
	}
	ids := f.vm(many(2, `,"group_id":"a"`))
	f.after(time.Minute)
	require.Equal(t, map[string]int{"of-a": 2}, count(ids))
	ids = f.vm(many(3, `,"group_id":"a"`))
	f.after(time.Minute)
	require.Equal(t, map[string]int{"of-c": 2, "": 1}, count(ids), "over an empty group, and not round and round")
	require.Equal(t, "a", f.show(ids[0])["group_id"])

	alone := f.vm(many(1, `,"group_id":"empty"`))[0]
	require.Equal(t, "Scheduling", f.after(24*time.Hour).state(alone), "a group without nodes: for ever")
	f.ok("POST", "/api/v1/node/config", `{"node_id":"`+f.node("of-a")["node_id"].(string)+`","max_vm_count":9}`)
	f.ok("PUT", "/api/v1/group?id=empty", `{"fallback_group_id":"a"}`)
	require.Equal(t, "Started", f.after(time.Minute).state(alone))
	f.ok("PUT", "/api/v1/group?id=empty", `{"fallback_group_id":""}`)
	require.Nil(t, f.get("/api/v1/group").([]any)[3].(object)["fallback_group_id"])

	waiting := f.vm(many(1, `,"group_id":"empty"`))[0]
	f.ok("DELETE", "/api/v1/group?id=a", "")
	require.Nil(t, f.get("/api/v1/group").([]any)[1].(object)["fallback_group_id"], "c fell back to a")
	f.ok("DELETE", "/api/v1/group?id=empty", "")
	require.Equal(t, "Scheduling", f.after(time.Hour).state(waiting))
}

func TestUSBDevices(t *testing.T) {
	cfg := macs("amd64", 2, 4)
	cfg.Nodes[0].Count = 1
	with := cfg.Nodes[0]
	with.Name, with.USB = "usb", []string{"ipad"}
	cfg.Nodes = append(cfg.Nodes, with)
	f := start(t, cfg)
	first := f.vm(many(1, `,"usb_device":"ipad"`))[0]
	second := f.after(time.Minute).vm(many(1, `,"usb_device":"ipad"`))[0]
	unknown := f.vm(many(1, `,"usb_device":"watch"`))[0]
	f.after(time.Minute)
	require.Equal(t, []string{"usb", "", ""}, []string{f.where(first), f.where(second), f.where(unknown)})
	require.Equal(t, "ipad", f.show(first)["usb_device"])
	f.terminate(first)
	require.Equal(t, "Started", f.after(time.Minute).state(second), "the device was given back")
	require.Equal(t, "Scheduling", f.state(unknown))
	plain := f.vm(many(1, `,"node_id":"`+f.node("usb")["node_id"].(string)+`"`))[0]
	f.after(time.Minute)
	f.fail(400, "POST", "/api/v1/rpc/vm/restart", `{"instance_id":"`+plain+`","usb_device":"ipad"}`)
	f.terminate(second)
	f.after(time.Minute)
	f.ok("POST", "/api/v1/rpc/vm/restart", `{"instance_id":"`+plain+`","usb_device":"ipad"}`)
	require.Equal(t, object{"ipad": object{"available": 0., "busy": 1.}}, f.get("/api/v1/usb"))
}

// Only Active nodes take VMs.
func TestNodeStates(t *testing.T) {
	for state, spoil := range map[string]func(*Server) error{
		"Drain Mode":                 func(s *Server) error { return s.SetDrain("mac", true) },
		"Updating":                   func(s *Server) error { return s.SetUpdating("mac", true) },
		"Inactive (Invalid License)": func(s *Server) error { return s.SetLicensed("mac", false) },
		"Offline":                    func(s *Server) error { return s.SetSilent("mac", true) },
	} {
		f := start(t, macs("amd64", 1, 4))
		running := f.vm(many(1, ""))[0]
		f.after(time.Minute)
		require.NoError(t, spoil(f.server))
		f.after(2 * time.Minute)
		require.Equal(t, state, f.node("mac")["state"])
		id := f.vm(many(1, ""))[0]
		f.after(time.Hour)
		require.Equal(t, "Scheduling", f.state(id), state)
		require.Equal(t, "Started", f.state(running), "what runs is left alone")
		for _, mend := range []error{f.server.SetDrain("mac", false), f.server.SetUpdating("mac", false), f.server.SetLicensed("mac", true), f.server.SetSilent("mac", false)} {
			require.NoError(t, mend)
		}
		require.Equal(t, "Active", f.node("mac")["state"])
		require.Equal(t, "Started", f.after(time.Minute).state(id), state)
	}
	f := start(t, macs("amd64", 1, 4))
	f.ok("POST", "/api/v1/node/config", `{"node_id":"`+f.node("mac")["node_id"].(string)+`","drain_mode":true}`)
	require.Equal(t, "Drain Mode", f.node("mac")["state"])
	require.Error(t, f.server.SetDrain("none", true))
}

// Unhealthy: full, and no VM runs.
func TestUnhealthy(t *testing.T) {
	f := start(t, macs("amd64", 1, 2))
	ids := f.vm(many(2, ""))
	f.after(time.Minute)
	require.NoError(t, f.server.FailInstance(ids[0], "x"))
	require.Equal(t, "Active", f.node("mac")["state"])
	require.NoError(t, f.server.FailInstance(ids[1], "x"))
	require.Equal(t, "Unhealthy", f.node("mac")["state"])
}

func TestSilentMac(t *testing.T) {
	f := start(t, macs("amd64", 1, 4))
	up, ending := f.vm(many(1, ""))[0], f.vm(many(1, ""))[0]
	f.after(time.Minute)
	booting := f.vm(many(1, ""))[0]
	f.after(5 * time.Second)
	require.NoError(t, f.server.SetSilent("mac", true))
	f.terminate(ending)
	asked := f.vm(many(1, ""))[0]
	f.after(time.Minute)
	require.Empty(t, f.where(asked), "a Mac that does not ask for tasks gets none")
	require.Equal(t, "Active", f.node("mac")["state"], "not yet two minutes")
	require.NotContains(t, f.show(up), "message")
	f.after(time.Minute)
	require.Equal(t, "Offline", f.node("mac")["state"])
	require.Equal(t, testStart.Add(65*time.Second).Format(time.RFC3339), f.node("mac")["last_updated"])
	require.Equal(t, "Instance is not communicating", f.show(up)["message"])
	f.after(time.Hour)
	require.Equal(t, []string{"Started", "Terminating", "Scheduling"}, []string{f.state(up), f.state(ending), f.state(booting)})
	require.NoError(t, f.server.SetSilent("mac", false))
	require.Equal(t, []string{"Started", "Terminated", "Started"}, []string{f.state(up), f.state(ending), f.state(booting)}, "now it is told")
	require.NotContains(t, f.show(up), "message")
}

func TestRemovedNode(t *testing.T) {
	f := start(t, macs("amd64", 1, 4))
	ids := f.vm(many(3, ""))
	f.after(time.Minute)
	f.terminate(ids[1])
	f.ok("POST", "/api/v1/image", `{"id":"`+ids[2]+`","tag":"x","new_template_name":"y"}`)
	require.NoError(t, f.server.RemoveNode("mac"))
	require.Equal(t, []string{"Error", "Terminated", "Error"}, []string{f.state(ids[0]), f.state(ids[1]), f.state(ids[2])})
	require.Equal(t, "Node was removed", f.get("/api/v1/image").([]any)[0].(object)["error"].(object)["Message"])
	f.terminate(ids[0])
	require.Equal(t, "Terminated", f.after(time.Minute).state(ids[0]))
	require.True(t, f.server.Books().Nodes[0].Gone)

	waiting := f.vm(many(1, ""))[0]
	added, err := f.server.AddNodes(NodeConfig{Name: "new", Count: 2, Arch: "amd64"})
	require.NoError(t, err)
	require.Len(t, added, 2)
	require.Equal(t, "Pulling", f.after(10*time.Second).state(waiting))
	name := f.where(waiting)
	require.NoError(t, f.server.RemoveNode(name))
	require.Equal(t, "Scheduling", f.state(waiting))
	require.Equal(t, "Pulling", f.after(10*time.Second).state(waiting), "the other one takes it")
	_, err = f.server.AddNodes(NodeConfig{Name: "odd", Arch: "riscv"})
	require.ErrorContains(t, err, "arch")
}

func TestSilenceByChance(t *testing.T) {
	cfg := macs("amd64", 5, 2)
	cfg.Chances.OfflinePerHour, cfg.Chances.OfflineFor = 2, 10*time.Minute
	f := start(t, cfg)
	seen := map[any]int{}
	for range 200 {
		f.after(time.Minute)
		for _, n := range f.server.Books().Nodes {
			seen[n.State]++
		}
	}
	require.Greater(t, seen["Offline"], 50)
	require.Greater(t, seen["Active"], 500)
}
