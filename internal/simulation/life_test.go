package simulation

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"autoscaled/autoscale"
	"autoscaled/autoscale/journal"
)

// point is a moment at which the daemon may be killed.
type point string

const (
	pointBeforeIntent    point = "before the intent is written"
	pointAfterIntent     point = "after the intent is written, before the call is sent"
	pointBeforeSend      point = "as a call is sent"
	pointAfterSend       point = "after a call is sent, before its answer"
	pointBeforeAnswer    point = "after the answer, before it is written"
	pointAfterAnswer     point = "after the answer is written"
	pointBeforeTerminate point = "as a removal is sent"
	pointAfterTerminate  point = "after a removal is sent, before its answer"
	pointBeforeDrain     point = "before a mark for drain"
	pointAfterDrain      point = "after a mark for drain"
	pointBeforeMemory    point = "before memory is written"
	pointAfterMemory     point = "after memory is written"
	pointReading         point = "as the cloud is read"
	pointAnyMoment       point = "at any moment"
)

// points are drawn from; those around effects come up more often than they are reached.
var points = []point{
	pointBeforeIntent, pointAfterIntent, pointBeforeSend, pointAfterSend, pointAfterSend, pointBeforeAnswer, pointBeforeAnswer,
	pointAfterAnswer, pointBeforeTerminate, pointAfterTerminate, pointBeforeDrain, pointAfterDrain, pointBeforeMemory,
	pointAfterMemory, pointReading, pointAnyMoment,
}

var errDead = errors.New("the daemon was killed")

// life is the daemon from a start to its end. Once it is dead nothing of it has any
// effect, and what it held in memory is never looked at again.
type life struct {
	*world
	number int
	// doom is where it is killed: at the nth time that it comes there. 0: never.
	doom point
	left int
	end  context.CancelFunc

	state sync.Mutex
	dead  bool
	// sawCloud and sawQueue tell whether the last reads went well, sawAt is of when what
	// the cloud's showed may have been.
	sawCloud, sawQueue bool
	sawAt              time.Time
	// askedAt is when that read began, and actedAt when a call last left that makes or
	// starts nodes.
	askedAt, actedAt time.Time
}

// reach tells that the daemon is at a point; true: it is dead.
func (l *life) reach(p point) bool {
	l.state.Lock()
	defer l.state.Unlock()
	if !l.dead && p == l.doom {
		if l.left--; l.left == 0 {
			l.die(p)
		}
	}
	return l.dead
}

// die ends the life; the caller holds the lock.
func (l *life) die(p point) {
	l.dead = true
	l.tally(func(c *counts) { c.kills[p]++ })
	l.note("KILLED %s", p)
	l.end()
}

func (l *life) isDead() bool {
	l.state.Lock()
	defer l.state.Unlock()
	return l.dead
}

func (l *life) killNow() {
	l.state.Lock()
	defer l.state.Unlock()
	if !l.dead {
		l.die(pointAnyMoment)
	}
}

// saw notes how a read ended.
func (l *life) saw(which *bool, well bool) {
	l.state.Lock()
	defer l.state.Unlock()
	*which = well
}

// paper is what the journal's file holds, kept beside it.
type paper struct {
	mu         sync.Mutex
	operations map[autoscale.RequestID]autoscale.Operation
	memory     autoscale.Memory
}

func (p *paper) get(id autoscale.RequestID) (autoscale.Operation, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	op, known := p.operations[id]
	return op, known
}

// all is a copy of what is on record.
func (p *paper) all() map[autoscale.RequestID]autoscale.Operation {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make(map[autoscale.RequestID]autoscale.Operation, len(p.operations))
	for id, op := range p.operations {
		list[id] = op
	}
	return list
}

// mortalJournal is the journal of a life. What was written stays when the life ends.
type mortalJournal struct {
	*journal.Journal
	life *life
	*paper
}

func (j mortalJournal) Put(ctx context.Context, ops ...autoscale.Operation) error {
	if len(ops) == 0 {
		return nil
	}
	before, after := pointBeforeAnswer, pointAfterAnswer
	if ops[0].Phase == autoscale.OpSent && ops[0].Message == "" && ops[0].Answered.IsZero() {
		before, after = pointBeforeIntent, pointAfterIntent
	}
	if j.life.reach(before) {
		return errDead
	}
	if err := j.full("put"); err != nil {
		return err
	}
	if err := j.Journal.Put(ctx, ops...); err != nil {
		j.life.violate("the journal refuses: %v", err)
		return err
	}
	j.mu.Lock()
	for _, op := range ops {
		if _, known := j.operations[op.Request]; !known && op.Attempts > 1 {
			j.life.violate("request %s is new and its %dth attempt: a call is repeated under the id it had", op.Request, op.Attempts)
		}
		if j.life.hasSeen(op.Request) && (op.Phase == autoscale.OpAbsent || never(op.Phase)) {
			j.life.violate("request %s is called %s; the server said that it has seen it", op.Request, op.Phase)
		}
		j.life.note("journal: %s %s %s, %d of %d, attempt %d %s", op.Kind, op.Request, op.Phase, op.Added, op.Count, op.Attempts, op.Message)
		j.operations[op.Request] = op
	}
	j.mu.Unlock()
	if j.life.reach(after) {
		return errDead
	}
	return nil
}

// hasSeen tells whether the server said that it handled a request before.
func (w *world) hasSeen(id autoscale.RequestID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[string(id)]
}

func (j mortalJournal) Save(ctx context.Context, m autoscale.Memory) error {
	if j.life.reach(pointBeforeMemory) {
		return errDead
	}
	if err := j.full("save"); err != nil {
		return err
	}
	if err := j.Journal.Save(ctx, m); err != nil {
		return err
	}
	j.mu.Lock()
	j.memory = m
	j.mu.Unlock()
	if j.life.reach(pointAfterMemory) {
		return errDead
	}
	return nil
}

// full is the error of a disk that takes no write.
func (j mortalJournal) full(call string) error {
	l := j.life
	if l.away(eventDiskFull) || !l.calmed() && fraction(l.seed, "disk", call, l.nth("disk "+call)) < l.diskFaults {
		l.tally(func(c *counts) { c.faults["disk full"]++ })
		return errors.New("no space left on device")
	}
	return nil
}

// mortalQueue is the scheduler as a life reads it.
type mortalQueue struct{ life *life }

// Demand is the queue as it was when it was asked, which may be a while ago when the
// answer comes.
func (q mortalQueue) Demand(ctx context.Context) (autoscale.Demand, error) {
	l := q.life
	n := l.nth("demand")
	if l.isDead() {
		return autoscale.Demand{}, errDead
	}
	if l.away(eventQueueGone) || !l.calmed() && fraction(l.seed, "queue", n) < l.queueFaults {
		l.saw(&l.sawQueue, false)
		l.tally(func(c *counts) { c.faults["queue away"]++ })
		return autoscale.Demand{}, errors.New("the queue is away")
	}
	l.mu.Lock()
	l.follow()
	d, err := l.jobs.Demand(ctx)
	marked, busy := map[string]bool{}, map[string]bool{}
	for id, host := range l.joined {
		marked[id], busy[id] = isMarked(d, host), l.jobs.Busy(host)
	}
	l.mu.Unlock()
	if !l.calmed() && fraction(l.seed, "slow queue", n) < l.queueFaults {
		time.Sleep(time.Duration(lot(l.seed, "slow", n) % uint64(15*time.Second)))
	}
	l.mu.Lock()
	l.readMarked, l.readBusy = marked, busy
	l.emptied(busy)
	l.mu.Unlock()
	l.saw(&l.sawQueue, err == nil)
	return d, err
}

// drainingQueue is a queue that can mark nodes for drain.
type drainingQueue struct{ mortalQueue }

func (q drainingQueue) Drain(ctx context.Context, nodes []autoscale.Node, reason string) []error {
	return q.mark(ctx, "drain", nodes, func(n []autoscale.Node) []error { return q.life.jobs.Drain(ctx, n, reason) })
}

func (q drainingQueue) Undrain(ctx context.Context, nodes []autoscale.Node) []error {
	return q.mark(ctx, "undrain", nodes, func(n []autoscale.Node) []error { return q.life.jobs.Undrain(ctx, n) })
}

// mark marks node after node, as a command line would: the daemon may die between two.
func (q drainingQueue) mark(_ context.Context, what string, nodes []autoscale.Node, do func([]autoscale.Node) []error) []error {
	l := q.life
	errs := make([]error, len(nodes))
	for i := range nodes {
		id := string(nodes[i].ID)
		switch n := l.nth(what + id); {
		case l.reach(pointBeforeDrain):
			errs[i] = errDead
			continue
		case l.away(eventQueueGone), !l.calmed() && fraction(l.seed, what, id, n) < l.queueFaults:
			errs[i] = fmt.Errorf("%s %s: the queue is away", what, nodes[i].Name)
			continue
		}
		if !l.calmed() && fraction(l.seed, "deaf", what, id, l.nth("deaf "+id)) < l.deafness {
			l.tally(func(c *counts) { c.faults["mark lost"]++ })
			continue
		}
		l.mu.Lock()
		l.follow()
		errs[i] = do(nodes[i : i+1])[0]
		l.note("%s %s: %v", what, id, errs[i])
		l.mu.Unlock()
		if l.reach(pointAfterDrain) {
			errs[i] = errDead
		}
	}
	return errs
}

// isMarked tells whether the queue shows a host with our mark.
func isMarked(d autoscale.Demand, host string) bool {
	return d.Use[strings.ToLower(host)].Drain == autoscale.DrainOurs
}
