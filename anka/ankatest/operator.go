package ankatest

import (
	"fmt"
	"slices"
	"time"
)

// The methods in this file are the hands of an operator or of a test: they look at the server and
// change it past the API. Nodes, groups and templates are named by id or by name.

// Now is the server's time.
func (s *Server) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.present().now
}

// NextEvent is when the server will next change by itself; false if it will not.
func (s *Server) NextEvent() (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.present().next()
}

// Books reads the books as of now.
func (s *Server) Books() Books {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.present().read()
}

// Listed reads those of the instances that GET /vm lists now, in the order of their
// creation. A world that follows them asks this often, where Books would read all that ever were.
func (s *Server) Listed() []InstanceRecord {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.present()
	var listed []InstanceRecord
	for _, i := range w.listed {
		listed = append(listed, w.recordOf(i))
	}
	return listed
}

// Order makes calls go wrong; see Fault.
func (s *Server) Order(f Fault) error {
	if err := f.check(); err != nil {
		return fmt.Errorf("order a fault: %w", err)
	}
	s.faults.order(f)
	return nil
}

// OnStartupScript hears of each start-up script as it begins and says how it ends. The hook is
// called while the server is locked: it must not call the server.
func (s *Server) OnStartupScript(hook func(StartupScript) ScriptOutcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.present().onScript = hook
}

// NodeID finds the id of a node by its name.
func (s *Server) NodeID(name string) (id string, err error) {
	err = s.onNode(name, func(_ *world, n *node) error { id = n.id; return nil })
	return id, err
}

// TemplateID finds the id of a template by its name.
func (s *Server) TemplateID(name string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := find(s.present().templates, func(t *template) bool { return t.name == name || t.id == name })
	if t == nil {
		return "", fmt.Errorf("no template %q", name)
	}
	return t.id, nil
}

// GroupID finds the id of a group by its name.
func (s *Server) GroupID(name string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.present().groupNamed(name)
	if g == nil {
		return "", fmt.Errorf("no group %q", name)
	}
	return g.id, nil
}

// AddNodes joins Macs to the controller, as the config would, and returns their ids.
func (s *Server) AddNodes(cfg NodeConfig) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.present()
	all := s.cfg
	all.Nodes = []NodeConfig{cfg}
	var m mistakes
	all.checkNodes(&m)
	if err := m.err(); err != nil {
		return nil, fmt.Errorf("add nodes: %w", err)
	}
	var ids []string
	for _, n := range w.addNodes(cfg) {
		ids = append(ids, n.id)
	}
	w.assign()
	w.checkLimits()
	return ids, nil
}

// PushTag puts a new tag on top of a template, as a push from outside does.
func (s *Server) PushTag(name string, tag TagConfig) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.present()
	t := find(w.templates, func(t *template) bool { return t.name == name || t.id == name })
	switch {
	case t == nil:
		return fmt.Errorf("push %s: no template %q", tag.Tag, name)
	case tag.Tag == "" || t.version(tag.Tag) != nil:
		return fmt.Errorf("push to %s: tag %q is missing or there already", name, tag.Tag)
	case !isSize(tag.SizeGB) || tag.SizeGB == 0 || tag.LayerGB < 0 || tag.LayerGB > tag.SizeGB:
		return fmt.Errorf("push to %s: sizes %g and %g GB make no sense", name, tag.SizeGB, tag.LayerGB)
	}
	w.addVersion(t, tag)
	return nil
}

// RemoveNode takes a Mac away, as DELETE /api/v1/node does.
func (s *Server) RemoveNode(name string) error {
	return s.onNode(name, func(w *world, n *node) error { w.removeNode(n); return nil })
}

// SetDrain puts a Mac into Drain Mode, or out of it.
func (s *Server) SetDrain(name string, on bool) error {
	return s.changeNode(name, func(n *node) { n.drain = on })
}

// SetUpdating lets a Mac update its agent, or end that.
func (s *Server) SetUpdating(name string, on bool) error {
	return s.changeNode(name, func(n *node) { n.updating = on })
}

// SetLicensed lets a Mac's licence expire, or mends it.
func (s *Server) SetLicensed(name string, ok bool) error {
	return s.changeNode(name, func(n *node) { n.unlicensed = !ok })
}

// SetPullFactor makes a Mac's future pulls take factor times as long; at least a thousandth.
func (s *Server) SetPullFactor(name string, factor float64) error {
	return s.changeNode(name, func(n *node) { n.slow = max(0.001, factor) })
}

// SetSilent makes a Mac say nothing, or speak again. Its VMs run on; after Timing.OfflineAfter it
// is Offline.
func (s *Server) SetSilent(name string, silent bool) error {
	return s.onNode(name, func(w *world, n *node) error {
		if silent {
			w.silence(n)
		} else {
			w.speak(n)
		}
		return nil
	})
}

// SetRegistry breaks or mends the way to the registry. Pulls under way are lost.
func (s *Server) SetRegistry(reachable bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.present().setRegistry(reachable)
}

// StartForeign starts a VM on a Mac without the controller, of 4 vCPUs and 8 GB, and returns its id.
// Only vm_count and the sums of resources tell of it.
func (s *Server) StartForeign(name string) (id string, err error) {
	err = s.onNode(name, func(w *world, n *node) error {
		if n.arch == archArm && n.count() >= maxArmVMs {
			return fmt.Errorf("start a VM on %s: an arm64 Mac runs %d at most", n.name, maxArmVMs)
		}
		f := &foreignVM{id: w.nextID("foreign"), vcpu: defaultVCPU, vram: defaultVRAM}
		n.foreign = append(n.foreign, f)
		n.record.most = max(n.record.most, n.count())
		id = f.id
		return nil
	})
	return id, err
}

// EndForeign ends a VM that StartForeign began.
func (s *Server) EndForeign(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.present()
	for _, n := range w.nodes {
		for _, f := range n.foreign {
			if f.id == id {
				n.foreign = without(n.foreign, f)
				w.assign()
				return nil
			}
		}
	}
	return fmt.Errorf("no foreign VM %q", id)
}

// FailInstance makes an instance that has a VM end in Error; the VM stops and keeps its slot.
func (s *Server) FailInstance(id, message string) error {
	return s.onInstance(id, func(w *world, i *instance) error {
		if i.vm == nil || i.state == stateTerminating {
			return fmt.Errorf("fail instance %s: it is %s", id, i.state)
		}
		if i.saving != nil {
			i.saving.fail(message)
			i.saving = nil
		}
		i.vm.status, i.vm.stop, i.vm.ip = vmStopped, w.now, ""
		i.fail(w, message)
		return nil
	})
}

// StopInstance shuts the VM of a started instance down, as somebody inside it might.
func (s *Server) StopInstance(id string) error {
	return s.onInstance(id, func(w *world, i *instance) error {
		if i.state != stateStarted {
			return fmt.Errorf("stop instance %s: it is %s", id, i.state)
		}
		w.stop(i)
		return nil
	})
}

// MarkBusy tells the server that an instance runs work, so that its termination is written into the
// books as a violation.
func (s *Server) MarkBusy(id string, busy bool) error {
	return s.onInstance(id, func(_ *world, i *instance) error { i.busy = busy; return nil })
}

func (s *Server) changeNode(name string, change func(*node)) error {
	return s.onNode(name, func(w *world, n *node) error {
		change(n)
		w.assign()
		return nil
	})
}

func (s *Server) onNode(name string, do func(*world, *node) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.present()
	n := find(w.nodes, func(n *node) bool { return n.id == name || n.name == name })
	if n == nil {
		return fmt.Errorf("no node %q", name)
	}
	defer w.checkLimits()
	return do(w, n)
}

func (s *Server) onInstance(id string, do func(*world, *instance) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.present()
	n := slices.IndexFunc(w.listed, func(i *instance) bool { return i.id == id })
	if n < 0 {
		return fmt.Errorf("no instance %q", id)
	}
	defer w.checkLimits()
	return do(w, w.listed[n])
}
