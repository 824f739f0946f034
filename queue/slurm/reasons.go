package slurm

import "strings"

// Why is one of Slurm's reasons for which a job waits, and what it means here.
type Why struct {
	// Reason is Slurm's word (squeue's man page, JOB REASON CODES).
	Reason string
	// Demand tells whether new nodes may help the job.
	Demand bool
	// Words say so to people.
	Words string
}

// Reasons are all reasons that are known. Which of them are demand is our own choice
// where Slurm's documents leave it open: what nodes can't help, is none. A reason that
// is not listed is no demand either, and is shown as it is.
var Reasons = []Why{
	{"None", true, "Slurm has not looked at it yet"},
	{"Resources", true, "waits for nodes"},
	{"Priority", true, "others of its partition come first; they are served in that order"},
	{"ReqNodeNotAvail", true, "a node that it could have is out of service or reserved; other nodes may do, unless it names its nodes"},
	{"PartitionConfig", true, "its partition has too few nodes as yet, as with dynamic nodes"},
	{"NodeDown", true, "a node that it needs is down"},
	{"Nodes_required_for_job_are_DOWN", true, "nodes that it needs are down, drained or reserved"},
	{"BeginTime", true, "its begin time lies ahead"},
	{"Cleaning", true, "is requeued, and its last run is being cleaned up"},
	{"SchedDefer", true, "is to start with the next scheduling"},
	{"FrontEndDown", false, "no front end node is up"},
	{"JobArrayTaskLimit", true, "as many tasks of the array run as its % limit allows"},
	{"Dependency", false, "other jobs must end first"},
	{"DependencyNeverSatisfied", false, "a job that it depends on did not end as it must: it never starts"},
	{"JobHeldUser", false, "its user holds it (scontrol release lets it go)"},
	{"JobHeldAdmin", false, "an administrator holds it, who alone can release it"},
	{"JobHoldMaxRequeue", false, "was requeued too often and is held (scontrol release lets it go)"},
	{"JobLaunchFailure", false, "could not be launched"},
	{"launch_failed_requeued_held", false, "could not be launched and is held (scontrol release lets it go)"},
	{"job_requeued_in_held_state", false, "was requeued and is held (scontrol release lets it go)"},
	{"SystemFailure", false, "failed with the file system, the network or Slurm"},
	{"Licenses", false, "waits for licences that others use; more nodes would not help"},
	{"Reservation", false, "waits for its reservation"},
	{"ReservationDeleted", false, "its reservation is gone"},
	{"InvalidReservation", false, "its reservation is not valid"},
	{"ReqNodeReserved", false, "a node that it names is reserved"},
	{"PartitionDown", false, "its partition is down"},
	{"PartitionInactive", false, "its partition is inactive"},
	{"PartitionNodeLimit", false, "asks for more nodes than its partition allows or has"},
	{"PartitionTimeLimit", false, "asks for more time than its partition allows"},
	{"BadConstraints", false, "nothing can ever meet its constraints"},
	{"ConstraintsCannotBeMet", false, "nothing can ever meet its constraints"},
	{"DeadLine", false, "can't end before its deadline"},
	{"BurstBufferOperation", false, "an operation on its burst buffer failed"},
	{"BurstBufferResources", false, "waits for its burst buffer"},
	{"BurstBufferStageIn", false, "its burst buffer is being filled"},
	{"FedJobLock", false, "another cluster of the federation looks at it"},
	{"AccountNotAllowed", false, "its account may not use the partition"},
	{"AccountingPolicy", false, "an accounting policy forbids it"},
	{"InvalidAccount", false, "its account is not valid"},
	{"InvalidQOS", false, "its QOS is not valid"},
	{"QOSNotAllowed", false, "its QOS may not use the partition"},
	{"QOSJobLimit", false, "its QOS runs as many jobs as it may"},
	{"QOSResourceLimit", false, "its QOS has as much as it may"},
	{"QOSTimeLimit", false, "its QOS has had as much time as it may"},
	{"QOSUsageThreshold", false, "the usage threshold of its QOS is exceeded"},
	{"QOSUnknown", false, "its QOS is not known"},
	{"AssociationJobLimit", false, "its association runs as many jobs as it may"},
	{"AssociationResourceLimit", false, "its association has as much as it may"},
	{"AssociationTimeLimit", false, "its association has had as much time as it may"},
	{"NonZeroExitCode", false, "ended with an error"},
	{"OutOfMemory", false, "ran out of memory"},
	{"TimeLimit", false, "reached its time limit"},
	{"RaisedSignal", false, "ended by a signal"},
	{"Prolog", true, "its prolog runs"},
	{"Preempted", true, "was preempted"},
}

var reasonOf = func() map[string]Why {
	m := make(map[string]Why, len(Reasons))
	for _, w := range Reasons {
		m[w.Reason] = w
	}
	return m
}()

// Explain tells what a reason means. Limits of accounts, associations and QOS are many
// ("AssocGrpCpuLimit", "QOSMaxJobsPerUserLimit") and all alike: no demand.
func Explain(reason string) Why {
	if reason == "" {
		reason = "None"
	}
	if w, known := reasonOf[reason]; known {
		return w
	}
	for _, prefix := range [...]string{"Assoc", "QOS", "MaxCpuPerAccount", "MaxMemPerLimit"} {
		if strings.HasPrefix(reason, prefix) {
			return Why{reason, false, "a limit of its account, association or QOS holds it"}
		}
	}
	return Why{reason, false, "waits for a reason that is not known here"}
}
