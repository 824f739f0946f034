package ankatest

import (
	"fmt"
	"slices"
	"time"
)

// world is the state behind the API. It knows no HTTP and no lock: Server holds the lock and brings
// the world forward to the present before each use.
type world struct {
	cfg  Config
	seed uint64
	now  time.Time

	nodes         []*node
	groups        []*group
	templates     []*template
	instances     []*instance // every instance ever, in order of creation
	listed        []*instance // those that GET /vm lists
	waiting       []*instance // those in Scheduling that no Mac has taken
	distributions []*distribution
	images        []*image
	events        eventQueue

	registryDown bool
	onScript     func(StartupScript) ScriptOutcome
	secrets      map[string]handshake // by key id
	sessions     map[string]session   // by token
	made         int                  // ids given out for groups, templates, requests and foreign VMs

	books Books
}

// template is a VM template in the registry.
type template struct {
	id, name, arch string
	vcpu, vram     int // of a VM, vram in MB
	versions       []*version
	gone           bool
}

// version is a tag of a template; a Mac may hold one that the registry has no more.
type version struct {
	template    *template
	tag         string
	number      int
	description string
	size, layer int64 // bytes; layer is what comes on top of another tag of the template
	suspended   bool
	images      []string
	stateFile   string
	pushed      time.Time
	pulled      time.Time // zero: never
}

type group struct {
	id, name, description string
	fallback              *group
}

const (
	defaultVCPU     = 4
	defaultVRAM     = 8192 // MB
	defaultCPUs     = 12
	defaultRAM      = 64 // GB
	defaultCapacity = 2
	defaultDiskGB   = 500
	defaultMBps     = 100
)

// bytes converts GB to bytes.
func bytesOf(gb float64) int64 { return int64(gb * 1e9) }

func newWorld(cfg Config, seed uint64, now time.Time) *world {
	w := &world{
		cfg: cfg, seed: seed, now: now,
		secrets: map[string]handshake{}, sessions: map[string]session{}, books: newBooks(),
	}
	for _, t := range cfg.Templates {
		w.addTemplate(t)
	}
	for _, g := range cfg.Groups {
		w.groups = append(w.groups, &group{
			id: orDefault(g.ID, identifier(seed, "group", g.Name)), name: g.Name, description: g.Description,
		})
	}
	for i, g := range cfg.Groups {
		w.groups[i].fallback = w.groupNamed(g.Fallback)
	}
	for _, n := range cfg.Nodes {
		w.addNodes(n)
	}
	return w
}

func (w *world) addTemplate(cfg TemplateConfig) {
	t := &template{
		id: orDefault(cfg.ID, identifier(w.seed, "template", cfg.Name)), name: cfg.Name, arch: cfg.Arch,
		vcpu: orDefault(cfg.VCPU, defaultVCPU), vram: orDefault(cfg.VRAMMB, defaultVRAM),
	}
	w.templates = append(w.templates, t)
	for _, tag := range cfg.Tags {
		w.addVersion(t, tag)
	}
}

// addVersion puts a tag on top of a template.
func (w *world) addVersion(t *template, cfg TagConfig) *version {
	v := &version{
		template: t, tag: cfg.Tag, description: cfg.Description, suspended: cfg.Suspended,
		size: bytesOf(cfg.SizeGB), layer: bytesOf(orDefault(cfg.LayerGB, cfg.SizeGB)), pushed: w.now,
	}
	if top := t.latest(); top != nil {
		v.number = top.number + 1
		v.images = slices.Clone(top.images)
	}
	v.images = append(v.images, w.fileName("image", t.id, cfg.Tag))
	if v.suspended {
		v.stateFile = w.fileName("state", t.id, cfg.Tag)
	}
	t.versions = append(t.versions, v)
	return v
}

func (w *world) fileName(subject ...any) string {
	return fmt.Sprintf("%016x%016x.ank", draw(w.seed, append(subject, 1)...), draw(w.seed, append(subject, 2)...))
}

// addNodes makes the Macs of one entry of the config.
func (w *world) addNodes(cfg NodeConfig) []*node {
	var added []*node
	for i := range max(1, cfg.Count) {
		name := cfg.Name
		if cfg.Count > 1 {
			name = fmt.Sprintf("%s-%02d", cfg.Name, i+1)
		}
		n := w.newNode(cfg, name)
		w.nodes = append(w.nodes, n)
		added = append(added, n)
		w.expectSilence(n)
	}
	return added
}

func (w *world) newNode(cfg NodeConfig, name string) *node {
	ordinal := len(w.books.macs)
	n := &node{
		id: orDefault(cfg.ID, identifier(w.seed, "node", name, ordinal)), name: name, arch: cfg.Arch,
		address: fmt.Sprintf("10.7.%d.%d", ordinal/250%250, ordinal%250+1),
		cpus:    orDefault(cfg.CPUs, defaultCPUs), ram: orDefault(cfg.RAMGB, defaultRAM),
		capacity: orDefault(cfg.Capacity, defaultCapacity), mode: orDefault(cfg.CapacityMode, modeNumber),
		vcpuOverride: cfg.VCPUOverride, ramOverride: cfg.RAMOverride,
		disk: bytesOf(orDefault(cfg.DiskGB, defaultDiskGB)), other: bytesOf(cfg.OtherGB),
		bandwidth: orDefault(cfg.PullMBps, defaultMBps) * 1e6, slow: 1, record: &macRecord{},
	}
	n.record.node = n
	w.books.macs = append(w.books.macs, n.record)
	for _, name := range cfg.Groups {
		if g := w.groupNamed(name); g != nil {
			n.groups = append(n.groups, g)
		}
	}
	for _, device := range cfg.USB {
		n.usb = append(n.usb, &usbDevice{name: device})
	}
	for _, h := range cfg.Holds {
		if v := w.versionNamed(h); v != nil {
			n.keep(v, n.missing(v), w.now)
		}
	}
	return n
}

func (w *world) groupNamed(name string) *group {
	return find(w.groups, func(g *group) bool { return g.name == name })
}

func (w *world) versionNamed(h HoldConfig) *version {
	t := find(w.templates, func(t *template) bool { return t.name == h.Template })
	if t == nil {
		return nil
	}
	return t.version(h.Tag)
}

func (w *world) node(id string) *node {
	return find(w.nodes, func(n *node) bool { return n.id == id })
}

func (w *world) group(id string) *group {
	return find(w.groups, func(g *group) bool { return g.id == id })
}

func (w *world) template(id string) *template {
	return find(w.templates, func(t *template) bool { return t.id == id })
}

// instance finds one that is still listed.
func (w *world) instance(id string) *instance {
	return find(w.listed, func(i *instance) bool { return i.id == id })
}

// latest is the newest version; nil if there is none.
func (t *template) latest() *version {
	if len(t.versions) == 0 {
		return nil
	}
	return t.versions[len(t.versions)-1]
}

func (t *template) version(tag string) *version {
	return find(t.versions, func(v *version) bool { return v.tag == tag })
}

func (t *template) numbered(number int) *version {
	return find(t.versions, func(v *version) bool { return v.number == number })
}

// size is what all versions take on the registry, in bytes: the first whole, the others their layers.
func (t *template) size() int64 {
	var sum int64
	for i, v := range t.versions {
		if i == 0 {
			sum += v.size
		} else {
			sum += v.layer
		}
	}
	return sum
}

// nextID makes an id for something that a request created.
func (w *world) nextID(kind string) string {
	w.made++
	return identifier(w.seed, kind, w.made)
}

// current tells whether answers have today's shapes.
func (w *world) current() bool { return w.cfg.Shapes == ShapesCurrent }

// orDefault replaces the zero value, which in a config means "not said".
func orDefault[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// find gives the first element that fits, or nil.
func find[T any](list []*T, fits func(*T) bool) *T {
	if i := slices.IndexFunc(list, fits); i >= 0 {
		return list[i]
	}
	return nil
}

// without removes an element where it is in the list.
func without[T comparable](list []T, gone T) []T {
	return slices.DeleteFunc(list, func(e T) bool { return e == gone })
}
