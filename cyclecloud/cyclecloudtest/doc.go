// Package cyclecloudtest is a CycleCloud server that exists only in memory: clusters, nodearrays,
// buckets and nodes behind the REST API, with limits that interact, nodes that take their time to
// boot, capacity that runs out and a network that breaks when it is told to.
//
// It serves three readers: the tests of the client and of the daemon, the demo, and operators who
// try their own scripts against `autoscaled simulator cyclecloud`. It shares no code with the
// client, so that its books can be held against what the daemon believes.
//
// # Time
//
// The server owns no goroutine and no timer. Everything that happens by itself (a VM acquired, a
// node ready, an eviction) is an event with a time; at every request and every inspection the world
// is first brought forward to what the Clock says. A test that holds a ManualClock therefore decides
// when things happen, and a run depends on its seed and its requests alone.
//
// # Chance
//
// Boot times, failures and random faults are drawn from a hash of the seed and of what they are
// drawn for (the how-manieth node, the how-manieth call of a path). No draw depends on the order in
// which goroutines arrive at different paths.
//
// # Where the documents are silent
//
// Some answers are this server's own choice, each said at the place that makes it: the words of
// messages, the coarse State of a node, 409 for a cluster that is not started and for a body that
// is no JSON, Unavailable for a node whose VM the cloud could not give, that a node with KeepAlive
// answers Error to terminate, that a number whose name is taken is passed over for the next one,
// that head nodes draw on quotas but not on the cluster's limits, and that nodes on their way out
// still count against every limit while a bucket's availableCount leaves them out of its own, its
// nodearray's and its cluster's.
package cyclecloudtest
