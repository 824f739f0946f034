// Package autoscale is the domain: what a queue wants (Demand), what a cloud
// has and can give (Supply), what must be remembered between two looks
// (Memory), what the operator allows (Policy), and the two pure functions that
// turn them into actions:
//
//	Advance(Memory, Observation) Memory   folds what was seen into what is remembered
//	Decide(State, Policy) Plan            plans, and explains every job, node and pool
//
// The package reads no clock, does no I/O, logs nothing and draws no random
// numbers: equal inputs give equal plans, in whatever order they are listed.
// It imports only the standard library. Package loop feeds it and acts on its
// plans; packages cyclecloud and anka translate a vendor's world into Supply;
// package queue translates a scheduler's into Demand.
//
// A newcomer best reads decide.go from top to bottom: it is the table of
// contents of the planner.
package autoscale
