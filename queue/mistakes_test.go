package queue

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

// badDocument is a document with one mistake.
type badDocument struct {
	name, text string
	line       int
	says       []string
	// onlyParser: no schema can say it.
	onlyParser bool
}

// badJob is a document whose one job, in line 3, has a mistake.
func badJob(name, job string, says ...string) badDocument {
	return badDocument{name: name, text: "jobs:\n- id: 1\n  " + job + "\n", line: 3, says: says}
}

func badHost(name, entry string, says ...string) badDocument {
	return badDocument{name: name, text: "jobs: []\nrunning:\n- " + entry + "\n", line: 3, says: says}
}

func (b badDocument) parserOnly() badDocument {
	b.onlyParser = true
	return b
}

func badDocuments() []badDocument {
	deep := strings.Repeat("{not: ", 60) + "{}" + strings.Repeat("}", 60)
	return []badDocument{
		{name: "zero bytes", text: "", says: []string{"empty", "jobs: []"}, onlyParser: true},
		{name: "white space", text: " \n\n", says: []string{"empty"}, onlyParser: true},
		{name: "comments", text: "# nothing\n", says: []string{"nothing but comments"}, onlyParser: true},
		{name: "null", text: "null", line: 1, says: []string{"mapping", "null"}},
		{name: "tilde", text: "---\n~\n", line: 2, says: []string{"mapping", "null"}},
		{name: "list", text: "- id: 1", line: 1, says: []string{"mapping", "a list"}},
		{name: "JSON list", text: "[]", line: 1, says: []string{"mapping", "a list"}},
		{name: "HTML", text: "<!DOCTYPE html>", line: 1, says: []string{"mapping", "DOCTYPE"}},
		{name: "not UTF-8", text: "jobs: \xff", says: []string{"UTF-8"}, onlyParser: true},
		{name: "no jobs", text: "running: []", line: 1, says: []string{"jobs is missing"}},
		{name: "null jobs", text: "jobs:\nrunning: []", line: 1, says: []string{"jobs: must be a list, not null"}},
		{name: "null running", text: "jobs: []\nrunning:", line: 2, says: []string{"running: must be a list, not null"}},
		{name: "jobs no list", text: "jobs: {id: 1}", line: 1, says: []string{"jobs: must be a list, not a mapping"}},
		{name: "job no mapping", text: "jobs:\n- 1", line: 2, says: []string{"jobs[0]: must be a mapping"}},
		{name: "two documents", text: "jobs: []\n---\njobs: []", line: 2, says: []string{"second YAML document"}, onlyParser: true},
		{name: "unknown key", text: "jobs: []\nruning: []", line: 2, says: []string{`"runing"`, `did you mean "running"`}},
		{name: "alias", text: "jobs:\n- &a {id: 1}\n- *a\n", line: 3, says: []string{"alias"}, onlyParser: true},
		{name: "tag", text: "jobs:\n- id: !x 1\n", line: 2, says: []string{"tag !x"}, onlyParser: true},
		{name: "merge", text: "jobs:\n- id: 1\n  <<: {cores: 1}\n", line: 3, says: []string{"unknown key"}},
		{name: "YAML syntax", text: "jobs:\n- id: 1\n  cores: [\n", line: 3, says: []string{"not YAML"}, onlyParser: true},
		{name: "JSON syntax", text: "{\"jobs\": [\n{\"id\": 1,\n\"cores\" 1}]}", line: 3, says: []string{"not JSON", "a colon after the key"}, onlyParser: true},
		{name: "half JSON", text: "{\"jobs\": [\n{\"id\": 1},\n{\"id\"", line: 3, says: []string{"not JSON"}, onlyParser: true},
		{name: "JSON and more", text: "{\"jobs\": []}\n{}", line: 2, says: []string{"not JSON", "more after"}, onlyParser: true},
		{name: "key twice", text: "jobs: []\njobs: []\n", line: 2, says: []string{`"jobs" is given twice`}, onlyParser: true},
		{name: "JSON key twice", text: "{\"jobs\": [],\n\"jobs\": []}", line: 2, says: []string{`"jobs" is given twice`}, onlyParser: true},

		{name: "no id", text: "jobs:\n- cores: 1", line: 2, says: []string{"jobs[0]: id is missing"}},
		{name: "empty id", text: "jobs:\n- id: ''", line: 2, says: []string{"jobs[0].id", "empty"}},
		{name: "null id", text: "jobs:\n- id:", line: 2, says: []string{"jobs[0].id", "not null"}},
		{name: "bool id", text: "jobs:\n- id: true", line: 2, says: []string{"jobs[0].id", "text"}},
		{name: "id with line end", text: "jobs:\n- id: \"a\\nb\"", line: 2, says: []string{"control characters"}},
		{name: "long id", text: "jobs:\n- id: " + strings.Repeat("a", 257), line: 2, says: []string{"256 bytes"}},
		{name: "id twice", text: "jobs:\n- id: 1\n- id: 2\n- id: '1'", line: 4, says: []string{"given twice, first in line 2", "job 1"}, onlyParser: true},

		badJob("unknown key near", "core: 1", `jobs[0] (job 1): unknown key "core"; did you mean "cores"`),
		badJob("unknown key by case", "nodeArray: x", `did you mean "nodearray"`),
		badJob("other name", "walltime: 90m", `did you mean "expected_runtime"`),
		badJob("unknown key far", "zzzzzzzz: 1", "known are", "licences"),
		badJob("negative tasks", "tasks: -1", "tasks", "at least 1", "-1"),
		badJob("no tasks", "tasks: 0", "at least 1"),
		badJob("no nodes", "nodes: 0", "at least 1"),
		badJob("negative cores", "cores: -4", "jobs[0].cores (job 1): must not be negative: -4"),
		badJob("negative memory", "memory: -4", "negative"),
		badJob("negative memory text", "memory: -4GiB", "negative"),
		badJob("negative gpus", "gpus: -1", "negative"),
		badJob("negative resource", "resources: {fpga: -1}", "resources.fpga", "negative"),
		badJob("half a core", "cores: 0.5", "whole decimal number"),
		badJob("octal", "cores: 010", "whole decimal number").parserOnly(),
		badJob("hexadecimal", "cores: 0x10", "whole decimal number"),
		badJob("text number", "cores: '4'", "whole number", "text"),
		badJob("infinite", "cores: .inf", "whole decimal number"),
		badJob("huge", "cores: 1e30", "at most"),
		badJob("too many", "tasks: 1000000001", "at most 1000000000"),
		badJob("null cores", "cores:", "null"),
		badJob("tasks and nodes", "{tasks: 1, nodes: 1}", "excludes nodes").inFlow(),
		badJob("nodes and tasks_per_node", "{nodes: 1, tasks_per_node: 1}", "excludes nodes").inFlow(),
		badJob("nodes and exclusive", "{nodes: 1, exclusive: job}", "can only be task").inFlow(),
		badJob("exclusive", "exclusive: yes please", "must be one of job, none, task"),
		badJob("memory without unit", "memory: '4'", "512MiB"),
		badJob("memory unit", "memory: 4XB", "512MiB"),
		badJob("memory too much", "memory: 9PiB", "at most").parserOnly(),
		badJob("memory overflow", "memory: 9999999999999999PB", "at most").parserOnly(),
		badJob("memory list", "memory: []", "bytes"),
		badJob("own resource", "resources: {gpus: 1}", "key of its own"),
		badJob("resources list", "resources: [fpga]", "mapping"),
		badJob("resource twice", "resources: {a: 1, a: 2}", "given twice").parserOnly(),

		badJob("at_least above", "{tasks: 2, at_least: 3}", "at_least", "is 3, more than the job's 2").inFlow().parserOnly(),
		badJob("at_least above one", "at_least: 3", "more than the job's 1").parserOnly(),
		badJob("at_least above nodes", "{nodes: 2, at_least: 3}", "more than the job's 2").inFlow().parserOnly(),
		badJob("at_least zero", "at_least: 0", "at least 1"),
		badJob("at_least missing", "gang: at_least", "needs at_least"),
		badJob("at_least and all", "{gang: all, at_least: 1}", "needs gang: at_least").inFlow(),
		badJob("names and tasks", "{node_names: [a-1], tasks: 1}", "excludes node_names").inFlow(),
		badJob("names and nodes", "{node_names: [a-1], nodes: 1}", "excludes node_names").inFlow(),
		badJob("names and coupled", "{node_names: [a-1], coupled: true}", "excludes node_names").inFlow(),
		badJob("names and placement", "{node_names: [a-1], placement: any}", "excludes node_names").inFlow(),
		badJob("names and exclusive", "{node_names: [a-1], exclusive: job}", "can only be task").inFlow(),
		badJob("no names", "node_names: []", "at least one"),
		badJob("name twice", "node_names: [a-1, a-1]", "twice").parserOnly(),
		badJob("name twice but for case", "node_names: [a-1, A-1]", "twice").parserOnly(),
		badJob("name with a space", "node_names: [a 1]", "must be a node's name"),
		badJob("name of one dash", "node_names: '-'", "must be a node's name"),
		badJob("names above at_least", "{node_names: [a-1], at_least: 2}", "more than the job's 1").inFlow().parserOnly(),
		badJob("group without names", "placement_group: pg0", "needs node_names"),
		badJob("group with a dot", "{node_names: [a-1], placement_group: p.g}", "must be a placement group's name").inFlow(),
		badJob("gang", "gang: some", "all, at_least, best_effort"),
		badJob("placement", "placement: near", "any, coupled, ungrouped"),
		badJob("coupled text", "coupled: maybe", "true or false"),
		badJob("coupled and placement", "{coupled: true, placement: any}", "excludes placement").inFlow(),

		badJob("time", "submitted: yesterday", "2026-01-31T12:00:00Z"),
		badJob("time without zone", "submitted: 2026-01-31T12:00:00", "2026-01-31T12:00:00Z"),
		badJob("time day 32", "submitted: 2026-01-32T12:00:00Z", "a time such as"),
		badJob("time in the past", "earliest_start: 1969-01-01T00:00:00Z", "since 1970").parserOnly(),
		badJob("negative time", "earliest_start: -1", "since 1970"),
		badJob("time in milliseconds", "submitted: 1769860800000", "seconds since 1970"),
		badJob("time list", "submitted: []", "a time such as"),
		badJob("runtime", "expected_runtime: long", "90m"),
		badJob("runtime zero", "expected_runtime: 0", "more than 0"),
		badJob("runtime negative", "expected_runtime: -5", "more than 0"),
		badJob("runtime too long", "expected_runtime: 40000d", "36500 days").parserOnly(),
		badJob("runtime bool", "expected_runtime: true", "duration"),
		badJob("held false", "held: false", "reason as text"),
		badJob("held empty", "held: ''", "empty"),
		badJob("priority", "priority: high", "whole number"),

		badJob("depends on itself", "depends_on: [2, 1]", "job itself").parserOnly(),
		badJob("depends twice", "depends_on: [2, 2]", "twice").parserOnly(),
		badJob("depends on a mapping", "depends_on: {id: 2}", "text"),
		badJob("licence without name", "licences: [{count: 1}]", "licences[0]", "name is missing"),
		badJob("licence of none", "licences: [{name: a, count: 0}]", "at least 1"),
		badJob("licence twice", "licences: [{name: a}, {name: a}]", "twice").parserOnly(),
		badJob("licence as text", "licences: [solver]", "mapping"),
		badJob("licences as text", "licences: solver", "list"),

		badJob("no nodearray", "nodearray: []", "at least one"),
		badJob("nodearray null", "nodearray: [~]", "nodearray[0]", "null"),
		badJob("label without in", "selector: {label: spot}", "needs in"),
		badJob("in without label", "selector: {in: [a]}", "needs label"),
		badJob("selector key", "selector: {al: []}", `did you mean "all"`),
		badJob("empty any", "selector: {any: []}", "at least one selector"),
		badJob("empty not", "selector: {not: {}}", "match no pool"),
		badJob("deep path", "selector: {all: [{}, {any: [{label: x, in: []}]}]}", "jobs[0].selector.all[1].any[0].in (job 1)"),
		badJob("too deep", "selector: "+deep, "nested deeper").parserOnly(),

		badHost("no host", "job: 1", "running[0]: host is missing"),
		badHost("empty host", "host: ''", "running[0].host", "empty"),
		badHost("two hosts", "host: a,b", "one host name"),
		badHost("job and jobs", "{host: a, job: 1, jobs: [2]}", "exclude each other"),
		badHost("drain", "{host: a, drain: true}", "one of foreign, ours"),
		badHost("negative use", "{host: a, cores: -1}", "negative"),
		badHost("whole text", "{host: a, whole: 'yes'}", "true or false"),
		badHost("host key", "{hosts: a}", `did you mean "host"`),
		{name: "too much on a host", text: "jobs: []\nrunning:\n- {host: a, cores: 1000000000}\n- {host: A, cores: 1}",
			line: 4, says: []string{"more than any host has"}, onlyParser: true},
		{name: "too much memory on a host", text: "jobs: []\nrunning:\n- {host: a, memory: 8PiB}\n- {host: A, memory: 1}",
			line: 4, says: []string{"more than any host has"}, onlyParser: true},
		{name: "too much of a kind on a host", text: "jobs: []\nrunning:\n- {host: a, resources: {x: 9007199254740992}}\n- {host: A, resources: {x: 1}}",
			line: 4, says: []string{"more than any host has"}, onlyParser: true},
	}
}

// inFlow writes the job as one flow mapping, so that a rule about two keys has
// one line.
func (b badDocument) inFlow() badDocument {
	text := strings.TrimSuffix(b.text, "\n")
	inner := text[strings.Index(text, "{")+1:]
	b.text, b.line = "jobs:\n\n- {id: 1, "+inner+"\n", 3
	return b
}

func TestMistakes(t *testing.T) {
	compiled := compiledSchema(t)
	for _, bad := range badDocuments() {
		t.Run(bad.name, func(t *testing.T) {
			d, err := Parse([]byte(bad.text), "queue.yaml")
			require.Error(t, err)
			require.Equal(t, autoscale.Demand{}, d)
			require.ErrorIs(t, err, autoscale.ErrMalformed)
			document, ok := errors.AsType[*DocumentError](err)
			require.True(t, ok)
			require.Equal(t, bad.line, document.Mistakes[0].Line, err)
			require.True(t, strings.HasPrefix(err.Error(), "queue.yaml: "), err)
			for _, part := range bad.says {
				require.ErrorContains(t, err, part)
			}
			if !bad.onlyParser {
				root, err := parseSyntax([]byte(bad.text), "")
				require.NoError(t, err)
				require.Error(t, compiled.Validate(plain(&root)), "the schema lets it pass")
			}
		})
	}
}

func TestAllMistakesAtOnce(t *testing.T) {
	_, err := Parse([]byte("jobs:\n- id: 1\n  cores: -1\n  tasks: 2\n  at_least: 3\n- cores: 1\nrunning:\n- {host: a, gpus: -1}\n"), "q.yaml")
	require.EqualError(t, err, strings.Join([]string{
		"q.yaml: 4 mistakes:",
		"  line 3: jobs[0].cores (job 1): must not be negative: -1",
		"  line 5: jobs[0].at_least (job 1): is 3, more than the job's 2",
		"  line 6: jobs[1]: id is missing",
		"  line 8: running[0].gpus: must not be negative: -1",
	}, "\n"))

	var text strings.Builder
	text.WriteString("jobs:\n")
	for i := range 50 {
		fmt.Fprintf(&text, "- {id: %d, cores: -1}\n", i)
	}
	_, err = Parse([]byte(text.String()), "")
	document, ok := errors.AsType[*DocumentError](err)
	require.True(t, ok)
	require.Len(t, document.Mistakes, 20)
	require.Equal(t, 30, document.More)
	require.ErrorContains(t, err, "queue document: 50 mistakes:")
	require.ErrorContains(t, err, "and 30 more")
}

func TestNearest(t *testing.T) {
	known := jobFields.names()
	for wrong, want := range map[string]string{
		"Cores": "cores", "machine-type": "machine_type", "licenses": "licences", "taks": "tasks", "prioritiy": "priority",
		"cpus": "cores", "": "", "x": "", "earliest": "", "machinetype": "machine_type",
	} {
		require.Equal(t, want, nearest(wrong, known), wrong)
	}
}
