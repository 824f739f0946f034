// Package gitlabtest is the part of GitLab in memory, served over HTTP for tests, that
// has to do with CI jobs and their runners: projects with their jobs (REST with keyset
// pages, and GraphQL for administrators), runners' records, rights of tokens, and a
// limit of calls.
//
// A test plays people with [Server.Queue] and [Server.Cancel], a runner on its machine
// with [Server.Contact], [Server.Take] and [Server.Finish], and bad luck with
// [Server.Fail] and [Server.SetRights]. [Server.Begin] is a request for a job that GitLab
// has let in and not yet answered: what becomes of the runner's record meanwhile does
// not keep it from getting one.
//
// It imports nothing of the code that it tests.
package gitlabtest
