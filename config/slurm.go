package config

import (
	"fmt"
	"slices"
	"strings"

	"autoscaled/queue/slurm"
)

// SlurmQueue serves a Slurm cluster.
type SlurmQueue struct {
	Mode       string           `key:"mode" default:"power_saving" enum:"power_saving,dynamic" help:"How Slurm asks for nodes. power_saving: it powers CLOUD nodes up and down, each under its own name. dynamic: jobs wait, and nodes are added to Slurm as they come and deleted as they go."`
	Conf       string           `key:"conf" default:"" path:"yes" help:"slurm.conf for Slurm's commands. Empty: SLURM_CONF of our environment, or as they find it."`
	Commands   string           `key:"commands" default:"" path:"yes" help:"Folder of squeue and scontrol. Empty: they are looked for on the PATH."`
	HostRoot   string           `key:"host_root" default:"/" path:"yes" help:"Where the files of slurmctld's machine are, for a daemon in a container. In proc and in cron's files there CycleCloud's own Slurm integration is looked for, beside which power_saving does not act."`
	Timeout    Duration         `key:"timeout" default:"30s" least:"1s" help:"Limit of one command or API call."`
	REST       *SlurmREST       `key:"rest" help:"Read jobs and nodes from slurmrestd. Not set: squeue and scontrol are run. Changes are made by scontrol either way."`
	Nodes      []SlurmNodes     `key:"nodes" help:"Which of Slurm's nodes are which of the cloud's, for power_saving. The first entry counts that a node matches; one that none matches is never touched."`
	KeepAlive  string           `key:"keep_alive_file" default:"" path:"yes" help:"File that slurm.conf includes, as /etc/slurm/keep_alive.conf: nodes with KeepAlive in CycleCloud are written to it as SuspendExcNodes, and Slurm reads it when it changes. Entries of others in it stay. Empty: KeepAlive does not keep Slurm from powering a node down. For power_saving."`
	Dynamic    *SlurmDynamic    `key:"dynamic" help:"How nodes are added to Slurm, for mode dynamic."`
	Partitions []SlurmPartition `key:"partitions" help:"Which nodes a partition has, for jobs that wait. A partition that is not listed has those of the nodearray of its name."`
}

// SlurmREST is a slurmrestd.
type SlurmREST struct {
	URL       string `key:"url" required:"yes" help:"unix:///run/slurmrestd/slurmrestd.socket, or http://host:6820."`
	User      string `key:"user" default:"" help:"Slurm user for a token (X-SLURM-USER-NAME). Over a socket our own user is known without."`
	TokenFile string `key:"token_file" default:"" path:"yes" help:"File that holds a JWT. Read again whenever it is needed, so that whoever renews it needs to tell nobody."`
	TokenEnv  string `key:"token_env" default:"" help:"Environment variable that holds the JWT."`
	Renew     bool   `key:"renew" default:"false" help:"Get the JWT from scontrol token, and a new one before it ends."`
	TLS       TLS    `key:"tls" help:"How the server proves itself, and how we do."`
}

// SlurmNodes says what nodes of Slurm are in the cloud.
type SlurmNodes struct {
	Names       string `key:"names" default:"" help:"Host list such as htc-[1-100]. With feature, nodes must match both."`
	Feature     string `key:"feature" default:"" help:"A feature that the nodes have."`
	Nodearray   string `key:"nodearray" required:"yes" help:"Nodearray in which they are created."`
	MachineType string `key:"machine_type" default:"" help:"Their machine type. Empty: the one of the nodearray's that a node has as a feature, or its only one."`
	Group       string `key:"placement_group" default:"" help:"Placement group in which they are created: letters, digits, _ and -. Empty: none."`
}

// SlurmPartition says what nodes a partition has.
type SlurmPartition struct {
	Name       string   `key:"name" required:"yes" help:"The partition."`
	Nodearrays []string `key:"nodearrays" required:"yes" help:"Nodearrays of its nodes."`
}

// Token is where the JWT is.
func (r SlurmREST) Token() SecretSource { return SecretSource{File: r.TokenFile, Env: r.TokenEnv} }

func (s *source) slurmQueue(c *Cluster, q *SlurmQueue, at string) {
	if r := q.REST; r != nil {
		s.slurmREST(r, at+".rest")
	}
	if q.Mode == "power_saving" && len(q.Nodes) == 0 && !s.within(at+".nodes") {
		s.add(at+".nodes", "is missing: power_saving needs to know which of Slurm's nodes are which of the cloud's")
	}
	if q.Mode == "dynamic" && len(q.Nodes) > 0 {
		s.add(at+".nodes", "has no effect: in mode dynamic nodes have the names that the cloud gives them")
	}
	if q.Mode == "power_saving" && q.Dynamic != nil {
		s.add(at+".dynamic", "has no effect: in mode power_saving nodes are Slurm's")
	}
	if q.Dynamic != nil {
		s.slurmDynamic(q.Dynamic, at+".dynamic")
	}
	if q.Mode == "dynamic" && q.KeepAlive != "" {
		s.add(at+".keep_alive_file", "has no effect: in mode dynamic Slurm powers no node down")
	}
	for i := range q.Nodes {
		s.slurmNodes(c, &q.Nodes[i], fmt.Sprintf("%s.nodes[%d]", at, i))
	}
	var names []string
	for i := range q.Partitions {
		p, key := &q.Partitions[i], fmt.Sprintf("%s.partitions[%d]", at, i)
		names = s.name(key, p.Name, names)
		if len(p.Nodearrays) == 0 && !s.within(key) {
			s.add(key+".nodearrays", "must have an entry")
		}
		for j, name := range p.Nodearrays {
			s.slurmNodearray(c, fmt.Sprintf("%s.nodearrays[%d]", key, j), name)
		}
	}
}

func (s *source) slurmNodes(c *Cluster, n *SlurmNodes, key string) {
	if n.Names == "" && n.Feature == "" && !s.within(key) {
		s.add(key, "matches nothing; set names or feature")
	}
	if _, err := slurm.Expand(n.Names); err != nil {
		s.add(key+".names", err.Error())
	}
	if !groupRest.MatchString(n.Group) {
		s.add(key+".placement_group", fmt.Sprintf("%q is no placement group's id: it may hold letters, digits, _ and -", shown(n.Group)))
	}
	if n.Nodearray != "" || !s.within(key+".node") {
		s.slurmNodearray(c, key+".nodearray", n.Nodearray)
	}
	if !s.within(key + ".nodearray") {
		s.slurmMachineType(c, n, key+".machine_type")
	}
}

// slurmNodearray checks that a pool is of the nodearray: else nothing is ever made in it.
func (s *source) slurmNodearray(c *Cluster, key, name string) {
	s.required(key, name)
	s.selected(c, key, "nodearray", name, func(p *Pool) string { return p.Nodearray })
}

// slurmMachineType checks that a pool of the nodearray has the machine type.
func (s *source) slurmMachineType(c *Cluster, n *SlurmNodes, key string) {
	var have []string
	for i := range c.Scaling.Pools {
		p := &c.Scaling.Pools[i]
		if !strings.EqualFold(p.Nodearray, n.Nodearray) {
			continue
		}
		if len(p.MachineTypes) == 0 || slices.ContainsFunc(p.MachineTypes, func(m string) bool { return strings.EqualFold(m, n.MachineType) }) {
			return
		}
		have = append(have, p.MachineTypes...)
	}
	if n.MachineType != "" {
		s.addMeant(key, fmt.Sprintf("no pool of nodearray %q has the machine type %q", shown(n.Nodearray), shown(n.MachineType)), nearest(n.MachineType, have))
	}
}

func (s *source) slurmREST(r *SlurmREST, at string) {
	if socket, local := strings.CutPrefix(r.URL, "unix://"); !local {
		s.url(at+".url", r.URL)
	} else if !strings.HasPrefix(socket, "/") {
		s.add(at+".url", fmt.Sprintf("%q does not look like unix:///run/slurmrestd.socket", shown(r.URL)))
	}
	s.secret(at, "token", r.Token())
	if r.Renew && !r.Token().IsZero() {
		s.add(at+".renew", "has no effect: token_file or token_env says where the token is")
	}
	if (r.Renew || !r.Token().IsZero()) && r.User == "" {
		s.add(at+".user", "is missing: a token needs the user whose it is")
	}
}

func (s *source) slurmReadable(q *SlurmQueue, at string) {
	s.readable(at+".conf", q.Conf)
	if q.REST != nil {
		s.secretReadable(at+".rest.token", q.REST.Token())
		s.tlsReadable(at+".rest.tls", &q.REST.TLS)
	}
}
