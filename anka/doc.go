// Package anka speaks the REST API of the Anka Build Cloud controller, whose
// nodes are Macs and whose instances are macOS VMs that run CI jobs.
//
// [Client] is the API as it is: one method per call, every parameter and field
// of the 2019 reference and what newer controllers added to it, up to 1.50. Each
// method's comment tells its endpoint, the licence tier that it needs ("any": the
// reference names none) and how versions differ. docs/anka-api.md is the table of
// them all.
//
// # Answers of every age
//
// Every answer is an envelope of status, message and body, JSON whatever its
// Content-Type says. What differs between controllers is read in all its forms:
// wrapped and flat instances, three spellings of a port forwarding's name, a list
// for a single node, null for names and lists inside of records. Times that are
// absent, empty or in the year 1 are the zero time. What may have been left out
// for being unknown is a pointer or a nil slice. A list that is null, a record
// without an id or a state, a count below zero and a list that tells of one thing
// twice are [ErrMalformed], and the error shows what was read.
//
// # Errors
//
// A failure comes as FAIL with status 200 or with 4xx; both become the same
// error, typed by meaning ([ErrTemplateNotFound], [ErrLicence], …). The API has no
// codes, so that the meaning is found in the message: classify.go says which
// words are known and which are our own reading. A message that tells of trouble
// behind the controller (a refused connection, a time-out) is [ErrUnavailable].
//
// # Sending, repeating, doubt
//
// A GET is repeated on connection errors, 429 and 5xx, with jittered waits and
// Retry-After, within the context's deadline. All else is sent once. When its
// answer is lost or makes no sense the error is [ErrUncertain] too. POST /vm has
// no idempotency key: look for the instances by their external id before asking
// again, or there will be twice as many.
//
// # Who we are
//
// Nothing, the root token, a client certificate ([TLS]), or an [APIKey]: with it
// the client opens a session, which lives five minutes, renews it a minute before
// its end, and once more if the controller doesn't take it; callers share one
// renewal.
//
// # Provider
//
// [Provider] is a controller as the daemon's loop sees it. A pool is a template, a tag
// and a group; its nodes are our instances, known by a mark in their metadata and their
// external id (owner, request, attempt). All others are shown as protected and never
// touched. What pools name is looked up in the registry and among the groups as the
// controller is read: a name that is unknown or ambiguous makes its pool invalid. Capacity is told as limits over sets of Macs: provider_limits.go says
// which, provider_macs.go what a Mac counts for.
//
// A lost start is made safe in four steps. Each attempt has an external id of its
// own. Before any start the instances are searched for the request. That nothing is
// seen is believed only after ProviderOptions.Settle: until then Resolve answers
// unknown, which the loop waits out, and Create starts nothing; then it is absent, the
// planner may send the request again, and gives it up AbsentFor after the last
// attempt. And should an attempt arrive later still, the instances beyond the number
// that was asked for are shown as failed while they are not Started, so that the
// planner ends them; those that are Started are idle nodes to it.
//
// A pool whose instances are CI runners has a [Startup]: each instance is asked for
// alone, its host's name is made first, the runner is registered under it, and what is
// sent is a script with that runner's credential. Another attempt is another host.
//
// An instance that waits too long for a Mac, for its pull or for its VM's boot is shown
// as failed with what is known of why, so that the planner ends it.
//
// Where pulls are bounded each start names its Mac, for who may pull can't be held to a
// number otherwise: provider_place.go says which Mac, provider_pulls.go how many may
// pull. A pool with a previous tag starts that one on Macs that hold it for as long as
// those that hold the tag are full; what has another tag than the pool is outdated once
// one with the pool's tag could take its place.
//
// Provider.Tend brings the tags of pools with Distribute to their Macs, one distribution a
// Mac, within the same bound; Provider.Distributions tells how far they are. They are
// known to the provider alone, for the controller doesn't tell whose a distribution is
// and of which tag: after a restart those under way count as others' pulls, and what
// Macs hold isn't brought again.
//
// # What is not shown
//
// Tokens, keys, scripts, what scripts print, and VNC passwords are not in any
// error, and [Script] and [Hidden] print as <redacted>. An error that would repeat
// a piece of the script that was sent shows none of the controller's words.
package anka
