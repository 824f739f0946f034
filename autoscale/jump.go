package autoscale

import (
	"math"
	"time"
)

// Surge is how much work the queue asks for, and a jump of it that no second read
// has confirmed yet. What one wrong read asks for is then never bought.
type Surge struct {
	// At is when the queue was last read. Zero: never; the first read has none to be
	// compared with, and is believed.
	At time.Time `json:"at,omitzero"`
	// Accepted is what the last accepted read asked for, in cores.
	Accepted int64 `json:"accepted,omitempty"`
	// Jump is what the latest read asked for, where that was too much more to be
	// believed at once; 0: it was not. Since is when the first such read was.
	Jump  int64     `json:"jump,omitempty"`
	Since time.Time `json:"since,omitzero"`
}

// jumpFloor is the least that demand counts as having been, in cores: a cluster that
// was idle may begin with so many, times the factor, without being asked twice.
const jumpFloor = 256

// advanceSurge folds a read of the queue into what is believed. A jump is confirmed
// by the read after it, if that asks for about as much: half of it to twice as much.
func advanceSurge(was Surge, o Observation, p *Policy) Surge {
	if o.DemandProblem != "" {
		was.Since = past(was.Since, o.At)
		return was
	}
	now := askedCores(&o.Demand, o.At)
	factor := int64(p.DemandJump)
	jumps := factor > 0 && !was.At.IsZero() && now/factor >= max(was.Accepted, jumpFloor)
	confirmed := was.Jump > 0 && now/2 <= was.Jump && now >= was.Jump/2
	if !jumps || confirmed {
		return Surge{At: o.At, Accepted: now}
	}
	next := Surge{At: o.At, Accepted: was.Accepted, Jump: now, Since: o.At}
	if was.Jump > 0 {
		next.Since = past(was.Since, o.At)
	}
	return next
}

// askedCores is how many cores jobs ask for that could start, at least one a task.
func askedCores(d *Demand, at time.Time) int64 {
	total := 0.0 // a document may ask for more than an integer holds
	for i := range d.Classes {
		c := &d.Classes[i]
		if _, wanted := notDemand(c, at); wanted {
			total += float64(len(c.Members)) * float64(c.Tasks) * float64(max(1, c.PerTask.Cores))
		}
	}
	return int64(min(total, math.MaxInt32*1024.0))
}

// addSurge shuts all pools while a jump of demand waits to be confirmed. Jobs still
// get the nodes that are there.
func (b *board) addSurge() {
	if s := b.state.Memory.Surge; s.Jump > 0 && b.policy.DemandJump > 0 {
		b.shutAll(Reason{Code: ReasonDemandJump, Have: s.Jump, Want: max(s.Accepted, jumpFloor)})
	}
}

// shutAll lets no managed pool grow.
func (b *board) shutAll(why Reason) {
	for i := range b.pools {
		if b.pools[i].policy >= 0 {
			b.shut(i, why)
		}
	}
}

// shut lets a pool not grow. What shut it first, or keeps it from growing anyway,
// stays the reason.
func (b *board) shut(pool int, why Reason) {
	if p := &b.pools[pool]; !p.closed() {
		p.shut = why
	}
	b.hold(pool, why)
}
