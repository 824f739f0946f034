// Package githubrest is the queue source for GitHub Actions where runner scale sets
// can't be used: it polls the jobs of listed repositories over plain REST, registers
// single runners by JIT configs, and deletes them. A [Source] is what the loop asks for
// demand, drains by, and has keep runners; Register is what a start-up script needs. A
// [Webhook] makes it look at once where something happens.
//
// # Demand
//
// GitHub has no list of queued jobs of an organisation. For each repository the runs
// that are queued and those in progress are listed, for queued jobs hide in both, and
// then the jobs of each. Jobs whose status is queued and that a rule (package labels)
// maps to pools are demand; those that wait for something else than a runner (waiting,
// pending, requested) are held: explained, and no demand. Jobs that no rule maps are
// counted as not ours, see [Status].
//
// What was read is good for Timings.Stale. Older readings, of a repository or of the
// runners, make Demand an error that says what could not be read and why. An answer 304
// renews a reading as well as any. GitHub's filtered lists stop at 1,000 runs; as many
// or more are an error, too, for jobs would be overlooked.
//
// A runner seen to begin a job after its repository was read has one of the jobs that
// still look queued: until the next reading one is taken off.
//
// # Calls
//
// Reads are made one after the other, CallsPerHour of them at most, spread over the
// hour; who of repositories and runners has had least goes next, so that a repository
// with many runs delays itself. An answer 304 costs nothing, by GitHub's count and ours:
// each page is asked for with the ETag of the last reading, up to 2,048 pages. A new
// token empties that memory, for ETags change with it. If GitHub has less left than our
// budget, as its headers tell, what it has is spread until it counts anew, less 2 %
// that are kept for registering and deleting; these count, and wait for no turn. After a
// refusal for too many calls, primary or secondary limit, nothing is sent until
// Retry-After or X-RateLimit-Reset, or for a minute that doubles.
//
// # Runners
//
// A job goes to any runner that has all its labels, so each is registered with the
// labels of a job that waits for its pool, those that lack most runners first, and with
// self-hosted and macOS. Whether GitHub adds labels of its own to a runner of a JIT
// config is not documented.
//
// A runner is drained by deleting its record. Only 204 proves that it takes no job any
// more, or the end of its one job: the job's status completed, or that its registration,
// which goes with the job, is gone. 422 means that it runs a job, and it is busy until
// the end is seen. 404 proves nothing, for records were pruned seconds before their
// runners took jobs, but where the runner had begun its job, or an earlier deletion was
// sent and its answer lost; and also then only if a list that GitHub lets us read does
// not have it, and its job, where it is known, does not run.
//
// # Rights
//
// A personal access token (classic): admin:org for runners of an organisation, and repo
// for jobs of private repositories and for runners of a repository; an enterprise's
// runners take manage_runners:enterprise. A fine-grained token or a GitHub App: of the
// organisation "self-hosted runners: write", or for runners of a repository its
// "administration: write"; of each repository "actions: read". The webhook needs none
// but its secret.
//
// # Webhook
//
// GitHub sends a lost delivery never again by itself, so nothing that one says is
// believed to be demand. It has the repository read soon, in its turn.
package githubrest
