package loop

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"autoscaled/autoscale"
)

// stopWithin is how long calls under way may go on after the daemon was told to
// stop. What has no answer by then stays sent, to be resolved at the next start.
const stopWithin = 5 * time.Second

// errNotSent is the outcome of a call that never left.
var errNotSent = fmt.Errorf("not sent, the daemon is stopping: %w", autoscale.ErrUnavailable)

// call is one request to the cloud: the operation before it, as it is written
// before the request leaves, and how to send it.
type call struct {
	change
	send func(context.Context) (autoscale.Receipt, error)
}

// act carries out the plan. Supply comes first: marks are withdrawn before nodes
// are started, those before others are created, and those before any is marked,
// reported or removed. Nodes with names are created before others, or the cloud might
// give the names to those. Of nodes that may get work until they go, removals leave only
// after another look. What fails in one stage does not keep the next from its
// work, but for the journal: what can't be recorded is not begun.
func (t *tick) act(ctx context.Context) {
	if ctx.Err() != nil {
		return
	}
	t.report.Acted = true
	late, cancel := lingering(ctx, stopWithin)
	defer cancel()
	if !t.report.Plan.Empty() {
		t.carryOut(ctx, late)
	}
	if ctx.Err() == nil {
		t.keepRecords(late)
		t.tellQueue(late)
		t.tend(late)
	}
}

// carryOut does what is planned.
func (t *tick) carryOut(ctx, late context.Context) {
	t.undrain(late)
	t.sendAll(ctx, late, t.starts())
	named, others := byNames(t.creates())
	t.sendAll(ctx, late, named)
	t.sendAll(ctx, late, others)
	if ctx.Err() == nil && !t.report.failed(StepJournal) {
		t.drain(late)
		t.reportHealth(late)
		t.lookAgain(ctx)
	}
	t.sendAll(ctx, late, t.removes())
}

// starts are the calls of the plan's retried and new starts.
func (t *tick) starts() (calls []call) {
	for _, retry := range t.report.Plan.Retry {
		if op := retry.Operation; op.Kind == autoscale.OperationStart {
			calls = append(calls, t.start(op, op, t.nodesOf(op)))
		}
	}
	for _, s := range t.report.Plan.Start {
		calls = append(calls, t.start(autoscale.Operation{}, autoscale.Operation{
			Request: s.Request, Kind: autoscale.OperationStart,
			Pool: s.Pool, Group: s.Group, Count: len(s.Nodes), Draws: s.Draws, Nodes: idsOf(s.Nodes),
			Jobs: s.Jobs, JobCount: s.JobCount,
			Reason: s.Reason, Intended: t.at,
		}, s.Nodes))
	}
	return calls
}

func (t *tick) start(before, op autoscale.Operation, nodes []autoscale.Node) call {
	op = t.sent(op)
	return call{t.changed(before, op), func(ctx context.Context) (autoscale.Receipt, error) {
		return t.Cloud.Start(ctx, autoscale.Start{
			Request: op.Request, Pool: op.Pool, Group: op.Group, Nodes: nodes,
			Jobs: op.Jobs, JobCount: op.JobCount, Reason: op.Reason,
		})
	}}
}

// creates are the calls of the plan's retried and new sets.
func (t *tick) creates() (calls []call) {
	for _, retry := range t.report.Plan.Retry {
		if op := retry.Operation; op.Kind == autoscale.OperationCreate {
			calls = append(calls, t.create(op, op))
		}
	}
	for _, set := range t.report.Plan.Grow {
		for _, g := range set.Singly() {
			calls = append(calls, t.create(autoscale.Operation{}, autoscale.Operation{
				Request: g.Request, Kind: autoscale.OperationCreate,
				Pool: g.Pool, Group: g.Group, Count: g.Count, Names: g.Names, Draws: g.Draws,
				Jobs: g.Jobs, JobCount: g.JobCount, Priority: g.Priority,
				Reason: g.Reason, Intended: t.at,
			}))
		}
	}
	return calls
}

// byNames parts the creates that ask for names from those that don't.
func byNames(calls []call) (named, others []call) {
	for _, c := range calls {
		if len(c.after.Names) > 0 {
			named = append(named, c)
		} else {
			others = append(others, c)
		}
	}
	return named, others
}

func (t *tick) create(before, op autoscale.Operation) call {
	op = t.sent(op)
	return call{t.changed(before, op), func(ctx context.Context) (autoscale.Receipt, error) {
		return t.Cloud.Create(ctx, autoscale.Grow{
			Request: op.Request, Pool: op.Pool, Group: op.Group, Count: op.Count, Names: op.Names,
			Jobs: op.Jobs, JobCount: op.JobCount, Priority: op.Priority, Reason: op.Reason,
		})
	}}
}

// removes are the calls of the plan's retried and new removals.
func (t *tick) removes() (calls []call) {
	for _, retry := range t.report.Plan.Retry {
		if op := retry.Operation; op.Kind == autoscale.OperationRemove {
			calls = append(calls, t.remove(op, op, t.nodesOf(op)))
		}
	}
	for _, r := range t.report.Plan.Remove {
		calls = append(calls, t.remove(autoscale.Operation{}, autoscale.Operation{
			Request: r.Request, Kind: autoscale.OperationRemove,
			Pool: r.Pool, Count: len(r.Nodes), Nodes: idsOf(r.Nodes), Removal: r.Removal,
			Reason: r.Reason, Intended: t.at,
		}, r.Nodes))
	}
	return calls
}

func (t *tick) remove(before, op autoscale.Operation, nodes []autoscale.Node) call {
	op = t.sent(op)
	return call{t.changed(before, op), func(ctx context.Context) (autoscale.Receipt, error) {
		return t.Cloud.Remove(ctx, autoscale.Remove{
			Request: op.Request, Pool: op.Pool, Nodes: nodes, Removal: op.Removal, Reason: op.Reason,
		})
	}}
}

// sent is the operation as it is written just before its call leaves. Intent and
// departure are one write: a crash after it leaves the outcome in doubt either
// way, and the next start asks the cloud.
func (t *tick) sent(op autoscale.Operation) autoscale.Operation {
	op.Phase, op.Since, op.Sent, op.Class = autoscale.OpSent, t.at, t.at, ""
	op.Revision = t.policy.Revision
	op.Attempts++
	return op
}

// sendAll writes all intents of a stage durably, then sends them, a few at once,
// and writes the answers as they come: those that arrive during one write share
// the next. Without the intents on disk nothing is sent. Once ctx ends nothing
// more leaves; late bounds what has left.
func (t *tick) sendAll(ctx, late context.Context, calls []call) {
	if len(calls) == 0 || t.report.failed(StepJournal) {
		return
	}
	intents := make([]change, len(calls))
	for i := range calls {
		intents[i] = calls[i].change
	}
	if !t.record(intents) {
		return
	}
	answers := make(chan answer, len(calls))
	var no refusals
	go func() {
		defer close(answers)
		var group errgroup.Group
		group.SetLimit(callsAtOnce)
		for i := range calls {
			group.Go(func() error {
				answers <- t.ask(ctx, late, i, calls[i], &no)
				return nil
			})
		}
		_ = group.Wait()
	}()
	for first := range answers {
		batch := []change{t.answered(calls[first.call].after, first)}
		for range len(answers) {
			next := <-answers
			batch = append(batch, t.answered(calls[next.call].after, next))
		}
		t.record(batch)
	}
}

func (t *tick) ask(ctx, late context.Context, i int, c call, no *refusals) answer {
	if ctx.Err() != nil {
		return answer{call: i, err: errNotSent}
	}
	if err := no.of(&c.after); err != nil {
		return answer{call: i, err: err}
	}
	receipt, err := within(late, t.CallTimeout, c.send)
	no.note(&c.after, err)
	return answer{call: i, receipt: receipt, err: err}
}

// record writes changes durably, whatever has become of the context, and makes
// them known. An answer that can't be written is in doubt, as after a crash.
func (t *tick) record(changes []change) bool {
	ops := make([]autoscale.Operation, 0, len(changes))
	for _, c := range changes {
		ops = append(ops, c.after)
	}
	if err := t.Journal.Put(context.Background(), ops...); err != nil {
		t.problem(StepJournal, "", err)
		return false
	}
	for _, c := range changes {
		t.settled(c)
	}
	return true
}

// nodesOf are the targets of a start or remove as the cloud shows them now.
func (t *tick) nodesOf(op autoscale.Operation) []autoscale.Node {
	nodes := make([]autoscale.Node, 0, len(op.Nodes))
	shown := make(map[autoscale.NodeID]autoscale.Node, len(op.Nodes))
	for _, id := range op.Nodes {
		shown[id] = autoscale.Node{ID: id, Pool: op.Pool}
	}
	for _, n := range t.report.Observation.Supply.Nodes {
		if _, target := shown[n.ID]; target {
			shown[n.ID] = n
		}
	}
	for _, id := range op.Nodes {
		nodes = append(nodes, shown[id])
	}
	return nodes
}

func idsOf(nodes []autoscale.Node) []autoscale.NodeID {
	ids := make([]autoscale.NodeID, len(nodes))
	for i := range nodes {
		ids[i] = nodes[i].ID
	}
	return ids
}

// lingering is a context that ends a while after its parent.
func lingering(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(grace, cancel)
		context.AfterFunc(late, func() { timer.Stop() })
	})
	return late, func() { stop(); cancel() }
}
