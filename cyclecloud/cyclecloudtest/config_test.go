package cyclecloudtest

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const manual = "../../docs/simulator.md"

// manualConfig is the configuration shown in the manual.
func manualConfig(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(manual)
	require.NoError(t, err)
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(text)
	require.NotNil(t, block)
	return string(block[1])
}

func TestManualShowsAConfigThatWorks(t *testing.T) {
	cfg := parse(t, manualConfig(t))
	server, err := New(cfg, NewManualClock(testStart), 1)
	require.NoError(t, err)
	require.Equal(t, 30, *cfg.Clusters[0].Nodearrays[0].Buckets[0].Stock)
	require.Equal(t, 90*time.Second, cfg.Timing.Terminate)
	_, err = server.AddNodes(BucketKey{"demo", "hpc", "standard_hx176rs"}, 20)
	require.NoError(t, err)
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
	text, err := os.ReadFile(manual)
	require.NoError(t, err)
	for _, m := range builtinMachines {
		require.Contains(t, string(text), "`"+m.Name+"`")
	}
}

func TestConfigMistakes(t *testing.T) {
	for text, parts := range map[string][]string{
		"user: a\nusr: b\n":                                                    {"line 2", `unknown key "usr"`},
		"clusters:\n  - name: x\n    max_cnt: 3\n":                             {"line 3", `unknown key "max_cnt"`},
		"clusters: 3\n":                                                        {"line 1"},
		"timing: {boot: soon}\n":                                               {"line 1", "soon"},
		"---\n---\n":                                                           {"more than one"},
		"shortage: maybe\nunknown_request_status: 500":                         {"shortage", "unknown_request_status"},
		"chances: {boot_failure: 0.7, never_up: 0.7}":                          {"add up to 1"},
		"chances: {evictions_per_hour: -1}":                                    {"evictions_per_hour"},
		"timing: {boot: 0s}":                                                   {"above 0"},
		"min_record_bytes: -1":                                                 {"min_record_bytes"},
		"faults: [{kind: gremlin, rate: 0.1}]":                                 {"faults[0]", "gremlin"},
		"faults: [{kind: status, rate: 2}]":                                    {"faults[0]", "rate"},
		"faults: [{kind: latency, rate: 0.5}]":                                 {"latency above 0"},
		"machine_types: [{name: x}]":                                           {`"x" needs`},
		"regions: [{name: r, cores: 4, used_cores: 5}]":                        {"more is used"},
		"regions: [{name: r, families: [{name: f, cores: 4, used_cores: 5}]}]": {"family f uses more"},
		"clusters: []":                                                         {"one at least"},
		"clusters: [{name: a}, {name: a}]":                                     {`"a" is missing or used twice`},
		"clusters: [{name: a, nodearrays: [{name: scheduler}, {name: x, buckets: [{machine_type: Standard_Z}]}]}]": {"one bucket at least", "Standard_Z"},
		"clusters: [{name: a, nodearrays: [{name: x, shutdown_policy: Sleep, placement_group: 'a b', buckets: [{machine_type: Standard_F4s_v2, stock: -1}, {machine_type: standard_f4s_v2}]}]}]": {
			"Sleep", "a b", "stock", "used twice"},
		"clusters: [{name: a, nodearrays: [{name: x, configuration: {a: .nan}, buckets: [{machine_type: Standard_F4s_v2}]}]}]": {"JSON"},
		"clusters: [{name: a, nodearrays: [{name: x, max_count: -1, buckets: [{machine_type: Standard_F4s_v2, max_cores: -1}]}]}]": {
			"a/x has a negative", "Standard_F4s_v2 has a negative"},
	} {
		_, err := ParseConfig([]byte(text))
		for _, part := range parts {
			require.ErrorContains(t, err, part, text)
		}
		if err != nil {
			require.NotContains(t, err.Error(), "cyclecloudtest.", "no Go types: %s", text)
		}
	}
}

func TestNewRefusesWhatCannotBe(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Clusters = nil
	_, err := New(cfg, NewManualClock(testStart), 1)
	require.ErrorContains(t, err, "clusters")
	cfg = parse(t, "regions: [{name: westeurope, cores: 3}]")
	_, err = New(cfg, NewManualClock(testStart), 1)
	require.ErrorContains(t, err, "head nodes alone")
}

func TestLoadConfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sim.yaml")
	require.NoError(t, os.WriteFile(path, []byte("password: other\n"), 0o600))
	cfg, err := LoadConfig(path)
	require.NoError(t, err)
	require.Equal(t, "other", cfg.Password)
	require.Equal(t, "admin", cfg.User, "what is left out keeps its default")
	require.Equal(t, DefaultConfig().Clusters, cfg.Clusters)
	require.NoError(t, os.WriteFile(path, []byte("pass: other\n"), 0o600))
	_, err = LoadConfig(path)
	require.ErrorContains(t, err, path)
	_, err = LoadConfig(path + ".none")
	require.ErrorIs(t, err, os.ErrNotExist)
	empty, err := ParseConfig(nil)
	require.NoError(t, err)
	require.Equal(t, DefaultConfig(), empty)
}

func FuzzConfig(f *testing.F) {
	for _, seed := range []string{twoArrays, "user: x", "clusters: [{name: a, nodearrays: [{name: b, buckets: [{machine_type: Standard_F4s_v2}]}]}]", "a: &a [*a]", ""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		cfg, err := ParseConfig(text)
		if err != nil {
			return
		}
		server, err := New(cfg, NewManualClock(testStart), 1)
		if err != nil {
			require.ErrorContains(t, err, "head nodes")
			return
		}
		require.NotEmpty(t, server.world.status(server.world.clusters[0], true))
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
}

func TestIdentifiersLookLikeUUIDs(t *testing.T) {
	pattern := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := map[string]bool{}
	for i := range 1000 {
		id := identifier(3, "node", i)
		require.Regexp(t, pattern, id)
		require.False(t, seen[id])
		seen[id] = true
	}
	require.False(t, strings.EqualFold(identifier(3, "node", 1), identifier(4, "node", 1)))
}
