package ankatest

import (
	"slices"
	"time"
)

// image is a request to save an instance to the registry.
type image struct {
	id        string
	request   imageRequest
	instance  *instance
	vmUUID    string
	nodeID    string
	requested time.Time
	status    string
	problem   string
	script    *ScriptOutcome
}

// The states of a request to save an image.
const (
	imagePending = "pending"
	imageDone    = "done"
	imageError   = "error"
)

// savedShare is how much of a template's size a saved image adds to it.
const savedShare = 0.05

func (m *image) fail(problem string) { m.status, m.problem = imageError, problem }

// save begins to save a started instance. It runs the script, then pushes.
func (w *world) save(i *instance, r imageRequest) *image {
	m := &image{
		id: w.nextID("image"), request: r, instance: i, vmUUID: i.vm.uuid, nodeID: i.node.id,
		requested: w.now, status: imagePending,
	}
	w.images = append(w.images, m)
	i.saving = m
	i.become(w, statePushing, "")
	if r.script == nil {
		w.push(m)
		return m
	}
	o := ScriptOutcome{Duration: lognormal(w.cfg.Timing.Script, w.cfg.Timing.Sigma, w.seed, "image script", m.id)}
	if uniform(w.seed, "image script failure", m.id) < w.cfg.Chances.ScriptFailure {
		o.ReturnCode, o.Stderr = 1, "failed by chance\n"
	}
	w.onMac(o.Duration, i, func() {
		m.script = &o
		if o.ReturnCode != 0 && r.CancelOnScriptFailure {
			w.notSaved(m, "Script execution failed")
			return
		}
		w.push(m)
	})
	return m
}

// push takes as long as what is new needs at the Mac's rate.
func (w *world) push(m *image) {
	bytes := float64(m.instance.version.size) * savedShare
	seconds := bytes / m.instance.node.bandwidth
	w.onMac(time.Duration(seconds*float64(time.Second)), m.instance, func() { w.saved(m) })
}

// saved puts the image into the registry, and the instance goes, as documented.
func (w *world) saved(m *image) {
	if w.registryDown {
		w.notSaved(m, "Registry is not reachable")
		return
	}
	t := w.imageTarget(m)
	if t == nil {
		w.notSaved(m, notInRegistry)
		return
	}
	of := m.instance.version
	layer := float64(of.size) * savedShare / 1e9
	size := float64(of.size)/1e9 + layer
	if len(t.versions) == 0 || t != of.template {
		layer = size
	}
	w.addVersion(t, TagConfig{Tag: m.request.Tag, Description: m.request.Description, SizeGB: size, LayerGB: layer, Suspended: m.request.suspends()})
	m.status = imageDone
	m.instance.saving = nil
	w.terminate(m.instance)
}

// imageTarget is the template that takes the image, reverted first if that was asked for: made anew
// where none was named, nil where it is gone.
func (w *world) imageTarget(m *image) *template {
	if m.request.TargetID == "" {
		of := m.instance.version.template
		t := &template{id: w.nextID("template"), name: m.request.NewName, arch: of.arch, vcpu: of.vcpu, vram: of.vram}
		w.templates = append(w.templates, t)
		return t
	}
	t := w.template(m.request.TargetID)
	if t == nil || !m.request.Revert {
		return t
	}
	v := t.latest()
	if m.request.RevertTag != "" {
		v = t.version(m.request.RevertTag)
	}
	// A tag that does not exist reverts nothing, as documented.
	if at := slices.Index(t.versions, v); v != nil && at >= 0 {
		t.versions = t.versions[:at:at]
	}
	return t
}

// notSaved leaves the instance as it was, as documented.
func (w *world) notSaved(m *image, problem string) {
	m.fail(problem)
	m.instance.saving = nil
	m.instance.become(w, stateStarted, "")
}
