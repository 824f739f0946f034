// Package gridengine makes a Grid Engine's jobs the demand that the loop plans for, and
// keeps its hosts: those of VMs that came up are added, those of VMs that are gone are
// removed, and queue instances are disabled before a VM goes.
//
// Everything is read from what Grid Engine's own programs print and done by them, since
// it has no other interface: qstat -xml, qhost -xml, qconf and qmod. What they print was
// taken from Grid Engine 8.1.9 (Son of Grid Engine, as Debian packages it).
//
// # Reading
//
// A reading asks qstat for jobs, qstat -j for what it leaves out (begin times, the -tc
// limit of arrays, the scheduler's reasons), qconf for parallel environments, resources
// and our mark, and at last qhost for hosts. A job that starts meanwhile is seen on its
// host, so that no host that works is taken for idle. A program that fails, and output
// that can't be read, is an error that shows what was read; it is never an empty queue.
//
// # Marks
//
// A drain is `qmod -d` on all queue instances of a host, and a host group of ours has the
// host as a member as long as the mark is ours. Grid Engine keeps both in its own spool,
// so a daemon that lost its state still knows whose a mark is. The host is entered into
// the group before it is disabled, and taken out after it was enabled, so that a daemon
// that dies between the two leaves a host that works. A host with a disabled instance that
// is not in the group was disabled by an administrator, and is never touched. A second
// host group has the hosts that we added; none but those are ever removed.
//
// # Reasons
//
// Why a job gets no nodes, where Grid Engine does not know, is written into the job's
// context, which `qstat -j` shows.
package gridengine
