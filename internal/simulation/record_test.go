package simulation

import (
	"context"
	"fmt"
	"hash"
	"hash/fnv"
	"sync"
	"time"
)

// counts is what happened in a scenario, or in many.
type counts struct {
	scenarios, lives, calls, posts int
	// races are jobs killed since the queue can't drain, cameUp nodes removed that came
	// up after the last read.
	races, cameUp int
	// undone are marks that were withdrawn since a drain did not end.
	undone int
	// seenBefore are repeated creates that the server had handled already.
	seenBefore            int
	nodes, jobs, jobKills int
	faults                map[string]int
	kills                 map[point]int
	events                map[eventKind]int
	lived                 time.Duration // virtual
}

func newCounts() counts {
	return counts{faults: map[string]int{}, kills: map[point]int{}, events: map[eventKind]int{}}
}

func (c *counts) add(o counts) {
	c.scenarios += o.scenarios
	c.lives += o.lives
	c.calls += o.calls
	c.posts += o.posts
	c.races += o.races
	c.cameUp += o.cameUp
	c.undone += o.undone
	c.seenBefore += o.seenBefore
	c.nodes += o.nodes
	c.jobs += o.jobs
	c.jobKills += o.jobKills
	c.lived += o.lived
	addAll(c.faults, o.faults)
	addAll(c.kills, o.kills)
	addAll(c.events, o.events)
}

func addAll[K comparable](to, from map[K]int) {
	for k, n := range from {
		to[k] += n
	}
}

func sum[K comparable](m map[K]int) (n int) {
	for _, v := range m {
		n += v
	}
	return n
}

// record is what a scenario leaves: its counts, its trace, and the first violation.
type record struct {
	recording sync.Mutex
	count     counts
	digest    hash.Hash64
	trace     func(line string) // nil: nobody listens
	violation string
	over      context.CancelFunc
	nths      map[string]int
}

func newRecord() record {
	return record{count: newCounts(), digest: fnv.New64a(), nths: map[string]int{}, over: func() {}}
}

// note adds a line to the trace, whose digest tells whether two runs are alike.
func (r *record) note(format string, args ...any) {
	r.recording.Lock()
	defer r.recording.Unlock()
	line := fmt.Sprintf("%-14s %s", time.Since(begin), fmt.Sprintf(format, args...))
	_, _ = r.digest.Write([]byte(line))
	if r.trace != nil {
		r.trace(line)
	}
}

// violate ends the run: the first thing that should not have happened counts.
func (r *record) violate(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	r.note("VIOLATION: %s", text)
	r.recording.Lock()
	defer r.recording.Unlock()
	if r.violation == "" {
		r.violation = fmt.Sprintf("after %s: %s", time.Since(begin), text)
	}
	r.over()
}

func (r *record) violated() bool {
	r.recording.Lock()
	defer r.recording.Unlock()
	return r.violation != ""
}

// nth counts the calls of a key, from 1.
func (r *record) nth(key string) int {
	r.recording.Lock()
	defer r.recording.Unlock()
	r.nths[key]++
	return r.nths[key]
}

func (r *record) tally(change func(*counts)) {
	r.recording.Lock()
	defer r.recording.Unlock()
	change(&r.count)
}

// lot is a number of 64 bits that depends on the seed and the subject alone.
func lot(seed uint64, subject ...any) uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, seed)
	for _, s := range subject {
		fmt.Fprintf(h, "\x00%v", s)
	}
	x := h.Sum64()
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// fraction is a lot between 0 and 1.
func fraction(seed uint64, subject ...any) float64 {
	return float64(lot(seed, subject...)>>11) / (1 << 53)
}
