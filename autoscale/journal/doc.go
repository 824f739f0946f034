// Package journal is the durable record of what was asked of a cloud, and of
// what the planner must remember across a restart. It is one bbolt file in the
// state directory, held by one daemon at a time.
//
// # Files
//
//	journal.db       the records (bbolt; its file lock is the daemon's claim on the directory)
//	autoscaled.pid   the process id of the daemon that holds the claim, for messages only
//
// # Layout
//
// One bucket a kind: "meta" holds the schema's version, "operations" those that
// are not final, "finished" those that are, "memory" one record a cluster.
// Keys begin with the cluster's name. Every value is a JSON object whose "v"
// is the version of its form; a version newer than this program's is refused,
// so that an older daemon never misreads what a newer one wrote.
//
// # Phases of an operation
//
// An operation is a create, a start or a remove. A new record is intended or sent.
// From there:
//
//	                    ┌──────── retried under the same id ────────┐
//	                    ▼                                           │
//	new ──► intended ──► sent ──► rejected                          │
//	  └──────────┼───────▲│                                         │
//	             │        ├────► absent (the cloud does not know it)┴──► expired
//	             └────────┤        │
//	                      ▼        ▼ (it came late)
//	                    accepted ◄─┘
//	                      │
//	                      ├────► converged
//	                      └────► short
//
// What arrived may have come to its end before anybody looked, so intended, sent
// and absent may also become converged or short at once. An intent that never
// left may expire. Nothing follows converged, short, rejected and expired. A
// record may be written again in its phase while it is not final (more of its
// nodes were seen). Put refuses everything else.
//
// # Durability
//
// Put and Save return after the data has reached the disk; each is one
// transaction, so all of it is written or none.
//
// The package reads no clock: finished operations older than the retention time
// are pruned against the time that Open is given and, later, against the end of
// the operations that are written.
package journal
