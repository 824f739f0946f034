// Package pbstest keeps a small PBS in memory, for tests, behind commands that are called
// qstat, pbsnodes, qmgr and qrls.
//
// It behaves by the manual as far as an autoscaler can tell: vnodes are made, marked and
// deleted, jobs wait until a vnode that is up and in service has what they ask for, and
// what is printed has the shape, and the flaws, of what OpenPBS prints. It was never held
// against a real PBS.
//
// The commands are links to a program that begins with [Command]: the one below this
// package, or a test program.
package pbstest
