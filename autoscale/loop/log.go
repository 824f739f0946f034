package loop

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"autoscaled/autoscale"
)

// A problem that lasts is told again after remindFirst, then after twice as long
// each time, up to remindLast, in the time of the ticks.
const (
	remindFirst = time.Minute
	remindLast  = time.Hour
)

// reporter writes the loop's log lines: one an action, one a tick at debug
// level, and a problem when it changes and then ever more rarely.
type reporter struct {
	log *zap.Logger
	mu  sync.Mutex
	// told are the problems that last, by step and subject.
	told map[complaint]*reminder
	// strangers are the nodes that are not ours, as last told.
	strangers map[autoscale.NodeID]bool
	// empty are the policy's pools that match nothing, as last told.
	empty []string
	// begun: a tick that could read the cloud was told of.
	begun bool
}

type complaint struct {
	step    Step
	subject string
}

type reminder struct {
	words string
	// next is when to tell it again, and gap how long after that.
	next time.Time
	gap  time.Duration
	// missed counts the ticks that did not tell it.
	missed int
}

func newReporter(log *zap.Logger) *reporter {
	return &reporter{log: log, told: make(map[complaint]*reminder)}
}

// tick tells of a tick and its problems.
func (r *reporter) tick(report Report) {
	r.log.Debug("tick",
		zap.Time("at", report.At),
		zap.String("result", report.Result()),
		zap.Duration("duration", report.Duration),
		zap.Int("jobs", report.Observation.Demand.Jobs()),
		zap.Int("nodes", len(report.Observation.Supply.Nodes)),
		zap.Int("operations", len(report.Operations)),
		zap.Bool("acted", report.Acted))
	if report.interrupted != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	current := make(map[complaint]bool, len(report.Problems))
	for _, p := range report.Problems {
		about := complaint{p.Step, p.Subject}
		if !current[about] {
			current[about] = true
			r.problem(about, p.Err, report.At)
		}
	}
	r.recovered(current, report)
}

// problem tells a problem if it is new, another than before, or due again.
func (r *reporter) problem(about complaint, err error, at time.Time) {
	words := err.Error()
	seen, known := r.told[about]
	switch {
	case !known || seen.words != constant(words):
		r.told[about] = &reminder{words: constant(words), next: at.Add(remindFirst), gap: remindFirst}
		r.complain(about, zap.String("error", words))
	case at.Before(seen.next):
		seen.missed++
	default:
		r.complain(about, zap.String("error", words), zap.Int("repeated", seen.missed+1))
		seen.gap = min(2*seen.gap, remindLast)
		seen.next, seen.missed = at.Add(seen.gap), 0
	}
}

// moved tells that the clock was set, and moves what is due to be told again.
func (r *reporter) moved(by time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, seen := range r.told {
		seen.next = seen.next.Add(by)
	}
	r.log.Warn("the wall clock was set; everything that is counted goes on from where it was", zap.Duration("by", by))
}

// notMoved tells that the clock was set and the journal can't follow.
func (r *reporter) notMoved(by time.Duration, err error) {
	r.log.Error("the wall clock was set; going on by the old time until the journal can follow", zap.Duration("by", by), zap.Error(err))
}

func (r *reporter) complain(about complaint, fields ...zapcore.Field) {
	fields = append([]zapcore.Field{zap.String("step", string(about.step))}, fields...)
	if about.subject != "" {
		fields = append(fields, zap.String("subject", about.subject))
	}
	r.log.Error("step failed", fields...)
}

// recovered forgets the problems that are over. A step that a tick did not reach,
// or had no reason to try, is over only once its reminder has run out.
func (r *reporter) recovered(current map[complaint]bool, report Report) {
	for about, seen := range r.told {
		if current[about] {
			continue
		}
		switch about.step {
		case StepQueue, StepCloud, StepAct:
			r.log.Info("step works again", zap.String("step", string(about.step)))
			delete(r.told, about)
		case StepJournal:
			if report.Acted {
				r.log.Info("step works again", zap.String("step", string(about.step)))
				delete(r.told, about)
			}
		default:
			if report.At.After(seen.next) {
				delete(r.told, about)
			}
		}
	}
}

// constant drops digits: ports, times and ids change with every attempt, and the
// problem does not.
func constant(words string) string {
	return strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' {
			return -1
		}
		return c
	}, words)
}

// change tells what became of an operation. Refusals and lost answers are told as
// problems of the tick.
func (r *reporter) change(c change) {
	op := c.after
	fields := append([]zapcore.Field{
		zap.String("request", string(op.Request)),
		zap.String("kind", string(op.Kind)),
		zap.String("phase", string(op.Phase)),
		zap.String("pool", string(op.Pool)),
	}, reasonFields(op.Reason)...)
	if op.Group != "" {
		fields = append(fields, zap.String("group", op.Group))
	}
	if op.Message != "" {
		fields = append(fields, zap.String("message", op.Message))
	}
	if op.Class != "" {
		fields = append(fields, zap.String("class", string(op.Class)))
	}
	fields = append(fields, zap.Int("count", op.Count))
	if op.Kind == autoscale.OperationCreate {
		fields = append(fields, zap.Int("added", op.Added))
	}
	switch {
	case op.Phase == c.before.Phase:
		r.log.Debug("operation goes on", append(fields, zap.Int("nodes_seen", len(op.Nodes)))...)
	case op.Phase == autoscale.OpSent:
		r.log.Debug("sending request", append(fields, zap.Int("attempt", op.Attempts))...)
	case op.Phase == autoscale.OpAccepted && op.Kind == autoscale.OperationCreate:
		r.log.Info("nodes are being created", fields...)
	case op.Phase == autoscale.OpAccepted && op.Kind == autoscale.OperationStart:
		r.log.Info("nodes are being started", append(fields, zap.Any("nodes", op.Nodes))...)
	case op.Phase == autoscale.OpAccepted:
		r.log.Info("nodes are being removed", append(fields, zap.Any("nodes", op.Nodes), zap.String("removal", string(op.Removal)))...)
	case op.Phase == autoscale.OpRejected:
		r.log.Debug("operation was refused", fields...)
	case op.Phase == autoscale.OpAbsent:
		r.log.Warn("the cloud does not know a request", fields...)
	default:
		r.log.Info("operation has ended", fields...)
	}
}

// marked tells of a node that was marked or unmarked for drain.
func (r *reporter) marked(step Step, d autoscale.Drained) {
	fields := append([]zapcore.Field{
		zap.String("node", string(d.Node.ID)),
		zap.String("name", d.Node.Name),
		zap.String("host", d.Node.Host),
		zap.String("pool", string(d.Node.Pool)),
	}, reasonFields(d.Reason)...)
	if d.Before > 0 {
		r.log.Warn("node is being drained again, for the queue does not show the mark", append(fields, zap.Int("marks_before", d.Before))...)
		return
	}
	r.log.Info("node is being "+string(step)+"ed", fields...)
}

// undrained tells of a node that could not be drained in time, and what the plan says
// of it.
func (r *reporter) undrained(n *autoscale.Node, d autoscale.DrainMemory, p autoscale.Plan) {
	fields := []zapcore.Field{
		zap.String("node", string(n.ID)),
		zap.String("name", n.Name),
		zap.String("host", n.Host),
		zap.String("pool", string(n.Pool)),
		zap.Bool("mark_shown", d.Shown),
		zap.Int("failed_drains", d.Failed),
	}
	if i := slices.IndexFunc(p.Nodes, func(v autoscale.NodeVerdict) bool { return v.Node == n.ID }); i >= 0 {
		fields = append(fields, reasonFields(p.Nodes[i].Reason)...)
	}
	r.log.Warn("node could not be drained in time, and takes work again", fields...)
}

// reported tells of a failed node that the cloud was told of.
func (r *reporter) reported(h autoscale.HealthReport) {
	r.log.Info("failed node was reported", append([]zapcore.Field{
		zap.String("node", string(h.Node.ID)),
		zap.String("name", h.Node.Name),
		zap.String("pool", string(h.Node.Pool)),
		zap.String("category", h.Category),
	}, reasonFields(h.Reason)...)...)
}

// spared tells of nodes that were to go and that a second look kept.
func (r *reporter) spared(nodes []autoscale.NodeID) {
	r.log.Info("nodes that were to go are not as they were, and stay for now", zap.Any("nodes", nodes))
}

// stuck tells once of a node whose removals come to nothing.
func (r *reporter) stuck(n *autoscale.Node, v autoscale.Vain) {
	r.log.Error("removals of a node come to nothing",
		zap.String("node", string(n.ID)),
		zap.String("name", n.Name),
		zap.String("pool", string(n.Pool)),
		zap.Int("tries", v.Tries),
		zap.String("answer", v.Answer))
}

// evicted tells of a node of ours that went without us.
func (r *reporter) evicted(id autoscale.NodeID, pool autoscale.PoolID) {
	r.log.Warn("node is gone, and not by us", zap.String("node", string(id)), zap.String("pool", string(pool)))
}

// known is what the log has told of what is remembered: when the daemon starts nothing,
// so that a breaker or a pause of the time before is told again.
func (r *reporter) known(before autoscale.Memory) autoscale.Memory {
	if !r.begun {
		before.Breaker, before.Paused = autoscale.Breaker{}, nil
	}
	r.begun = true
	return before
}

// breaker tells when errors stop the cloud, when a try fails, and when it works again.
func (r *reporter) breaker(before, now autoscale.Breaker) {
	fields := []zap.Field{zap.String("class", string(now.Class)), zap.String("error", now.Detail), zap.Int("failed_tries", now.Trials)}
	switch {
	case now.Open() && !before.Open():
		r.log.Error("errors that waiting does not end have stopped this cloud", fields...)
	case now.Open() && now.Trials > before.Trials:
		r.log.Error("a stopped cloud was tried in vain", fields...)
	case before.Open() && !now.Open():
		r.log.Info("a stopped cloud works again", zap.String("class", string(before.Class)))
	}
}

// adopted tells of nodes of a pool that were taken for ours.
func (r *reporter) adopted(pool autoscale.PoolID, nodes []autoscale.NodeID) {
	r.log.Info("nodes that no record told of are taken for ours", zap.String("pool", string(pool)), zap.Int("count", len(nodes)), zap.Any("nodes", nodes))
}

// strange tells of new nodes of a pool that carry our mark, and that we did not ask for.
func (r *reporter) strange(pool autoscale.PoolID, nodes []autoscale.NodeID) {
	r.log.Warn("nodes with our mark came up without our asking; does another daemon work on this cluster?",
		zap.String("pool", string(pool)), zap.Int("count", len(nodes)), zap.Any("nodes", nodes))
}

// foreign tells once of each node that is not ours.
func (r *reporter) foreign(nodes []autoscale.Node) {
	now := make(map[autoscale.NodeID]bool, len(nodes))
	var fresh []autoscale.NodeID
	for i := range nodes {
		id := nodes[i].ID
		if now[id] = true; !r.strangers[id] {
			fresh = append(fresh, id)
		}
	}
	r.strangers = now
	if len(fresh) > 0 {
		r.log.Warn("nodes of managed pools are not ours, and are left alone", zap.Int("count", len(fresh)), zap.Any("nodes", fresh))
	}
}

// pauses tells which pools were paused, and which go on.
func (r *reporter) pauses(before, now []autoscale.Pause) {
	for _, p := range now {
		if !slices.Contains(before, p) {
			fields := []zap.Field{zap.String("pool", pausedPool(p))}
			if p.Why != "" {
				fields = append(fields, zap.String("why", p.Why))
			}
			if !p.Until.IsZero() {
				fields = append(fields, zap.Time("until", p.Until))
			}
			r.log.Warn("pool is paused", fields...)
		}
	}
	for _, p := range before {
		if !slices.ContainsFunc(now, func(o autoscale.Pause) bool { return o.Pool == p.Pool }) {
			r.log.Info("pool goes on", zap.String("pool", pausedPool(p)))
		}
	}
}

// pausedPool is what a pause is of.
func pausedPool(p autoscale.Pause) string { return cmp.Or(p.Pool, "all pools") }

// surge tells when the queue asks for so much at once that a second read must agree,
// and what came of it.
func (r *reporter) surge(before, now autoscale.Surge) {
	fields := []zap.Field{zap.Int64("cores", now.Jump), zap.Int64("cores_before", now.Accepted)}
	switch {
	case now.Jump > 0 && before.Jump != now.Jump:
		r.log.Warn("demand has jumped; nothing grows until a second read agrees", fields...)
	case before.Jump > 0 && now.Jump == 0:
		r.log.Info("a jump of demand is over or confirmed", zap.Int64("cores", now.Accepted), zap.Int64("cores_of_jump", before.Jump))
	}
}

// unmatched tells once of pools of the policy to which nothing in the cloud
// belongs: a name is probably misspelt, and its jobs would wait without a word.
func (r *reporter) unmatched(policy autoscale.Policy, supply autoscale.Supply) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var empty []string
	for _, p := range policy.Pools {
		if slices.ContainsFunc(supply.Pools, func(pool autoscale.Pool) bool {
			_, ok := p.Match.Match(pool.Labels)
			return ok
		}) {
			continue
		}
		empty = append(empty, p.Name)
		if !slices.Contains(r.empty, p.Name) {
			r.log.Warn("nothing in the cloud belongs to a pool of the policy", zap.String("pool", p.Name))
		}
	}
	r.empty = empty
}

func reasonFields(reason autoscale.Reason) []zapcore.Field {
	return []zapcore.Field{zap.String("reason", string(reason.Code)), zap.String("because", reason.String())}
}
