package fleet

import (
	"fmt"
	"slices"
	"strings"

	"autoscaled/anka/ankatest"
)

// runnerState is where a runner is in its life.
type runnerState int

const (
	coming  runnerState = iota // its script has begun
	idle                       // connected
	running                    // it has a job
	spent                      // it has had its job, or the CI service did not know it
	dead                       // its VM is gone
)

// runner is the program that a start-up script launches.
type runner struct {
	name  string // as the CI service calls it; empty: not connected yet
	vm    *vm
	state runnerState
	job   *job
}

// vm is an instance as the world follows it.
type vm struct {
	id, name, node string
	runner         *runner // nil: no script has begun
	// down: it failed or was stopped, by nobody's wish. over: its end was asked for.
	down, over bool
}

// look sees what became of the instances, and which scripts have begun.
func (w *World) look() {
	listed := w.options.Anka.Listed()
	for _, i := range listed {
		if w.vms[i.ID] == nil {
			w.vms[i.ID] = &vm{id: i.ID, name: i.Name}
		}
	}
	for _, s := range w.takeScripts() {
		if v := w.vms[s.Instance]; v != nil && v.runner == nil {
			w.launch(v, s)
		}
	}
	for _, i := range listed {
		w.follow(w.vms[i.ID], i)
	}
}

func (w *World) follow(v *vm, i ankatest.InstanceRecord) {
	v.node = i.Node
	switch {
	case v.over:
	case !i.Asked.IsZero():
		v.over = true
		w.judge(v, i)
		w.die(v.runner)
	case !v.down && (i.State == "Error" || i.State == "Stopped"):
		v.down = true
		w.die(v.runner)
	}
}

// judge holds the end of a VM that somebody asked for against what the CI service knows.
// One that never came up has no runner, and one that is down has none that could take a
// job.
func (w *World) judge(v *vm, i ankatest.InstanceRecord) {
	switch r := v.runner; {
	case r != nil && r.state == running:
		w.violate(ViolationBusy, "VM %s on %s was ended under job %s, %s after it began",
			v.name, v.node, r.job.id, w.now().Sub(r.job.started))
	case i.Started.IsZero() || v.down:
	case w.ci.open(v):
		w.violate(ViolationRecord, "VM %s on %s was ended while its runner could be given a job", v.name, v.node)
	}
}

// launch lets the runner of a script come up in time.
func (w *World) launch(v *vm, s ankatest.StartupScript) {
	r := &runner{vm: v}
	v.runner = r
	w.runners = append(w.runners, r)
	w.agenda.plan(s.At.Add(w.options.Registration), func() { w.connect(r, s.Text) })
}

// connect lets a runner sign in with the credential that its script holds.
func (w *World) connect(r *runner, script []byte) {
	if r.state != coming {
		return
	}
	if err := w.ci.connect(r, script); err != nil {
		r.state = spent // its record was deleted before: it runs in vain until its VM goes
		return
	}
	r.state = idle
	if !strings.EqualFold(r.name, r.vm.name) {
		w.violate(ViolationName, "runner %s came up in VM %s", r.name, r.vm.name)
	}
}

// putToWork lets connected runners take jobs, in the order in which they were launched.
func (w *World) putToWork() {
	for _, r := range w.runners {
		if r.state != idle {
			continue
		}
		if id, tell, ok := w.ci.take(r); ok {
			w.begin(w.byID[id], r, tell)
		}
	}
	w.runners = slices.DeleteFunc(w.runners, func(r *runner) bool { return r.state == spent || r.state == dead })
}

// die ends a runner with its VM; nil: it had none.
func (w *World) die(r *runner) {
	if r == nil || r.state == dead {
		return
	}
	if r.state == running {
		j := r.job
		w.agenda.plan(w.now().Add(w.options.LostAfter), func() { w.giveUp(j) })
	}
	r.state = dead
	if r.name != "" {
		w.ci.disconnect(r)
	}
}

// check notes what the servers must never answer to the world.
func (w *World) check(what string, err error) {
	if err != nil {
		w.violate(ViolationWorld, "%s: %v", what, err)
	}
}

func (w *World) violate(kind ViolationKind, format string, args ...any) {
	w.violations = append(w.violations, Violation{w.now(), kind, fmt.Sprintf(format, args...)})
}
