package anka

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maxARM is how many macOS VMs an arm64 Mac runs at a time, whatever its capacity says.
const maxARM = 2

// mac is a node as the pools see it.
type mac struct {
	*Node
	// coming are instances that have this node and are not among its VMs yet, and
	// comingVCPU and comingVRAM what they will take.
	coming, comingVCPU, comingVRAM int
	// users are the pools that may use it.
	users []*poolSurvey
	// slots are how many more VMs fit, of whatever mix of the users.
	slots int
	// pulling: it pulls a template, or what was asked for will make it pull one. It takes
	// no other task meanwhile.
	pulling bool
	// runs are the images of which a VM is there, for controllers that don't tell what
	// nodes hold.
	runs map[imageKey]bool
}

// imageKey is a template, by its id, and a tag.
type imageKey struct{ template, tag string }

// has tells whether the node is known to hold a tag.
func (m *mac) has(template, tag string) bool {
	return m.runs[imageKey{template, tag}] || slices.ContainsFunc(m.Templates, func(t NodeTemplate) bool { return t.ID == template && t.Tag == tag })
}

// taken is how many VMs it has or is about to have, those included that were started
// without the controller.
func (m *mac) taken() int { return m.VMCount + m.coming }

// heard tells whether the node can be expected to do what it was asked.
func (m *mac) heard() bool { return m.State != NodeOffline && m.State != NodeInactive }

// unfit is why a node is none for a pool, whatever it runs now. Empty: it is one.
func (m *mac) unfit(p *poolSurvey) string {
	switch {
	case m.State != NodeActive && m.State != NodeUnhealthy:
		return "not Active but " + string(m.State)
	case m.HostArch != "" && p.image.arch != "" && m.HostArch != p.image.arch:
		return "of another architecture"
	case m.CapacityMode == CapacityByNumber:
		return m.lacksDisk(&p.image)
	case m.CapacityMode != CapacityByResource:
		return fmt.Sprintf("of unknown capacity mode %.20q", string(m.CapacityMode))
	case p.options.VCPU > m.VCPUOverride || p.options.VRAM > m.RAMOverride:
		return "too small"
	}
	return m.lacksDisk(&p.image)
}

// lacksDisk is why a node neither holds an image, of either tag, nor can come to.
func (m *mac) lacksDisk(i *image) string {
	if held, _, _ := i.on(m.Node); held {
		return ""
	}
	return m.cannotPull(i)
}

// cannotPull is why a node can't come to hold the tag of an image. It counts on the
// templates that are there to leave only while no VM runs; that an increment on another
// tag of the same template takes less than the whole is not counted on, for nobody tells
// how much. What the controller doesn't tell is no obstacle.
func (m *mac) cannotPull(i *image) string {
	_, another, told := i.on(m.Node)
	switch {
	case i.unreachable:
		return "without the template, which the registry can't be asked for"
	case !told || i.size == 0 || m.DiskSize == 0:
		return ""
	}
	room := m.FreeDiskSpace
	if m.taken() == 0 && !another {
		room += m.AnkaDiskUsage
	}
	if i.size > room {
		return "without room on the disk"
	}
	return ""
}

// fits tells whether the node has the resources for one VM of the pool now, in mode
// resource. In mode number all VMs are of one size.
func (m *mac) fits(p *poolSurvey) bool {
	return m.CapacityMode == CapacityByNumber || p.options.VCPU <= m.freeVCPU() && p.options.VRAM <= m.freeVRAM()
}

func (m *mac) freeVCPU() int { return m.VCPUOverride - m.VCPUs - m.comingVCPU }
func (m *mac) freeVRAM() int { return m.RAMOverride - m.VRAM - m.comingVRAM }

// count finds the slots: as many VMs as fit even if all are as large as the largest of
// its users' that fits now, so that any mix fits. An Unhealthy node is full.
func (m *mac) count() {
	if m.slots = 0; m.State != NodeActive || len(m.users) == 0 {
		return
	}
	free := m.Capacity - m.taken()
	if m.CapacityMode == CapacityByResource {
		vcpu, vram := 0, 0
		for _, p := range m.users {
			vcpu, vram = max(vcpu, p.options.VCPU), max(vram, p.options.VRAM)
		}
		free = max(1, min(m.freeVCPU()/vcpu, m.freeVRAM()/vram)) // one at least: each of them fits
	}
	if m.arm() {
		free = min(free, maxARM-m.taken())
	}
	if m.crowded() {
		free = min(free, 1)
	}
	m.slots = max(0, free)
}

// arm tells whether the node is, or may be, of arm64. Where the controller is too old
// to tell, all users must be known to be for Intel.
func (m *mac) arm() bool {
	if m.HostArch != "" {
		return m.HostArch != archIntel
	}
	return slices.ContainsFunc(m.users, func(p *poolSurvey) bool { return p.image.arch != archIntel })
}

// crowded tells whether the disk has no room for all of the images that its users may
// yet bring, though for each of them.
func (m *mac) crowded() bool {
	var sum int64
	seen := make(map[imageKey]bool)
	for _, p := range m.users {
		held, _, told := p.image.on(m.Node)
		if key := (imageKey{p.image.template, p.image.tag}); !held && told && !seen[key] {
			seen[key] = true
			sum += p.image.size
		}
	}
	return m.DiskSize > 0 && sum > m.FreeDiskSpace
}

// members are the nodes on which a start in that group may land: those of the group
// and of the groups that it falls back to, each once though they may form a circle.
func (s *survey) members(groupID string) []int {
	reached := make(map[string]bool)
	for id := groupID; id != "" && !reached[id]; id = s.groups[id].FallbackGroupID {
		reached[id] = true
	}
	var list []int
	for i, m := range s.macs {
		if groupID == "" || slices.ContainsFunc(m.Groups, func(g Group) bool { return reached[g.ID] }) {
			list = append(list, i)
		}
	}
	return list
}

// counted lists reasons with how often each was given, in words.
func counted(reasons map[string]int) string {
	parts := make([]string, 0, len(reasons))
	for _, why := range slices.Sorted(maps.Keys(reasons)) {
		parts = append(parts, fmt.Sprintf("%d %s", reasons[why], why))
	}
	return strings.Join(parts, ", ")
}
