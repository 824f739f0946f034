// Package queue reads demand: which jobs wait, and what runs on which host.
//
// It holds the demand document ([Parse], [Schema]), a YAML or JSON text that
// can say everything autoscale.Demand can, and the sources that need no
// scheduler of their own and read that document: [File], [HTTP] and [Exec].
// Packages below this one each speak with one scheduler.
//
// A source answers with the whole truth or with an error. An empty, half-written
// or mistaken document is an error and never an empty queue, and no source
// answers with what it read earlier when it can't read now: unknown demand
// grows nothing and removes nothing, wrong demand does both. Errors are those of
// package autoscale by meaning: ErrUnauthorized, ErrNotFound, ErrThrottled,
// ErrRejected, ErrUnavailable, and ErrMalformed for a document with mistakes.
//
// The document's fields are described in docs/queue-document.md.
package queue
