package config

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var powerSaving = strings.Replace(minimal, "file: {path: queue.yaml}", "slurm: {nodes: [{names: 'htc-[1-4]', nodearray: execute}]}", 1)

// Every kind of queue is checked and of a mode, and every mode that a key names is one.
func TestQueueModes(t *testing.T) {
	queues := reflect.TypeFor[Queue]()
	kinds := new(source).queueKinds(new(Config), new(Cluster))
	require.Len(t, kinds, queues.NumField())
	for i := range queues.NumField() {
		key := queues.Field(i).Tag.Get("key")
		require.True(t, slices.ContainsFunc(QueueModes(), func(m QueueMode) bool { return slices.Contains(m.Queues, key) }), "queue %s has no mode", key)
		require.True(t, slices.ContainsFunc(kinds, func(k queueKind) bool { return k.key == key }), "queue %s is not checked", key)
	}
	for _, key := range Keys() {
		for _, name := range key.Without {
			require.True(t, slices.ContainsFunc(QueueModes(), func(m QueueMode) bool { return m.Name == name }), "%s is without effect in mode %s", key.Path, name)
			require.NotEmpty(t, whyUseless[name])
		}
	}
}

// Keys that have no effect with power saving are refused, however they are written; the
// planner's tests hold that they have none.
func TestKeysWithoutEffectAreRefused(t *testing.T) {
	require.NotEqual(t, minimal, powerSaving)
	c, err := parse(t, powerSaving)
	require.NoError(t, err, "defaults are not set")
	require.NotZero(t, c.Clusters[0].Scaling.IdleTime)
	const why = ": has no effect with queue slurm in mode power_saving: Slurm says which nodes come and when they go"
	for key, value := range map[string]string{
		"order": "cheapest", "spot": "first", "idle_time": "1m", "drain_timeout": "1h", "gang_hold": "1m", "group_name": "'x{n}'",
		"licences": "[{name: a, tokens: 3}]",
	} {
		_, err := parse(t, strings.Replace(powerSaving, "policy:\n", "policy:\n      "+key+": "+value+"\n", 1))
		require.ErrorContains(t, err, "clusters[0].policy."+key+why)
		_, err = parse(t, strings.Replace(minimal, "policy:\n", "policy:\n      "+key+": "+value+"\n", 1))
		require.NoError(t, err)
	}
	for key, value := range map[string]string{
		"labels": "[{name: a, value: b}]", "priority": "1", "min": "1", "idle_time": "1m", "drain_timeout": "1h", "join_timeout": "1m", "max_busy": "1h",
		"buffer": "1", "buffer_percent": "10", "max_age": "1h", "remove_groups_whole": "true",
	} {
		_, err := parse(t, powerSaving+"          "+key+": "+value+"\n")
		require.ErrorContains(t, err, "clusters[0].policy.pools[0]."+key+why)
	}
	window := "          schedules: [{name: a, start: 0 8 * * *, end: 0 9 * * *, max: 3, %}]\n"
	for key, value := range map[string]string{"min": "1", "idle_time": "1m"} {
		_, err := parse(t, powerSaving+strings.Replace(window, "%", key+": "+value, 1))
		require.ErrorContains(t, err, "clusters[0].policy.pools[0].schedules[0]."+key+why)
	}
	_, err = parse(t, powerSaving+strings.Replace(window, ", %", "", 1))
	require.NoError(t, err, "max is a limit")
}

func TestKeysWithoutEffectInOtherModes(t *testing.T) {
	dynamic := strings.Replace(minimal, "file: {path: queue.yaml}", "slurm: {mode: dynamic}", 1)
	_, err := parse(t, dynamic+"          min: 1\n")
	require.NoError(t, err)
	_, err = parse(t, minimal+"          join_timeout: 1m\n")
	require.ErrorContains(t, err, "join_timeout: has no effect with queue file, http, exec, push: a document does not tell of what it is about")
	_, err = parse(t, strings.Replace(minimalGitLab, "policy:\n", "policy:\n      gang_hold: 1m\n", 1))
	require.ErrorContains(t, err, "gang_hold: has no effect with queue github, github_rest, gitlab: each VM is for one job")
	_, err = parse(t, strings.Replace(powerSaving, "slurm: {", "slurm: {mode: dynamic, keep_alive_file: x, ", 1))
	require.ErrorContains(t, err, "keep_alive_file: has no effect: in mode dynamic Slurm powers no node down")
}
