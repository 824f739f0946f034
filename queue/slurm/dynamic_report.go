package slurm

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"autoscaled/autoscale"
)

// Report tells the users of jobs that the plan leaves waiting why, in the jobs' comments,
// and clears these when the wait is over. What Slurm itself holds a job for, it tells
// itself; a comment of somebody else's stays.
func (d *Dynamic) Report(ctx context.Context, s autoscale.State, plan autoscale.Plan) error {
	if d.Details == nil || plan.Hold.Code != "" || len(plan.Outcomes) == 0 && len(s.Demand.Classes) > 0 {
		return nil // nothing was planned, so nobody knows
	}
	d.mu.Lock()
	told, theirs, standing, jobs := d.told, d.theirs, d.standing, d.jobs
	d.mu.Unlock()
	byHead := pendingWaits(&s, &plan)
	for id, reason := range byHead {
		if standing[id] && (reason.Code == autoscale.ReasonNoPool || reason.Code == autoscale.ReasonNoMachine) {
			delete(byHead, id) // it waits for nodes that are none of the cloud's
		}
	}
	waits := waitingRecords(jobs, byHead)
	news := told == nil
	for id, reason := range waits {
		news = news || told[id] != sentenceKey(reason) && !theirs[id]
	}
	for id := range told {
		_, waiting := waits[id]
		news = news || !waiting
	}
	if !news {
		return nil
	}
	details, err := d.Details.Details(ctx)
	if err != nil {
		return err
	}
	theirs = make(map[int64]bool)
	names := updatables(jobs)
	for id := range waits {
		theirs[id] = names[id] == "" || details[id].Comment != "" && !strings.HasPrefix(details[id].Comment, Mark)
	}
	next, err := d.comment(ctx, &s, waits, told, details, names)
	d.mu.Lock()
	d.told, d.theirs = next, theirs
	d.mu.Unlock()
	return err
}

// waitingRecords are the records that wait, by id: an array's tasks that wait have one between them, or
// several, and those that run others.
func waitingRecords(jobs []Job, byHead map[int64]autoscale.Reason) map[int64]autoscale.Reason {
	waits := make(map[int64]autoscale.Reason)
	for i := range jobs {
		j := &jobs[i]
		if reason, ok := byHead[cmp.Or(j.ArrayID, j.ID)]; ok && j.Is("PENDING") {
			waits[j.ID] = reason
		}
	}
	return waits
}

// pendingWaits are the jobs, by id or their array's, that get no nodes, or too few, for a reason
// that Slurm does not tell them.
func pendingWaits(s *autoscale.State, plan *autoscale.Plan) map[int64]autoscale.Reason {
	waits := make(map[int64]autoscale.Reason)
	for i := range plan.Outcomes {
		o := &plan.Outcomes[i]
		class := &s.Demand.Classes[o.Class]
		switch o.Reason.Code {
		case autoscale.ReasonHeld, autoscale.ReasonDependency, autoscale.ReasonNotYet:
			continue
		}
		if len(o.Served) > 0 && o.Tasks >= class.Required() {
			continue
		}
		for _, m := range class.Members[o.From:o.To] {
			head, _, _ := strings.Cut(string(m.ID), "_")
			if id, err := strconv.ParseInt(head, 10, 64); err == nil && waits[id].Code == "" {
				waits[id] = o.Reason
			}
		}
	}
	return waits
}

// standing are the pending jobs, by id or their array's, of whose partitions one has nodes that
// stand in slurm.conf: these may run them, whatever the cloud has.
func (s Snapshot) standing() map[int64]bool {
	partitions := make(map[string]bool)
	for i := range s.Nodes {
		if n := &s.Nodes[i]; !dynamic(n) {
			for name := range strings.SplitSeq(n.Partitions, ",") {
				partitions[name] = true
			}
		}
	}
	jobs := make(map[int64]bool)
	for i := range s.Jobs {
		j := &s.Jobs[i]
		if !j.Is("PENDING") {
			continue
		}
		for name := range strings.SplitSeq(j.Partition, ",") {
			if partitions[name] {
				jobs[cmp.Or(j.ArrayID, j.ID)] = true
			}
		}
	}
	return jobs
}

// comment writes what changed, at most so much in one tick, and returns what stands in
// the jobs now.
func (d *Dynamic) comment(ctx context.Context, s *autoscale.State, waits map[int64]autoscale.Reason, told map[int64]string, details map[int64]JobDetail, names map[int64]string) (map[int64]string, error) {
	next, left := make(map[int64]string), maxComments
	for id, detail := range details {
		if strings.HasPrefix(detail.Comment, Mark) && names[id] != "" {
			next[id] = told[id] // empty: an earlier daemon's
		}
	}
	var failed []error
	write := func(id int64, text string) bool {
		if left == 0 || names[id] == "" {
			return false
		}
		left--
		err := d.Cluster.UpdateJob(ctx, names[id], text)
		if err != nil && !errors.Is(err, autoscale.ErrNotFound) {
			failed = append(failed, err)
		}
		return err == nil
	}
	for _, id := range slices.Sorted(maps.Keys(waits)) {
		detail, there := details[id]
		ours := strings.HasPrefix(detail.Comment, Mark)
		key := sentenceKey(waits[id])
		if there && (ours || detail.Comment == "") && !(ours && next[id] == key) && write(id, Mark+sentence(waits[id], s.At)) {
			next[id] = key
		}
	}
	for _, id := range slices.Sorted(maps.Keys(next)) {
		if _, waiting := waits[id]; !waiting && write(id, "") {
			delete(next, id)
		}
	}
	return next, errors.Join(failed...)
}
