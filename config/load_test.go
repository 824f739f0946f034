package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

// minimal is the shortest config that is right.
const minimal = `clusters:
  - name: demo
    cyclecloud:
      url: https://cc.example.com
      user: admin
      password_file: password
    queue:
      file: {path: queue.yaml}
    policy:
      pools:
        - name: execute
          nodearray: execute
`

func parse(t *testing.T, text string) (*Config, error) {
	t.Helper()
	return Parse("/etc/autoscaled/c.yaml", []byte(text))
}

func TestMinimalConfigGetsEveryDefault(t *testing.T) {
	c, err := parse(t, minimal)
	require.NoError(t, err)
	require.Equal(t, "/var/lib/autoscaled", c.StateDir)
	require.Equal(t, "127.0.0.1:9797", c.Listen)
	require.Equal(t, 15*time.Second, c.Interval.Std())
	require.False(t, c.DryRun)
	require.Equal(t, Log{Level: "info", Format: "console"}, c.Log)
	require.Len(t, c.Clusters, 1)

	cc := c.Clusters[0].CycleCloud
	require.Equal(t, "demo", cc.Cluster, "the entry's name")
	require.Equal(t, 30*time.Second, cc.Timeout.Std())
	require.Equal(t, "/etc/autoscaled/password", cc.PasswordFile, "relative to the config's folder")
	require.Equal(t, "/etc/autoscaled/queue.yaml", c.Clusters[0].Queue.File.Path)
	require.Nil(t, c.Clusters[0].Queue.HTTP)
	require.Nil(t, c.Clusters[0].Queue.Exec)

	policy := c.Clusters[0].Policy()
	policy.Revision = "" // any
	require.Equal(t, autoscale.Policy{
		Order: autoscale.AsListed, GroupName: autoscale.DefaultGroupName, AbsentFor: autoscale.DefaultAbsentFor, GangPatience: autoscale.DefaultGangPatience, GangHold: autoscale.DefaultGangHold,
		CreatesPerTick: autoscale.DefaultChangesPerTick, CreatesPerHour: autoscale.DefaultChangesPerHour,
		RemovalsPerTick: autoscale.DefaultChangesPerTick, RemovalsPerHour: autoscale.DefaultChangesPerHour,
		DemandJump: autoscale.DefaultDemandJump, Adopt: autoscale.AdoptOwned,
		Budget: autoscale.Budget{Zone: time.UTC},
		Pools: []autoscale.PoolPolicy{{
			Name: "execute", IdleTime: autoscale.DefaultIdleTime, BootTimeout: autoscale.DefaultBootTimeout, DrainTimeout: autoscale.DefaultDrainTimeout, JoinTimeout: 10 * time.Minute, Removal: autoscale.RemovalTerminate,
			Match: autoscale.Selector{All: []autoscale.Selector{autoscale.HasLabel("nodearray", "execute")}},
		}},
	}, policy)
}

func TestRevisionIsThatOfWhatThePolicySays(t *testing.T) {
	revision := func(text string) string {
		c, err := parse(t, text)
		require.NoError(t, err)
		return c.Clusters[0].Policy().Revision
	}
	first := revision(full)
	require.Regexp(t, "^[0-9a-f]{12}$", first)
	require.Equal(t, first, revision("# a comment\n"+strings.ReplaceAll(full, "level: debug", "level: info")))
	require.Equal(t, first, revision(strings.Replace(full, "idle_time: 60s", "idle_time: 1m", 1)))
	require.NotEqual(t, first, revision(strings.Replace(full, "idle_time: 60s", "idle_time: 61s", 1)))
	require.NotEqual(t, first, revision(full+"        - {name: third, nodearray: x}\n"))
}

const full = `state_dir: state
listen: :9000
web_config_file: web.yaml
interval: 20
journal_retention: 48h
dry_run: true
log: {level: debug, format: json}
clusters:
  - name: prod
    cyclecloud:
      url: https://cc.example.com:8443/path
      cluster: hpc
      user: scaler
      password_env: CC_PASSWORD
      timeout: 1m
      tls: {ca_file: ca.pem, cert_file: c.pem, key_file: /k.pem}
    queue:
      exec: {command: [./jobs, --all], timeout: 5s}
    policy:
      order: cheapest
      spot: first
      budget: {per_hour: 12.5, per_month: 4000, time_zone: Europe/Berlin}
      prices_file: prices.csv
      resources:
        - {nodearray: htc, machine_types: [F4], spot: true, cores: pcpu, gpus: 0, custom: [{name: slot, amount: 3}]}
        - {cores: 6, memory_reserve: 1.5GiB, memory_reserve_percent: 5}
        - {memory_reserve: 1000}
      max: 100
      idle_time: 0
      boot_timeout: 1h30m
      drain_timeout: 48h
      absent_for: 90s
      gang_patience: 1h
      gang_hold: 20m
      creates_per_tick: 1
      creates_per_hour: 2
      removals_per_tick: 3
      removals_per_hour: 4
      demand_jump: 5
      adopt: all
      group_name: "{nodearray}-{machine_type}_{n}"
      licences:
        - {name: matlab, tokens: 50}
      pools:
        - {name: spot, nodearray: htc, machine_types: [Standard_F4s_v2, Standard_F8s_v2], spot: true, priority: -5, max: 50, max_groups: 3, labels: [{name: tier, value: cheap}], idle_time: 60s, boot_timeout: 10m, drain_timeout: 0, price_per_hour: 0.5}
        - {name: rest, nodearray: htc, spot: false, min: 2, removal: deallocate, keep_deallocated: 7, keep_failed: 3, report_failed: Resource.Hpc}
`

func TestEveryKeyReachesTheConfig(t *testing.T) {
	c, err := parse(t, full)
	require.NoError(t, err)
	yes, no := true, false
	physical, six, none, gib, bytes, five := Cores("pcpu"), Cores("6"), 0, Size(3<<29), Size(1000), 5.0
	idle, boot, forEver := Duration(time.Minute), Duration(10*time.Minute), Duration(0)
	require.Equal(t, &Config{
		StateDir: "/etc/autoscaled/state", Listen: ":9000", WebConfigFile: "/etc/autoscaled/web.yaml",
		Retention: Duration(48 * time.Hour), Interval: Duration(20 * time.Second), DryRun: true, Log: Log{Level: "debug", Format: "json"},
		Clusters: []Cluster{{
			Name: "prod",
			CycleCloud: &CycleCloud{
				URL: "https://cc.example.com:8443/path", Cluster: "hpc", User: "scaler", PasswordEnv: "CC_PASSWORD", Timeout: Duration(time.Minute),
				TLS: TLS{CAFile: "/etc/autoscaled/ca.pem", CertFile: "/etc/autoscaled/c.pem", KeyFile: "/k.pem"},
			},
			Queue: Queue{Exec: &ExecQueue{Command: []string{"/etc/autoscaled/jobs", "--all"}, Timeout: Duration(5 * time.Second)}},
			Scaling: Scaling{
				Order: "cheapest", Spot: "first", Budget: Budget{PerHour: 12.5, PerMonth: 4000, TimeZone: "Europe/Berlin"}, PricesFile: "/etc/autoscaled/prices.csv",
				Resources: []ResourceRule{
					{Nodearray: "htc", MachineTypes: []string{"F4"}, Spot: &yes, Cores: &physical, GPUs: &none, Custom: []CustomResource{{Name: "slot", Amount: 3}}},
					{Cores: &six, MemoryReserve: &gib, MemoryReservePercent: &five},
					{MemoryReserve: &bytes},
				},
				Max: 100, BootTimeout: Duration(90 * time.Minute), DrainTimeout: Duration(48 * time.Hour), AbsentFor: Duration(90 * time.Second), GangPatience: Duration(time.Hour), GangHold: Duration(20 * time.Minute),
				CreatesPerTick: 1, CreatesPerHour: 2, RemovalsPerTick: 3, RemovalsPerHour: 4, DemandJump: 5, Adopt: "all",
				GroupName: "{nodearray}-{machine_type}_{n}", Licences: []Licence{{Name: "matlab", Tokens: 50}},
				Pools: []Pool{
					{
						Name: "spot", Nodearray: "htc", MachineTypes: []string{"Standard_F4s_v2", "Standard_F8s_v2"}, Spot: &yes,
						Priority: -5, Max: 50, MaxGroups: 3, Labels: []Label{{"tier", "cheap"}}, IdleTime: &idle, BootTimeout: &boot, DrainTimeout: &forEver, PricePerHour: 0.5, Removal: "terminate", JoinTimeout: Duration(10 * time.Minute), ScriptMonitoring: true, ScriptTimeout: Duration(90 * time.Second),
					},
					{Name: "rest", Nodearray: "htc", Spot: &no, Min: 2, Removal: "deallocate", JoinTimeout: Duration(10 * time.Minute), ScriptMonitoring: true, ScriptTimeout: Duration(90 * time.Second), KeepDeallocated: 7, KeepFailed: 3, ReportFailed: "Resource.Hpc"},
				},
			},
		}},
	}, c)

	p := c.Clusters[0].Policy()
	require.Equal(t, autoscale.Selector{All: []autoscale.Selector{
		autoscale.HasLabel("nodearray", "htc"),
		{Prefer: []autoscale.Selector{
			autoscale.HasLabel("machine_type", "Standard_F4s_v2"),
			autoscale.HasLabel("machine_type", "Standard_F8s_v2"),
		}},
		autoscale.HasLabel("spot", "true"),
	}}, p.Pools[0].Match)
	require.Equal(t, 0.5, p.Pools[0].PricePerHour)
	require.Equal(t, 3, p.Pools[0].MaxGroups)
	require.Equal(t, map[string]string{"tier": "cheap"}, p.Pools[0].Labels)
	require.Equal(t, autoscale.RemovalDeallocate, p.Pools[1].Removal)
	require.Equal(t, 7, p.Pools[1].KeepDeallocated)
	require.Equal(t, []any{3, "Resource.Hpc"}, []any{p.Pools[1].KeepFailed, p.Pools[1].ReportFailed})
	require.Equal(t, autoscale.SpotFirst, p.Spot)
	require.Equal(t, []autoscale.ResourceRule{
		{Match: selector("htc", []string{"F4"}, &yes), CoresFrom: autoscale.CoresPCPU, GPUs: &none, Custom: map[string]int64{"slot": 3}},
		{CoresFrom: autoscale.CoresFixed, Cores: 6, Reserve: &autoscale.Reserve{Bytes: 3 << 29, Percent: 5}},
		{Reserve: &autoscale.Reserve{Bytes: 1000}},
	}, p.Resources)
	require.Equal(t, []any{12.5, 4000.0, "Europe/Berlin"}, []any{p.Budget.PerHour, p.Budget.PerMonth, p.Budget.Zone.String()})
	require.Equal(t, time.Minute, p.Pools[0].IdleTime)
	require.Equal(t, time.Duration(0), p.Pools[1].IdleTime, "the policy's")
	require.Equal(t, 90*time.Minute, p.Pools[1].BootTimeout, "the policy's")
	require.Equal(t, []time.Duration{0, 48 * time.Hour}, []time.Duration{p.Pools[0].DrainTimeout, p.Pools[1].DrainTimeout}, "its own, and the policy's")
	require.Equal(t, []autoscale.Limit{{ID: "licence/matlab", Kind: autoscale.LimitLicence, Name: "matlab", Unit: autoscale.UnitTokens, Max: 50}}, p.Limits)
}

func TestHTTPQueue(t *testing.T) {
	c, err := parse(t, strings.Replace(minimal, "file: {path: queue.yaml}", "http: {url: 'https://q/jobs?x=1', token_file: t, tls: {fingerprint: '"+strings.Repeat("aB:", 31)+"ff'}}", 1))
	require.NoError(t, err)
	q := c.Clusters[0].Queue.HTTP
	require.Equal(t, SecretSource{File: "/etc/autoscaled/t"}, q.Token())
	require.True(t, q.Password().IsZero())
	require.Equal(t, 30*time.Second, q.Timeout.Std())
}

func TestMissingFileAndFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.yaml")
	_, err := Load(path)
	require.EqualError(t, err, path+": no such file or directory")
	_, err = Load(filepath.Dir(path))
	require.EqualError(t, err, filepath.Dir(path)+": is a directory")
}

func TestLoadReadsTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	require.NoError(t, os.WriteFile(path, []byte(minimal), 0o600))
	c, err := Load(path)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(filepath.Dir(path), "queue.yaml"), c.Clusters[0].Queue.File.Path)

	require.NoError(t, os.WriteFile(path, make([]byte, maxFile+1), 0o600))
	_, err = Load(path)
	require.EqualError(t, err, path+": is longer than 1 MiB")
}

func TestEnvironmentWinsOverFileAndDefault(t *testing.T) {
	t.Setenv("AUTOSCALED_INTERVAL", "1m")
	t.Setenv("AUTOSCALED_LOG_LEVEL", "warn")
	t.Setenv("AUTOSCALED_DRY_RUN", "true")
	t.Setenv("AUTOSCALED_STATE_DIR", "elsewhere")
	t.Setenv("AUTOSCALED_LISTEN", "") // as if not set
	t.Setenv("AUTOSCALED_PORT", "tcp://10.0.0.1:80")
	c, err := parse(t, "interval: 20s\nlog: {format: json}\n"+minimal)
	require.NoError(t, err)
	require.Equal(t, time.Minute, c.Interval.Std())
	require.Equal(t, Log{Level: "warn", Format: "json"}, c.Log)
	require.True(t, c.DryRun)
	require.Equal(t, "/etc/autoscaled/elsewhere", c.StateDir)
	require.Equal(t, "127.0.0.1:9797", c.Listen)
}

func TestEnvironmentMistakes(t *testing.T) {
	t.Setenv("AUTOSCALED_INTERVAL", "soon")
	t.Setenv("AUTOSCALED_LOG_LEVEL", "wanr")
	t.Setenv("AUTOSCALED_STATEDIR", "/x")
	t.Setenv("AUTOSCALED_DRY_RUN", "maybe")
	_, err := parse(t, minimal)
	require.EqualError(t, err, strings.Join([]string{
		`environment variable AUTOSCALED_INTERVAL: interval: "soon" is no duration such as 90s, 5m or 1h30m`,
		`environment variable AUTOSCALED_DRY_RUN: dry_run: "maybe" is neither true nor false`,
		`environment variable AUTOSCALED_LOG_LEVEL: log.level: "wanr" is not one of debug, info, warn, error; did you mean "warn"?`,
		`environment variable AUTOSCALED_STATEDIR: overrides no key; did you mean "AUTOSCALED_STATE_DIR"?`,
	}, "\n"))
}

// What only validation finds is blamed on the variable too, not on the file's line.
func TestEnvironmentMistakesBesideTheFilesValue(t *testing.T) {
	t.Setenv("AUTOSCALED_LISTEN", "nowhere")
	_, err := parse(t, "listen: :9797\n"+minimal)
	require.EqualError(t, err, `environment variable AUTOSCALED_LISTEN: listen: "nowhere" is no address such as 127.0.0.1:9797 or :9797`)
}

// Every key outside lists must have a default, or viper overlooks its variable.
func TestEveryKeyHasADefaultAndAName(t *testing.T) {
	envs := map[string]string{}
	for _, k := range Keys() {
		require.NotEmpty(t, k.Help, k.Path)
		require.Regexp(t, `\.$`, k.Help, k.Path)
		if strings.Contains(k.Path, "[]") {
			require.Empty(t, k.Env, k.Path)
			continue
		}
		require.Empty(t, envs[k.Env], "%s and %s share %s", k.Path, envs[k.Env], k.Env)
		envs[k.Env] = k.Path
		_, err := root.at(k.Path).parse(k.Default)
		require.NoError(t, err, "default of %s", k.Path)
	}
	require.Equal(t, map[string]string{
		"AUTOSCALED_STATE_DIR": "state_dir", "AUTOSCALED_LISTEN": "listen", "AUTOSCALED_WEB_CONFIG_FILE": "web_config_file",
		"AUTOSCALED_JOURNAL_RETENTION": "journal_retention", "AUTOSCALED_INTERVAL": "interval", "AUTOSCALED_DRY_RUN": "dry_run",
		"AUTOSCALED_LOG_LEVEL": "log.level", "AUTOSCALED_LOG_FORMAT": "log.format",
	}, envs)
}

// Each variable really reaches its key.
func TestEveryVariableOverrides(t *testing.T) {
	values := map[kind]string{kindText: "x", kindBool: "true", kindDuration: "77s"}
	special := map[string]string{"AUTOSCALED_LISTEN": ":1", "AUTOSCALED_JOURNAL_RETENTION": "100h", "AUTOSCALED_LOG_LEVEL": "error", "AUTOSCALED_LOG_FORMAT": "json"}
	for _, k := range Keys() {
		if k.Env == "" {
			continue
		}
		t.Run(k.Env, func(t *testing.T) {
			before, err := parse(t, minimal)
			require.NoError(t, err)
			value := values[root.at(k.Path).kind]
			if s := special[k.Env]; s != "" {
				value = s
			}
			t.Setenv(k.Env, value)
			after, err := parse(t, minimal)
			require.NoError(t, err)
			require.Equal(t, []string{k.Path}, Changes(before, after))
		})
	}
}
