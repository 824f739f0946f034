package main

import (
	"slices"
	"time"

	"autoscaled/autoscale/sim"
	"autoscaled/internal/fleet"
)

// alwaysOn is what the day's jobs would have met, until a time, on VMs that are always
// there: as many of each kind as its Fixed says, each taking the oldest job of its set at
// once when it is free. Nothing boots, registers or is ended there.
func (d ciDay) alwaysOn(jobs []fleet.Job, end time.Time) demoBaseline {
	free := map[string][]time.Time{} // when each VM is free, by the set
	for _, k := range d.Kinds {
		free[k.Set] = make([]time.Time, k.Fixed)
	}
	var waits []time.Duration
	var b demoBaseline
	for _, j := range jobs { // in order of arrival
		vm := firstFree(free[j.Set])
		start := j.At
		if vm.After(start) {
			start = *vm
		}
		cancelled := j.At.Add(j.CancelAfter)
		if start.After(end) || j.CancelAfter > 0 && !cancelled.After(start) {
			continue
		}
		over := start.Add(j.Length)
		if j.CancelAfter > 0 && cancelled.Before(over) {
			over = cancelled
		}
		*vm = over
		waits = append(waits, start.Sub(j.At))
		if !over.After(end) {
			b.Finished++
		}
	}
	b.Waits, b.Hours = sim.SpreadOf(waits), end.Sub(d.Start).Hours()*ciSlots
	return b
}

func firstFree(vms []time.Time) *time.Time {
	return &vms[slices.Index(vms, slices.MinFunc(vms, time.Time.Compare))]
}
