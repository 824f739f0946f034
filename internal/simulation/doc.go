// Package simulation holds the proof that nothing is lost, doubled or leaked: the real
// loop, the real journal and the real CycleCloud client live through thousands of random
// days against the CycleCloud simulator, in virtual time, while calls fail, nodes die
// and the daemon is killed and started again. After each step what they did is held
// against the simulator's own books, which share no code with them.
//
// A day is drawn from its seed alone, and played again by it:
//
//	go test ./internal/simulation -run TestSimulation -seed=N -v
//
// docs/reliability.md says what is promised, what is checked and what was found.
package simulation
