package ankatest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// LoadConfig reads a YAML file over DefaultConfig: what the file leaves out keeps its default, a
// list in the file replaces the default list. Unknown keys are errors that name their line.
func LoadConfig(path string) (Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("read simulator config: %w", err)
	}
	cfg, err := ParseConfig(text)
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	return cfg, nil
}

// ParseConfig is LoadConfig on bytes; an empty document is DefaultConfig.
func ParseConfig(text []byte) (Config, error) {
	cfg := DefaultConfig()
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&cfg); err != nil && !errors.Is(err, io.EOF) {
		return Config{}, yamlError(err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return Config{}, errors.New("more than one YAML document")
	}
	return cfg, cfg.check()
}

var (
	unknownField = regexp.MustCompile(`field (\S+) not found in type \S+`)
	goType       = regexp.MustCompile(` into \S*ankatest\.\S+`)
)

// yamlError words the library's messages for somebody who has not read our Go types.
func yamlError(err error) error {
	var typed *yaml.TypeError
	if !errors.As(err, &typed) {
		return err
	}
	lines := make([]string, len(typed.Errors))
	for i, e := range typed.Errors {
		lines[i] = goType.ReplaceAllString(unknownField.ReplaceAllString(e, `unknown key "$1"`), " here")
	}
	return errors.New(strings.Join(lines, "; "))
}

// maxGB and maxMacs bound what a config may ask for, so that sums stay whole numbers and a slip of
// the pen does not fill the memory.
const (
	maxGB   = 1e6
	maxMacs = 10_000
)

// check tells every mistake that would make a server of this config behave nonsensically.
func (c Config) check() error {
	var m mistakes
	m.oneOf("shapes", c.Shapes, ShapesCurrent, Shapes2019)
	m.oneOf("errors", c.Errors, "", ErrorsStatus, ErrorsOK)
	m.oneOf("license", c.License, LicenseBasic, LicenseEnterprise, LicenseEnterprisePlus)
	m.unless((c.TLS.Certificate == "") == (c.TLS.Key == ""), "tls: certificate and key come together")
	m.unless(c.TLS.ClientCA == "" || c.TLS.Certificate != "", "tls: client_ca needs a certificate")
	m.unless(isSize(c.Registry.TotalGB) && c.Registry.TotalGB > 0, "registry: total_gb must be above 0 and at most %g", float64(maxGB))
	c.Timing.check(&m)
	c.Chances.check(&m)
	seen := names{}
	for _, k := range c.Auth.Keys {
		m.unless(seen.fresh(k.ID), "auth: key id %q is missing or used twice", k.ID)
		if _, err := parsePublicKey(k.PublicKey); err != nil {
			m.add("auth: key %s: %v", k.ID, err)
		}
	}
	for i, f := range c.Faults {
		if err := f.check(); err != nil {
			m.add("faults[%d]: %v", i, err)
		}
	}
	c.checkTemplates(&m)
	c.checkGroups(&m)
	c.checkNodes(&m)
	return m.err()
}

func (t Timing) check(m *mistakes) {
	m.unless(t.Pickup > 0 && t.Start > 0 && t.Script > 0 && t.Terminate > 0, "timing: pickup, start, script and terminate must be above 0")
	m.unless(t.Network >= 0 && t.Kept >= 0 && t.OfflineAfter > 0, "timing: network and kept cannot be negative, offline_after must be above 0")
	m.unless(t.Sigma >= 0 && t.Sigma <= 3, "timing: sigma must be between 0 and 3")
}

func (c Chances) check(m *mistakes) {
	m.unless(isChance(c.StartFailure) && isChance(c.ScriptFailure) && isChance(c.Stuck) && isChance(c.SlowPull),
		"chances: start_failure, script_failure, stuck and slow_pull are probabilities from 0 to 1")
	m.unless(c.SlowFactor >= 1 && c.SlowFactor <= 1000, "chances: slow_factor must be between 1 and 1000")
	m.unless(c.OfflinePerHour >= 0 && c.OfflinePerHour <= 1000, "chances: offline_per_hour must be between 0 and 1000")
	m.unless(c.OfflineFor > 0, "chances: offline_for must be above 0")
}

func (c Config) checkTemplates(m *mistakes) {
	seen, ids := names{}, names{}
	for _, t := range c.Templates {
		m.unless(seen.fresh(t.Name), "templates: name %q is missing or used twice", t.Name)
		m.unless(t.ID == "" || ids.fresh(t.ID), "templates: id %q is used twice", t.ID)
		m.oneOf("templates: "+t.Name+": arch", t.Arch, archIntel, archArm)
		m.unless(min(t.VCPU, t.VRAMMB) >= 0, "templates: %s has a negative number", t.Name)
		m.unless(len(t.Tags) > 0, "templates: %s: there must be one tag at least", t.Name)
		tags := names{}
		for _, tag := range t.Tags {
			m.unless(tags.fresh(tag.Tag), "templates: %s: tag %q is missing or used twice", t.Name, tag.Tag)
			m.unless(isSize(tag.SizeGB) && tag.SizeGB > 0, "templates: %s: %s: size_gb must be above 0 and at most %g", t.Name, tag.Tag, float64(maxGB))
			m.unless(tag.LayerGB >= 0 && tag.LayerGB <= tag.SizeGB, "templates: %s: %s: layer_gb must be between 0 and size_gb", t.Name, tag.Tag)
		}
	}
}

func (c Config) checkGroups(m *mistakes) {
	seen, ids := names{}, names{}
	for _, g := range c.Groups {
		m.unless(seen.fresh(g.Name), "groups: name %q is missing or used twice", g.Name)
		m.unless(g.ID == "" || ids.fresh(g.ID), "groups: id %q is used twice", g.ID)
	}
	for _, g := range c.Groups {
		m.unless(g.Fallback == "" || seen[g.Fallback], "groups: %s: no group %q to fall back to", g.Name, g.Fallback)
	}
}

func (c Config) checkNodes(m *mistakes) {
	groups, tags := names{}, map[HoldConfig]TagConfig{}
	for _, g := range c.Groups {
		groups.fresh(g.Name)
	}
	for _, t := range c.Templates {
		for _, tag := range t.Tags {
			tags[HoldConfig{t.Name, tag.Tag}] = tag
		}
	}
	seen, ids, macs := names{}, names{}, 0
	for _, n := range c.Nodes {
		m.unless(seen.fresh(n.Name), "nodes: name %q is missing or used twice", n.Name)
		m.unless(n.ID == "" || ids.fresh(n.ID) && n.Count <= 1, "nodes: %s: id %q is used twice or has a count", n.Name, n.ID)
		n.check(m)
		macs += max(1, n.Count)
		for _, g := range n.Groups {
			m.unless(groups[g], "nodes: %s: no group %q", n.Name, g)
		}
		n.checkHolds(m, tags)
	}
	m.unless(macs <= maxMacs, "nodes: more than %d", maxMacs)
}

func (n NodeConfig) check(m *mistakes) {
	at := "nodes: " + n.Name
	m.oneOf(at+": arch", n.Arch, archIntel, archArm)
	m.oneOf(at+": capacity_mode", n.CapacityMode, "", modeNumber, modeResource)
	m.unless(min(n.Count, n.CPUs, n.RAMGB, n.Capacity, n.VCPUOverride, n.RAMOverride) >= 0, "%s has a negative number", at)
	m.unless(n.Count <= maxMacs, "%s: count is above %d", at, maxMacs)
	m.unless(isSize(n.DiskGB) && isSize(n.OtherGB) && n.OtherGB <= orDefault(n.DiskGB, defaultDiskGB), "%s: disk_gb and other_gb must be at most %g, other_gb not above disk_gb", at, float64(maxGB))
	m.unless(n.PullMBps >= 0 && n.PullMBps <= 1e6, "%s: pull_mbps must be between 0 and 1e6", at)
	m.unless(len(n.USB) == 0 || n.Arch == archIntel, "%s: usb devices need arch amd64", at)
	for _, d := range n.USB {
		m.unless(d != "", "%s: a usb device has no name", at)
	}
}

// checkHolds wants tags that exist, each once, and a disk with room for them.
func (n NodeConfig) checkHolds(m *mistakes, tags map[HoldConfig]TagConfig) {
	seen, begun, sum := map[HoldConfig]bool{}, map[string]bool{}, n.OtherGB
	for _, h := range n.Holds {
		tag, known := tags[h]
		m.unless(known && !seen[h], "nodes: %s: tag %q of a template %q does not exist or is held twice", n.Name, h.Tag, h.Template)
		if begun[h.Template] {
			sum += orDefault(tag.LayerGB, tag.SizeGB)
		} else {
			sum += tag.SizeGB
		}
		seen[h], begun[h.Template] = true, true
	}
	disk := orDefault(n.DiskGB, defaultDiskGB)
	m.unless(sum <= disk, "nodes: %s: %g GB do not fit on a disk of %g GB", n.Name, sum, disk)
}

func isChance(p float64) bool { return p >= 0 && p <= 1 }

func isSize(gb float64) bool { return gb >= 0 && gb <= maxGB }

// names remembers which names were seen.
type names map[string]bool

func (n names) fresh(name string) bool {
	fresh := name != "" && !n[name]
	n[name] = true
	return fresh
}

// mistakes gathers everything that is wrong, so that one run tells all.
type mistakes []error

func (m *mistakes) add(format string, args ...any) {
	*m = append(*m, fmt.Errorf(format, args...))
}

func (m *mistakes) unless(ok bool, format string, args ...any) {
	if !ok {
		m.add(format, args...)
	}
}

func (m *mistakes) oneOf(key, value string, allowed ...string) {
	for _, a := range allowed {
		if value == a {
			return
		}
	}
	m.add("%s: %q is none of %s", key, value, strings.Join(allowed, ", "))
}

func (m mistakes) err() error { return errors.Join(m...) }
