// Package githubtest is the runner scale set service of GitHub in memory, served
// over HTTP for tests: the chain of tokens, scale sets with one session each, a
// message queue that delivers again what was not acknowledged, jobs, statistics,
// and runners that JIT configs register.
//
// Its configuration URL is the server's address with any owner, such as
// http://127.0.0.1:1234/acme: it behaves as a GitHub Enterprise Server, whose API
// stands under /api/v3. A test plays GitHub with [Server.Queue], [Server.Cancel]
// and [Server.RequeueAll], the runners with [Server.Connect], [Server.Start] and
// [Server.Finish], and bad luck with [Server.Fail], [Server.Prune],
// [Server.ExpireAdmin] and [Server.ExpireQueue].
//
// Where the protocol's description is silent, the choice is ours: a session ends
// only when it is closed or [Server.DropSession] is called; jobs are assigned
// whatever the capacity told; a message has the statistics of the moment it was
// first delivered; deleting a runner or message that isn't there succeeds, unless
// Config says otherwise; the runners of a deleted set are gone with it; a runner
// that had a job takes no other, also where its record stays behind.
//
// It imports nothing of the code that it tests.
package githubtest
