package githubrest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"autoscaled/autoscale"
)

// A runner gets jobs that ask for labels all of which it has. Which labels a pool's
// runner needs is therefore asked of the jobs: a runner is registered with those of a
// job that waits for such a pool. With the labels of several jobs it might get a job
// that asks for some of each, and that the rules map to another pool.

// implied are the labels that every self-hosted runner on a Mac has. They are given to
// all, and asked for by those who like.
var implied = []string{"self-hosted", "macOS"}

// labelSet is labels in lower case but those that are implied, with each as it was
// written.
type labelSet map[string]string

func newLabelSet(names []string) labelSet {
	set := labelSet{}
	for _, name := range names {
		key := strings.ToLower(name)
		taken := slices.ContainsFunc(implied, func(i string) bool { return strings.EqualFold(i, name) })
		if first, twice := set[key]; !taken && (!twice || name < first) {
			set[key] = name
		}
	}
	return set
}

// within tells whether a runner with the labels has gets jobs with these.
func (l labelSet) within(has labelSet) bool {
	for key := range l {
		if _, ok := has[key]; !ok {
			return false
		}
	}
	return true
}

// key is the same for sets that mean the same.
func (l labelSet) key() string { return strings.Join(slices.Sorted(maps.Keys(l)), "\x00") }

// names are what a runner is registered with.
func (l labelSet) names() []string {
	names := slices.Clone(implied)
	for _, key := range slices.Sorted(maps.Keys(l)) {
		names = append(names, l[key])
	}
	return names
}

// asked is a set of labels that jobs asked for, and the pools that the rules map them to.
type asked struct {
	key      string
	labels   labelSet
	selector autoscale.Selector
}

// maxAsked bounds how many sets of labels are remembered.
const maxAsked = 200

// remember notes what labels jobs ask for. The caller holds the lock.
func (s *Source) remember(jobs []job) {
	for _, j := range jobs {
		match, ours := s.options.Rules.Match(j.Labels)
		if !ours {
			continue
		}
		set := newLabelSet(j.Labels)
		key := set.key()
		s.asked = slices.DeleteFunc(s.asked, func(a asked) bool { return a.key == key })
		s.asked = append(s.asked, asked{key, set, match.Selector()})
	}
	s.asked = s.asked[max(0, len(s.asked)-maxAsked):]
}

// choose finds the labels that the runner of an attempt needs: those of jobs that wait
// for its pool and for which fewest runners are meant. Where none waits, what Standing
// says or jobs asked for last. The caller holds the lock.
func (s *Source) choose(a autoscale.Attempt) (labelSet, error) {
	lacks, sets, order := map[string]int{}, map[string]labelSet{}, []string(nil)
	for _, w := range s.waiting() {
		if _, match := w.selector.Match(a.Labels); !match || w.Status != statusQueued {
			continue
		}
		set := newLabelSet(w.Labels)
		key := set.key()
		if sets[key] == nil {
			sets[key], order = set, append(order, key)
		}
		lacks[key]++
	}
	for _, r := range s.book.Records {
		if r.open() {
			lacks[newLabelSet(r.Labels).key()]--
		}
	}
	best := ""
	for i, key := range order { // the one with the oldest job first
		if i == 0 || lacks[key] > lacks[best] {
			best = key
		}
	}
	if len(order) > 0 && lacks[best] > 0 {
		return sets[best], nil
	}
	for _, standing := range s.options.Standing {
		if _, match := standing.Select.Match(a.Labels); match {
			return newLabelSet(standing.Labels), nil
		}
	}
	if len(order) > 0 {
		return sets[best], nil
	}
	for _, seen := range slices.Backward(s.asked) {
		if _, match := seen.selector.Match(a.Labels); match {
			return seen.labels, nil
		}
	}
	return nil, fmt.Errorf("%w: no job has asked for pool %s yet, and nothing says which labels its runners need", ErrConfig, a.Pool)
}
