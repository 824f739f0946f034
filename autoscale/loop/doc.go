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
// Tick takes the time as an argument; only Run owns a timer and a clock, which
// is its start time plus monotonic elapsed time.
package loop
