package slurm

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"
)

// ourProgram tells whether one of Slurm's power saving programs is ours, by its name.
func ourProgram(program string) bool { return strings.HasPrefix(path.Base(program), "autoscaled") }

// AuditSettings tells which settings keep power saving from working with us, for a
// cluster with so many CLOUD nodes. What the settings mean is in slurm.conf's man page.
func AuditSettings(s *Settings, nodes int) []Finding {
	a := &settingsAuditor{Settings: s}
	a.programs()
	a.times()
	a.visibility()
	a.service(nodes)
	return a.findings
}

type settingsAuditor struct {
	*Settings
	findings []Finding
}

func (a *settingsAuditor) find(wrong bool, key, format string, args ...any) {
	a.findings = append(a.findings, Finding{Wrong: wrong, Subject: key, What: fmt.Sprintf(format, args...)})
}

func (a *settingsAuditor) programs() {
	for _, p := range []struct{ key, value string }{
		{"ResumeProgram", a.ResumeProgram}, {"SuspendProgram", a.SuspendProgram}, {"ResumeFailProgram", a.ResumeFailProgram},
	} {
		switch {
		case p.value == "" && p.key == "ResumeFailProgram":
			a.find(false, p.key, "is not set: a node that Slurm gave up is found by looking")
		case p.value == "":
			a.find(true, p.key, "is not set: Slurm saves no power, and CLOUD nodes never come")
		case !ourProgram(p.value):
			a.find(true, p.key, "is %s, which is not ours", p.value)
		}
	}
}

// What the times must leave room for. How long VMs take is what CycleCloud's clusters
// are set up for; the bounds are our own choice.
const (
	leastResume  = 5 * time.Minute
	leastSuspend = time.Minute
)

func (a *settingsAuditor) times() {
	switch {
	case a.SuspendTime < 0:
		a.find(true, "SuspendTime", "is never: idle nodes are never powered down (partitions may have their own)")
	case a.SuspendTime < time.Minute:
		a.find(false, "SuspendTime", "is %s: nodes go that the next job could use", a.SuspendTime)
	}
	if a.ResumeTimeout < leastResume {
		a.find(true, "ResumeTimeout", "is %s: VMs take minutes to boot, and Slurm gives them up before; CycleCloud's clusters have 30m", a.ResumeTimeout)
	}
	if a.SuspendTimeout < leastSuspend {
		a.find(false, "SuspendTimeout", "is %s: a name may be resumed while its VM still terminates, and then waits; CycleCloud's clusters have 10m", a.SuspendTimeout)
	}
	for _, key := range []string{"ResumeRate", "SuspendRate"} {
		number, _, _ := strings.Cut(a.All[key], " ")
		if n, err := strconv.Atoi(number); err == nil && n > 0 {
			a.find(false, key, "is %d: Slurm hands over so many nodes a minute at most; 0 is no limit", n)
		}
	}
}

func (a *settingsAuditor) visibility() {
	private := strings.ToLower(a.All["PrivateData"])
	if !hasWord(private, ",", "cloud") {
		a.find(true, "PrivateData", "has no cloud: powered-down nodes are hidden from sinfo, users and us")
	}
	for _, what := range []string{"jobs", "nodes", "partitions"} {
		if hasWord(private, ",", what) {
			a.find(false, "PrivateData", "has %s: the daemon must run as SlurmUser, root or an operator, or it sees only part of them", what)
		}
	}
}

func (a *settingsAuditor) service(nodes int) {
	parameters := strings.ToLower(a.All["SlurmctldParameters"])
	if width, err := strconv.Atoi(a.All["TreeWidth"]); err == nil && width < nodes && !hasWord(parameters, ",", "cloud_dns") {
		a.find(false, "TreeWidth", "is %d, and there are %d CLOUD nodes: nodes hand messages on to others whose addresses they must know (DNS)", width, nodes)
	}
	if n := a.All["ReturnToService"]; n != "2" {
		a.find(false, "ReturnToService", "is %s: a node that was DOWN stays so when it answers again; CycleCloud's clusters have 2", n)
	}
	if !hasWord(parameters, ",", "idle_on_node_suspend") {
		a.find(false, "SlurmctldParameters", "has no idle_on_node_suspend: a node that is powered down while it is DOWN can't be resumed later")
	}
	if !hasWord(parameters, ",", "cloud_reg_addrs") && !hasWord(parameters, ",", "cloud_dns") {
		a.find(false, "SlurmctldParameters", "has neither cloud_reg_addrs nor cloud_dns: a node that joins while the daemon is down has no address, and its job is requeued")
	}
	if a.SuspendExcNodes != "" {
		a.find(false, "SuspendExcNodes", "%s are never powered down", a.SuspendExcNodes)
	}
	if parts := a.All["SuspendExcParts"]; parts != "" {
		a.find(false, "SuspendExcParts", "nodes of %s are never powered down", parts)
	}
}
