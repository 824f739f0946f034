// Package github speaks the protocol of GitHub's runner scale sets: the message
// queue behind GitHub's own runner controllers. It tells how many jobs wait for
// a set of runners, and makes and removes the records of single runners.
//
// A [Client] is made of a configuration URL (an organisation, a repository or an
// enterprise, on github.com, ghe.com or a GitHub Enterprise Server) and of
// credentials (a personal access token or a GitHub App). It finds or makes runner
// groups and scale sets. [Client.Open] opens the one message session that a set
// may have; the [Session] is what a queue source listens to, through [Feed].
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
package github
