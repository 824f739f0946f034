// Package githubresttest is the part of GitHub's plain REST API that a poller of jobs
// needs, in memory, served over HTTP for tests: lists of runs and of their jobs, runners
// registered by JIT configs, ETags, pages, and the limits that GitHub's headers tell.
//
// Its configuration URL is the server's address with an organisation, such as
// http://127.0.0.1:1234/acme: it behaves as a GitHub Enterprise Server, whose API stands
// under /api/v3. A test plays GitHub with [Server.Queue], [Server.Cancel] and
// [Server.Prune], the machines with [Server.Connect], [Server.Start] and [Server.Finish],
// and bad luck with [Server.Fail] and [Server.SetToken].
//
// Where GitHub's documents are silent, the choice is ours: a run is queued while none of
// its jobs has begun; jobs of runs that are over are told by their ids only; every
// answer has an ETag that changes with the token.
//
// It imports nothing of the code that it tests.
package githubresttest
