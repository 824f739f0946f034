package cyclecloudtest

import (
	"bytes"
	"encoding/json"
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
	goType       = regexp.MustCompile(` into \S*cyclecloudtest\.\S+`)
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

// check tells every mistake that would make a server of this config behave nonsensically.
func (c Config) check() error {
	var m mistakes
	m.unless(c.Shortage == ShortageFail || c.Shortage == ShortageShort, "shortage: %q is neither fail nor short", c.Shortage)
	m.unless(c.UnknownRequestStatus == 404 || c.UnknownRequestStatus == 400, "unknown_request_status: %d is neither 404 nor 400", c.UnknownRequestStatus)
	m.unless(c.MinRecordBytes >= 0 && c.MinRecordBytes <= 1<<16, "min_record_bytes: %d is not between 0 and 65536", c.MinRecordBytes)
	m.unless(c.Timing.Boot > 0 && c.Timing.Terminate > 0 && c.Timing.Restart > 0, "timing: boot, terminate and restart must be above 0")
	m.unless(c.Timing.BootSigma >= 0 && c.Timing.HostnameLate >= 0 && c.Timing.StatusAge >= 0, "timing: boot_sigma, hostname_late and status_age cannot be negative")
	m.unless(isChance(c.Chances.BootFailure) && isChance(c.Chances.NeverUp) && c.Chances.BootFailure+c.Chances.NeverUp <= 1,
		"chances: boot_failure and never_up are probabilities that add up to 1 at most")
	m.unless(c.Chances.EvictionsPerHour >= 0, "chances: evictions_per_hour cannot be negative")
	for i, f := range c.Faults {
		if err := f.check(); err != nil {
			m.add("faults[%d]: %v", i, err)
		}
	}
	for _, t := range c.MachineTypes {
		m.unless(t.Name != "" && t.Vcpus > 0 && t.Memory > 0, "machine_types: %q needs a name, vcpus and memory above 0", t.Name)
		m.unless(t.QuotaVcpus >= 0 && t.Pcpus >= 0 && t.Gpus >= 0 && t.Price >= 0, "machine_types: %s has a negative number", t.Name)
	}
	for _, r := range c.Regions {
		r.check(&m)
	}
	m.unless(len(c.Clusters) > 0, "clusters: there must be one at least")
	seen := names{}
	for _, cluster := range c.Clusters {
		m.unless(seen.fresh(cluster.Name), "clusters: name %q is missing or used twice", cluster.Name)
		cluster.check(&m, c)
	}
	return m.err()
}

func (r RegionConfig) check(m *mistakes) {
	m.unless(r.Name != "", "regions: one has no name")
	m.unless(min(r.Cores, r.UsedCores, r.SpotCores, r.UsedSpot) >= 0, "regions: %s has a negative number", r.Name)
	m.unless(r.UsedCores <= orDefault(r.Cores, defaultMaxCores) && r.UsedSpot <= orDefault(r.SpotCores, defaultMaxCores),
		"regions: %s: more is used than the quota allows", r.Name)
	for _, f := range r.Families {
		m.unless(f.Name != "" && min(f.Cores, f.UsedCores) >= 0, "regions: %s: family %q needs a name and no negative number", r.Name, f.Name)
		m.unless(f.UsedCores <= orDefault(f.Cores, defaultMaxCores), "regions: %s: family %s uses more than its quota", r.Name, f.Name)
	}
}

func (c ClusterConfig) check(m *mistakes, cfg Config) {
	m.unless(min(c.MaxCount, c.MaxCores) >= 0, "clusters: %s has a negative limit", c.Name)
	seen := names{}
	for _, h := range c.HeadNodes {
		m.unless(seen.fresh(h.Name), "clusters: %s: head node %q has no name or one used twice", c.Name, h.Name)
		if h.MachineType != "" {
			m.knownMachine(cfg, h.MachineType, c.Name+"/"+h.Name)
		}
	}
	for _, a := range c.Nodearrays {
		m.unless(seen.fresh(a.Name), "clusters: %s: nodearray %q has no name or one used twice", c.Name, a.Name)
		a.check(m, cfg, c.Name+"/"+a.Name)
	}
}

func (a NodearrayConfig) check(m *mistakes, cfg Config, at string) {
	m.unless(min(a.MaxCount, a.MaxCores, a.MaxGroupSize) >= 0, "%s has a negative limit", at)
	m.unless(a.ThrottleTime >= 0, "%s: throttle_time cannot be negative", at)
	m.unless(a.PlacementGroup == "" || validGroupName(a.PlacementGroup), "%s: placement_group %q may hold letters, digits, _ and - only", at, a.PlacementGroup)
	m.unless(a.ShutdownPolicy == "" || a.ShutdownPolicy == policyTerminate || a.ShutdownPolicy == policyDeallocate,
		"%s: shutdown_policy %q is neither Terminate nor Deallocate", at, a.ShutdownPolicy)
	if _, err := json.Marshal(a.Configuration); err != nil {
		m.add("%s: configuration cannot be shown as JSON: %v", at, err)
	}
	m.unless(len(a.Buckets) > 0, "%s: there must be one bucket at least", at)
	seen := names{}
	for _, b := range a.Buckets {
		m.unless(seen.fresh(strings.ToLower(b.MachineType)), "%s: machine type %q is missing or used twice", at, b.MachineType)
		m.knownMachine(cfg, b.MachineType, at)
		m.unless(min(b.MaxCount, b.MaxCores, b.MaxGroupSize) >= 0, "%s: %s has a negative limit", at, b.MachineType)
		m.unless(b.Stock == nil || *b.Stock >= 0, "%s: %s: stock cannot be negative", at, b.MachineType)
	}
}

func isChance(p float64) bool { return p >= 0 && p <= 1 }

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

func (m *mistakes) knownMachine(cfg Config, name, at string) {
	_, known := cfg.machine(name)
	m.unless(known, "%s: machine type %q is neither built in nor listed under machine_types", at, name)
}

func (m mistakes) err() error { return errors.Join(m...) }
