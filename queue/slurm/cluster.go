package slurm

import (
	"context"
	"time"

	"autoscaled/autoscale"
)

// Cluster is a Slurm cluster, as its commands or its REST service give access to it.
// Errors are autoscale.ErrUnavailable where the controller can't be reached or answers
// nonsense (ErrAnswer); an answer that can't be had is never an empty list.
type Cluster interface {
	// Jobs lists all jobs that are not over, and some that are.
	Jobs(ctx context.Context) ([]Job, error)
	// Nodes lists all nodes, powered-down ones included.
	Nodes(ctx context.Context) ([]Node, error)
	Partitions(ctx context.Context) ([]Partition, error)
	// Settings reads what the controller runs with, not what a file says.
	Settings(ctx context.Context) (Settings, error)

	// UpdateNodes changes state or reason of nodes, all alike. An error may leave some
	// of them changed: the next reading tells.
	UpdateNodes(ctx context.Context, u NodeUpdate) error
	// PlaceNodes tells where nodes are. One that is refused does not keep the others from
	// theirs.
	PlaceNodes(ctx context.Context, places []Place) error
	// UpdateJob sets the comment of a job, which is called as users do: 7, or for tasks of
	// an array 7_1 or 7_[2-5]. The number of an array stands for all its tasks.
	UpdateJob(ctx context.Context, job, comment string) error
	// CreateNode adds a dynamic node. One that is there already is success.
	CreateNode(ctx context.Context, n NewNode) error
	// DeleteNodes removes dynamic nodes. Those that are not there are success.
	DeleteNodes(ctx context.Context, names []string) error
	// Reconfigure lets the daemons read their files again.
	Reconfigure(ctx context.Context) error
}

// Settings are those of "scontrol show config" that matter here.
type Settings struct {
	// Version is such as 22.05.8.
	Version     string
	ClusterName string
	// SuspendTime is how long a node is idle until Slurm powers it down. Negative: never.
	SuspendTime time.Duration
	// SuspendTimeout is how long after that its name may not be resumed again, and
	// ResumeTimeout how long a node may take to come up until Slurm gives it up.
	SuspendTimeout, ResumeTimeout                    time.Duration
	ResumeProgram, SuspendProgram, ResumeFailProgram string
	// SuspendExcNodes are never powered down: a host list.
	SuspendExcNodes string
	TopologyPlugin  string
	// All are the settings as they are printed, by name.
	All map[string]string
}

// NodeUpdate is a change of nodes.
type NodeUpdate struct {
	Names []string
	// State is as "scontrol update nodename= state=" takes it: DRAIN, UNDRAIN, RESUME,
	// DOWN, POWER_DOWN. RESUME makes a FUTURE node an IDLE one, and UNDRAIN does not. Empty: it stays.
	State string
	// Reason is for people. Empty: it stays.
	Reason string
	// Comment, Address and Host are set where they are not empty; the latter two are
	// of one node.
	Comment, Address, Host string
}

// NewNode is a dynamic node to be.
type NewNode struct {
	// Name is Slurm's, Host and Address are where its slurmd is. A host list makes nodes
	// that are alike in all but their names.
	Name, Host, Address string
	// State is FUTURE for nodes whose slurmd registers itself, or CLOUD for those that
	// Slurm powers up. Empty: as Slurm takes it.
	State    string
	Features []string
	CPUs     int
	// Weight orders nodes: those of less get jobs first. 0: as Slurm takes it, which is 1.
	Weight int
	Memory autoscale.Bytes
	// Gres is such as "gpu:4".
	Gres string
}

// Mark begins each reason and comment of ours in Slurm. What begins otherwise is an
// administrator's or a user's, and is never overwritten.
const Mark = "autoscaled: "
