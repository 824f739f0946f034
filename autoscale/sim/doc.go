// Package sim is a discrete-event world for the demo, for replaying traces and
// for property tests: a trace reader and a scheduler that live in virtual time.
//
//	ParseSWF ──► TraceJob ──► Scheduler.Submit      jobs arrive when the trace says
//	a cloud's books ────────► Scheduler.Join/Leave  hosts come and go
//	the loop ◄──────────────► Scheduler.Demand, Drain, Undrain
//	the caller's clock ─────► Scheduler.Advance     everything due until then happens
//
// The scheduler serves strictly in order: priority, then age. It starts a job
// when all its tasks have their place, ends it after its run time, and requeues
// it when a host is taken from under it. Between two looks nothing is lost: a
// job that ends frees its hosts at its own time and the next one starts then.
//
// Nothing here reads a clock, starts a goroutine or draws a random number. Time
// is what Advance was last told, so equal calls give equal worlds.
package sim
