// Package pbs scales for OpenPBS and PBS Professional.
//
// It reads what their commands print (qstat and pbsnodes, as JSON where that can be read
// and as text where it can't), decides what that means for the planner, and does what the
// loop asks of a queue: it takes hosts out of service and back (pbsnodes -o and -r), makes
// their vnodes (qmgr create node), and deletes those whose VM is gone.
//
// A vnode of ours is complete once the resource ccnodeid is set on it, which is always the
// last one: CycleCloud's id of the node that the host is. Until then the vnode is offline,
// and the host counts as one that PBS has not heard of.
//
// No PBS was at hand when this was written. What is known of its output comes from public
// samples and sources; package pbstest has commands that behave so.
package pbs
