package ankatest

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const manual = "../../docs/simulator.md"

// manualConfig is the configuration of a controller that the manual shows.
func manualConfig(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(manual)
	require.NoError(t, err)
	block := regexp.MustCompile("(?s)```yaml\n(shapes: .*?)```").FindSubmatch(text)
	require.NotNil(t, block)
	return string(block[1])
}

func TestManualShowsAConfigThatWorks(t *testing.T) {
	cfg, err := ParseConfig([]byte(manualConfig(t)))
	require.NoError(t, err)
	server, err := New(cfg, NewManualClock(testStart), 1)
	require.NoError(t, err)
	require.NotEmpty(t, server.Books().Nodes)
	require.Equal(t, 25*time.Second, cfg.Timing.Start)
}

func TestManualShowsEveryKey(t *testing.T) {
	shown := manualConfig(t)
	var visit func(reflect.Type)
	visit = func(typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Slice, reflect.Pointer:
			visit(typ.Elem())
		case reflect.Struct:
			for i := range typ.NumField() {
				key := typ.Field(i).Tag.Get("yaml")
				require.Regexp(t, `(?m)(^|[ {-])`+key+`:`, shown, "%s.%s", typ, typ.Field(i).Name)
				visit(typ.Field(i).Type)
			}
		}
	}
	visit(reflect.TypeFor[Config]())
}

func TestDefaultConfig(t *testing.T) {
	server, err := New(DefaultConfig(), NewManualClock(testStart), 1)
	require.NoError(t, err)
	arches := map[string]int{}
	for _, n := range server.Books().Nodes {
		require.Equal(t, "Active", n.State)
		arches[n.Arch]++
	}
	require.Equal(t, map[string]int{"arm64": 10, "amd64": 10}, arches)
	for _, ask := range []func() (string, error){
		func() (string, error) { return server.NodeID("mini-arm-03") },
		func() (string, error) { return server.TemplateID("macos-15-xcode-16") },
		func() (string, error) { return server.GroupID("intel-usb") },
	} {
		id, err := ask()
		require.NoError(t, err)
		require.NotEmpty(t, id)
	}
	for _, ask := range []func(string) (string, error){server.NodeID, server.TemplateID, server.GroupID} {
		_, err := ask("none")
		require.ErrorContains(t, err, `"none"`)
	}
}

func TestConfigMistakes(t *testing.T) {
	for text, parts := range map[string][]string{
		"license: basic\nlicence: basic\n":        {"line 2", `unknown key "licence"`},
		"nodes:\n  - name: x\n    archs: arm64\n": {"line 3", `unknown key "archs"`},
		"nodes: 3\n":              {"line 1"},
		"timing: {start: soon}\n": {"line 1", "soon"},
		"---\n---\n":              {"more than one"},
		"shapes: new\nerrors: loud\nlicense: free":         {"shapes", "errors", "license", `"free" is none of basic`},
		"chances: {stuck: 2}":                              {"stuck"},
		"chances: {slow_factor: 0.5}":                      {"slow_factor"},
		"chances: {offline_per_hour: -1, offline_for: 0s}": {"offline_per_hour", "offline_for"},
		"timing: {start: 0s, offline_after: 0s, sigma: 9}": {"above 0", "offline_after", "sigma"},
		"registry: {total_gb: 0}":                          {"total_gb"},
		"tls: {certificate: x, client_ca: y}":              {"certificate and key"},
		"tls: {client_ca: y}":                              {"client_ca needs"},
		"auth: {keys: [{id: a, public_key: x}, {id: a}]}":  {"key a", "used twice"},
		"faults: [{kind: gremlin, rate: 0.1}]":             {"faults[0]", "gremlin"},
		"faults: [{kind: status, rate: 2}]":                {"faults[0]", "rate"},
		"templates: [{name: a, arch: arm64}]":              {"one tag"},
		"templates: [{name: a, id: x, tags: [{tag: t, size_gb: 1}, {tag: t}]}, {name: a, id: x}]": {
			"arch", "used twice", `id "x"`, "size_gb"},
		"templates: [{name: a, arch: arm64, vcpu: -1, tags: [{tag: t, size_gb: 1, layer_gb: 2}]}]": {"negative", "layer_gb"},
		"groups: [{name: a, fallback: b}, {name: a}]":                                              {`no group "b"`, "used twice"},
		"nodes: [{name: a, arch: arm64, groups: [x], usb: [y, '']}]":                               {`no group "x"`, "need arch amd64", "no name"},
		"nodes: [{name: a, arch: amd64, id: i, count: 2}, {name: a, arch: x, capacity_mode: y}]":   {`id "i"`, "used twice", "arch", "capacity_mode"},
		"nodes: [{name: a, arch: amd64, capacity: -1, disk_gb: 10, other_gb: 20, pull_mbps: -1}]":  {"negative", "other_gb", "pull_mbps"},
		"nodes: [{name: a, arch: amd64, count: 100000}]":                                           {"count is above", "more than 10000"},
		"nodes: [{name: a, arch: arm64, disk_gb: 68, holds: [{template: macos-15-xcode-16, tag: v1}, {template: macos-15-xcode-16, tag: v2}, {template: x, tag: y}]}]": {
			"does not exist", "do not fit"},
	} {
		_, err := ParseConfig([]byte(text))
		for _, part := range parts {
			require.ErrorContains(t, err, part, text)
		}
		if err != nil {
			require.NotContains(t, err.Error(), "ankatest.", "no Go types: %s", text)
		}
	}
	cfg := DefaultConfig()
	cfg.Shapes = ""
	_, err := New(cfg, NewManualClock(testStart), 1)
	require.ErrorContains(t, err, "shapes")
}

func TestLoadConfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sim.yaml")
	require.NoError(t, os.WriteFile(path, []byte("license: enterprise\n"), 0o600))
	cfg, err := LoadConfig(path)
	require.NoError(t, err)
	require.Equal(t, LicenseEnterprise, cfg.License)
	require.Equal(t, DefaultConfig().Nodes, cfg.Nodes, "what is left out keeps its default")
	require.NoError(t, os.WriteFile(path, []byte("tier: x\n"), 0o600))
	_, err = LoadConfig(path)
	require.ErrorContains(t, err, path)
	_, err = LoadConfig(path + ".none")
	require.ErrorIs(t, err, os.ErrNotExist)
	empty, err := ParseConfig(nil)
	require.NoError(t, err)
	require.Equal(t, DefaultConfig(), empty)
}

func FuzzConfig(f *testing.F) {
	for _, seed := range []string{"license: basic", "nodes: [{name: a, arch: arm64}]", "templates: [{name: a, arch: amd64, tags: [{tag: t, size_gb: 1}]}]", "a: &a [*a]", ""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		cfg, err := ParseConfig(text)
		if err != nil {
			return
		}
		clock := NewManualClock(testStart)
		server, err := New(cfg, clock, 1)
		require.NoError(t, err)
		clock.Advance(time.Minute)
		require.Empty(t, server.Books().Violations)
	})
}

func TestClocks(t *testing.T) {
	manual := NewManualClock(testStart)
	manual.Advance(-time.Hour)
	require.Equal(t, testStart, manual.Now())
	fast := NewClock(testStart, 1e6)
	first := fast.Now()
	require.False(t, first.Before(testStart))
	require.False(t, fast.Now().Before(first))

	// A clock that runs backwards stands still.
	now := testStart
	server, err := New(DefaultConfig(), ClockFunc(func() time.Time { return now }), 1)
	require.NoError(t, err)
	now = testStart.Add(-time.Hour)
	require.Equal(t, testStart, server.Now())
	_, more := server.NextEvent()
	require.False(t, more)
}

func TestIdentifiersLookLikeUUIDs(t *testing.T) {
	pattern := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := map[string]bool{}
	for i := range 1000 {
		id := identifier(3, "instance", i)
		require.Regexp(t, pattern, id)
		require.False(t, seen[id])
		seen[id] = true
	}
	require.NotEqual(t, identifier(3, "node", 1), identifier(4, "node", 1))
}
