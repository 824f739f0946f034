package slurm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"

	"autoscaled/autoscale"
	"autoscaled/internal/rest"
)

// apiVersion is the last number of a version of slurmrestd's API: 42 of v0.0.42.
type apiVersion int

func (v apiVersion) String() string { return "v0.0." + strconv.Itoa(int(v)) }

// oldestAPI is that of Slurm 22.05, newestAPI that of 24.11, which all later releases
// up to 25.11 offer beside their own. Those between are read alike.
const (
	oldestAPI       apiVersion = 38
	newestAPI       apiVersion = 42
	partitionsSince apiVersion = 40 // tells how a partition's jobs share nodes
	flagsSince      apiVersion = 42 // has flags for what nodes to tell
)

// moment writes a time, in seconds of Unix time, by which to ask what changed. Tried: v0.0.38
// takes the number; v0.0.40 and v0.0.41 refuse it and take it with uts before it, as scontrol
// does. v0.0.42 takes both. Empty: what the version takes was not tried, so it is asked for
// all.
func (v apiVersion) moment(seconds int64) string {
	switch {
	case v == 39:
		return ""
	case v == 40, v == 41:
		return "uts" + strconv.FormatInt(seconds, 10)
	}
	return strconv.FormatInt(seconds, 10)
}

// agree is the newest version that both sides know.
func (r *REST) agree(ctx context.Context) (apiVersion, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.version > 0 {
		return r.version, nil
	}
	var offered []apiVersion
	err := r.get(ctx, rest.Call{Route: "/openapi/v3", Path: "/openapi/v3", Into: func(body io.Reader) (err error) {
		offered, err = readOffer(body)
		return err
	}})
	if err != nil {
		return 0, err
	}
	newest := apiVersion(0)
	for _, v := range offered {
		if v >= oldestAPI && v <= newestAPI {
			newest = max(newest, v)
		}
	}
	if newest == 0 {
		return 0, fmt.Errorf("ask slurmrestd for its versions: %w: it offers %v, and %s to %s are known", autoscale.ErrRejected, offered, oldestAPI, newestAPI)
	}
	r.version = newest
	return newest, nil
}

// forgetVersion lets the next read ask which versions there are.
func (r *REST) forgetVersion() {
	if r.mu.TryLock() { // else they are being asked for
		r.version = 0
		r.mu.Unlock()
	}
}

var jobsPath = regexp.MustCompile(`^/slurm/v0\.0\.([0-9]{1,4})/jobs/?$`)

// readOffer reads the versions out of slurmrestd's description of itself (OpenAPI 3),
// in which each has a path for jobs.
func readOffer(r io.Reader) ([]apiVersion, error) {
	d := newDecoder(r)
	var offered []apiVersion
	err := d.members(func(name string) error {
		if name != "paths" {
			_, err := d.value()
			return err
		}
		return d.members(func(path string) error {
			if m := jobsPath.FindStringSubmatch(path); m != nil {
				n, _ := strconv.Atoi(m[1]) // at most four digits
				offered = append(offered, apiVersion(n))
			}
			_, err := d.value()
			return err
		})
	})
	if err == nil && len(offered) == 0 {
		err = errors.New("it offers no version of /slurm/…/jobs")
	}
	if err != nil {
		return nil, fmt.Errorf("read slurmrestd's description: %w: %w", ErrAnswer, err)
	}
	return offered, nil
}
