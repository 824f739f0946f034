// Package slurmlab is a private Slurm on one host beside a simulated CycleCloud: a controller, a
// munge of its own, a slurmrestd if wanted, and for each node that the simulator calls Ready a
// slurmd, in namespaces of its own with the host name and the address that the simulator says.
// Slurm's programs are the real ones, so that what the daemon reads and writes is Slurm's truth
// and not ours.
//
// Everything runs inside [Enter]'s namespaces: ports and addresses are nobody else's, and nothing
// survives. It needs root, the packages that [Missing] names, unshare and ip.
//
// The tests are run by
//
//	go test ./internal/slurmlab -slurm
//	go test ./internal/slurmlab -slurm-root=FOLDER
//
// the second with the Slurm of a folder that debootstrap made, for dynamic nodes and slurmrestd;
// with -slurm as well it runs all of them. They build the program and let it
// serve the private Slurm.
package slurmlab
