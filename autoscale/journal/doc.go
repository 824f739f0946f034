// Package journal is the durable record of what was asked of a cloud, and of
// what the planner must remember across a restart. It is one bbolt file in the
// state directory, held by one daemon at a time.
//
// # Files
//
//	journal.db            the records (bbolt; its file lock is the daemon's claim on the directory)
//	journal.db.new-…      a journal under way, while Open makes one
//	journal.db.compact    a copy under way, while Open compacts
//	journal.db.damaged-…  what SetAside moved away
//	autoscaled.pid        the process id of the daemon that holds the claim, for messages only
//
// # Layout
//
// One bucket a kind: "meta" holds the schema's version, "operations" those that
// are not final, "finished" those that are, "memory" one record a cluster.
// Keys begin with the cluster's name. Every value is a JSON object whose "v"
// is the version of its form; a version newer than this program's is refused,
// so that an older daemon never misreads what a newer one wrote. Behind each object
// stands a checksum of it and of its key; records without one are older.
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
// How these phases relate to other names for the same: a create whose nodes are still
// on their way, often called converging, is accepted; the nodes that it has shown so
// far are in its record. A request that was lost is absent: the cloud was asked and
// does not know it, which a late arrival may still prove wrong. Until it is expired
// its nodes count against every limit.
//
// Each record keeps when it entered each of its phases, and when each call left.
//
// # Notes
//
// Beside operations and memory there are notes, which belong to others: a queue that
// registers hosts keeps there which of them are its own. The journal knows nothing of
// what they say.
//
// # Size
//
// bbolt uses free pages again and never makes its file smaller. Open compacts a file
// of a megabyte or more of which half is free, by a copy that takes its place in one
// step: see compact.go.
//
// # Trouble
//
// Damage (ErrCorrupt) is told when the file is opened, which looks at every page before
// bbolt believes it and reads every record, and nothing is repaired: Check tells what is
// wrong, and SetAside moves the file away where an operator says so. What bbolt meets
// later ends the use of the file. A disk without room (ErrFull) fails a write without a
// trace of it; the next may succeed.
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
