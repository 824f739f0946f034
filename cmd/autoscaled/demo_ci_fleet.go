package main

import (
	"time"

	"autoscaled/anka/ankatest"
	"autoscaled/autoscale"
	"autoscaled/config"
	"autoscaled/queue/github/githubtest"
)

// The CI demo's fleet: ten Macs with arm64 and ten with Intel, each with two slots for VMs
// of one size.
const (
	ciSlots  = 40
	ciVCPU   = 4
	ciMemory = config.Size(8 * autoscale.GiB)
	// ciPullingPercent is the share of Macs that may pull a template at a time.
	ciPullingPercent = 10
)

const (
	// ciDaySpeed is how many times faster than real time the day passes: it takes half a minute.
	ciDaySpeed = 2880
	// ciDown is how long it takes until a daemon that was killed is started again.
	ciDown = 30 * time.Second
	// ciKills is how long a daemon lives, on average, where it is killed.
	ciKills = 3 * time.Hour
)

// ciFleet is the controller. Half of the arm64 Macs lack one of the two templates that
// they may run, and two Intel ones theirs: those are pulled when they are first wanted.
func ciFleet(faults bool) ankatest.Config {
	cfg := ankatest.DefaultConfig()
	arm := ankatest.NodeConfig{Arch: "arm64", CPUs: 10, RAMGB: 32, Capacity: 2, DiskGB: 500, OtherGB: 60, PullMBps: 100, Count: 5}
	intel := ankatest.NodeConfig{Arch: "amd64", CPUs: 12, RAMGB: 64, Capacity: 2, DiskGB: 500, OtherGB: 60, PullMBps: 100}
	both, one, full, empty := arm, arm, intel, intel
	both.Name = "mini-arm"
	both.Holds = []ankatest.HoldConfig{{Template: "macos-15-xcode-16", Tag: "v2"}, {Template: "macos-14-xcode-15", Tag: "v1"}}
	one.Name, one.Holds = "mini-arm-new", both.Holds[:1]
	full.Name, full.Count, full.Holds = "mini-intel", 8, []ankatest.HoldConfig{{Template: "macos-13-intel", Tag: "base"}}
	empty.Name, empty.Count = "mini-intel-new", 2
	cfg.Nodes = []ankatest.NodeConfig{both, one, full, empty}
	if faults {
		cfg.Faults, cfg.Chances = ciFaults(), ciChances()
	}
	return cfg
}

// ciFaults are what befalls calls of the controller on a day with faults.
func ciFaults() []ankatest.FaultRate {
	return []ankatest.FaultRate{
		{Kind: ankatest.FaultStatus, Rate: 0.01},
		{Kind: ankatest.FaultStatusAfter, Rate: 0.05, Method: "POST"},
		{Kind: ankatest.FaultCutBefore, Rate: 0.02},
		{Kind: ankatest.FaultCutAfter, Rate: 0.02},
		{Kind: ankatest.FaultMalformed, Rate: 0.01},
		{Kind: ankatest.FaultTruncated, Rate: 0.01},
		{Kind: ankatest.FaultHTML, Rate: 0.01},
	}
}

// ciChances are what befalls VMs and Macs on such a day.
func ciChances() ankatest.Chances {
	return ankatest.Chances{
		StartFailure: 0.03, Stuck: 0.005, SlowPull: 0.5, SlowFactor: 5, OfflinePerHour: 0.01, OfflineFor: 10 * time.Minute,
	}
}

// newCIGitHub has a scale set for each kind of job. Its tokens outlive the day: the
// daemon's clients tell by the wall clock when tokens end, and the day has its own.
func newCIGitHub(clock githubtest.Clock, day ciDay) *githubtest.Server {
	const years = 20 * 365 * 24 * time.Hour
	server := githubtest.New(githubtest.Config{PAT: ciDemoToken, AdminLife: years, QueueLife: years, PollWait: time.Hour}, clock)
	for _, set := range day.sets() {
		server.AddSet(set)
	}
	return server
}

// sets are the scale sets that the day's jobs ask for.
func (d ciDay) sets() (names []string) {
	for _, k := range d.Kinds {
		names = append(names, k.Set)
	}
	return names
}
