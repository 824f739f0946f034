package loop

import (
	"errors"
	"fmt"
	"time"

	"autoscaled/autoscale"
)

// Step is a part of a tick, for the log field and to tell who failed.
type Step string

// The steps that can fail.
const (
	StepQueue   Step = "queue"   // reading demand, whole
	StepCloud   Step = "cloud"   // reading supply
	StepJournal Step = "journal" // reading or writing operations or memory
	StepResolve Step = "resolve" // asking what became of a request
	StepCreate  Step = "create"
	StepStart   Step = "start"
	StepRemove  Step = "remove"
	StepDrain   Step = "drain"
	StepUndrain Step = "undrain"
	StepReport  Step = "report" // telling the cloud of a failed node
	StepKeep    Step = "keep"   // the queue's records of hosts
	StepTell    Step = "tell"   // telling the queue what the plan means for its users
	StepTend    Step = "tend"   // the cloud's own upkeep
	StepAct     Step = "act"    // anything at all: something forbids it
)

// Problem is what went wrong in a step.
type Problem struct {
	Step Step
	// Subject is the pool or node it is about; empty: the step as a whole.
	Subject string
	Err     error
}

// Report is the result of one tick. Its parts are shared: they must not be changed.
type Report struct {
	At          time.Time
	Observation autoscale.Observation
	// Operations are those open at the tick's end.
	Operations []autoscale.Operation
	// Changed are the operations that this tick wrote, in their latest state,
	// those that ended included.
	Changed []autoscale.Operation
	// Memory is what the plan was decided on.
	Memory autoscale.Memory
	Plan   autoscale.Plan
	// Orphans are what nobody accounted for when the plan was made.
	Orphans autoscale.Orphans
	// Refused is why nothing may be done, as Options.Refuse told. Empty: nothing forbids it.
	Refused string
	// Acted tells that the plan was carried out, as far as Problems don't say otherwise.
	Acted    bool
	Problems []Problem
	// Duration of the tick in real time.
	Duration time.Duration
	// interrupted is the context's error where it ended before the plan was made.
	interrupted error
}

// Good tells whether queue, cloud and journal could be used. A refused action
// does not make a tick bad.
func (r Report) Good() bool { return !r.At.IsZero() && r.Err() == nil }

// Err joins what makes a tick bad: an unreadable queue or cloud, a journal that
// can't be used, or the context's end before there was a plan. nil: it is good.
func (r Report) Err() error {
	if r.interrupted != nil {
		return r.interrupted
	}
	var list []error
	for _, p := range r.Problems {
		switch p.Step {
		case StepQueue, StepCloud, StepJournal:
			list = append(list, fmt.Errorf("%s: %w", p.Step, p.Err))
		}
	}
	return errors.Join(list...)
}

// failure is Err, or that none is known.
func (r Report) failure() error {
	if err := r.Err(); err != nil {
		return err
	}
	return errors.New("the loop stands still")
}

// Result is the tick's result as the metric's label says it.
func (r Report) Result() string {
	switch {
	case r.interrupted != nil:
		return resultInterrupted
	case r.Err() == nil:
		return resultGood
	case r.failed(StepJournal):
		return resultFailed
	}
	return resultBlind
}

// The results of a tick.
const (
	resultGood        = "good"        // everything could be read and written
	resultBlind       = "blind"       // queue or cloud could not be read
	resultFailed      = "failed"      // the journal could not be used
	resultInterrupted = "interrupted" // the daemon was stopped
)

func (r Report) failed(step Step) bool {
	for _, p := range r.Problems {
		if p.Step == step {
			return true
		}
	}
	return false
}
