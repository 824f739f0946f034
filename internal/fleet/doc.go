// Package fleet is a CI day in memory: the Anka controller of package ankatest with its
// Macs, the runner scale sets of package githubtest or the projects of gitlabtest with
// their jobs, and between them what neither knows of: that the VM which one starts is the runner that the other waits
// for.
//
// A [World] lets jobs arrive and be cancelled, watches the start-up scripts of VMs, lets
// the runner of a script's credential come up after its registration time, take the
// oldest job of its set, run it for its length and be gone. It holds the two servers
// against each other: a VM that is ended under a job, or while its runner could still be
// given one, is a violation with its time. What it writes into its [Books] comes from
// the servers alone and knows nothing of what any daemon believes.
//
// # Time
//
// The world has the clock of its servers and does nothing by itself: [World.Step] brings
// it to the present, [World.Next] tells when it will next change. [World.Run] does both
// for clocks that go by themselves, such as time.Now in a bubble of virtual time. Calls
// that go through [World.AnkaTransport] are seen at their own moment.
//
// # Where the documents are silent
//
// Own choices: a VM is dead for its runner from the moment its end is asked for; the
// CI service gives a job whose runner is gone up as failed after [Options.LostAfter]; the runner of
// a job that was cancelled under it takes no other; GitLab's runners ask every 3 s for a
// job, and the answer comes up to 5 s later, whatever becomes of the record meanwhile; a
// job that is cancelled at work in GitLab cleans up for 15 s.
package fleet
