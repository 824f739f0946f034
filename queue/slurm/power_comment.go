package slurm

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"autoscaled/autoscale"
)

// Comments are written and cleared record by record, by the name that users call it: the
// number of an array stands for all its tasks, those that run too, while 7_[2-5] is what
// waits, and stays one record (tried on 22.05).

// detailsFor asks about jobs where one is to be acted on, or once at the start, when an
// earlier daemon may have left comments. nil: nobody needs to know.
func (p *PowerSaving) detailsFor(ctx context.Context, v *view) (map[int64]JobDetail, error) {
	if p.Details == nil || !p.hasNews(v) {
		return nil, nil
	}
	details, err := p.Details.Details(ctx)
	if err != nil {
		return nil, err
	}
	if p.comments == nil {
		p.comments = make(map[int64]string)
	}
	p.theirs, p.begun = make(map[int64]bool), make(map[int64]bool)
	for id, d := range details {
		_, known := p.comments[id]
		_, waits := v.waits[id]
		switch ours := strings.HasPrefix(d.Comment, Mark); {
		case ours && !known:
			p.comments[id] = ""
		case !ours && waits && d.Comment != "":
			p.theirs[id] = true
		}
	}
	for id := range v.byID {
		if p.heir(v, id) {
			p.begun[id] = true
		}
	}
	return details, nil
}

// hasNews tells whether anything may have to be told, or taken back.
func (p *PowerSaving) hasNews(v *view) bool {
	if p.comments == nil {
		return true
	}
	for id, w := range v.waits {
		if p.lost(v, id, &w) || p.comments[id] != p.key(&w, v.state.At) && !p.theirs[id] && v.updatable(id) != "" {
			return true
		}
	}
	for id := range p.comments {
		if v.isOver(id) {
			return true
		}
	}
	for id := range v.byID {
		if p.heir(v, id) && !p.begun[id] {
			return true
		}
	}
	return false
}

// heir tells whether a job is a task that started of an array of which others wait that have
// our comment.
func (p *PowerSaving) heir(v *view, id int64) bool {
	j := v.byID[id]
	if j.ArrayID == 0 || j.ArrayID == id || !occupies(j) {
		return false
	}
	_, commented := p.comments[j.ArrayID]
	return commented
}

// comment clears the comments whose time is over, and writes those that changed: first of
// jobs that have none yet.
func (p *PowerSaving) comment(ctx context.Context, v *view) error {
	if v.details == nil {
		return nil
	}
	left := maxComments
	failed := []error{p.clearComments(ctx, v, &left)}
	var first, again []int64
	for _, id := range sortedIDs(v.waits) {
		w := v.waits[id]
		switch old, ours := p.comments[id]; {
		case !ours:
			first = append(first, id)
		case old != p.key(&w, v.state.At):
			again = append(again, id)
		}
	}
	for _, id := range append(first, again...) {
		d, known := v.details[id]
		name := v.updatable(id)
		if left == 0 || !known || name == "" || d.Comment != "" && !strings.HasPrefix(d.Comment, Mark) {
			continue
		}
		left--
		w := v.waits[id]
		if err := p.Cluster.UpdateJob(ctx, name, Mark+p.sentence(&w, v.state.At)); err != nil {
			failed = append(failed, err)
			continue
		}
		p.comments[id] = p.key(&w, v.state.At)
	}
	return errors.Join(failed...)
}

// updatable is how scontrol is told of a job of the last reading; empty: it can't be.
func (v *view) updatable(id int64) string {
	j := v.byID[id]
	if j == nil {
		return ""
	}
	return updatable(j, v.others[j.ArrayID] > 0)
}

// updatable is how scontrol is told of a job; empty: it can't be, for Slurm cut the list of
// its tasks, and others of the array run.
func updatable(j *Job, others bool) string {
	switch {
	case !strings.HasSuffix(j.ArrayTasks, "..."):
		of := *j
		of.ArrayLimit = 0
		return of.called()
	case others:
		return ""
	}
	return string(j.id())
}

// updatables are the names by which scontrol is told of jobs, by id.
func updatables(jobs []Job) map[int64]string {
	others := make(map[int64]bool) // arrays of which tasks have nodes
	for i := range jobs {
		if j := &jobs[i]; occupies(j) {
			others[j.ArrayID] = true
		}
	}
	names := make(map[int64]string, len(jobs))
	for i := range jobs {
		j := &jobs[i]
		names[j.ID] = updatable(j, others[j.ArrayID])
	}
	return names
}

// isOver tells whether what we told of a job no longer holds. One that was put back keeps
// its comment until it may start again: that is why it was.
func (v *view) isOver(id int64) bool {
	j := v.byID[id]
	_, waits := v.waits[id]
	return j != nil && !waits && !(j.Is("PENDING") && v.later(j))
}

// clearComments clears the comments whose time is over. One that somebody wrote over ours is
// theirs.
func (p *PowerSaving) clearComments(ctx context.Context, v *view, left *int) error {
	var failed []error
	for _, id := range slices.Sorted(maps.Keys(p.comments)) {
		if v.byID[id] != nil && !v.isOver(id) {
			continue
		}
		if name := v.updatable(id); name != "" && strings.HasPrefix(v.details[id].Comment, Mark) {
			if *left == 0 {
				continue
			}
			*left--
			if err := p.Cluster.UpdateJob(ctx, name, ""); err != nil && !errors.Is(err, autoscale.ErrNotFound) {
				failed = append(failed, err)
				continue
			}
		}
		delete(p.comments, id)
	}
	return errors.Join(failed...)
}
