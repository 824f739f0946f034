package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"autoscaled/queue/slurm/azslurm"
)

// imported is a configuration in the making. Its texts may hold anything, and are
// quoted where they are printed.
type imported struct {
	*azslurm.Autoscale
	From, PasswordFile, Conf string
	Fingerprint              string // of CycleCloud's certificate; empty: the system's roots tell
	Nodes                    []azslurm.Nodes
	Partitions               []azslurm.Partition
	Pools                    []importedPool
	KeepAlive                string            // the file that mirrors it; empty: none
	Settings                 map[string]string // of slurm.conf, by key in lower case
	left                     []string
}

// importedPool is a nodearray, with its machine types where all its nodes tell one.
type importedPool struct {
	Nodearray    string
	MachineTypes []string
}

func newImported(a *azslurm.Autoscale, c *azslurm.Conf, conf, from, password, fingerprint string) *imported {
	m := &imported{Autoscale: a, From: from, PasswordFile: password, Conf: conf, Fingerprint: fingerprint}
	if c != nil {
		m.Settings = c.Settings
		m.KeepAlive = keepAliveFile(c)
	}
	m.left = append(m.left, a.Left...)
	nodes, left := azslurm.Mapping(a, c)
	m.Nodes, m.left = nodes, append(m.left, left...)
	m.Partitions = azslurm.Partitions(c, nodes)
	m.addPools()
	for _, n := range nodes {
		what := cmp.Or(n.Names, "the nodes with feature "+n.Feature)
		if n.Guessed {
			m.left = append(m.left, fmt.Sprintf("nodearray %q of %s was guessed from names; autoscaled check --connect and autoscaled slurm check tell whether it is right", n.Nodearray, what))
		}
		if n.GroupUnknown {
			m.left = append(m.left, fmt.Sprintf("placement group of %s: where CycleCloud has slurm.hpc = true for nodearray %s, set placement_group to MACHINETYPE_pg0, which azslurm calls it", what, n.Nodearray))
		}
	}
	if a.HasPassword {
		m.left = append(m.left, fmt.Sprintf("password: not printed; put it into %s, readable for the daemon only: jq -j .password %s | install -m 0600 /dev/stdin %s", password, from, password))
	} else {
		m.left = append(m.left, fmt.Sprintf("password: %s has none; put it into %s, readable for the daemon only", from, password))
	}
	if fingerprint != "" {
		return m
	}
	m.left = append(m.left, "tls: azslurm checks the server's certificate only where verify_certificates is set, and we always do; autoscaled check --connect prints the line that pins one of the server's own making")
	return m
}

// keepAliveFile is the file of the configuration that azslurmd mirrors KeepAlive to.
func keepAliveFile(c *azslurm.Conf) string {
	for _, path := range c.Files {
		if filepath.Base(path) == "keep_alive.conf" {
			return path
		}
	}
	return ""
}

// addPools makes a pool of each nodearray, in the order of slurm.conf.
func (m *imported) addPools() {
	for _, n := range m.Nodes {
		i := slices.IndexFunc(m.Pools, func(p importedPool) bool { return strings.EqualFold(p.Nodearray, n.Nodearray) })
		if i < 0 {
			i = len(m.Pools)
			m.Pools = append(m.Pools, importedPool{Nodearray: n.Nodearray})
		}
		if p := &m.Pools[i]; n.MachineType != "" && !slices.Contains(p.MachineTypes, n.MachineType) {
			p.MachineTypes = append(p.MachineTypes, n.MachineType)
		}
	}
	for i := range m.Pools { // a node without a machine type may be of any
		p := &m.Pools[i]
		if slices.ContainsFunc(m.Nodes, func(n azslurm.Nodes) bool {
			return n.MachineType == "" && strings.EqualFold(n.Nodearray, p.Nodearray)
		}) {
			p.MachineTypes = nil
		}
	}
}

// Setting is a value of slurm.conf, for comments.
func (m *imported) Setting(key string) string {
	return cmp.Or(m.Settings[key], "not told")
}

// quoted writes a text as YAML: JSON's quotes are its own.
func quoted(text string) string {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if e.Encode(text) != nil { // a text always has a JSON form
		return `""`
	}
	return strings.TrimSpace(out.String())
}

// comment keeps a text on the line of its comment.
func comment(text string) string { return strings.Join(strings.Fields(text), " ") }

var importTemplate = template.Must(template.New("import").Funcs(template.FuncMap{"q": quoted, "c": comment}).Parse(
	`# Made by: autoscaled import azslurm {{c .From}}
# Look at what it said on standard error, and try it: autoscaled check --connect

state_dir: /var/lib/autoscaled
dry_run: true                          # a shadow, until you have seen what it would do

clusters:
  - name: {{q .Cluster}}
    cyclecloud:
      url: {{q .URL}}
      user: {{q .User}}
      password_file: {{q .PasswordFile}}
{{- with .Fingerprint}}
      tls: {fingerprint: {{q .}}}
{{- end}}
    queue:
      slurm:
        mode: power_saving
{{- with .Conf}}
        conf: {{q .}}
{{- end}}
{{- with .KeepAlive}}
        keep_alive_file: {{q .}}
{{- end}}
        nodes:                         # the first entry counts that a node matches
{{- range .Nodes}}
          - nodearray: {{q .Nodearray}}{{if .Guessed}}  # guessed from names{{end}}
{{- if .Names}}
            names: {{q .Names}}
{{- end}}
{{- if .Feature}}
            feature: {{q .Feature}}
{{- end}}
{{- if .MachineType}}
            machine_type: {{q .MachineType}}
{{- end}}
{{- if .Group}}
            placement_group: {{q .Group}}
{{- end}}
{{- end}}
{{- if .Partitions}}
        partitions:                    # the others are called as their nodearray
{{- range .Partitions}}
          - name: {{q .Name}}
            nodearrays: [{{range $i, $n := .Nodearrays}}{{if $i}}, {{end}}{{q $n}}{{end}}]
{{- end}}
{{- end}}
    policy:
      # Slurm keeps these: SuspendTime {{c (.Setting "suspendtime")}}, ResumeTimeout {{c (.Setting "resumetimeout")}}, SuspendTimeout {{c (.Setting "suspendtimeout")}}.
      adopt: all                       # nodes that azslurm made are ours from now on
      pools:
{{- range .Pools}}
        - name: {{q .Nodearray}}
          nodearray: {{q .Nodearray}}
{{- if .MachineTypes}}
          machine_types: [{{range $i, $t := .MachineTypes}}{{if $i}}, {{end}}{{q $t}}{{end}}]
{{- end}}
{{- end}}
`))

// yaml is the configuration.
func (m *imported) yaml() []byte {
	var out bytes.Buffer
	if err := importTemplate.Execute(&out, m); err != nil { // nothing in it can fail
		panic("import azslurm: " + err.Error())
	}
	return out.Bytes()
}
