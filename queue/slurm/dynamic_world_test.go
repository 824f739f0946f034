package slurm_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/queue/slurm"
)

// dynamicSlurm is a cluster in memory whose nodes come and go, as far as 22.05 was seen to
// behave. What must never be asked of it is a violation.
type dynamicSlurm struct {
	nodes      map[string]*slurm.Node
	jobs       []slurm.Job
	partitions []slurm.Partition
	down       error // every call fails with it
	changes    int
	tickets    *tickets
	violations []string
}

var _ slurm.Cluster = (*dynamicSlurm)(nil)

func newDynamicSlurm() *dynamicSlurm {
	return &dynamicSlurm{nodes: make(map[string]*slurm.Node), partitions: []slurm.Partition{{Name: "htc", State: "UP", OverSubscribe: "NO"}}}
}

func (s *dynamicSlurm) Jobs(context.Context) ([]slurm.Job, error) {
	return slices.Clone(s.jobs), s.down
}

func (s *dynamicSlurm) Nodes(context.Context) ([]slurm.Node, error) {
	var list []slurm.Node
	for _, name := range slices.Sorted(maps.Keys(s.nodes)) {
		list = append(list, *s.nodes[name])
	}
	return list, s.down
}

func (s *dynamicSlurm) Partitions(context.Context) ([]slurm.Partition, error) {
	return s.partitions, s.down
}

func (s *dynamicSlurm) Settings(context.Context) (slurm.Settings, error) {
	return slurm.Settings{}, s.down
}

// UpdateJob takes the number of an array for all its tasks, as Slurm does.
func (s *dynamicSlurm) UpdateJob(_ context.Context, job, comment string) error {
	if s.down != nil || s.tickets == nil {
		return s.down
	}
	s.tickets.writes++
	head, tasks, some := strings.Cut(job, "_")
	for _, j := range s.jobs {
		id := fmt.Sprint(cmp.Or(j.ArrayID, j.ID))
		if id == head && (!some || tasks == "["+j.ArrayTasks+"]" || tasks == fmt.Sprint(j.ArrayTask)) {
			s.tickets.comments[j.ID] = comment
		}
	}
	return nil
}

func (s *dynamicSlurm) Reconfigure(context.Context) error { return s.down }

func (s *dynamicSlurm) PlaceNodes(context.Context, []slurm.Place) error { return s.down }

func (s *dynamicSlurm) violate(format string, args ...any) {
	s.violations = append(s.violations, fmt.Sprintf(format, args...))
}

// with changes the words of a node's state.
func with(n *slurm.Node, base string, set, unset []string) {
	words := strings.Split(n.State, "+")
	if base != "" {
		words[0] = base
	}
	words = slices.DeleteFunc(words, func(w string) bool { return slices.Contains(unset, w) || slices.Contains(set, w) })
	n.State = strings.Join(append(words, set...), "+")
}

func (s *dynamicSlurm) UpdateNodes(_ context.Context, u slurm.NodeUpdate) error {
	if s.down != nil {
		return s.down
	}
	s.changes++
	for _, name := range u.Names {
		n := s.nodes[name]
		if n == nil {
			return fmt.Errorf("%s: %w", name, autoscale.ErrNotFound)
		}
		foreign := n.Reason != "" && !strings.HasPrefix(n.Reason, slurm.Mark)
		switch u.State {
		case "DRAIN":
			if foreign {
				s.violate("drained %s over %q", name, n.Reason)
			}
			with(n, "", []string{"DRAIN"}, nil)
		case "UNDRAIN":
			if foreign {
				s.violate("undrained %s of %q", name, n.Reason)
			}
			with(n, "", nil, []string{"DRAIN"})
			n.Reason = ""
		case "DOWN":
			with(n, "DOWN", nil, []string{"COMPLETING"})
			n.AllocCPUs = 0
			s.requeue(name)
		case "":
		default:
			s.violate("state %s", u.State)
		}
		if u.Reason != "" {
			n.Reason = u.Reason
		}
		if u.Comment != "" {
			if n.Comment != "" && !strings.HasPrefix(n.Comment, slurm.Mark) {
				s.violate("%s's comment %q was written over", name, n.Comment)
			}
			n.Comment = u.Comment
		}
		if u.Address != "" {
			n.Address = u.Address
		}
		if u.Host != "" {
			n.Host = u.Host
		}
	}
	return nil
}

// requeue returns the jobs of a node that is lost.
func (s *dynamicSlurm) requeue(name string) {
	for i := range s.jobs {
		if s.jobs[i].Nodes == name {
			s.jobs[i].Nodes, s.jobs[i].State, s.jobs[i].Reason = "", "PENDING", "BeginTime"
		}
	}
}

func (s *dynamicSlurm) CreateNode(_ context.Context, n slurm.NewNode) error {
	if s.down != nil {
		return s.down
	}
	s.changes++
	if n.Address == "" {
		s.violate("%s has no address: the controller stands still", n.Name)
	}
	if n.State != "FUTURE" {
		s.violate("%s is created %s", n.Name, n.State)
	}
	names, err := slurm.Expand(n.Name)
	for _, name := range names {
		if s.nodes[name] != nil {
			continue
		}
		s.nodes[name] = &slurm.Node{
			Name: name, Host: n.Host, Address: n.Address, State: "FUTURE+DYNAMIC_NORM", Features: strings.Join(n.Features, ","),
			CPUs: int64(n.CPUs), Memory: int64(n.Memory / autoscale.MiB), Gres: n.Gres,
		}
	}
	return err
}

func (s *dynamicSlurm) DeleteNodes(_ context.Context, names []string) error {
	if s.down != nil {
		return s.down
	}
	s.changes++
	var err error
	for _, name := range names {
		switch n := s.nodes[name]; {
		case n == nil:
		case n.Is("PLANNED"):
			s.violate("%s was deleted while it is PLANNED: the controller crashes", name)
		case n.AllocCPUs > 0 || n.Is("COMPLETING"):
			err = fmt.Errorf("%s is busy: %w", name, autoscale.ErrRejected)
		case n.Is("IDLE") && !n.Is("DRAIN"):
			s.violate("%s was deleted while it takes jobs", name)
		default:
			delete(s.nodes, name)
		}
	}
	return err
}

// selfRegistered is the address of nodes that added themselves.
const selfRegistered = "10.0.0.99"

// register is a VM's slurmd -Z: it takes up what was created, or adds itself.
func (s *dynamicSlurm) register(name string) {
	n := s.nodes[name]
	if n == nil {
		n = &slurm.Node{Name: name, Host: name, Address: selfRegistered, State: "IDLE+DYNAMIC_NORM", CPUs: 4, Memory: 7168}
		s.nodes[name] = n
	}
	if n.Is("FUTURE") {
		with(n, "IDLE", nil, nil)
		n.Reason = ""
	}
}

// run starts a job on a node.
func (s *dynamicSlurm) run(id int64, name string) {
	s.jobs = append(s.jobs, slurm.Job{ID: id, State: "RUNNING", Partition: "htc", Nodes: name, NodeCount: 1, CPUs: 4, Shared: "OK"})
	with(s.nodes[name], "ALLOCATED", nil, nil)
	s.nodes[name].AllocCPUs = 4
}

// cloudOf is a supply of one pool with these VMs.
func cloudOf(vms ...autoscale.Node) autoscale.Supply {
	return autoscale.Supply{Pools: []autoscale.Pool{{
		ID: "htc/F4", Labels: map[string]string{autoscale.LabelNodearray: "htc", autoscale.LabelMachineType: "F4"},
		Node: autoscale.Resources{Cores: 4, Memory: 8 * autoscale.GiB},
	}}, Nodes: vms}
}

// cloudVM is one of ours that is up.
func cloudVM(id, name string) autoscale.Node {
	return autoscale.Node{
		ID: autoscale.NodeID(id), Name: name, Host: "ip-" + id, Address: "10.0.0." + id, Pool: "htc/F4", Phase: autoscale.PhaseReady, Owned: true,
	}
}

// dynamicTest is a source over such a cluster.
type dynamicTest struct {
	*slurm.Dynamic
	*testing.T
	slurm *dynamicSlurm
}

func newDynamicTest(t *testing.T, change func(*slurm.DynamicOptions)) *dynamicTest {
	return (&dynamicTest{T: t, slurm: newDynamicSlurm()}).restart(change)
}

// restart is a daemon that starts with nothing.
func (d *dynamicTest) restart(change func(*slurm.DynamicOptions)) *dynamicTest {
	o := slurm.DynamicOptions{Cluster: d.slurm, Mapping: *mapping(), Nodes: func(p *autoscale.Pool) (slurm.PoolNodes, bool) {
		return slurm.PoolNodes{
			Features: []string{p.Labels[autoscale.LabelNodearray], p.Labels[autoscale.LabelMachineType]},
			CPUs:     p.Node.Cores, Memory: p.Node.Memory - autoscale.GiB,
		}, p.Labels[autoscale.LabelNodearray] == "htc"
	}}
	o.Mapping.OurMark = slurm.Mark
	if change != nil {
		change(&o)
	}
	var err error
	d.Dynamic, err = slurm.NewDynamic(o)
	require.NoError(d, err)
	return d
}

// tick is one of the loop's: it reads, and tells of the VMs.
func (d *dynamicTest) tick(vms ...autoscale.Node) autoscale.Demand {
	demand, err := d.Demand(context.Background())
	require.NoError(d, err)
	require.NoError(d, d.Keep(context.Background(), cloudOf(vms...), nil))
	require.Empty(d, d.slurm.violations)
	return demand
}

// states are those of the cluster's nodes.
func (d *dynamicTest) states() map[string]string {
	states := make(map[string]string)
	for name, n := range d.slurm.nodes {
		states[name] = strings.ReplaceAll(n.State, "+DYNAMIC_NORM", "")
	}
	return states
}

// tickets are the comments of jobs.
type tickets struct {
	comments map[int64]string
	asked    int
	writes   int
}

func (k *tickets) Details(context.Context) (map[int64]slurm.JobDetail, error) {
	k.asked++
	details := make(map[int64]slurm.JobDetail)
	for id, text := range k.comments {
		details[id] = slurm.JobDetail{Comment: text}
	}
	return details, nil
}
