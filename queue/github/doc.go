// Package github speaks the protocol of GitHub's runner scale sets: the message
// queue behind GitHub's own runner controllers. It tells how many jobs wait for
// a set of runners, and makes and removes the records of single runners. A
// [Source] turns several sets into what the loop asks of a queue.
//
// A [Client] is made of a configuration URL (an organisation, a repository or an
// enterprise, on github.com, ghe.com or a GitHub Enterprise Server) and of
// credentials (a personal access token or a GitHub App). It finds or makes runner
// groups and scale sets. [Client.Open] opens the one message session that a set
// may have; the [Session] is what a queue source listens to.
//
// # Tokens
//
// A call of the service carries an admin token, which comes at the end of a
// chain: the App's signed JWT, its installation token (or the personal access
// token in place of both), a registration token, and with that the service's
// address and the admin token. The chain is redone a minute before the admin
// token expires, and once when the service answers 401 or 403; the address may
// change with it. The queue has a token of its own, renewed with its session.
//
// Rights: for an organisation "self-hosted runners: write" (a personal access
// token: admin:org); for a repository "administration: write" (repo); an
// enterprise takes a personal access token with manage_runners:enterprise only.
//
// # What is repeated
//
// Reads, as package rest says. Nothing else, but for calls that were not let in:
// those have changed nothing, and are sent once more with new credentials.
//
// # What numbers mean
//
// Demand is [Statistics].Assigned, which includes running jobs. Messages are
// never counted: one answer holds at most 50 events. A poll that brings nothing
// means that nothing is new, and never zero.
//
// # What a source concludes from what
//
// Jobs that wait are a set's Assigned less the runners known to have a job. They
// are unknown, an error of [Source.Demand] that names the set, as long as there is
// no session, statistics contradict their message or are older than
// [Timings].Stale, or runners were not listed since the session was opened. An
// empty poll keeps what is known fresh.
//
// A runner has a job once a JobStarted names it, a listing says busy, or its
// deletion was refused because it is; until a JobCompleted names it. News may be
// lost with a session, so runners are listed after each start and each lost
// session, and while something is open: one that is not listed any more has ended
// if it was listed at its job or news may have been lost since the job's start, for
// its registration goes with its one job. One that stays behind, not busy for a
// while by the listings, is deleted, and the answer tells.
//
// A runner takes no job any more, so that its VM may go, only if its deletion
// succeeded or the end of its job was seen. That GitHub does not know it (404, or
// not listed) proves nothing, for runners were seen to take jobs after that, with
// two exceptions: a deletion was sent before and its answer was lost, or the runner
// was at its one job, as in the paragraph before.
//
// A runner is missing until a listing shows it online, and again when two listings
// a while apart do not, or its set was deleted and made anew. Where listings tell no
// status it stays missing until it has a job.
//
// Every runner has a record, saved before the runner is registered and before it is
// deleted. A registration whose answer was lost gave its credential to nobody; what
// became of it is looked up by name, never by trying again. Records hold no secret.
//
// Sets are found by name or made, and their labels follow the configuration. A
// session that an ended daemon left open keeps others out until GitHub drops it;
// how long that takes is nowhere documented. The source needs the rights above
// and no others: none of them reads code or workflows.
package github
