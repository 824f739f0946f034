// Package ankatest is an Anka Build Cloud controller with its registry and its Macs that exists only
// in memory: nodes with slots, disks and template caches, groups that fall back, pulls that take time,
// instances that sit in Scheduling when nothing fits, and a network that breaks when it is told to.
//
// It serves three readers: the tests of the client and of the daemon, the demo, and operators who
// try their own scripts against `autoscaled simulator anka`. It shares no code with the client, so
// that its books can be held against what the daemon believes.
//
// # Time
//
// The server owns no goroutine and no timer. Everything that happens by itself (a pull done, a VM
// up, a script that ends, a terminated instance forgotten) is an event with a time; at every request
// and every inspection the world is first brought forward to what the Clock says. A test that holds a
// ManualClock therefore decides when things happen, and a run depends on its seed and its requests
// alone.
//
// # Chance
//
// Durations, failures and random faults are drawn from a hash of the seed and of what they are drawn
// for (the how-manieth instance, the how-manieth call of a path). No draw depends on the order in
// which goroutines arrive at different paths.
//
// # Ages
//
// Config.Shapes chooses between answers as the 2019 reference prints them and as controllers give
// them today; endpoints that are newer than 2019 answer 404 in the old age. Config.Errors chooses
// between failures with HTTP 200 and with a 4xx status.
//
// # Where the documents are silent
//
// Some behaviour is this server's own choice, each said at the place that makes it. In short: the
// words of most messages and their status codes; among instances of one priority an order that is
// drawn, not first in, first out; instances before distributions where both wait for a Mac; the least
// recently used template leaves a full disk first, with all its tags, unless a VM of it is there; a
// stopped or failed VM holds its slot until its instance is terminated; an instance ended before any
// Mac took it vanishes at once; an instance on a Mac that went silent keeps its state and says so in
// message; pulls that lose the registry begin anew; a deleted node's instances end in Error.
package ankatest
