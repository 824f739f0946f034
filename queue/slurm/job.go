package slurm

import (
	"strconv"
	"strings"
	"time"

	"autoscaled/autoscale"
)

// Job is one record of Slurm's job list. An array's tasks that have not started are
// one record; each that has is another. What Slurm leaves out is zero.
type Job struct {
	ID int64
	// ArrayID is the array's, 0 for other jobs. Tasks are those still to start, as
	// Slurm writes them ("36-99:7"); empty for a job that is one task.
	ArrayID    int64
	ArrayTasks string
	// ArrayTask is the number of the task that a started job of an array is.
	ArrayTask int64
	// ArrayLimit is how many tasks may run at a time, 0: any number.
	ArrayLimit int64
	// HetID is the heterogeneous job that this is a component of, 0: none.
	HetID int64
	// State is the base state and its flags, as in "RUNNING+CONFIGURING".
	State string
	// Reason is why the job waits, in one word, and Description what Slurm says beside.
	Reason, Description string
	// Partition is where it may run, names with commas between.
	Partition string
	Priority  int64
	Submitted time.Time
	// Eligible is when its begin time is, or was. Zero: not known yet.
	Eligible time.Time
	// TimeLimit is 0 where there is none.
	TimeLimit time.Duration
	// Nodes are what it runs on, or is to run on once they are up: a host list.
	Nodes string
	// NodeCount is how many nodes it asks for or has. MaxNodes is 0 where none is told.
	NodeCount, MaxNodes int64
	// Tasks and CPUs are of the whole job.
	Tasks, CPUs, CPUsPerTask, TasksPerNode, MinCPUsPerNode int64
	// MemoryPerNode and MemoryPerCPU are in MiB. Of both at most one is not 0.
	MemoryPerNode, MemoryPerCPU int64
	// Shared is "none" for jobs that share no node, and Slurm's word otherwise.
	Shared string
	// Features are the job's constraints, as Slurm writes them.
	Features string
	// Switches is how many leaf switches it may span at most, 0: any number.
	Switches                     int64
	Licenses, Dependency         string
	RequiredNodes, ExcludedNodes string
	TRES                         string
	TRESPerNode, TRESPerJob      string
	TRESPerTask, TRESPerSocket   string
	SocketsPerNode               int64
	CPUsPerTRES, MemoryPerTRES   string
	Hold                         bool
}

// id is how the job is told to the planner: by Slurm's own number, which each task of an
// array gets when it starts.
func (j *Job) id() autoscale.JobID { return autoscale.JobID(strconv.FormatInt(j.ID, 10)) }

// name is what users call a job where that is another than its id, as squeue does: 7_1 for
// a task of an array, and 7_[2-9%2] for those still to start; else empty.
func (j *Job) name() string {
	array := strconv.FormatInt(j.ArrayID, 10) + "_"
	_, several := strconv.ParseUint(j.ArrayTasks, 10, 31)
	switch {
	case j.ArrayID == 0:
		return ""
	case j.ArrayTasks == "":
		return array + strconv.FormatInt(j.ArrayTask, 10)
	case several == nil:
		return array + j.ArrayTasks
	case j.ArrayLimit > 0:
		return array + "[" + j.ArrayTasks + "%" + strconv.FormatInt(j.ArrayLimit, 10) + "]"
	}
	return array + "[" + j.ArrayTasks + "]"
}

// called is the job's name, or its number where it has none beside that.
func (j *Job) called() string {
	if name := j.name(); name != "" {
		return name
	}
	return strconv.FormatInt(j.ID, 10)
}

// namesOf are the names of those jobs that have one beside their id; nil: none has.
func namesOf(jobs []Job) (names map[autoscale.JobID]string) {
	for i := range jobs {
		if name := jobs[i].name(); name != "" {
			if names == nil {
				names = make(map[autoscale.JobID]string)
			}
			names[jobs[i].id()] = name
		}
	}
	return names
}

// Is tells whether the job's state or one of its flags is so called.
func (j *Job) Is(state string) bool { return hasWord(j.State, "+", state) }

// Node is one record of Slurm's node list.
type Node struct {
	Name, Host, Address string
	// State is the base state and its flags in capitals: "IDLE+CLOUD+POWERED_DOWN".
	State string
	// Features and Partitions have commas between.
	Features, Partitions string
	// Gres is what it has and GresUsed what of it is taken ("gpu:2"). AllocTRES is
	// what jobs have of it ("cpu=8,mem=50G"), which tells GPUs where these are accounted.
	Gres, GresUsed, AllocTRES string
	CPUs, AllocCPUs           int64
	// Memory and AllocMemory are in MiB.
	Memory, AllocMemory int64
	// Reason is what an administrator, Slurm or we gave for taking it out of service.
	Reason string
	// Comment is anybody's.
	Comment string
}

// Is tells whether the node's state or one of its flags is so called.
func (n *Node) Is(state string) bool { return hasWord(n.State, "+", state) }

// Partition is one record of Slurm's partition list.
type Partition struct {
	Name string
	// State is UP, DOWN, DRAIN or INACTIVE. Jobs start only where it is UP.
	State string
	// Nodes is a host list, or empty.
	Nodes string
	// OverSubscribe is EXCLUSIVE where every job has its nodes for itself.
	OverSubscribe string
	// MaxTime is the longest time limit, 0: none.
	MaxTime time.Duration
	// MinNodes and MaxNodes are how many nodes a job may have, a MaxNodes of 0 being any
	// number.
	MinNodes, MaxNodes int64
	// Tier is its PriorityTier: jobs of a higher one come before those of a lower.
	Tier int64
}

func hasWord(list, separator, word string) bool {
	for w := range strings.SplitSeq(list, separator) {
		if w == word {
			return true
		}
	}
	return false
}
