package slurm

import (
	"strings"
	"time"
)

// into reads a number to where it belongs. Slurm writes what is not set as one of the
// largest numbers of the type; those are no amounts.
func into[T any](where func(*T) *int64) func(*decoder, *T) error {
	return func(d *decoder, t *T) error {
		n, err := d.number()
		*where(t) = amount(n)
		return err
	}
}

// Slurm's marks for numbers that are not set or have no bound (NO_VAL, INFINITE and
// their 16 and 64 bit kin in slurm.h).
const (
	noValue16 = 0xfffe
	noValue32 = 0xfffffffe
)

func amount(n int64) int64 {
	if n < 0 || n == noValue32 || n == noValue32+1 {
		return 0
	}
	return n
}

// small is amount for numbers of 16 bits.
func small[T any](where func(*T) *int64) func(*decoder, *T) error {
	read := into(where)
	return func(d *decoder, t *T) error {
		err := read(d, t)
		if n := where(t); *n == noValue16 || *n == noValue16+1 {
			*n = 0
		}
		return err
	}
}

func textInto[T any](separator string, where func(*T) *string) func(*decoder, *T) error {
	return func(d *decoder, t *T) (err error) {
		*where(t), err = d.text(separator)
		return err
	}
}

// timeInto reads seconds of Unix time; 0 is none.
func timeInto(where func(*Job) *time.Time) func(*decoder, *Job) error {
	return func(d *decoder, j *Job) error {
		n, err := d.number()
		*where(j) = unixTime(n)
		return err
	}
}

func unixTime(seconds int64) time.Time {
	if amount(seconds) == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

// maxMinutes bounds a time limit, so that it fits a duration.
const maxMinutes = int64(1<<63-1) / int64(time.Minute)

func minutes(n int64) time.Duration { return time.Duration(min(amount(n), maxMinutes)) * time.Minute }

var jobFields = fields[Job]{
	"job_id":       into(func(j *Job) *int64 { return &j.ID }),
	"array_job_id": into(func(j *Job) *int64 { return &j.ArrayID }),
	"array_task_string": func(d *decoder, j *Job) error {
		text, err := d.text(",")
		j.ArrayTasks, _, _ = strings.Cut(text, "%") // array_max_tasks has the rest
		return err
	},
	"array_task_id":     into(func(j *Job) *int64 { return &j.ArrayTask }),
	"array_max_tasks":   into(func(j *Job) *int64 { return &j.ArrayLimit }),
	"het_job_id":        into(func(j *Job) *int64 { return &j.HetID }),
	"job_state":         textInto("+", func(j *Job) *string { return &j.State }),
	"state_reason":      textInto(",", func(j *Job) *string { return &j.Reason }),
	"state_description": textInto(",", func(j *Job) *string { return &j.Description }),
	"partition":         textInto(",", func(j *Job) *string { return &j.Partition }),
	"priority": func(d *decoder, j *Job) (err error) {
		j.Priority, err = d.number()
		return err
	},
	"submit_time":   timeInto(func(j *Job) *time.Time { return &j.Submitted }),
	"eligible_time": timeInto(func(j *Job) *time.Time { return &j.Eligible }),
	"time_limit": func(d *decoder, j *Job) error {
		n, err := d.number()
		j.TimeLimit = minutes(n)
		return err
	},
	"nodes":                 textInto(",", func(j *Job) *string { return &j.Nodes }),
	"node_count":            into(func(j *Job) *int64 { return &j.NodeCount }),
	"max_nodes":             into(func(j *Job) *int64 { return &j.MaxNodes }),
	"tasks":                 into(func(j *Job) *int64 { return &j.Tasks }),
	"cpus":                  into(func(j *Job) *int64 { return &j.CPUs }),
	"cpus_per_task":         small(func(j *Job) *int64 { return &j.CPUsPerTask }),
	"tasks_per_node":        small(func(j *Job) *int64 { return &j.TasksPerNode }),
	"minimum_cpus_per_node": small(func(j *Job) *int64 { return &j.MinCPUsPerNode }),
	"sockets_per_node":      small(func(j *Job) *int64 { return &j.SocketsPerNode }),
	"memory_per_node":       into(func(j *Job) *int64 { return &j.MemoryPerNode }),
	"memory_per_cpu":        into(func(j *Job) *int64 { return &j.MemoryPerCPU }),
	"shared":                textInto(",", func(j *Job) *string { return &j.Shared }),
	"features":              textInto(",", func(j *Job) *string { return &j.Features }),
	"required_switches":     into(func(j *Job) *int64 { return &j.Switches }),
	"licenses":              textInto(",", func(j *Job) *string { return &j.Licenses }),
	"dependency":            textInto(",", func(j *Job) *string { return &j.Dependency }),
	"required_nodes":        textInto(",", func(j *Job) *string { return &j.RequiredNodes }),
	"excluded_nodes":        textInto(",", func(j *Job) *string { return &j.ExcludedNodes }),
	"tres_req_str":          textInto(",", func(j *Job) *string { return &j.TRES }),
	"tres_per_node":         textInto(",", func(j *Job) *string { return &j.TRESPerNode }),
	"tres_per_job":          textInto(",", func(j *Job) *string { return &j.TRESPerJob }),
	"tres_per_task":         textInto(",", func(j *Job) *string { return &j.TRESPerTask }),
	"tres_per_socket":       textInto(",", func(j *Job) *string { return &j.TRESPerSocket }),
	"cpus_per_tres":         textInto(",", func(j *Job) *string { return &j.CPUsPerTRES }),
	"memory_per_tres":       textInto(",", func(j *Job) *string { return &j.MemoryPerTRES }),
	"hold": func(d *decoder, j *Job) (err error) {
		j.Hold, err = d.flag()
		return err
	},
}

var nodeFields = fields[Node]{
	"name":            textInto(",", func(n *Node) *string { return &n.Name }),
	"hostname":        textInto(",", func(n *Node) *string { return &n.Host }),
	"address":         textInto(",", func(n *Node) *string { return &n.Address }),
	"active_features": textInto(",", func(n *Node) *string { return &n.Features }),
	"partitions":      textInto(",", func(n *Node) *string { return &n.Partitions }),
	"gres":            textInto(",", func(n *Node) *string { return &n.Gres }),
	"gres_used":       textInto(",", func(n *Node) *string { return &n.GresUsed }),
	"tres_used":       textInto(",", func(n *Node) *string { return &n.AllocTRES }),
	"cpus":            into(func(n *Node) *int64 { return &n.CPUs }),
	"alloc_cpus":      into(func(n *Node) *int64 { return &n.AllocCPUs }),
	"real_memory":     into(func(n *Node) *int64 { return &n.Memory }),
	"alloc_memory":    into(func(n *Node) *int64 { return &n.AllocMemory }),
	"reason":          textInto(",", func(n *Node) *string { return &n.Reason }),
	"comment":         textInto(",", func(n *Node) *string { return &n.Comment }),
	"state":           stateOfNode(textInto("+", func(n *Node) *string { return &n.State })),
	// state_flags is beside state up to 22.05, and within it since.
	"state_flags": func(d *decoder, n *Node) error {
		flags, err := d.text("+")
		if flags != "" {
			n.State = strings.ToUpper(strings.Trim(n.State+"+"+flags, "+"))
		}
		return err
	},
}

// stateOfNode adds to flags that came before the state.
func stateOfNode(read func(*decoder, *Node) error) func(*decoder, *Node) error {
	return func(d *decoder, n *Node) error {
		before := n.State
		err := read(d, n)
		n.State = strings.ToUpper(strings.Trim(n.State+"+"+before, "+"))
		return err
	}
}
