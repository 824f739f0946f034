package loop

import (
	"slices"

	"autoscaled/autoscale"
)

// MetricInfo documents a metric of the loop.
type MetricInfo struct {
	Name string
	// Type is counter, gauge or histogram.
	Type   string
	Labels []string
	Help   string
}

// Counters and histograms.
var (
	infoTicks       = MetricInfo{"autoscaled_ticks_total", "counter", []string{"cluster", "result"}, "Ticks by result: good, blind (queue or cloud could not be read), failed (the journal could not be used) or interrupted."}
	infoTickSeconds = MetricInfo{"autoscaled_tick_duration_seconds", "histogram", []string{"cluster"}, "Time that a tick took, calls included."}
	infoTransitions = MetricInfo{"autoscaled_operation_transitions_total", "counter", []string{"cluster", "kind", "phase"}, "Operations that entered a phase."}
	infoCreated     = MetricInfo{"autoscaled_nodes_created_total", "counter", []string{"cluster", "pool", "reason"}, "Nodes that the cloud took on to create for us."}
	infoStarted     = MetricInfo{"autoscaled_nodes_started_total", "counter", []string{"cluster", "pool", "reason"}, "Deallocated nodes that the cloud took on to start for us."}
	infoRemoved     = MetricInfo{"autoscaled_nodes_removed_total", "counter", []string{"cluster", "pool", "reason"}, "Nodes that the cloud took on to remove for us."}
	infoEvicted     = MetricInfo{"autoscaled_nodes_evicted_total", "counter", []string{"cluster", "pool"}, "Nodes of ours that went without our asking."}
	infoReported    = MetricInfo{"autoscaled_nodes_reported_total", "counter", []string{"cluster", "pool"}, "Failed nodes of ours that the cloud took a health report of."}
	infoUndrained   = MetricInfo{"autoscaled_drain_timeouts_total", "counter", []string{"cluster", "pool"}, "Drains that had not ended at their deadline, so that the node takes work again."}
	infoAdopted     = MetricInfo{"autoscaled_nodes_adopted_total", "counter", []string{"cluster", "pool"}, "Nodes that no record told of and that were taken for ours."}
	infoErrors      = MetricInfo{"autoscaled_errors_total", "counter", []string{"cluster", "class"}, "Failures by class: refused calls, short answers, nodes that did not come up."}
	infoDecisions   = MetricInfo{"autoscaled_decisions_total", "counter", []string{"cluster", "action", "reason"}, "Nodes that a plan acted on, by action and reason."}
	infoJoinSeconds = MetricInfo{"autoscaled_node_join_duration_seconds", "histogram", []string{"cluster", "pool"}, "Time from asking for a node to the queue's having heard of it."}
	infoBootSeconds = MetricInfo{"autoscaled_node_boot_duration_seconds", "histogram", []string{"cluster", "pool"}, "Time from asking for a node to seeing it ready."}
)

// Gauges, all of the last tick.
var (
	infoDemandKnown = MetricInfo{"autoscaled_demand_known", "gauge", []string{"cluster"}, "Whether the queue could be read in the last tick."}
	infoSupplyKnown = MetricInfo{"autoscaled_supply_known", "gauge", []string{"cluster"}, "Whether the cloud could be read in the last tick."}
	infoJournalOK   = MetricInfo{"autoscaled_journal_usable", "gauge", []string{"cluster"}, "Whether the journal could be read and written in the last tick; else nothing was sent."}
	infoLastGood    = MetricInfo{"autoscaled_last_good_tick_timestamp_seconds", "gauge", []string{"cluster"}, "When the last good tick started; 0 before the first."}
	infoJobs        = MetricInfo{"autoscaled_demand_jobs", "gauge", []string{"cluster"}, "Jobs that do not run yet."}
	infoTasks       = MetricInfo{"autoscaled_demand_tasks", "gauge", []string{"cluster"}, "Tasks of the jobs that do not run yet."}
	infoCores       = MetricInfo{"autoscaled_demand_cores", "gauge", []string{"cluster"}, "Cores that the jobs ask for that do not run yet."}
	infoJump        = MetricInfo{"autoscaled_demand_jump_cores", "gauge", []string{"cluster"}, "Cores that the queue suddenly asks for, where a second read must agree before anything grows; else 0."}
	infoServed      = MetricInfo{"autoscaled_jobs_served", "gauge", []string{"cluster", "reason"}, "Pending jobs that have nodes, or nodes on their way, by which."}
	infoWaiting     = MetricInfo{"autoscaled_jobs_waiting", "gauge", []string{"cluster", "reason"}, "Pending jobs that have no nodes, by why."}
	infoOldestWait  = MetricInfo{"autoscaled_oldest_wait_seconds", "gauge", []string{"cluster", "pool"}, "Age of the oldest job that has no nodes, by the pool that it tries first."}
	infoStates      = MetricInfo{"autoscaled_node_states", "gauge", []string{"cluster", "pool", "state"}, "Nodes that the cloud shows, by its own name of their state."}
	infoNodes       = MetricInfo{"autoscaled_nodes", "gauge", []string{"cluster", "pool", "phase"}, "Nodes that the cloud shows."}
	infoForeign     = MetricInfo{"autoscaled_nodes_foreign", "gauge", []string{"cluster", "pool"}, "Nodes of managed pools that are not ours, and never touched."}
	infoUndrainable = MetricInfo{"autoscaled_nodes_undrainable", "gauge", []string{"cluster", "pool", "why"}, "Nodes that can't be drained: unseen, the queue does not show a mark that was sent more than once; timeout, the last drain did not end in time."}
	infoStuck       = MetricInfo{"autoscaled_nodes_stuck", "gauge", []string{"cluster", "pool"}, "Nodes that are to go and whose removals come to nothing, three times or more."}
	infoLimitMax    = MetricInfo{"autoscaled_limit_max", "gauge", []string{"cluster", "limit", "unit"}, "Ceiling of a limit, in its unit."}
	infoLimitUsed   = MetricInfo{"autoscaled_limit_used", "gauge", []string{"cluster", "limit", "unit"}, "What is used of a limit once the tick's plan is carried out, in its unit."}
	infoSpendMonth  = MetricInfo{"autoscaled_spend_month", "gauge", []string{"cluster"}, "What nodes have cost in this calendar month, as far as their prices are known."}
	infoSpendHour   = MetricInfo{"autoscaled_spend_per_hour", "gauge", []string{"cluster"}, "What an hour of the nodes costs that exist, as far as their prices are known."}
	infoOperations  = MetricInfo{"autoscaled_operations_open", "gauge", []string{"cluster", "kind", "phase"}, "Operations that are not final."}
	infoBreaker     = MetricInfo{"autoscaled_breaker_open", "gauge", []string{"cluster", "class"}, "Whether errors of a class have stopped the cloud."}
	infoPaused      = MetricInfo{"autoscaled_paused", "gauge", []string{"cluster", "policy_pool"}, "Whether an operator paused a pool of the policy, by its name there."}
	infoRefused     = MetricInfo{"autoscaled_refused", "gauge", []string{"cluster"}, "Whether something forbade the last tick to act, such as another autoscaler at work; in a dry run, whether it would."}
	infoHolds       = MetricInfo{"autoscaled_holds", "gauge", []string{"cluster", "reason"}, "Pools, or the whole cloud, that are held back, by why."}
)

// MetricInfos lists all metrics of the loop in the order of the documentation.
func MetricInfos() []MetricInfo {
	return slices.Concat(
		[]MetricInfo{infoDemandKnown, infoSupplyKnown, infoJournalOK, infoTicks, infoTickSeconds, infoLastGood},
		[]MetricInfo{infoJobs, infoTasks, infoCores, infoJump, infoServed, infoWaiting, infoOldestWait},
		[]MetricInfo{infoNodes, infoStates, infoForeign, infoUndrainable, infoStuck, infoLimitMax, infoLimitUsed, infoSpendMonth, infoSpendHour, infoCreated, infoStarted, infoRemoved, infoEvicted, infoAdopted, infoReported, infoUndrained, infoBootSeconds, infoJoinSeconds},
		[]MetricInfo{infoOperations, infoTransitions, infoErrors, infoDecisions, infoHolds, infoBreaker, infoPaused, infoRefused},
	)
}

// kinds are those of an operation.
var kinds = []autoscale.OperationKind{autoscale.OperationCreate, autoscale.OperationStart, autoscale.OperationRemove}

// phases are those of an operation, open ones first.
var phases = []autoscale.OperationPhase{
	autoscale.OpIntended, autoscale.OpSent, autoscale.OpAbsent, autoscale.OpAccepted,
	autoscale.OpConverged, autoscale.OpShort, autoscale.OpRejected, autoscale.OpExpired,
}

// nodePhases are those of a node.
var nodePhases = []autoscale.Phase{
	autoscale.PhaseStarting, autoscale.PhaseReady, autoscale.PhaseStopping, autoscale.PhaseFailed,
	autoscale.PhaseDeallocated, autoscale.PhaseUnknown, autoscale.PhaseGone,
}
