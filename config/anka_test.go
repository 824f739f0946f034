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

const minimalAnka = `clusters:
  - name: mac-ci
    anka:
      url: https://anka.example.com:8090
    queue:
      file: {path: queue.yaml}
    policy:
      pools:
        - name: ios
          template: macos-15
          tag: v2
          vcpu: 4
          memory: 14GiB
`

func TestMinimalAnka(t *testing.T) {
	c, err := parse(t, minimalAnka)
	require.NoError(t, err)
	require.Equal(t, &Anka{
		URL: "https://anka.example.com:8090", Timeout: Duration(30 * time.Second), Owner: "autoscaled", Settle: Duration(2 * time.Minute),
		ScheduleTimeout: Duration(5 * time.Minute), PullTimeout: Duration(2 * time.Hour), StartTimeout: Duration(10 * time.Minute), PullingPercent: 10,
	}, c.Clusters[0].Anka)
	require.Nil(t, c.Clusters[0].CycleCloud)
	p := c.Clusters[0].Policy()
	require.Equal(t, autoscale.HasLabel("pool", "ios"), p.Pools[0].Match)
	require.Equal(t, 10*time.Minute, p.Pools[0].JoinTimeout)
	require.Zero(t, p.Pools[0].MaxBusy)
	require.NoError(t, compiled(t).Validate(instance(t, minimalAnka)))
}

func TestEveryAnkaKey(t *testing.T) {
	text := strings.NewReplacer("url: https://anka.example.com:8090\n", `url: https://anka.example.com:8090
      key_id: me
      key_file: key.pem
      timeout: 20s
      owner: me
      settle: 1m
      schedule_timeout: 1m
      pull_timeout: 2m
      start_timeout: 3m
      tls: {fingerprint: `+strings.Repeat("ab", 32)+`}
`, "memory: 14GiB\n", `memory: 8192MiB
          group: intel
          override: true
          arch: amd64
          join_timeout: 4m
          max_busy: 6h
`).Replace(minimalGitLab)
	c, err := parse(t, text)
	require.NoError(t, err)
	a := c.Clusters[0].Anka
	require.Equal(t, SecretSource{File: "/etc/autoscaled/key.pem"}, a.Key())
	require.True(t, a.Token().IsZero())
	require.Equal(t, "me", a.KeyID)
	require.Equal(t, []Duration{Duration(time.Minute), Duration(time.Minute), Duration(2 * time.Minute), Duration(3 * time.Minute)}, []Duration{a.Settle, a.ScheduleTimeout, a.PullTimeout, a.StartTimeout})
	pool := c.Clusters[0].Scaling.Pools[0]
	require.Equal(t, Size(8<<30), pool.Memory)
	require.Equal(t, []any{"macos-15", "v2", "intel", 4, true, "amd64"}, []any{pool.Template, pool.Tag, pool.Group, pool.VCPU, pool.Override, pool.Arch})
	policy := c.Clusters[0].Policy().Pools[0]
	require.Equal(t, 4*time.Minute, policy.JoinTimeout)
	require.Equal(t, 6*time.Hour, policy.MaxBusy)
	require.NoError(t, compiled(t).Validate(instance(t, text)))
}

// TestAnkaMistakes holds one case per rule, with the exact words.
func TestAnkaMistakes(t *testing.T) {
	edit := func(old, new string) string {
		require.Contains(t, minimalAnka, old)
		return strings.Replace(minimalAnka, old, new, 1)
	}
	const url, memory = "      url: https://anka.example.com:8090\n", "          memory: 14GiB\n"
	for name, c := range map[string]struct{ text, want string }{
		"both clouds":      {edit("    anka:\n", "    cyclecloud: {url: 'https://cc.example.com', user: u, password_env: P}\n    anka:\n"), "c.yaml:4: clusters[0].anka: cyclecloud is there too; a cluster is on one of both"},
		"no cloud":         {strings.Replace(edit(url, ""), "    anka:\n", "", 1), "c.yaml:2: clusters[0]: must hold one of cyclecloud and anka"},
		"misspelt cloud":   {edit("    anka:\n", "    ankka:\n"), `c.yaml:3: clusters[0].ankka: unknown key; did you mean "anka"?`},
		"url":              {edit(url, "      timeout: 5s\n"), "c.yaml:3: clusters[0].anka.url: is missing"},
		"query":            {edit(":8090", ":8090?x=1"), "c.yaml:4: clusters[0].anka.url: holds a query (?…)"},
		"token here":       {edit(url, url+"      token: hush\n"), "c.yaml:5: clusters[0].anka.token: secrets don't belong in this file; use token_file or token_env"},
		"two tokens":       {edit(url, url+"      token_file: a\n      token_env: B\n"), "c.yaml:6: clusters[0].anka.token_env: token_file is set too; keep one of them"},
		"token and key":    {edit(url, url+"      token_file: a\n      key_id: me\n      key_file: b\n"), "c.yaml:3: clusters[0].anka: has both a token and an API key; keep one"},
		"key without id":   {edit(url, url+"      key_file: b\n"), "c.yaml:3: clusters[0].anka.key_id: is missing; there is a key"},
		"id without key":   {edit(url, url+"      key_id: me\n"), "c.yaml:3: clusters[0].anka: has a key_id and no key; set key_file or key_env"},
		"owner":            {edit(url, url+"      owner: a/b\n"), `c.yaml:5: clusters[0].anka.owner: "a/b" is not 1 to 40 letters, digits, dots, dashes and underscores`},
		"settle":           {edit(url, url+"      settle: 30s\n"), "c.yaml:5: clusters[0].anka.settle: 30s must be longer than timeout (30s): until then a start may still arrive"},
		"absent_for":       {edit("policy:\n", "policy:\n      absent_for: 2m\n"), "c.yaml:8: clusters[0].policy.absent_for: 2m must be longer than anka.settle (2m): until then a request may still arrive"},
		"template":         {edit("          template: macos-15\n", ""), "c.yaml:9: clusters[0].policy.pools[0].template: is missing"},
		"tag":              {edit("          tag: v2\n", ""), "c.yaml:9: clusters[0].policy.pools[0].tag: is missing"},
		"vcpu":             {edit("          vcpu: 4\n", ""), "c.yaml:9: clusters[0].policy.pools[0].vcpu: is missing"},
		"no vcpu":          {edit("vcpu: 4", "vcpu: 0"), "c.yaml:12: clusters[0].policy.pools[0].vcpu: 0 is less than 1"},
		"memory":           {edit(memory, ""), "c.yaml:9: clusters[0].policy.pools[0].memory: is missing"},
		"bytes":            {edit("14GiB", "1000000"), "c.yaml:13: clusters[0].policy.pools[0].memory: is not a whole number of MiB"},
		"a Mac of dreams":  {edit("14GiB", "65TiB"), "c.yaml:13: clusters[0].policy.pools[0].memory: is more than 64TiB"},
		"name":             {edit("name: ios", "name: i+s"), `c.yaml:9: clusters[0].policy.pools[0].name: "i+s" is not 1 to 40 letters, digits, dots, dashes and underscores`},
		"name by case":     {minimalAnka + "        - {name: IOS, template: a, tag: b, vcpu: 1, memory: 1GiB}\n", `c.yaml:14: clusters[0].policy.pools[1].name: "IOS" differs from "ios" by case only`},
		"name twice":       {minimalAnka + "        - {name: ios, template: a, tag: b, vcpu: 1, memory: 1GiB}\n", `c.yaml:14: clusters[0].policy.pools[1].name: "ios" is used twice`},
		"label":            {edit(memory, memory+"          labels: [{name: tag, value: x}]\n"), "c.yaml:14: clusters[0].policy.pools[0].labels[0].name: tag is a label of the cloud's"},
		"arch":             {edit(memory, memory+"          arch: arm\n"), `c.yaml:14: clusters[0].policy.pools[0].arch: "arm" is not one of amd64, arm64`},
		"nodearray":        {edit(memory, memory+"          nodearray: htc\n"), "c.yaml:14: clusters[0].policy.pools[0].nodearray: is for CycleCloud, and this cluster is on Anka"},
		"removal":          {edit(memory, memory+"          removal: deallocate\n"), "c.yaml:14: clusters[0].policy.pools[0].removal: is for CycleCloud, and this cluster is on Anka"},
		"prices":           {edit("policy:\n", "policy:\n      prices_file: x\n"), "c.yaml:8: clusters[0].policy.prices_file: is for CycleCloud, and this cluster is on Anka"},
		"rule":             {edit("policy:\n", "policy:\n      resources: [{spot: true, cores: 2}]\n"), "c.yaml:8: clusters[0].policy.resources[0].spot: is for CycleCloud, and this cluster is on Anka"},
		"tag on the other": {strings.Replace(minimal, "nodearray: execute\n", "nodearray: execute\n          tag: v1\n", 1), "c.yaml:13: clusters[0].policy.pools[0].tag: is for Anka, and this cluster is on CycleCloud"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(t, c.text)
			require.Error(t, err)
			require.Equal(t, strings.Replace(c.want, "c.yaml", "/etc/autoscaled/c.yaml", 1), err.Error())
		})
	}
}

// TestAnkaFilesAreTried: what the daemon needs from the start must be readable.
func TestAnkaFilesAreTried(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	text := strings.Replace(minimalAnka, "8090\n", "8090\n      key_id: me\n      key_file: none\n      tls: {ca_file: nothing}\n", 1)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	_, err := Check(path)
	require.ErrorContains(t, err, "c.yaml:6: clusters[0].anka.key_file: ")
	require.ErrorContains(t, err, "c.yaml:7: clusters[0].anka.tls.ca_file: ")
}

// Another controller or another owner is another cluster; another tag is not.
func TestAnkaChangesThatNeedARestart(t *testing.T) {
	old, err := parse(t, minimalAnka)
	require.NoError(t, err)
	for change, want := range map[[2]string][]string{
		{"tag: v2", "tag: v3"}:               {},
		{"8090\n", "8091\n"}:                 {"clusters[0].anka.url"},
		{"8090\n", "8090\n      owner: x\n"}: {"clusters[0].anka.owner"},
	} {
		now, err := parse(t, strings.Replace(minimalAnka, change[0], change[1], 1))
		require.NoError(t, err)
		require.Equal(t, want, append([]string{}, NeedRestart(Changes(old, now))...))
	}
}
