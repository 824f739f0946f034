// Package loop is the daemon's tick:
//
//	observe ────────► converge ─────────► decide ──► act
//	(queue ∥ cloud)   (journal × cloud)   (pure)     (journal, then API)
//
// Queue and cloud are read concurrently, each with its own deadline. Converge
// holds each open operation against what the cloud shows; it only reads. Decide
// is package autoscale's. Act is the only step that changes anything outside:
// each action is written to the journal before its call leaves and its answer
// after. Ticks never overlap, and wake-ups that come during one are merged.
//
// # One intent, one effect
//
// An operation is written as sent just before its call leaves, all of a stage in
// one write; answers are written as they come. So whatever the moment at which
// the daemon is killed, an operation on record either has its answer, or is in
// doubt and converge asks what became of it: nodes seen under its request id
// speak for themselves, and only where there are none is the cloud asked. What
// the cloud does not know is absent, and may be sent again under the same id
// only; it is given up after Policy.AbsentFor. Nothing is concluded from absence
// while the cloud can't be read, and no node counts as seen that the observation
// of the same tick does not show, or the plan would ask for it once more.
//
// # Time
//
// Tick takes the time as an argument; only Run owns a timer and a clock, which
// is its start time plus monotonic elapsed time.
package loop
