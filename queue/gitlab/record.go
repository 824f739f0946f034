package gitlab

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"autoscaled/autoscale"
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

// savedRecords is the form in which the store has them.
type savedRecords struct {
	Version int      `json:"version"`
	Runners []record `json:"runners"`
}

// savedVersion is of savedRecords.
const savedVersion = 1

func encodeRecords(records map[string]record) []byte {
	saved := savedRecords{Version: savedVersion, Runners: []record{}}
	for _, host := range slices.Sorted(maps.Keys(records)) {
		saved.Runners = append(saved.Runners, records[host])
	}
	text, err := json.Marshal(saved)
	if err != nil {
		panic("gitlab: runners' records can't be written: " + err.Error()) // no such type is among them
	}
	return text
}

// decodeRecords reads what encodeRecords wrote. Whatever it does not understand is an
// error: a runner forgotten might be one at work.
func decodeRecords(text []byte) (map[string]record, error) {
	records := map[string]record{}
	if len(text) == 0 {
		return records, nil
	}
	var saved savedRecords
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&saved); err != nil {
		return nil, err
	}
	if decoder.More() || saved.Version != savedVersion {
		return nil, fmt.Errorf("not one text of version %d", savedVersion)
	}
	for _, r := range saved.Runners {
		switch _, twice := records[r.key()]; {
		case r.Host == "":
			return nil, errors.New("a record without a host")
		case r.Runner < 0:
			return nil, fmt.Errorf("the record of runner %q has a negative id", r.Host)
		case twice:
			return nil, fmt.Errorf("two records of runner %q", r.Host)
		}
		records[r.key()] = r
	}
	return records, nil
}
