package main

import (
	"fmt"
	"strings"

	"autoscaled/anka/ankatest"
	"autoscaled/autoscale"
	"autoscaled/internal/fleet"
)

// ciAudit holds the books of fleet and CI service against what must hold, and against the
// daemon's records. The books share no code with the daemon.
func ciAudit(b fleet.Books, records demoRecords) demoChecks {
	return demoChecks{
		{"no VM was ended under a job", seen(b, fleet.ViolationBusy)},
		{"no VM was ended whose runner could still get a job", seen(b, fleet.ViolationRecord, fleet.ViolationName)},
		{"no Mac had more VMs than it may", crowds(b)},
		{"no request made two VMs", twins(b)},
		{"nothing was started beyond demand", surplus(b)},
		{"no VM was leaked", strays(b, records)},
		{"no runner's record was left behind", leftRecords(b)},
		{"the simulated world kept to its own rules", seen(b, fleet.ViolationWorld)},
	}
}

func seen(b fleet.Books, kinds ...fleet.ViolationKind) (faults []string) {
	for _, v := range b.Violations {
		for _, kind := range kinds {
			if v.Kind == kind {
				faults = append(faults, fmt.Sprintf("%s: %s", v.At.UTC().Format(demoTime), v.Text))
			}
		}
	}
	return faults
}

// crowds finds Macs over their limit: by the controller's word, and above all two VMs.
func crowds(b fleet.Books) []string {
	faults := seen(b, fleet.ViolationLimit)
	for _, n := range b.Anka.Nodes {
		if n.MostVMs > 2 {
			faults = append(faults, fmt.Sprintf("%s had %d VMs at one time", n.Name, n.MostVMs))
		}
	}
	return faults
}

// ciRequestOf is the request that an instance came of: the middle part of its mark.
func ciRequestOf(i *ankatest.InstanceRecord) autoscale.RequestID {
	parts := strings.Split(i.ExternalID, "/")
	if len(parts) != 3 {
		return ""
	}
	return autoscale.RequestID(parts[1])
}

func twins(b fleet.Books) (faults []string) {
	first := map[autoscale.RequestID]string{}
	for k := range b.Anka.Instances {
		i := &b.Anka.Instances[k]
		id := ciRequestOf(i)
		if other, twice := first[id]; twice {
			faults = append(faults, fmt.Sprintf("request %s made VM %s and VM %s", id, other, i.Name))
		}
		first[id] = i.Name
	}
	return faults
}

// surplus finds more VMs that came up than there were jobs.
func surplus(b fleet.Books) []string {
	arrived, up := 0, 0
	for _, j := range b.Jobs {
		if j.ID != "" {
			arrived++
		}
	}
	for _, i := range b.Anka.Instances {
		if !i.Started.IsZero() {
			up++
		}
	}
	if up > arrived {
		return []string{fmt.Sprintf("%d VMs came up for %d jobs", up, arrived)}
	}
	return nil
}

// strays finds VMs that are there and of which the daemon does not know: no create of the
// journal made them, or the one that did has ended and the VM is not remembered.
func strays(b fleet.Books, records demoRecords) (faults []string) {
	creates := map[autoscale.RequestID]autoscale.Operation{}
	for _, op := range records.Operations {
		if op.Kind == autoscale.OperationCreate {
			creates[op.Request] = op
		}
	}
	for k := range b.VMs {
		i := &b.VMs[k]
		op, known := creates[ciRequestOf(i)]
		switch {
		case !known:
			faults = append(faults, fmt.Sprintf("VM %s (%s): no create of the journal made it", i.Name, i.State))
		case op.Phase.Final() && !records.Memory.Nodes[autoscale.NodeID(i.ID)].Ours:
			faults = append(faults, fmt.Sprintf("VM %s (%s): its request %s has ended and the daemon has forgotten it", i.Name, i.State, op.Request))
		}
	}
	return faults
}

// leftRecords finds runners that GitHub knows and whose VM is not listed any more.
func leftRecords(b fleet.Books) (faults []string) {
	listed := map[string]bool{}
	for _, i := range b.Anka.Instances {
		if i.Listed {
			listed[strings.ToLower(i.Name)] = true
		}
	}
	for _, r := range b.Records {
		if !listed[strings.ToLower(r.Name)] {
			faults = append(faults, fmt.Sprintf("runner %s (%s) has no VM", r.Name, r.Status))
		}
	}
	return faults
}
