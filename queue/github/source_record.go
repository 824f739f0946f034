package github

import (
	"errors"
	"fmt"
	"time"

	"autoscaled/autoscale"
	"autoscaled/queue/records"
)

// record is what is known of one runner, that of one attempt to make a node. It is
// written before the runner is registered, and its flags only ever rise but where a
// comment says so.
type record struct {
	Host    string              `json:"host"` // the runner's name
	Request autoscale.RequestID `json:"request,omitempty"`
	Pool    autoscale.PoolID    `json:"pool,omitempty"`
	Set     string              `json:"set"`
	SetID   int                 `json:"set_id,omitempty"`
	// Runner is its id. 0: not known, and so its credential was given to nobody.
	Runner     int64     `json:"runner,omitempty"`
	Registered time.Time `json:"registered"`
	// Deleting: a deletion was sent, and nobody knows yet what came of it. It falls
	// when it is known.
	Deleting bool `json:"deleting,omitempty"`
	// Deleted: GitHub has deleted the runner at our word. It falls if the runner is
	// listed all the same.
	Deleted bool `json:"deleted,omitempty"`
	// Gone: GitHub has no such runner, which proves nothing. It falls as Deleted does.
	Gone bool `json:"gone,omitempty"`
	// Started and Ended are the runner's one job's.
	Started bool   `json:"started,omitempty"`
	Ended   bool   `json:"ended,omitempty"`
	Job     string `json:"job,omitempty"`
	// Over is since when nothing more is to be done about the runner. Zero: there is.
	Over time.Time `json:"over,omitzero"`

	// Of this process alone:
	heard   bool      // it was listed online, or has a job
	silent  time.Time // since when listings do not show it online; zero: they do
	idle    time.Time // since when listings deny that its job runs; zero: they don't
	changed int64     // the serial number of the change before which listings say nothing of it
	atWork  bool      // GitHub had it while its job ran
	unheard bool      // news of its job's end may have been lost
	sending bool      // a deletion is under way: it has no answer that could be lost
	// endedIn is the serial number of the change in which its job was seen to have ended.
	// 0: it wasn't, or before this process began.
	endedIn int64
}

// busy: its job runs, as far as is known.
func (r *record) busy() bool { return r.Started && !r.Ended }

// done: it takes no job ever again, and runs none.
func (r *record) done() bool { return r.Ended || r.Deleted && !r.Started }

// open: it may still take a job, as far as is known.
func (r *record) open() bool { return !r.Started && !r.Ended && !r.Deleted && !r.Gone }

// endsUnlisted: that GitHub does not have it means that its job is over, for the
// registration goes with it. That needs more than news of the job's start: a runner
// pruned before it took a job is not listed either, and the news of its end will come.
func (r *record) endsUnlisted() bool { return r.Ended || r.Started && (r.atWork || r.unheard) }

// missing: it is not known to be there and to wait for a job.
func (r *record) missing() bool { return !r.busy() && !r.done() && !r.heard }

// end notes that its job is over.
func (r *record) end(at time.Time) {
	r.Ended, r.Over = true, at
	r.idle = time.Time{}
}

func newBook(o SourceOptions) records.Book[record] {
	return records.Book[record]{Store: o.Store, Name: "runners", Check: (*record).check, ReadOnly: o.DryRun}
}

// check refuses a record that was read and can't be.
func (r *record) check() (host string, err error) {
	switch {
	case r.Host == "" || r.Set == "":
		return "", errors.New("a record without host or set")
	case r.Runner < 0 || r.SetID < 0:
		return "", fmt.Errorf("the record of runner %q has a negative id", r.Host)
	}
	return r.Host, nil
}
