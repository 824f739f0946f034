package slurm_test

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"autoscaled/autoscale"
	"autoscaled/queue/slurm"
)

// dynamicDays is a cluster over days: VMs come, register, work, fall silent and go, lists
// of the cloud miss some, calls fail, the daemon starts again, and an administrator drains.
type dynamicDays struct {
	slurm  *dynamicSlurm
	source *slurm.Dynamic
	vms    map[string]*autoscale.Node // by name
	next   int
}

func (w *dynamicDays) start() {
	o := slurm.DynamicOptions{Cluster: w.slurm, Mapping: *mapping(), Announce: 2, Nodes: func(*autoscale.Pool) (slurm.PoolNodes, bool) {
		return slurm.PoolNodes{Features: []string{"htc", "F4"}, CPUs: 4, Memory: 7 * autoscale.GiB}, true
	}}
	o.Mapping.OurMark = slurm.Mark
	w.source, _ = slurm.NewDynamic(o)
}

// step is one thing that happens to a name.
func (w *dynamicDays) step(rt *rapid.T) {
	name := "htc-" + strconv.Itoa(rapid.IntRange(1, 4).Draw(rt, "node"))
	v, n := w.vms[name], w.slurm.nodes[name]
	switch rapid.SampledFrom([]string{"come", "address", "register", "run", "end", "stop", "die", "silence", "plan", "admin", "mark", "restart"}).Draw(rt, "what") {
	case "come":
		if v == nil {
			w.next++
			fresh := cloudVM(strconv.Itoa(w.next), name)
			fresh.Address, fresh.Phase = "", autoscale.PhaseStarting
			w.vms[name] = &fresh
		}
	case "address":
		if v != nil && v.Phase == autoscale.PhaseStarting {
			v.Address, v.Phase = "10.0.0."+string(v.ID), autoscale.PhaseReady
		}
	case "register":
		if v != nil && v.Phase == autoscale.PhaseReady {
			w.slurm.register(name)
		}
	case "run":
		if v != nil && n != nil && n.Is("IDLE") && !n.Is("DRAIN") && !n.Is("NOT_RESPONDING") {
			w.slurm.run(int64(w.next)<<8+int64(len(w.slurm.jobs)), name)
		}
	case "end":
		if n != nil && n.Is("ALLOCATED") && v != nil {
			with(n, "IDLE", nil, nil)
			n.AllocCPUs = 0
			w.slurm.jobs = slices.DeleteFunc(w.slurm.jobs, func(j slurm.Job) bool { return j.Nodes == name })
		}
	case "stop":
		if v != nil {
			v.Phase = autoscale.PhaseStopping
		}
	case "die":
		delete(w.vms, name)
	case "silence":
		if n != nil && v == nil && !n.Is("FUTURE") {
			with(n, "", []string{"NOT_RESPONDING"}, nil)
		}
	case "plan":
		if n != nil && (n.Is("IDLE") && !n.Is("DRAIN") || n.Is("PLANNED")) {
			set, unset := []string{"PLANNED"}, []string(nil)
			if n.Is("PLANNED") {
				set, unset = unset, set
			}
			with(n, "", set, unset)
		}
	case "admin":
		if n != nil && n.Reason == "" && !n.Is("FUTURE") {
			with(n, "", []string{"DRAIN"}, nil)
			n.Reason = "bad disk"
		}
	case "mark":
		if v != nil {
			nodes := []autoscale.Node{*v}
			if rapid.Bool().Draw(rt, "drain") {
				w.source.Drain(context.Background(), nodes, "idle")
			} else {
				w.source.Undrain(context.Background(), nodes)
			}
		}
	case "restart":
		w.start()
	}
}

// tick is one of the loop's. missed is a VM that the cloud's list leaves out.
func (w *dynamicDays) tick(missed string) {
	if _, err := w.source.Demand(context.Background()); err != nil {
		return
	}
	var list []autoscale.Node
	for name, v := range w.vms {
		if name != missed {
			list = append(list, *v)
		}
	}
	_ = w.source.Keep(context.Background(), cloudOf(list...), nil)
}

// isFor tells whether a node was registered for a VM.
func isFor(n *slurm.Node, vm *autoscale.Node) bool {
	return strings.TrimSuffix(n.Comment, " (added)") == "autoscaled: node "+string(vm.ID)
}

// working are the nodes that run a job on a VM that is there and answers.
func (w *dynamicDays) working() (names []string) {
	for name, n := range w.slurm.nodes {
		v := w.vms[name]
		owner := v != nil && isFor(n, v)
		if owner && n.Is("ALLOCATED") && !n.Is("NOT_RESPONDING") && v.Phase == autoscale.PhaseReady {
			names = append(names, name)
		}
	}
	return names
}

// Whatever happens: no job on a VM that is there and answers is hurt, no administrator's
// mark is touched, the controller is never crashed or made to stand still, and in the end
// Slurm knows the VMs that are there and no others.
func TestDynamicNodesOverDays(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := &dynamicDays{slurm: newDynamicSlurm(), vms: make(map[string]*autoscale.Node)}
		w.start()
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			w.step(rt)
			working := w.working()
			w.slurm.down = nil
			if rapid.IntRange(0, 9).Draw(rt, "fault") == 0 {
				w.slurm.down = autoscale.ErrUnavailable
			}
			missed := ""
			if rapid.IntRange(0, 5).Draw(rt, "glitch") == 0 {
				missed = rapid.SampledFrom([]string{"htc-1", "htc-2", "htc-3"}).Draw(rt, "missed")
			}
			w.tick(missed)
			for _, name := range working {
				if n := w.slurm.nodes[name]; n == nil || !n.Is("ALLOCATED") {
					rt.Fatalf("a job on %s was hurt: %+v", name, n)
				}
			}
		}
		w.settle()
		if len(w.slurm.violations) > 0 {
			rt.Fatal(w.slurm.violations)
		}
		for name, v := range w.vms {
			if n := w.slurm.nodes[name]; n == nil || !isFor(n, v) {
				rt.Fatalf("VM %s of %s is not registered: %+v", v.ID, name, n)
			}
		}
		for name, n := range w.slurm.nodes {
			if n.Address == selfRegistered && n.Comment == "" {
				continue // no tick saw it while its VM was there, so nobody can know that it was ours
			}
			if w.vms[name] == nil && !strings.HasPrefix(name, "pool-htc-f4-") {
				rt.Fatalf("%s is left: %+v", name, w.slurm.nodes[name])
			}
		}
	})
}

// settle lets jobs end, VMs stop and come up, Slurm miss what is gone, and ticks pass.
func (w *dynamicDays) settle() {
	w.slurm.down = nil
	for name, v := range w.vms {
		_ = w.source.Undrain(context.Background(), []autoscale.Node{*v})
		if v.Phase == autoscale.PhaseStopping {
			delete(w.vms, name)
			continue
		}
		v.Phase, v.Address = autoscale.PhaseReady, "10.0.0."+string(v.ID)
	}
	w.slurm.jobs = nil
	for name, n := range w.slurm.nodes {
		n.AllocCPUs = 0
		if n.Is("ALLOCATED") {
			with(n, "IDLE", nil, nil)
		}
		with(n, "", nil, []string{"PLANNED"})
		if w.vms[name] == nil && !n.Is("FUTURE") {
			with(n, "", []string{"NOT_RESPONDING"}, nil)
		}
	}
	for range 8 {
		w.tick("")
	}
}
