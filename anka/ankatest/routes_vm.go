package ankatest

import (
	"fmt"
	"net/http"
	"slices"
)

const (
	notFound      = "Not found"
	notInRegistry = "VM not in the registry"
	needsLicense  = "requires an Enterprise license"
)

// postVM starts instances. It accepts what may never fit; that sits in Scheduling.
func postVM(w *world, c call) *answer {
	var r startRequest
	if err := decode(c.body, &r); err != nil {
		return invalid(err)
	}
	r.modern(w.current())
	if err := r.check(); err != nil {
		return invalid(err)
	}
	script, err := r.startup()
	if err != nil {
		return invalid(err)
	}
	if no := w.refuseStart(r); no != nil {
		return no
	}
	v, no := w.askedVersion(r.TemplateID, r.Tag, r.Version)
	if no != nil {
		return no
	}
	ids := w.start(r, v, script)
	w.assign()
	return succeed(ids)
}

// refuseStart tells what the licence does not allow, and Macs and groups that are not there: that
// the latter are refused, not queued, is this server's own choice.
func (w *world) refuseStart(r startRequest) *answer {
	if no := w.refuseGroups(r.GroupID, r.Group); no != nil {
		return no
	}
	if w.cfg.License == LicenseBasic {
		for field, given := range map[string]bool{"group_id": r.GroupID != "", "priority": r.Priority != nil, "usb_device": r.USB != ""} {
			if given {
				return refuse(http.StatusBadRequest, "%s %s", field, needsLicense)
			}
		}
	}
	if r.GroupID != "" && w.group(r.GroupID) == nil {
		return refuse(http.StatusBadRequest, "No such group %s", r.GroupID)
	}
	if r.NodeID != "" && w.node(r.NodeID) == nil {
		return refuse(http.StatusBadRequest, "No such node %s", r.NodeID)
	}
	return nil
}

// refuseGroups holds requests to the mode of resource permissions, if it is on. That it takes the
// name of a permission group and no group of nodes is documented, the words are not.
func (w *world) refuseGroups(groupID, group string) *answer {
	switch {
	case !w.cfg.Permissions:
		return nil
	case groupID != "":
		return refuse(http.StatusBadRequest, "group_id is disabled with resource permissions")
	case group == "":
		return refuse(http.StatusBadRequest, "group is required with resource permissions")
	}
	return nil
}

// askedVersion finds what a request names by tag or by number; by default the latest.
func (w *world) askedVersion(id, tag string, number *int) (*version, *answer) {
	t := w.template(id)
	if t == nil || len(t.versions) == 0 {
		return nil, refuse(http.StatusBadRequest, notInRegistry)
	}
	v := t.latest()
	if tag != "" {
		if v = t.version(tag); v == nil {
			return nil, refuse(http.StatusBadRequest, "No such tag %s", tag)
		}
	} else if number != nil {
		if v = t.numbered(*number); v == nil {
			return nil, refuse(http.StatusBadRequest, "No such version %d", *number)
		}
	}
	return v, nil
}

// start makes the instances of a request and returns their ids.
func (w *world) start(r startRequest, v *version, script *startup) []string {
	count := 1
	if r.Count != nil {
		count = *r.Count
	}
	priority := defaultPriority
	if r.Priority != nil {
		priority = *r.Priority
	}
	var ids []string
	for range count {
		i := w.newInstance(r, v, priority)
		if script != nil {
			own := *script
			i.script = &own
		}
		w.instances, w.listed = append(w.instances, i), append(w.listed, i)
		w.enqueue(i)
		ids = append(ids, i.id)
	}
	w.books.Starts = append(w.books.Starts, StartRecord{
		At: w.now, ExternalID: text(r.ExternalID), Name: text(r.Name), Template: v.template.id, Tag: v.tag,
		Group: r.GroupID, USB: r.USB, Priority: priority, Metadata: r.Metadata, Instances: slices.Clone(ids),
	})
	return ids
}

func (w *world) newInstance(r startRequest, v *version, priority int) *instance {
	ordinal := len(w.instances)
	i := &instance{
		id: identifier(w.seed, "instance", ordinal), ordinal: ordinal, name: r.Name, externalID: r.ExternalID,
		metadata: r.Metadata, version: v, groupID: r.GroupID, wantNode: r.NodeID, priority: priority,
		order: uniform(w.seed, "order", ordinal), vcpu: v.template.vcpu, vram: v.template.vram, usb: r.USB,
		nameFormat: r.NameTemplate, created: w.now, requestID: identifier(w.seed, "request", ordinal),
		stuck: uniform(w.seed, "stuck", ordinal) < w.cfg.Chances.Stuck,
	}
	// The image of a suspended VM cannot be given other resources.
	if !v.suspended {
		i.vcpu, i.vram = orDefault(r.VCPU, i.vcpu), orDefault(r.VRAM, i.vram)
	}
	return i
}

func putVM(w *world, c call) *answer {
	i := w.instance(c.query("id"))
	if i == nil {
		return refuse(http.StatusNotFound, notFound)
	}
	var r updateRequest
	if err := decode(c.body, &r); err != nil {
		return invalid(err)
	}
	if err := checkMetadata(r.Metadata); err != nil {
		return invalid(err)
	}
	if r.Name != nil {
		i.name = r.Name
	}
	if r.ExternalID != nil {
		i.externalID = r.ExternalID
	}
	if r.Metadata != nil {
		i.metadata = r.Metadata
	}
	i.changed = w.now
	return done()
}

func deleteVM(w *world, c call) *answer {
	var r idRequest
	if err := decode(c.body, &r); err != nil {
		return invalid(err)
	}
	i := w.instance(r.ID)
	if i == nil {
		return refuse(http.StatusNotFound, notFound)
	}
	if i.busy {
		w.books.violate(w.now, ViolationBusy, "instance %s (%s) was terminated while busy", i.id, text(i.externalID))
	}
	w.terminate(i)
	return done()
}

func getVM(w *world, c call) *answer {
	if !c.URL.Query().Has("id") {
		list := []any{}
		for _, i := range w.listed {
			list = append(list, w.listItem(i))
		}
		return succeed(list)
	}
	i := w.instance(c.query("id"))
	if i == nil {
		return refuse(http.StatusNotFound, notFound)
	}
	return succeed(w.flat(i))
}

// postRestart boots the VM of an instance anew; which states allow it is this server's own choice.
func postRestart(w *world, c call) *answer {
	var r restartRequest
	if err := decode(c.body, &r); err != nil {
		return invalid(err)
	}
	i := w.instance(r.InstanceID)
	if i == nil {
		return refuse(http.StatusNotFound, notFound)
	}
	if i.vm == nil || i.state != stateStarted && i.state != stateStopped {
		return refuse(http.StatusBadRequest, "Instance is %s", i.state)
	}
	if r.USB != "" && r.USB != i.usb {
		d := i.node.device(r.USB)
		if d == nil {
			return refuse(http.StatusBadRequest, "No free USB device %s on the node", r.USB)
		}
		w.release(i)
		d.by, i.usb = i, r.USB
	}
	w.restart(i)
	return done()
}

func postImage(w *world, c call) *answer {
	var r imageRequest
	if err := decode(c.body, &r); err != nil {
		return invalid(err)
	}
	if err := r.check(); err != nil {
		return invalid(err)
	}
	i := w.instance(r.ID)
	if i == nil {
		return refuse(http.StatusNotFound, notFound)
	}
	if i.state != stateStarted {
		return refuse(http.StatusBadRequest, "Instance is %s", i.state)
	}
	if r.TargetID != "" {
		t := w.template(r.TargetID)
		if t == nil {
			return refuse(http.StatusBadRequest, notInRegistry)
		}
		// A tag that is there already can only be pushed if it is reverted before.
		if t.version(r.Tag) != nil && !r.Revert {
			return refuse(http.StatusBadRequest, "Tag %s already exists", r.Tag)
		}
	}
	return succeed(map[string]string{"request_id": w.save(i, r).id})
}

func getImage(w *world, c call) *answer {
	if !c.URL.Query().Has("id") {
		list := []any{}
		for _, m := range w.images {
			list = append(list, w.imageView(m))
		}
		return succeed(list)
	}
	m := find(w.images, func(m *image) bool { return m.id == c.query("id") })
	if m == nil {
		return refuse(http.StatusNotFound, notFound)
	}
	return succeed(w.imageView(m))
}

func (r *imageRequest) check() error {
	switch {
	case r.ID == "":
		return fmt.Errorf("id is required")
	case r.TargetID == "" && r.NewName == "":
		return fmt.Errorf("target_vm_id or new_template_name is required")
	case r.Tag == "":
		return fmt.Errorf("tag is required")
	}
	if r.Script == "" {
		return nil
	}
	var err error
	if r.script, err = decodeScript(r.Script); err != nil {
		return fmt.Errorf("script is not base64")
	}
	return nil
}
