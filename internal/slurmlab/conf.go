package slurmlab

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// Options describe a private Slurm.
type Options struct {
	// Dir is its folder, which must exist and be empty.
	Dir string
	// Port is the first of three that it listens on: controller, node daemons, slurmrestd.
	Port int
	// Root is the top of a system with another Slurm, made by debootstrap. Empty: this one's.
	Root string
	// Lines are the nodes and partitions of slurm.conf, and whatever else is to differ.
	Lines string
	// Power lets Slurm power nodes up and down by programs resume, suspend and resume-fail in
	// folder bin.
	Power bool
	// SuspendTime, SuspendTimeout and ResumeTimeout are slurm.conf's, in whole seconds.
	SuspendTime, SuspendTimeout, ResumeTimeout time.Duration
	// Told keeps Slurm from taking a node's address from its slurmd (cloud_reg_addrs): it must be
	// told before the slurmd comes.
	Told bool
	// Lost is after how long a node that does not answer is down (SlurmdTimeout).
	Lost time.Duration
	// REST starts a slurmrestd that takes JWTs.
	REST bool
}

// conf is slurm.conf. Timers are short, schedulers run often, and nothing is drawn from
// what the host has: a slurmd believes what this file says of its node.
func (o *Options) conf() string {
	replace := strings.NewReplacer("@D", o.Dir, "@CTLD", fmt.Sprint(o.Port), "@NODES", fmt.Sprint(o.Port+1), "@LOST", seconds(o.Lost),
		"@TOPOLOGY", o.either("TopologyPlugin=topology/none\n", ""), "@CACHE", o.either("NoAddrCache,", ""))
	text := replace.Replace(`ClusterName=lab
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=@CTLD
SlurmdPort=@NODES
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=@D/munge/socket
CredType=cred/munge
AuthAltTypes=auth/jwt
AuthAltParameters=jwt_key=@D/jwt.key
CommunicationParameters=@CACHENoInAddrAny
StateSaveLocation=@D/state
SlurmdSpoolDir=@D/spool/%n
SlurmctldPidFile=@D/run/slurmctld.pid
SlurmdPidFile=@D/run/slurmd-%n.pid
SlurmctldLogFile=@D/log/slurmctld.log
SlurmdLogFile=@D/log/slurmd-%n.log
SlurmctldDebug=verbose
SlurmdDebug=verbose
DebugFlags=Power,NO_CONF_HASH
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/filetxt
JobCompLoc=@D/log/jobs.txt
Prolog=@D/bin/prolog
Epilog=@D/bin/epilog
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
PrivateData=cloud
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,sched_interval=2,sched_min_interval=100000,batch_sched_delay=1
PriorityType=priority/basic
@TOPOLOGYTreeWidth=65533
MaxArraySize=1001
MinJobAge=600
KillWait=2
InactiveLimit=0
SlurmctldTimeout=30
SlurmdTimeout=@LOST
MessageTimeout=10
`)
	if o.Power {
		text += o.power()
	}
	return text + o.Lines + "\n"
}

// either is the first for this system's Slurm, and the second for that of Root, which is newer.
func (o *Options) either(here, root string) string {
	if o.Root == "" {
		return here
	}
	return root
}

func (o *Options) power() string {
	bin := filepath.Join(o.Dir, "bin")
	addresses := "cloud_reg_addrs,"
	if o.Told {
		addresses = ""
	}
	return fmt.Sprintf(`ResumeProgram=%s/resume
SuspendProgram=%[1]s/suspend
ResumeFailProgram=%[1]s/resume-fail
SuspendTime=%[2]s
SuspendTimeout=%[3]s
ResumeTimeout=%[4]s
ResumeRate=0
SuspendRate=0
SlurmctldParameters=%sidle_on_node_suspend,power_save_interval=1,power_save_min_interval=0
`, bin, seconds(o.SuspendTime), seconds(o.SuspendTimeout), seconds(o.ResumeTimeout), addresses)
}

func seconds(d time.Duration) string { return fmt.Sprint(int(d / time.Second)) }
