package slurm

import (
	"fmt"
	"strings"
	"time"
)

// partitions are a cluster's, by name, as jobs see them. None: nothing is known of them,
// and none refuses any job.
type partitions struct {
	byName map[string]*Partition
	// lowest is the least PriorityTier of all.
	lowest int64
}

func newPartitions(list []Partition) partitions {
	p := partitions{byName: make(map[string]*Partition, len(list))}
	for i := range list {
		one := &list[i]
		p.byName[one.Name] = one
		if i == 0 || one.Tier < p.lowest {
			p.lowest = one.Tier
		}
	}
	return p
}

// open are those of a job's partitions that may run it, in its order, and why others may
// not: in the words of the first. Where no partition is known there is neither.
func (p partitions) open(j *Job) (names []string, why string) {
	if len(p.byName) == 0 {
		return nil, ""
	}
	least := needOf(j).least
	for name := range strings.SplitSeq(j.Partition, ",") {
		refusal := ""
		if one := p.byName[name]; one != nil {
			refusal = one.refuses(j, least)
		}
		if refusal == "" {
			names = append(names, name)
		} else if why == "" {
			why = refusal
		}
	}
	return names, why
}

// refuses is why no job like this starts in a partition, of whatever nodes it has; empty:
// it may. least is how many nodes will do for the job. A partition that is DRAIN runs
// what it was given before. See slurm.conf, PARTITION CONFIGURATION: State, MaxTime,
// MaxNodes, MinNodes.
func (p *Partition) refuses(j *Job, least int64) string {
	switch {
	case strings.HasPrefix(p.State, "DOWN"):
		return fmt.Sprintf("PartitionDown: partition %s is down", p.Name)
	case strings.HasPrefix(p.State, "INACTIVE"):
		return fmt.Sprintf("PartitionInactive: partition %s is inactive", p.Name)
	case p.MaxTime > 0 && j.TimeLimit > p.MaxTime:
		return fmt.Sprintf("PartitionTimeLimit: asks for %s, and partition %s allows %s", hours(j.TimeLimit), p.Name, hours(p.MaxTime))
	case p.MaxNodes > 0 && least > p.MaxNodes:
		return fmt.Sprintf("PartitionNodeLimit: asks for %d nodes, and partition %s allows %d", least, p.Name, p.MaxNodes)
	case max(j.NodeCount, j.MaxNodes) < p.MinNodes && j.NodeCount > 0:
		return fmt.Sprintf("PartitionNodeLimit: asks for %d nodes, and partition %s is for %d at least", j.NodeCount, p.Name, p.MinNodes)
	}
	return ""
}

// hours prints a time limit, which is of whole minutes: 24h, 1h30m.
func hours(d time.Duration) string {
	text := strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	if whole, cut := strings.CutSuffix(text, "h0m"); cut {
		return whole + "h"
	}
	return text
}

// exclusive tells whether jobs have their nodes for themselves in all of these.
func (p partitions) exclusive(names []string) bool {
	for _, name := range names {
		if one := p.byName[name]; one == nil || one.OverSubscribe != "EXCLUSIVE" {
			return false
		}
	}
	return len(names) > 0
}

// above is how far the highest of these is above the lowest of all: jobs of a higher
// PriorityTier come before all others, whatever their priority.
func (p partitions) above(names []string) (tiers int64) {
	for _, name := range names {
		if one := p.byName[name]; one != nil {
			tiers = max(tiers, one.Tier-p.lowest)
		}
	}
	return min(tiers, 1<<16)
}

// knows tells whether all of a job's partitions are known.
func (p partitions) knows(j *Job) bool {
	for name := range strings.SplitSeq(j.Partition, ",") {
		if p.byName[name] == nil {
			return false
		}
	}
	return true
}
