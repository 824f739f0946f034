// Package gelab has tests on a real Grid Engine: a private qmaster, the CycleCloud
// simulator, whose VMs are execution daemons that start when a node is Ready and end when
// it goes, and the autoscaled binary between them. Everything runs in network, host name,
// mount and process namespaces of its own, which end with the test, whatever happens.
//
// Without the flag -gridengine there are no tests. With it they need root and Debian's
// packages gridengine-master, gridengine-exec, gridengine-client and iproute2:
//
//	go test ./internal/gelab -gridengine
package gelab
