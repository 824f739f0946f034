package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// gridEngine is the minimal configuration with a Grid Engine and these keys.
func gridEngine(t *testing.T, keys string) string {
	t.Helper()
	return withQueue(t, "gridengine: {"+keys+"}")
}

func TestGridEngineQueue(t *testing.T) {
	text := gridEngine(t, "host_groups: ['@allhosts']")
	c, err := parse(t, text)
	require.NoError(t, err)
	require.Equal(t, GridEngineQueue{
		HostGroups: []string{"@allhosts"}, KeptGroup: "@autoscaled", DrainGroup: "@autoscaled_drained", TellUsers: true, Timeout: c.Clusters[0].Queue.GridEngine.Timeout,
	}, *c.Clusters[0].Queue.GridEngine)
	require.Equal(t, "30s", c.Clusters[0].Queue.GridEngine.Timeout.String())
	require.NoError(t, compiled(t).Validate(instance(t, text)))
	c, err = parse(t, gridEngine(t, "host_groups: ['@a'], rules: [{name: x, pe: none, pools: [NAME]}, {name: y, resource: gpu, coupled: true}], resources: [{name: gpu, is: gpus}]"))
	require.ErrorContains(t, err, "there is no pool")
	require.Nil(t, c)
}

// TestGridEngineMistakes holds one case per rule, with the exact words.
func TestGridEngineMistakes(t *testing.T) {
	const at, fine = "/etc/autoscaled/c.yaml:8: clusters[0].queue.gridengine", "host_groups: ['@a'], "
	for keys, want := range map[string]string{
		"folder: /opt":                                                         at + ".host_groups: must have an entry: a host in no group has no queue",
		"host_groups: [all]":                                                   at + `.host_groups[0]: "all" is no host group such as @allhosts`,
		fine + "qmaster_port: 70000":                                           at + ".qmaster_port: 70000 is no port",
		fine + "kept_group: mine":                                              at + `.kept_group: "mine" is no host group such as @allhosts`,
		fine + "drain_group: '@autoscaled'":                                    at + ".drain_group: is kept_group too; two groups are needed",
		fine + "queues: ['all.q@x']":                                           at + `.queues[0]: "all.q@x" is no name of a cluster queue`,
		fine + "pool_hosts: [{pool: nope, host_groups: ['@b']}]":               at + `.pool_hosts[0].pool: there is no pool "nope"`,
		fine + "rules: [{pe: mpi}]":                                            at + ".rules[0].name: is missing",
		fine + "rules: [{name: a, value: x}]":                                  at + ".rules[0].value: has no effect without resource",
		fine + "rules: [{name: a, pe: none, coupled: true}]":                   at + ".rules[0].coupled: has no effect: jobs without a parallel environment have one host",
		fine + "rules: [{name: a}, {name: b, pe: x}]":                          at + `.rules[1]: has no effect: rule "a" above matches all jobs`,
		fine + "rules: [{name: a, host_group: b}]":                             at + `.rules[0].host_group: "b" is no host group such as @allhosts`,
		fine + "rules: [{name: a, pools: [nope]}]":                             at + `.rules[0].pools[0]: there is no pool "nope"`,
		fine + "resources: [{name: gpu}]":                                      at + ".resources[0].is: is missing",
		fine + "resources: [{name: gpu, is: gpu}]":                             at + `.resources[0].is: "gpu" is not one of memory, gpus, custom, licence, exclusive, runtime, ignored; did you mean "gpus"?`,
		fine + "resources: [{name: slots, is: custom}]":                        at + ".resources[0].name: slots means what it does: slots are cores, the others are places",
		fine + "resources: [{name: lic, is: licence}]":                         at + `.resources[0]: has no effect: policy.licences has no entry "lic"`,
		fine + "resources: [{name: fpga, is: custom}]":                         at + `.resources[0]: no node has it: policy.resources has no custom entry "fpga"`,
		fine + "resources: [{name: gpu, is: gpus}, {name: gpu, is: ignored}]":  at + `.resources[1].name: "gpu" is used twice`,
		fine + "rules: [{name: a, pe: x}, {name: a, pe: y}]":                   at + `.rules[1].name: "a" is used twice`,
		fine + "pool_hosts: [{pool: '', host_groups: ['@b']}]":                 at + ".pool_hosts[0].pool: is missing",
		fine + "pool_hosts: [{pool: NAME}]":                                    at + ".pool_hosts[0]: has no effect: it has neither host_groups nor values",
		fine + "pool_hosts: [{pool: NAME, values: [{name: a, value: 'b,c'}]}]": at + ".pool_hosts[0].values[0]: holds a comma, an equals sign or a space",
		fine + "pool_hosts: [{pool: NAME, host_groups: [b]}]":                  at + `.pool_hosts[0].host_groups[0]: "b" is no host group such as @allhosts`,
	} {
		_, err := parse(t, gridEngine(t, strings.ReplaceAll(keys, "NAME", "execute")))
		require.EqualError(t, err, want, keys)
	}
}
