package config

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPBSQueue(t *testing.T) {
	c, err := parse(t, withQueue(t, "pbs: {commands: bin, time_zone: Europe/Berlin, queues: [{name: htcq, pools: [{name: nodearray, value: execute}]}, {name: x, ignored: true}], resources: [{name: class, is: label, as: machine_type}, {name: region, is: label}, {name: disk, is: ignored}]}"))
	require.NoError(t, err)
	q := c.Clusters[0].Queue.PBS
	require.Equal(t, "/etc/autoscaled/bin", q.Commands)
	require.Equal(t, "30s", q.Timeout.String())
	require.Equal(t, []string{"machine_type", "region"}, []string{q.Resources[0].Meant(), q.Resources[1].Meant()})
	c, err = parse(t, withQueue(t, "pbs: {}"))
	require.NoError(t, err)
	require.NotNil(t, c.Clusters[0].Queue.PBS)
}

func TestPBSMistakes(t *testing.T) {
	const at = "/etc/autoscaled/c.yaml:8: clusters[0].queue.pbs"
	for keys, want := range map[string]string{
		"time_zone: Mars":           at + `.time_zone: "Mars" is no time zone such as Europe/Berlin`,
		"timeout: 0":                at + ".timeout: 0 is less than 1s",
		"queues: [{name: q}]":       at + ".queues[0]: says nothing; set pools or ignored",
		"queues: [{ignored: true}]": at + ".queues[0].name: is missing",
		"queues: [{name: q, ignored: true}, {name: q, ignored: true}]":          at + `.queues[1].name: "q" is used twice`,
		"queues: [{name: q, ignored: true, pools: [{name: region, value: x}]}]": at + ".queues[0].pools: has no effect: the queue is ignored",
		"queues: [{name: q, pools: [{name: region}]}]":                          at + ".queues[0].pools[0].value: is missing",
		"queues: [{name: q, pools: [{name: nodearay, value: x}]}]":              at + `.queues[0].pools[0].name: no pool has a label "nodearay"; there are nodearray, machine_type, region, spot; did you mean "nodearray"?`,
		"resources: [{name: r}]":                                                at + ".resources[0].is: is missing",
		"resources: [{name: r, is: size}]":                                      at + `.resources[0].is: "size" is not one of cores, memory, gpus, count, label, group, ungrouped, licence, ignored`,
		"resources: [{name: r, is: cores, as: s}]":                              at + ".resources[0].as: has no effect: only count, label and licence have names of their own",
		"resources: [{name: spott, is: label}]":                                 at + `.resources[0].name: no pool has a label "spott"; there are nodearray, machine_type, region, spot; did you mean "spot"?`,
		"resources: [{name: r, is: licence, as: abaqus}]":                       at + `.resources[0].as: policy.licences has no "abaqus"`,
		"resources: [{name: fpga, is: count}]":                                  at + `.resources[0].name: no rule of policy.resources gives nodes any "fpga"`,
		"resources: [{name: r, is: ignored}, {name: r, is: cores}]":             at + `.resources[1].name: "r" is used twice`,
	} {
		_, err := parse(t, withQueue(t, "pbs: {"+keys+"}"))
		require.EqualError(t, err, want, keys)
	}
}

// The commands are looked for where they are said to be.
func TestPBSCommandsAreThere(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "c.yaml")
	text := withQueue(t, "pbs: {commands: bin}")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	_, err := Check(path)
	require.ErrorContains(t, err, "clusters[0].queue.pbs.commands: "+filepath.Join(dir, "bin", "qstat")+": no such file or directory")
}
