package slurm

import (
	"strings"
	"time"

	"autoscaled/autoscale"
)

// kind is what follows from what a job asks for, whoever asks and when: most jobs ask
// for the same as others.
type kind struct {
	shape autoscale.Shape
	// err is why there is no shape.
	err error
	// partitions are those of the job's that may run it, and refusal why others may not.
	partitions []string
	refusal    string
	// above is by how much the partitions' jobs come before all others.
	above int64
}

// maxKinds bounds how many are kept.
const maxKinds = 1 << 16

// kindOf is the kind of a pending job. It is made of the job without all that tells it
// apart from others of its kind, so that it can't depend on that.
func (r *reckoner) kindOf(j *Job) *kind {
	of := *j
	of.ID, of.ArrayID, of.ArrayTasks, of.ArrayTask, of.ArrayLimit, of.HetID = 0, 0, "", 0, 0, 0
	of.State, of.Reason, of.Description, of.Priority, of.Hold = "", "", "", 0, false
	of.Submitted, of.Eligible = time.Time{}, time.Time{}
	of.Nodes, of.Dependency, of.RequiredNodes, of.ExcludedNodes = "", "", "", ""
	if r.last != nil && r.lastOf == of {
		return r.last
	}
	k, known := r.kinds[of]
	if !known {
		k = r.newKind(&of)
		if len(r.kinds) < maxKinds {
			if r.kinds == nil {
				r.kinds = make(map[Job]*kind)
			}
			r.kinds[of] = k
		}
	}
	r.last, r.lastOf = k, of
	return k
}

func (r *reckoner) newKind(of *Job) *kind {
	k := &kind{}
	k.partitions, k.refusal = r.partitions.open(of)
	open := *of
	if len(k.partitions) > 0 {
		open.Partition = strings.Join(k.partitions, ",")
		if r.partitions.exclusive(k.partitions) {
			open.Shared = "none"
		}
		k.above = r.partitions.above(k.partitions)
	}
	k.shape, k.err = shapeOf(&open, r.Mapping)
	return k
}
