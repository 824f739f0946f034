// Package azslurm knows what CycleCloud's own Slurm integration (the project
// cyclecloud-slurm: the command azslurm, the daemon azslurmd and root's cron entry
// return_to_idle) leaves on the machine of slurmctld: [ReadAutoscale] reads its
// autoscale.json, [ReadConf] the slurm.conf that it writes, [Active] tells what of it is
// at work, and [TakeOver] and [HandBack] change Slurm's programs over to ours and back.
//
// What it is like was read in that project's source: install.py (cron entry, links,
// files of the configuration), install.sh (the unit azslurmd), slurmcc/partition.py
// (names of nodes and placement groups) and the template of slurm.conf.
package azslurm
