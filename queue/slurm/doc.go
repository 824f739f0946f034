// Package slurm reads what Slurm prints: host lists, and the jobs, nodes and
// partitions that its commands and its REST service tell of. What that means for the
// planner is decided here too. Nothing here runs a command or asks a server.
package slurm
