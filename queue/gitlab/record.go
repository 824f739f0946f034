package gitlab

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"autoscaled/autoscale"
	"autoscaled/queue/records"
)

// record is what is known of one runner, that of one attempt to make a node. It is
// written before the runner is registered.
type record struct {
	Host    string              `json:"host"` // the runner's description
	Request autoscale.RequestID `json:"request,omitempty"`
	Pool    autoscale.PoolID    `json:"pool,omitempty"`
	// Runner is its id. 0: not known, and so its token was given to nobody.
	Runner     int64     `json:"runner,omitempty"`
	Registered time.Time `json:"registered"`
	// Draining: we paused it, or were about to.
	Draining bool `json:"draining,omitempty"`
	// Deleting: a deletion was sent whose answer is not known. It falls when it is.
	Deleting bool `json:"deleting,omitempty"`
	// Deleted: GitLab has deleted the runner at our word.
	Deleted bool `json:"deleted,omitempty"`
	// Heard: it has asked GitLab for work.
	Heard bool `json:"heard,omitempty"`
	// Ended: it had all jobs that it takes, and each has ended.
	Ended bool `json:"ended,omitempty"`

	// Of this process alone. Times that must not be cut short by a clock that is set, or
	// by a restart, are here: they begin anew.
	paused time.Time // since when it is known to be paused
	over   time.Time // since when nobody wants the host of a deleted runner
	lost   time.Time // since when a registration is in doubt
	idle   time.Time // when its jobs were read last, if it had none then and has none since
	// underway: its registration has not been answered yet.
	underway bool
}

// key is the host as the queue's users look it up.
func (r *record) key() string { return strings.ToLower(r.Host) }

// open: it may be given a job, or has one, as far as is known.
func (r *record) open() bool { return r.Runner > 0 && !r.Deleted && !r.Ended }

func newBook(o SourceOptions) records.Book[record] {
	return records.Book[record]{Store: o.Store, Name: "runners", Check: (*record).check, ReadOnly: o.DryRun}
}

// check refuses a record that was read and can't be.
func (r *record) check() (host string, err error) {
	switch {
	case r.Host == "":
		return "", errors.New("a record without a host")
	case r.Runner < 0:
		return "", fmt.Errorf("the record of runner %q has a negative id", r.Host)
	}
	return r.Host, nil
}
