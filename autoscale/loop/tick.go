package loop

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"autoscaled/autoscale"
)

// tick is the state of one pass.
type tick struct {
	*Loop
	at     time.Time
	policy autoscale.Policy
	// dry: it decides and remembers, and neither acts nor writes.
	dry bool
	// limits are how long operations may take, once the cloud was observed.
	limits timeLimits
	// operations are all that were open when the tick began, and those it
	// made, in their latest state.
	operations []autoscale.Operation
	// changes are what converge found out and the journal does not know yet.
	changes []change
	report  Report
}

// change is an operation before and after.
type change struct{ before, after autoscale.Operation }

// changed is a change of this tick.
func (t *tick) changed(before, after autoscale.Operation) change {
	if after.Phase != before.Phase {
		after.Since = t.at
	}
	after.Deadline = time.Time{}
	if !after.Phase.Final() {
		after.Deadline = t.limits.deadline(after)
	}
	return change{before, after}
}

func (l *Loop) newTick(at time.Time) *tick {
	return &tick{Loop: l, at: at, policy: *l.policy.Load(), dry: l.DryRun, report: Report{At: at}}
}

// mayAct makes the tick one of a dry run where something forbids it to act. A dry run asks
// too, so that one knows what would stand in its way.
func (t *tick) mayAct(ctx context.Context) {
	if t.Refuse == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, t.QueueTimeout)
	defer cancel()
	if t.report.Refused = t.Refuse(ctx); t.report.Refused != "" && !t.dry {
		t.dry = true
		t.problem(StepAct, "", errors.New(t.report.Refused))
	}
}

// run is the whole tick.
func (t *tick) run(ctx context.Context) {
	before, ok := t.think(ctx)
	if !ok {
		return
	}
	t.measure(before)
	t.remember()
	if t.dry || !t.write(ctx) {
		return
	}
	t.act(ctx)
	t.keepFailed(ctx)
	t.report.Operations = open(t.operations)
}

// think is the part of a tick that only reads. It returns the memory from before
// the observation, and false if there is no plan.
func (t *tick) think(ctx context.Context) (before autoscale.Memory, ok bool) {
	t.observe(ctx)
	t.limits = newTimeLimits(t.report.Observation.Supply.Pools, t.policy)
	if err := ctx.Err(); err != nil {
		t.report.interrupted = err
		return before, false
	}
	before, ok = t.recall(ctx)
	if !ok {
		return before, false
	}
	t.converge(ctx)
	t.decide(before)
	return before, true
}

// recall reads what the journal holds: operations each time, for they are few,
// and memory once.
func (t *tick) recall(ctx context.Context) (autoscale.Memory, bool) {
	ctx = context.WithoutCancel(ctx)
	ops, err := t.Journal.Operations(ctx)
	if err != nil {
		t.problem(StepJournal, "", err)
		return autoscale.Memory{}, false
	}
	t.operations = ops
	m, err := t.remembered(ctx)
	if err != nil {
		t.problem(StepJournal, "", err)
		return autoscale.Memory{}, false
	}
	return m, true
}

// keepFailed notes in the memory, durably, which requests failed when they were sent,
// for otherwise a restart before the next tick would forget to wait.
func (t *tick) keepFailed(ctx context.Context) {
	if len(t.failed) == 0 || t.report.failed(StepJournal) {
		return
	}
	next := *t.memory
	next.Failed = make([]autoscale.RequestID, len(t.failed))
	for i := range t.failed {
		next.Failed[i] = t.failed[i].Request
	}
	t.memory = &next
	if err := t.Journal.Save(context.WithoutCancel(ctx), next); err != nil {
		t.problem(StepJournal, "", err)
	}
}

// decide folds the observation into memory and plans, and gives each new action
// the request id under which it will be sent and remembered. Operations that ended in
// this tick still say whose their nodes are, but are no supply.
func (t *tick) decide(before autoscale.Memory) {
	r := &t.report
	r.Operations = open(t.operations)
	r.Memory = autoscale.Advance(before, r.Observation, slices.Concat(t.operations, t.lateEnds(), t.makers(before)), t.policy)
	if t.dry { // which tries nothing, and would never close it
		r.Memory.Breaker = before.Breaker
	}
	r.Orphans = autoscale.FindOrphans(r.Observation, r.Operations, r.Memory, t.policy)
	r.Plan = t.planner.Decide(t.state(), t.policy)
	for i := range r.Plan.Grow {
		r.Plan.Grow[i].Name(t.NewRequestID)
	}
	for i := range r.Plan.Start {
		r.Plan.Start[i].Request = t.NewRequestID()
	}
	for i := range r.Plan.Remove {
		r.Plan.Remove[i].Request = t.NewRequestID()
	}
}

// state is what is planned on.
func (t *tick) state() autoscale.State {
	r := &t.report
	return autoscale.State{
		Observation: r.Observation,
		Operations:  r.Operations,
		Memory:      r.Memory,
		CanDrain:    t.drainer != nil,
		CanReport:   t.health != nil,
	}
}

// lateEnds are the operations that failed when they were sent, as ends of this tick.
func (t *tick) lateEnds() []autoscale.Operation {
	ends := slices.Clone(t.failed)
	for i := range ends {
		ends[i].Ended = t.at
	}
	return ends
}

// remember keeps, for the next tick, what was seen and decided.
func (t *tick) remember() {
	plan := t.report.Plan
	if t.dry {
		plan.Drain = nil // no mark is sent, so none is missed
	}
	next := autoscale.Remember(t.report.Memory, plan)
	if t.dry {
		next.Removed, next.Created = t.report.Memory.Removed, t.report.Memory.Created // nothing goes or comes, so the rates stay free
	}
	t.memory = &next
	if t.report.Observation.SupplyProblem == "" { // else nothing was learnt
		t.failed = nil
	}
}

// write makes durable what was found out before anything is done about it. Memory goes
// first: whose a node is must be on record before the operation that made it ends, for
// between the two the daemon may die.
func (t *tick) write(ctx context.Context) bool {
	ctx = context.WithoutCancel(ctx)
	if err := t.Journal.Save(ctx, *t.memory); err != nil {
		t.problem(StepJournal, "", err)
		return false
	}
	after := make([]autoscale.Operation, len(t.changes))
	for i := range t.changes {
		after[i] = t.changes[i].after
	}
	if err := t.Journal.Put(ctx, after...); err != nil {
		t.problem(StepJournal, "", err)
		return false
	}
	for _, c := range t.changes {
		t.settled(c)
	}
	return true
}

// settled counts and logs a change that the journal holds, and keeps the
// operation's state for the report.
func (t *tick) settled(c change) {
	t.Metrics.countChange(t.Cluster, c)
	t.log.change(c)
	put(&t.report.Changed, c.after)
	put(&t.operations, c.after)
}

// put replaces the operation in the list, or appends it.
func put(list *[]autoscale.Operation, op autoscale.Operation) {
	i := slices.IndexFunc(*list, func(o autoscale.Operation) bool { return o.Request == op.Request })
	if i < 0 {
		*list = append(*list, op)
		return
	}
	(*list)[i] = op
}

func open(ops []autoscale.Operation) []autoscale.Operation {
	list := make([]autoscale.Operation, 0, len(ops))
	for i := range ops {
		if !ops[i].Phase.Final() {
			list = append(list, ops[i])
		}
	}
	return list
}

func (t *tick) problem(step Step, subject string, err error) {
	t.report.Problems = append(t.report.Problems, Problem{Step: step, Subject: subject, Err: err})
}

func (t *tick) problemf(step Step, subject, format string, args ...any) {
	t.problem(step, subject, fmt.Errorf(format, args...))
}
