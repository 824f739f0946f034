package githubrest

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
	Labels  []string            `json:"labels,omitempty"`
	// Runner is its id. 0: not known, and so its credential was given to nobody.
	Runner     int64     `json:"runner,omitempty"`
	Registered time.Time `json:"registered"`
	// Deleting: a deletion was sent, and nobody knows yet what came of it. It falls
	// when it is known.
	Deleting bool `json:"deleting,omitempty"`
	// Deleted: GitHub has deleted the runner at our word. Where GitHub lists it all the
	// same, the deletion is in doubt again: Deleting.
	Deleted bool `json:"deleted,omitempty"`
	// Gone: GitHub has no such runner, which proves nothing. It falls if it is listed.
	Gone bool `json:"gone,omitempty"`
	// Started and Ended are the runner's one job's, Job and Repository which one it is.
	Started    bool   `json:"started,omitempty"`
	Ended      bool   `json:"ended,omitempty"`
	Job        int64  `json:"job,omitempty"`
	Repository string `json:"repository,omitempty"`
	// Over is since when nothing more is to be done about the runner. Zero: there is.
	Over time.Time `json:"over,omitzero"`

	// Of this process alone:
	heard    bool      // it was listed online, or has a job
	silent   time.Time // since when listings do not show it online; zero: they do
	idle     time.Time // since when listings deny that its job runs; zero: they don't
	began    time.Time // when its job was first seen; zero: it wasn't, or before this process began
	unlisted bool      // the last listing does not have it
	changed  int64     // the serial number of the change before which readings say nothing of it
}

// busy: its job runs, as far as is known.
func (r *record) busy() bool { return r.Started && !r.Ended && !r.Deleted }

// done: it takes no job ever again, and runs none.
func (r *record) done() bool { return r.Ended || r.Deleted }

// open: it may still take a job, as far as is known.
func (r *record) open() bool { return !r.Started && !r.done() && !r.Gone }

// missing: it is not known to be there and to wait for a job.
func (r *record) missing() bool { return !r.busy() && !r.done() && !r.heard }

// start notes that it has its one job.
func (r *record) start(at time.Time) {
	if !r.Started {
		r.began = at
	}
	r.Started, r.heard, r.Gone, r.idle, r.silent = true, true, false, time.Time{}, time.Time{}
}

// end notes that its job is over.
func (r *record) end(at time.Time) {
	r.Started, r.Ended, r.Deleting, r.idle = true, true, false, time.Time{}
	if r.Over.IsZero() {
		r.Over = at
	}
}

// lasting is what of a record may change and must survive a restart.
type lasting struct {
	runner, job                                   int64
	deleting, deleted, gone, started, ended, over bool
}

func (r *record) lasting() lasting {
	return lasting{r.Runner, r.Job, r.Deleting, r.Deleted, r.Gone, r.Started, r.Ended, !r.Over.IsZero()}
}

func newBook(o Options) records.Book[record] {
	return records.Book[record]{Store: o.Store, Name: "runners", Check: (*record).check, ReadOnly: o.DryRun}
}

// check refuses a record that was read and can't be.
func (r *record) check() (host string, err error) {
	switch {
	case r.Host == "":
		return "", errors.New("a record without host")
	case r.Runner < 0 || r.Job < 0:
		return "", fmt.Errorf("the record of runner %q has a negative id", r.Host)
	}
	return r.Host, nil
}
