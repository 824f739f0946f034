// Package records keeps what a queue must remember through restarts of the hosts that it
// registered somewhere, such as CI runners: one text in a store, which is read once.
//
// A [Book] is changed in a copy, saved, and only then believed. So whoever writes what it is
// about to do before it does it forgets no host, whatever is lost on the way.
package records
