package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMistakes holds one case per rule, with the exact words.
func TestMistakes(t *testing.T) {
	edit := func(old, new string) string {
		require.Contains(t, minimal, old)
		return strings.Replace(minimal, old, new, 1)
	}
	const file = "file: {path: queue.yaml}"
	const pool = "          nodearray: execute\n"
	scheduled := func(keys ...string) string {
		return edit(pool, pool+"          schedules: [{"+strings.Join(keys, ", ")+"}]\n          min: 2\n          max: 20\n")
	}
	cases := []struct{ name, text, want string }{
		{"nothing", "", "c.yaml: is empty"},
		{"only a comment", "# x\n", "c.yaml: is empty"},
		{"a list", "- a\n", "c.yaml:1: must hold keys: state_dir, listen, web_config_file, journal_retention, interval, dry_run, log, clusters"},
		{"a null", "~\n", "c.yaml:1: must hold keys: state_dir, listen, web_config_file, journal_retention, interval, dry_run, log, clusters"},
		{"no YAML", "a: b: c\n", "c.yaml: not YAML: mapping values are not allowed in this context"},
		{"no YAML, later", "log:\n  level: info\n level: x\n", "c.yaml:2: not YAML: did not find expected key"},
		{"two documents", minimal + "---\nx: 1\n", "c.yaml:13: a second document begins here; there must be one"},
		{"unknown key", "intervall: 5s\n" + minimal, `c.yaml:1: intervall: unknown key; did you mean "interval"?`},
		{"key in capitals", "State_Dir: /x\n" + minimal, `c.yaml:1: State_Dir: unknown key; did you mean "state_dir"?`},
		{"key elsewhere", "idle_time: 5s\n" + minimal, "c.yaml:1: idle_time: unknown key here; it belongs under clusters[].policy"},
		{"key of two sections", strings.Replace(minimal, "policy:\n", "policy:\n      max_age: 1h\n", 1), "c.yaml:10: clusters[0].policy.max_age: unknown key here; it belongs under clusters[].policy.pools[]"},
		{"section elsewhere", minimal + "          budget: {per_hour: 3}\n", "c.yaml:13: clusters[0].policy.pools[0].budget: unknown key here; it belongs under clusters[].policy"},
		{"key of the top", minimal + "          dry_run: true\n", "c.yaml:13: clusters[0].policy.pools[0].dry_run: unknown key here; it belongs at the top of the file"},
		{"scheduled min above all, with others", strings.Replace(scheduled("name: x", "start: 0 8 * * *", "end: 0 9 * * *", "min: 8"), "policy:\n", "policy:\n      max: 10\n", 1) + "        - {name: other, nodearray: other, min: 3}\n", "c.yaml:14: clusters[0].policy.pools[0].schedules[0].min: 8 and the other pools' min (3) are more than policy.max (10)"},
		{"key nowhere", "colour: red\n" + minimal, "c.yaml:1: colour: unknown key; known here: state_dir, listen, web_config_file, journal_retention, interval, dry_run, log, clusters"},
		{"unknown key in a list", edit("nodearray: execute", "node_array: execute"), `c.yaml:12: clusters[0].policy.pools[0].node_array: unknown key; did you mean "nodearray"?`},
		{"swapped letters", edit("queue:", "queeu:"), `c.yaml:7: clusters[0].queeu: unknown key; did you mean "queue"?`},
		{"password in the file", edit("password_file: password", "password: hunter2"), "c.yaml:6: clusters[0].cyclecloud.password: secrets don't belong in this file; use password_file or password_env"},
		{"set twice", "listen: :1\nlisten: :2\n" + minimal, "c.yaml:2: listen: is set twice; line 1 has it first"},
		{"alias", "log: &a {level: info}\n" + edit(file, "file: *a"), "c.yaml:9: clusters[0].queue.file: is an alias; write it out"},
		{"merge", "log: &a {level: info}\n" + edit(file, "<<: *a"), "c.yaml:9: clusters[0].queue.<<: merging is not supported; write it out"},
		{"key is a list", "[a]: 1\n" + minimal, "c.yaml:1: a key must be one word"},

		{"bool in words", "dry_run: yes\n" + minimal, `c.yaml:1: dry_run: must be true or false, not "yes"; did you mean "true"?`},
		{"bool as number", "dry_run: 0\n" + minimal, `c.yaml:1: dry_run: must be true or false, not "0"; did you mean "false"?`},
		{"bool in quotes", "dry_run: 'true'\n" + minimal, `c.yaml:1: dry_run: must be true or false, not "true"`},
		{"text as number", edit("name: demo", "name: 2024"), "c.yaml:2: clusters[0].name: must be text; put it in quotes"},
		{"text as list", edit("name: demo", "name: [demo]"), "c.yaml:2: clusters[0].name: must be text"},
		{"duration", "interval: soon\n" + minimal, `c.yaml:1: interval: "soon" is no duration such as 90s, 5m or 1h30m`},
		{"duration of a wrong type", "interval: true\n" + minimal, `c.yaml:1: interval: must be a duration such as 90s or 5m, not "true"`},
		{"negative duration", "interval: -5s\n" + minimal, "c.yaml:1: interval: -5s is negative"},
		{"negative seconds", "interval: -5\n" + minimal, "c.yaml:1: interval: -5 is negative"},
		{"no number of seconds", "interval: .nan\n" + minimal, `c.yaml:1: interval: ".nan" is no duration such as 90s, 5m or 1h30m`},
		{"endless", "interval: 1e300\n" + minimal, "c.yaml:1: interval: 1e300 is more than ten years"},
		{"too short", "interval: 10ms\n" + minimal, "c.yaml:1: interval: 10ms is less than 1s"},
		{"enum", "log: {level: warning}\n" + minimal, `c.yaml:1: log.level: "warning" is not one of debug, info, warn, error`},
		{"enum, near", edit("policy:\n", "policy:\n      order: least_wast\n"), `c.yaml:10: clusters[0].policy.order: "least_wast" is not one of as_listed, cheapest, least_waste; did you mean "least_waste"?`},
		{"int", edit(pool, pool+"          max: 1.5\n"), `c.yaml:13: clusters[0].policy.pools[0].max: must be a whole number, not "1.5"`},
		{"int too large", edit(pool, pool+"          max: 3000000000\n"), `c.yaml:13: clusters[0].policy.pools[0].max: "3000000000" is not a whole number of at most 2147483647`},
		{"negative int", edit(pool, pool+"          max: -1\n"), "c.yaml:13: clusters[0].policy.pools[0].max: -1 is negative"},
		{"number", edit(pool, pool+"          price_per_hour: cheap\n"), `c.yaml:13: clusters[0].policy.pools[0].price_per_hour: must be a number, not "cheap"`},
		{"label of the cloud", edit(pool, pool+"          labels: [{name: spot, value: cheap}]\n"), "c.yaml:13: clusters[0].policy.pools[0].labels[0].name: spot is a label of the cloud's"},
		{"label twice", edit(pool, pool+"          labels: [{name: a, value: b}, {name: a, value: c}]\n"), `c.yaml:13: clusters[0].policy.pools[0].labels[1].name: "a" is used twice`},
		{"label without a value", edit(pool, pool+"          labels: [{name: a}]\n"), "c.yaml:13: clusters[0].policy.pools[0].labels[0].value: is missing"},
		{"negative number", edit(pool, pool+"          price_per_hour: -0.1\n"), "c.yaml:13: clusters[0].policy.pools[0].price_per_hour: -0.1 is negative"},
		{"endless number", edit(pool, pool+"          price_per_hour: .inf\n"), `c.yaml:13: clusters[0].policy.pools[0].price_per_hour: ".inf" is not a number`},
		{"price of a palace", edit(pool, pool+"          price_per_hour: 100001\n"), "c.yaml:13: clusters[0].policy.pools[0].price_per_hour: 100001 is more than 100000"},
		{"spot price of regular nodes", edit(pool, pool+"          spot: false\n          spot_price_per_hour: 1\n"), "c.yaml:14: clusters[0].policy.pools[0].spot_price_per_hour: has no effect: the pool has no spot nodes"},
		{"two prices of spot nodes", edit(pool, pool+"          spot: true\n          spot_price_per_hour: 1\n          price_per_hour: 2\n"), "c.yaml:15: clusters[0].policy.pools[0].price_per_hour: has no effect: all nodes are spot nodes, and spot_price_per_hour holds for those"},
		{"budget in no zone", edit("policy:\n", "policy:\n      budget: {time_zone: Local}\n"), "c.yaml:10: clusters[0].policy.budget.time_zone: is no time zone such as UTC or Europe/Berlin"},
		{"budget of a state", edit("policy:\n", "policy:\n      budget: {per_month: 2e12}\n"), "c.yaml:10: clusters[0].policy.budget.per_month: 2000000000000 is more than 1000000000000"},
		{"preference of neither", edit("policy:\n", "policy:\n      spot: only\n"), `c.yaml:10: clusters[0].policy.spot: "only" is not one of first, last`},
		{"rule without an effect", edit("policy:\n", "policy:\n      resources: [{nodearray: execute}]\n"), "c.yaml:10: clusters[0].policy.resources[0]: sets nothing; set cores, memory_reserve, memory_reserve_percent, gpus or custom"},
		{"rule for no pool", edit("policy:\n", "policy:\n      resources: [{nodearray: exekute, cores: 1}]\n"), `c.yaml:10: clusters[0].policy.resources[0].nodearray: no pool is of nodearray "exekute"; did you mean "execute"?`},
		{"cores in words", edit("policy:\n", "policy:\n      resources: [{cores: cpus}]\n"), `c.yaml:10: clusters[0].policy.resources[0].cores: "cpus" is neither vcpu nor pcpu nor a whole number`},
		{"half a core", edit("policy:\n", "policy:\n      resources: [{cores: 0.5}]\n"), `c.yaml:10: clusters[0].policy.resources[0].cores: must be vcpu, pcpu or a whole number, not "0.5"`},
		{"no core", edit("policy:\n", "policy:\n      resources: [{cores: 0}]\n"), "c.yaml:10: clusters[0].policy.resources[0].cores: 0 is less than 1"},
		{"size without a unit", edit("policy:\n", "policy:\n      resources: [{memory_reserve: 1 gig}]\n"), `c.yaml:10: clusters[0].policy.resources[0].memory_reserve: "1 gig" is no size such as 512MiB, 1GiB or 1G`},
		{"negative size", edit("policy:\n", "policy:\n      resources: [{memory_reserve: -1}]\n"), "c.yaml:10: clusters[0].policy.resources[0].memory_reserve: -1 is negative"},
		{"all memory", edit("policy:\n", "policy:\n      resources: [{memory_reserve_percent: 100}]\n"), "c.yaml:10: clusters[0].policy.resources[0].memory_reserve_percent: leaves jobs no memory"},
		{"custom resource without an amount", edit("policy:\n", "policy:\n      resources: [{custom: [{name: a}]}]\n"), "c.yaml:10: clusters[0].policy.resources[0].custom[0].amount: is missing"},
		{"custom resource twice", edit("policy:\n", "policy:\n      resources: [{custom: [{name: a, amount: 1}, {name: a, amount: 2}]}]\n"), `c.yaml:10: clusters[0].policy.resources[0].custom[1].name: "a" is used twice`},
		{"list as text", edit(pool, pool+"          machine_types: F4\n"), "c.yaml:13: clusters[0].policy.pools[0].machine_types: must be a list"},
		{"number in a list", edit(pool, pool+"          machine_types: [F4, 5]\n"), "c.yaml:13: clusters[0].policy.pools[0].machine_types[1]: must be text; put it in quotes"},
		{"empty in a list", edit(pool, pool+"          machine_types: [F4, ]\n          min: 1\n          max: 1\n          spot:\n          priority: x\n"), `c.yaml:17: clusters[0].policy.pools[0].priority: must be a whole number, not "x"`},
		{"null in a list", edit(pool, pool+"        -\n"), "c.yaml:13: clusters[0].policy.pools[1]: is empty"},
		{"map as list", "clusters: {name: demo}\n", "c.yaml:1: clusters: must be a list"},
		{"section as text", "log: info\n" + minimal, "c.yaml:1: log: must hold keys: level, format"},

		{"two buffers", edit(pool, pool+"          buffer: 1\n          buffer_percent: 10\n"), "c.yaml:14: clusters[0].policy.pools[0].buffer_percent: buffer is set too; keep one of them"},
		{"schedule without a name", scheduled("start: 0 8 * * *", "end: 0 9 * * *", "min: 1"), "c.yaml:13: clusters[0].policy.pools[0].schedules[0].name: is missing"},
		{"schedule without a start", scheduled("name: x", "end: 0 9 * * *", "min: 1"), "c.yaml:13: clusters[0].policy.pools[0].schedules[0].start: is missing"},
		{"schedule without an effect", scheduled("name: x", "start: 0 8 * * *", "end: 0 9 * * *"), "c.yaml:13: clusters[0].policy.pools[0].schedules[0]: changes nothing; set min, max or idle_time"},
		{"schedule in no zone", scheduled("name: x", "start: 0 8 * * *", "end: 0 9 * * *", "min: 1", "time_zone: Europe/Berlim"), `c.yaml:13: clusters[0].policy.pools[0].schedules[0].time_zone: "Europe/Berlim" is no time zone such as UTC or Europe/Berlin`},
		{"schedule in the machine's zone", scheduled("name: x", "start: 0 8 * * *", "end: 0 9 * * *", "min: 1", "time_zone: Local"), "c.yaml:13: clusters[0].policy.pools[0].schedules[0].time_zone: is no time zone such as UTC or Europe/Berlin"},
		{"cron of six fields", scheduled("name: x", "start: 0 0 8 * * *", "end: 0 9 * * *", "min: 1"), `c.yaml:13: clusters[0].policy.pools[0].schedules[0].start: "0 0 8 * * *" has 6 fields, not 5: minute, hour, day of month, month, day of week`},
		{"cron with a zone", scheduled("name: x", "start: TZ=UTC 0 8 * * *", "end: 0 9 * * *", "min: 1"), `c.yaml:13: clusters[0].policy.pools[0].schedules[0].start: "TZ=UTC 0 8 * * *" names a time zone; that belongs in time_zone`},
		{"cron beyond the hour", scheduled("name: x", "start: 0 25 * * *", "end: 0 9 * * *", "min: 1"), `c.yaml:13: clusters[0].policy.pools[0].schedules[0].start: "0 25 * * *" is no time as in cron: end of range (25) above maximum (23): 25`},
		{"cron that never comes", scheduled("name: x", "start: 0 8 30 2 *", "end: 0 9 * * *", "min: 1"), `c.yaml:13: clusters[0].policy.pools[0].schedules[0].start: "0 8 30 2 *" never comes`},
		{"schedule that never opens", scheduled("name: x", "start: 0 8 * * *", "end: 0  8 * * *", "min: 1"), "c.yaml:13: clusters[0].policy.pools[0].schedules[0].end: is the same as start; the window would never be open"},
		{"scheduled max of none", scheduled("name: x", "start: 0 8 * * *", "end: 0 9 * * *", "max: 0"), "c.yaml:13: clusters[0].policy.pools[0].schedules[0].max: 0 is less than 1"},
		{"scheduled min above its max", scheduled("name: x", "start: 0 8 * * *", "end: 0 9 * * *", "min: 7", "max: 6"), "c.yaml:13: clusters[0].policy.pools[0].schedules[0].min: 7 is more than max (6)"},
		{"scheduled min above the pool's max", scheduled("name: x", "start: 0 8 * * *", "end: 0 9 * * *", "min: 21"), "c.yaml:13: clusters[0].policy.pools[0].schedules[0].min: 21 is more than the pool's max (20)"},
		{"scheduled max below the pool's min", scheduled("name: x", "start: 0 8 * * *", "end: 0 9 * * *", "max: 1"), "c.yaml:13: clusters[0].policy.pools[0].schedules[0].max: 1 is less than the pool's min (2)"},
		{"two schedules of one name", scheduled("name: x", "start: 0 8 * * *", "end: 0 9 * * *", "max: 5}, {name: x", "start: 0 8 * * *", "end: 0 9 * * *", "max: 6"), `c.yaml:13: clusters[0].policy.pools[0].schedules[1].name: "x" is used twice`},
		{"schedules that cross", scheduled("name: x", "start: 0 8 * * *", "end: 0 18 * * *", "min: 8}, {name: y", "start: 0 16 * * *", "end: 0 20 * * *", "max: 6"), `c.yaml:13: clusters[0].policy.pools[0].schedules[0].min: 8 is more than max (6) of schedule "y", and both are open at times`},
		{"scheduled min above all", strings.Replace(scheduled("name: x", "start: 0 8 * * *", "end: 0 9 * * *", "min: 11"), "policy:\n", "policy:\n      max: 10\n", 1), "c.yaml:14: clusters[0].policy.pools[0].schedules[0].min: 11 is more than policy.max (10)"},

		{"no clusters", "clusters: []\n", "c.yaml:1: clusters: must have one entry"},
		{"clusters left out", "dry_run: true\n", "c.yaml: clusters: must have one entry"},
		{"two clusters", minimal + strings.TrimPrefix(minimal, "clusters:\n"), "c.yaml:13: clusters[1]: a second cluster: there are 2, and one daemon scales exactly one; start one daemon for each"},
		{"listen", "listen: 9797\n" + minimal, "c.yaml:1: listen: must be text; put it in quotes"},
		{"listen without port", "listen: localhost\n" + minimal, `c.yaml:1: listen: "localhost" is no address such as 127.0.0.1:9797 or :9797`},
		{"listen on a bad port", "listen: :99999\n" + minimal, `c.yaml:1: listen: port "99999" is not a number up to 65535`},
		{"empty state_dir", "state_dir: ''\n" + minimal, "c.yaml:1: state_dir: is empty"},

		{"no name", edit("name: demo", "name: ''"), "c.yaml:2: clusters[0].name: is missing"},
		{"no url", edit("      url: https://cc.example.com\n", ""), "c.yaml:3: clusters[0].cyclecloud.url: is missing"},
		{"url without scheme", edit("https://cc.example.com", "cc.example.com"), `c.yaml:4: clusters[0].cyclecloud.url: "cc.example.com" does not begin with https:// or http://`},
		{"url with another scheme", edit("https://cc.example.com", "ftp://cc.example.com"), `c.yaml:4: clusters[0].cyclecloud.url: "ftp://cc.example.com" does not begin with https:// or http://`},
		{"url without host", edit("https://cc.example.com", "https:///x"), `c.yaml:4: clusters[0].cyclecloud.url: "https:///x" names no host`},
		{"url with a user", edit("https://cc.example.com", "https://a:hunter2@cc"), "c.yaml:4: clusters[0].cyclecloud.url: holds a user; use the keys user and password_file"},
		{"url that is none", edit("https://cc.example.com", "'https://a:hunter2@%zz'"), "c.yaml:4: clusters[0].cyclecloud.url: is no URL such as https://host.example.com"},
		{"url with a fragment", edit("https://cc.example.com", "'https://cc#x'"), "c.yaml:4: clusters[0].cyclecloud.url: holds a fragment (#…)"},
		{"url with a query", edit("https://cc.example.com", "https://cc/?x=1"), "c.yaml:4: clusters[0].cyclecloud.url: holds a query (?…)"},
		{"name that can't be shown", edit("name: demo", `name: "a\x00b"`), "c.yaml:2: clusters[0].name: holds a control character"},
		{"no user", edit("      user: admin\n", ""), "c.yaml:3: clusters[0].cyclecloud.user: is missing"},
		{"no password", edit("      password_file: password\n", ""), "c.yaml:3: clusters[0].cyclecloud: has no password; set password_file or password_env"},
		{"misspelt password", edit("password_file:", "pasword_file:"), `c.yaml:6: clusters[0].cyclecloud.pasword_file: unknown key; did you mean "password_file"?`},
		{"two passwords", edit("password_file: password", "password_file: password\n      password_env: X"), "c.yaml:7: clusters[0].cyclecloud.password_env: password_file is set too; keep one of them"},
		{"tls over http", edit("https://cc.example.com", "http://cc\n      tls: {ca_file: x}"), "c.yaml:5: clusters[0].cyclecloud.tls: has no effect: the URL begins with http://, not https://"},
		{"half a certificate", edit("user: admin", "user: admin\n      tls: {cert_file: x}"), "c.yaml:6: clusters[0].cyclecloud.tls: cert_file and key_file belong together; one is missing"},
		{"fingerprint", edit("user: admin", "user: admin\n      tls: {fingerprint: abcd}"), "c.yaml:6: clusters[0].cyclecloud.tls.fingerprint: is not a SHA-256 sum in hex (64 digits)"},

		{"no queue", edit(file, "file:"), "c.yaml:7: clusters[0].queue: must hold one of file, http, exec, push, prometheus, slurm, gridengine, pbs, github, github_rest and gitlab"},
		{"two queues", edit(file, file+"\n      exec: {command: [x]}"), "c.yaml:7: clusters[0].queue: must hold exactly one of file, http, exec, push, prometheus, slurm, gridengine, pbs, github, github_rest and gitlab; it has file and exec"},
		{"no path", edit(file, "file: {}"), "c.yaml:8: clusters[0].queue.file.path: is missing"},
		{"no command", edit(file, "exec: {command: []}"), "c.yaml:8: clusters[0].queue.exec.command: names no program"},
		{"http without url", edit(file, "http: {timeout: 5s}"), "c.yaml:8: clusters[0].queue.http.url: is missing"},
		{"http with user, no password", edit(file, "http: {url: 'http://q', user: u}"), "c.yaml:8: clusters[0].queue.http: has a user and no password; set password_file or password_env"},
		{"http with password, no user", edit(file, "http: {url: 'http://q', password_env: P}"), "c.yaml:8: clusters[0].queue.http.user: is missing; there is a password"},
		{"http with token and user", edit(file, "http: {url: 'http://q', user: u, password_env: P, token_env: T}"), "c.yaml:8: clusters[0].queue.http: has both a token and a user or password; keep one"},
		{"http with two tokens", edit(file, "http: {url: 'http://q', token_env: P, token_file: T}"), "c.yaml:8: clusters[0].queue.http.token_env: token_file is set too; keep one of them"},

		{"absent_for too short", edit("policy:\n", "policy:\n      absent_for: 30s\n"), "c.yaml:10: clusters[0].policy.absent_for: 30s must be longer than cyclecloud.timeout (30s): until then a request may still arrive"},
		{"drain_timeout too short", edit("policy:\n", "policy:\n      drain_timeout: 30s\n"), "c.yaml:10: clusters[0].policy.drain_timeout: 30s is less than a minute, within which a queue may not show the mark yet; 0: for ever"},
		{"group name without number", edit("policy:\n", "policy:\n      group_name: pg\n"), "c.yaml:10: clusters[0].policy.group_name: must hold {n}, the group's number"},
		{"group name with a typo", edit("policy:\n", "policy:\n      group_name: '{machinetype}_{n}'\n"), `c.yaml:10: clusters[0].policy.group_name: {machinetype} is not one of {nodearray}, {machine_type}, {n}; did you mean "{machine_type}"?`},
		{"group name with a blank", edit("policy:\n", "policy:\n      group_name: 'a {n}'\n"), "c.yaml:10: clusters[0].policy.group_name: may hold letters, digits, _ and - beside what is filled in"},
		{"licence without name", edit("policy:\n", "policy:\n      licences: [{tokens: 5}]\n"), "c.yaml:10: clusters[0].policy.licences[0].name: is missing"},
		{"licence without tokens", edit("policy:\n", "policy:\n      licences: [{name: x}]\n"), "c.yaml:10: clusters[0].policy.licences[0].tokens: is missing"},
		{"negative tokens", edit("policy:\n", "policy:\n      licences: [{name: x, tokens: -1}]\n"), "c.yaml:10: clusters[0].policy.licences[0].tokens: -1 is negative"},
		{"two licences of a name", edit("policy:\n", "policy:\n      licences: [{name: x, tokens: 1}, {name: x, tokens: 2}]\n"), `c.yaml:10: clusters[0].policy.licences[1].name: "x" is used twice`},
		{"no pools", edit("      pools:\n        - name: execute\n          nodearray: execute\n", "      max: 5\n"), "c.yaml:9: clusters[0].policy.pools: must have an entry: without one nothing is managed"},
		{"pool without name", edit("        - name: execute\n          nodearray", "        - nodearray"), "c.yaml:11: clusters[0].policy.pools[0].name: is missing"},
		{"pool without nodearray", edit(pool, ""), "c.yaml:11: clusters[0].policy.pools[0].nodearray: is missing"},
		{"two pools of a name", edit(pool, pool+"        - {name: execute, nodearray: other}\n"), `c.yaml:13: clusters[0].policy.pools[1].name: "execute" is used twice`},
		{"min above max", edit(pool, pool+"          min: 5\n          max: 4\n"), "c.yaml:13: clusters[0].policy.pools[0].min: 5 is more than max (4)"},
		{"mins above max", edit("policy:\n", "policy:\n      max: 4\n") + "          min: 5\n", "c.yaml:10: clusters[0].policy.max: 4 is less than the pools' min together (5)"},
		{"pool in another's shadow", edit(pool, pool+"        - {name: spot, nodearray: EXECUTE, spot: true}\n"), `c.yaml:13: clusters[0].policy.pools[1]: would get nothing: all that it matches belongs to pool "execute" above`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cfg, err := Parse("c.yaml", []byte(c.text))
			require.EqualError(t, err, c.want)
			require.Nil(t, cfg)
			require.IsType(t, Problems{}, err)
		})
	}
}

func TestAllMistakesAtOnceInOrder(t *testing.T) {
	_, err := Parse("dir/c.yaml", []byte(`intervall: 5s
dry_run: on
clusters:
  - name: demo
    cyclecloud: {url: cc, user: u, password: x}
    queue: {fil: {path: x}}
    policy: {max: -1, pools: [{name: a, nodearay: b, min: 3, max: 2}]}
`))
	require.EqualError(t, err, strings.Join([]string{
		`dir/c.yaml:1: intervall: unknown key; did you mean "interval"?`,
		`dir/c.yaml:2: dry_run: must be true or false, not "on"; did you mean "true"?`,
		`dir/c.yaml:5: clusters[0].cyclecloud.password: secrets don't belong in this file; use password_file or password_env`,
		`dir/c.yaml:5: clusters[0].cyclecloud.url: "cc" does not begin with https:// or http://`,
		`dir/c.yaml:6: clusters[0].queue.fil: unknown key; did you mean "file"?`,
		`dir/c.yaml:7: clusters[0].policy.max: -1 is negative`,
		`dir/c.yaml:7: clusters[0].policy.pools[0].nodearay: unknown key; did you mean "nodearray"?`,
		`dir/c.yaml:7: clusters[0].policy.pools[0].min: 3 is more than max (2)`,
	}, "\n"))
}

func TestPoolsThatOnlyOverlapAreRight(t *testing.T) {
	for _, pools := range []string{
		"[{name: a, nodearray: x, machine_types: [F4]}, {name: b, nodearray: x}]",
		"[{name: a, nodearray: x, spot: true}, {name: b, nodearray: x}]",
		"[{name: a, nodearray: x, spot: true}, {name: b, nodearray: x, spot: false}]",
		"[{name: a, nodearray: x, machine_types: [F4]}, {name: b, nodearray: x, machine_types: [f4, F8]}]",
		"[{name: a, nodearray: x}, {name: b, nodearray: y}]",
	} {
		text, _, _ := strings.Cut(minimal, "      pools:")
		_, err := parse(t, text+"      pools: "+pools)
		require.NoError(t, err, pools)
	}
}

func TestNearest(t *testing.T) {
	known := []string{"min", "max", "idle_time", "boot_timeout", "machine_types"}
	for text, want := range map[string]string{
		"mn": "min", "Max": "max", "mxa": "max", "idletime": "idle_time", "idle-time": "idle_time", "bot_timeout": "boot_timeout",
		"machine_type": "machine_types", "colour": "", "": "", strings.Repeat("x", 1000): "",
	} {
		require.Equal(t, want, nearest(text, known), text)
	}
}
