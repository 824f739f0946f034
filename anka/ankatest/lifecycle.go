package ankatest

import (
	"fmt"
	"time"
)

// StartupScript tells a hook which start-up script begins where.
type StartupScript struct {
	At         time.Time
	Instance   string // its id
	ExternalID string
	Node       string // name of the Mac
	Text       []byte // decoded
}

// ScriptOutcome is how a script ends. Duration 0 means a drawn time around Timing.Script.
type ScriptOutcome struct {
	Duration       time.Duration
	ReturnCode     int
	Stdout, Stderr string

	timedOut bool
}

// boot starts the VM of an instance on the Mac that has it and its template.
func (w *world) boot(i *instance) {
	n := i.node
	if h := n.holding(i.version); h != nil {
		h.used = w.now
	}
	i.vm = w.newVM(i)
	n.vms = append(n.vms, i)
	n.record.most = max(n.record.most, n.count())
	if i.state == statePulling && w.cfg.Reschedule {
		i.become(w, stateScheduling, "")
	}
	d := lognormal(w.cfg.Timing.Start, w.cfg.Timing.Sigma, w.seed, "boot", i.ordinal, i.generation)
	w.onMac(d, i, func() { w.up(i) })
}

// up is the moment when a VM has booted, or has not.
func (w *world) up(i *instance) {
	if uniform(w.seed, "start failure", i.ordinal) < w.cfg.Chances.StartFailure {
		i.vm.status, i.vm.stop = vmStopped, w.now
		i.fail(w, "Failed to start VM")
		return
	}
	i.become(w, stateStarted, "")
	i.vm.start = w.now
	w.connect(i)
	if i.script != nil && i.script.early {
		w.runScript(i)
	}
}

// connect gives a booted VM its address, and runs the script that waits for it.
func (w *world) connect(i *instance) {
	w.onMac(w.cfg.Timing.Network, i, func() {
		i.vm.ip = fmt.Sprintf("192.168.64.%d", i.vm.slot+2)
		if i.script != nil && !i.script.early {
			w.runScript(i)
		}
	})
}

// runScript runs the start-up script once, however often the VM restarts.
func (w *world) runScript(i *instance) {
	if i.script.hasStarted {
		return
	}
	i.script.hasStarted = true
	outcome := w.outcome(i)
	d := outcome.Duration
	if i.script.monitored && d > i.script.timeout {
		d = i.script.timeout
		outcome.ReturnCode, outcome.timedOut = -1, true
	}
	w.onMac(d, i, func() { w.scriptEnded(i, outcome) })
}

func (w *world) outcome(i *instance) ScriptOutcome {
	var o ScriptOutcome
	if w.onScript != nil {
		o = w.onScript(StartupScript{At: w.now, Instance: i.id, ExternalID: text(i.externalID), Node: i.node.name, Text: i.script.text})
	} else if uniform(w.seed, "script failure", i.ordinal) < w.cfg.Chances.ScriptFailure {
		o = ScriptOutcome{ReturnCode: 1, Stderr: "failed by chance\n"}
	}
	if o.Duration <= 0 {
		o.Duration = lognormal(w.cfg.Timing.Script, w.cfg.Timing.Sigma, w.seed, "script", i.ordinal)
	}
	return o
}

// scriptEnded tells the result of a monitored script; of others nothing is ever told.
func (w *world) scriptEnded(i *instance, o ScriptOutcome) {
	if !i.script.monitored {
		return
	}
	i.result = &o
	if o.ReturnCode == 0 {
		i.changed = w.now
		return
	}
	message := fmt.Sprintf("Startup script failed with return code %d", o.ReturnCode)
	if o.timedOut {
		message = "Startup script timed out"
	}
	switch i.script.failure {
	case handlerStop:
		i.vm.status, i.vm.stop, i.vm.ip = vmStopped, w.now, ""
	case handlerDelete:
		w.dropVM(i)
		i.ends.over = w.now
	}
	i.fail(w, message)
	w.assign()
}

// What becomes of the VM when a monitored script fails.
const (
	handlerStop   = 0
	handlerKeep   = 1
	handlerDelete = 2
)

// stop shuts a VM down, as somebody inside it might. It keeps its slot.
func (w *world) stop(i *instance) {
	i.become(w, stateStopping, "")
	w.onMac(w.leaving(i), i, func() {
		i.vm.status, i.vm.stop, i.vm.ip = vmStopped, w.now, ""
		i.become(w, stateStopped, "")
	})
}

// restart boots a VM anew. Until it is up the instance shows no address.
func (w *world) restart(i *instance) {
	i.become(w, i.state, "")
	i.vm.ip = ""
	d := lognormal(w.cfg.Timing.Start, w.cfg.Timing.Sigma, w.seed, "restart", i.ordinal, i.generation)
	w.onMac(d, i, func() {
		i.vm.status, i.vm.start, i.vm.stop = vmRunning, w.now, time.Time{}
		i.become(w, stateStarted, "")
		w.connect(i)
	})
}

// terminate sends an instance away. One that is leaving already is left to it.
func (w *world) terminate(i *instance) {
	if i.state == stateTerminating || i.state == stateTerminated {
		return
	}
	i.ends.asked = w.now
	if i.saving != nil {
		i.saving.fail("Instance was terminated")
		i.saving = nil
	}
	if i.node == nil && i.vm == nil && i.state == stateScheduling {
		w.waiting = without(w.waiting, i)
		i.become(w, stateTerminated, "")
		w.unlist(i)
		return
	}
	i.become(w, stateTerminating, "")
	if i.vm != nil {
		w.onMac(w.leaving(i), i, func() {
			w.dropVM(i)
			w.terminated(i)
			w.assign()
		})
		return
	}
	if i.node != nil && i.node.pull != nil && i.node.pull.instance == i {
		i.node.pull = nil
		w.release(i)
	}
	w.later(w.leaving(i), i, func() { w.terminated(i) })
	w.assign()
}

func (w *world) leaving(i *instance) time.Duration {
	return lognormal(w.cfg.Timing.Terminate, w.cfg.Timing.Sigma, w.seed, "leave", i.ordinal, i.generation)
}

// terminated keeps the instance in lists for a while.
func (w *world) terminated(i *instance) {
	i.become(w, stateTerminated, "")
	if i.ends.over.IsZero() {
		i.ends.over = w.now
	}
	w.later(w.cfg.Timing.Kept, i, func() { w.unlist(i) })
}

func (w *world) unlist(i *instance) {
	w.listed = without(w.listed, i)
	if i.ends.over.IsZero() {
		i.ends.over = w.now
	}
}
