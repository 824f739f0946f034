package main

import (
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"autoscaled/autoscale"
	"autoscaled/autoscale/web"
	"autoscaled/config"
	"autoscaled/internal/rest"
	"autoscaled/queue/slurm"
)

// addSlurm makes a queue of a Slurm cluster. Nothing is sent yet.
// metrics are nil where no daemon runs: only one reads the hooks in its state directory.
func (p *parts) addSlurm(q *config.SlurmQueue, stateDir string, metrics *web.Metrics, dryRun bool) error {
	cluster, err := slurmCluster(q, observer(metrics, "slurm"))
	if err != nil {
		return err
	}
	if q.Mode == "dynamic" {
		return p.addDynamicSlurm(q, cluster)
	}
	options := slurm.PowerSavingOptions{
		Cluster: cluster, Details: cluster, Mapping: slurmMapping(q), Now: p.now, Observe: p.slurmNote, DryRun: dryRun,
	}
	if metrics != nil {
		options.Hooks = slurm.SpoolReader{Spool: slurm.NewSpool(stateDir), Now: time.Now, Wrong: p.slurmSpoolWrong}
	}
	if q.KeepAlive != "" {
		options.KeepAlive = slurm.NewKeepAlive(q.KeepAlive, cluster)
	}
	source, err := slurm.NewPowerSaving(options)
	if err != nil {
		return err
	}
	p.queue, p.awaited = source, source.Awaited
	return nil
}

func (p *parts) slurmSpoolWrong(err error) {
	p.signals.note("slurm: hooks can't be read; what they say is seen in Slurm all the same", zap.Error(err))
}

// slurmAccess is all that the source asks of a cluster.
type slurmAccess interface {
	slurm.Cluster
	slurm.Detailer
}

func slurmCluster(q *config.SlurmQueue, observe func(rest.Observation)) (slurmAccess, error) {
	commands, err := slurm.NewCommands(slurm.CommandsOptions{Folder: q.Commands, Conf: q.Conf, Timeout: q.Timeout.Std()})
	if err != nil || q.REST == nil {
		return commands, err
	}
	options := slurm.RESTOptions{URL: q.REST.URL, TLS: tlsOf(q.REST.TLS), User: q.REST.User, Renew: q.REST.Renew, Timeout: q.Timeout.Std(), Observer: observe}
	if token := q.REST.Token(); !token.IsZero() {
		options.Token = secret(token)
	}
	return slurm.NewREST(options, commands)
}

// slurmNote logs what the source tells.
func (p *parts) slurmNote(n slurm.Note) {
	names, err := slurm.Compress(n.Nodes)
	if err != nil { // names that Slurm would not have either
		names = strings.Join(n.Nodes, ",")
	}
	p.signals.note("slurm: "+strings.ReplaceAll(string(n.Event), "_", " "),
		zap.String("event", string(n.Event)), zap.String("nodes", names), zap.Int("count", len(n.Nodes)), zap.String("detail", n.Detail))
}

// slurmMapping says what Slurm's names are to the planner, as the config tells.
func slurmMapping(q *config.SlurmQueue) slurm.Mapping {
	nodes := make([]slurmNodes, len(q.Nodes))
	for i := range q.Nodes {
		nodes[i] = newSlurmNodes(&q.Nodes[i])
	}
	partitions := make(map[string]autoscale.Selector, len(q.Partitions))
	for _, p := range q.Partitions {
		partitions[p.Name] = autoscale.HasLabel(autoscale.LabelNodearray, p.Nodearrays...)
	}
	return slurm.Mapping{
		OurMark: slurm.Mark,
		Partition: func(name string) (autoscale.Selector, bool) {
			if s, listed := partitions[name]; listed {
				return s, true
			}
			return autoscale.HasLabel(autoscale.LabelNodearray, name), name != ""
		},
		// A feature is a machine type, or a nodearray.
		Feature: func(name string) autoscale.Selector {
			return autoscale.Selector{Any: []autoscale.Selector{
				autoscale.HasLabel(autoscale.LabelMachineType, name), autoscale.HasLabel(autoscale.LabelNodearray, name),
			}}
		},
		Node: func(n *slurm.Node) (where autoscale.Selector, group string, known bool) {
			for i := range nodes {
				if nodes[i].match(n) {
					return nodes[i].selector(n), nodes[i].Group, true
				}
			}
			return where, "", false
		},
	}
}

// slurmNodes is an entry of the config with its names at hand.
type slurmNodes struct {
	*config.SlurmNodes
	names map[string]bool // nil: any
}

func newSlurmNodes(n *config.SlurmNodes) slurmNodes {
	s := slurmNodes{SlurmNodes: n}
	list, err := slurm.Expand(n.Names)
	if n.Names == "" || err != nil { // the config was checked
		return s
	}
	s.names = make(map[string]bool, len(list))
	for _, name := range list {
		s.names[name] = true
	}
	return s
}

func (s *slurmNodes) match(n *slurm.Node) bool {
	if s.names != nil && !s.names[n.Name] {
		return false
	}
	return s.Feature == "" || contains(n.Features, s.Feature)
}

// selector is for the pools that a node can be of. Where the config tells no machine
// type it is the one among the node's features. A node without any is of whatever the
// nodearray has first: its only one, if the config is right.
func (s *slurmNodes) selector(n *slurm.Node) autoscale.Selector {
	array := autoscale.HasLabel(autoscale.LabelNodearray, s.Nodearray)
	types := []string{s.MachineType}
	if s.MachineType == "" {
		types = machineTypes(n.Features)
	}
	if len(types) == 0 {
		return array
	}
	return autoscale.Selector{All: []autoscale.Selector{array, autoscale.HasLabel(autoscale.LabelMachineType, types...)}}
}

// machineTypes are those of features that are one: Azure's names begin in two ways.
func machineTypes(features string) (types []string) {
	for feature := range strings.SplitSeq(features, ",") {
		if lower := strings.ToLower(feature); strings.HasPrefix(lower, "standard_") || strings.HasPrefix(lower, "basic_") {
			types = append(types, feature)
		}
	}
	return types
}

func contains(list, word string) bool {
	for w := range strings.SplitSeq(list, ",") {
		if w == word {
			return true
		}
	}
	return false
}

// slurmName is how people call the queue.
func slurmName(q *config.SlurmQueue) string {
	if q.REST != nil {
		return "Slurm at " + q.REST.URL
	}
	if q.Conf != "" {
		return fmt.Sprintf("Slurm of %s", q.Conf)
	}
	return "Slurm"
}
