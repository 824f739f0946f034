// Package gitlab turns a GitLab instance into a queue: its CI jobs are demand, and each
// node is one runner with a record of its own. A [Client] makes the calls; a [Source] is
// what the loop asks.
//
// # Rights
//
// One access token does it all. Its scopes:
//
//	read_api       jobs, projects, lists of runners
//	create_runner  POST /user/runners
//	manage_runner  GET, PUT and DELETE of /runners/:id and its jobs
//
// Where an instance has no manage_runner yet, api stands in for it. None can touch more
// than CI: whoever has this token can't delete templates of VMs, or anything of the cloud.
// The token's owner must be at least Reporter in each listed project, and may make and
// manage the runners: Maintainer of the project, Owner of the group, or administrator for
// runners of the instance (with Admin Mode, admin_mode is one more scope). These roles see
// the jobs of every project that such a runner works for, which matters: GitLab leaves out
// of a runner's jobs those of projects that the token does not see. Since GitLab 18.4 the
// record tells nevertheless that it has a job (job_execution_status), and that counts.
// Making runners this way takes GitLab 16.0 or later.
//
// # What waits
//
// Listed projects are read with keyset pages of a hundred, jobs of the whole instance by
// GraphQL. A job waits for us if it is pending, has no runner, and its tags meet a rule of
// package labels. One whose tags no runner of its pool would have is shown as held, and is
// no demand: a VM started for it would never get it. Runners take no jobs without tags.
//
// A token that sees nothing is unknown demand, and never zero: a listed project must be
// visible (GET /projects/:id), and as GraphQL answers who is no administrator with an empty
// list, GET /runners/all must succeed right after it. What can't be read to its last page
// is unknown as well, and so is all demand while one of our runners can't be read: a
// plan may not be made of half the truth. So is what was not asked since the budget of calls is used up, or
// since GitLab said to wait (429, Retry-After, RateLimit-Remaining and RateLimit-Reset).
//
// # What runs
//
// A runner is busy if a job of its has not ended. One that GitLab never heard of is
// missing. It is done for ever once it had all its jobs, one by default, and each was seen
// ended: its start-up script must end it by then (gitlab-runner run-single --max-builds).
// Otherwise a host is done once its runner's record was deleted by us, with success.
//
// GitLab deletes the record of a runner at work without a word, so a runner is paused
// first. A request for a job that was let in before the pause may be answered after it:
// only when Timings.Settle has passed, it is still paused, and it has no job that has not
// ended, it is deleted. Until then it settles (HostUse.Settling), and its host stays. A
// record that is not found proves nothing, unless a deletion of ours was sent and its answer lost: the host counts as
// busy, for somebody else deleted the record and its job may run yet. A pause that is not
// ours is an administrator's, and its host is left alone.
//
// # Calls
//
// Each look takes one call for each project (or two for the instance) and hundred jobs,
// one for each hundred runners of the scope, and one for each runner that has asked for
// work and is not seen at work; of one that was idle the jobs are read every 30 s. A
// runner's life takes three calls more, a drained one's five. With a look every 10 s
// forty VMs take some 70 calls in a busy minute, and a hundred of which half are drained
// at once just under 300, the default budget. What is beyond it comes a minute later.
//
// # Restarts and lost answers
//
// A record is kept in the Store before GitLab is asked for a runner, and its id after. A
// registration without an answer made a runner whose token nobody has: [Source.Keep] finds
// it by its description and deletes it. If the store is lost, the runners of hosts that
// are there are found again in the same way; until then nothing is said of those hosts.
// The store holds no token.
package gitlab
