package autoscale

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Where nodes are scarce, the first jobs in order get them, however the queue is cut
// and however many shapes its jobs have.
func TestScarceNodesGoToTheFirstInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 3*portionAtLeast).Draw(t, "jobs")
		room := rapid.IntRange(0, n).Draw(t, "room")
		shapes := rapid.IntRange(1, 6).Draw(t, "shapes")
		pool, limits := aPool("a", "F4", 4, room)
		var all []Job
		for i := range n {
			shape := wholeNodes(1)
			shape.PerTask.Memory = Bytes(1+(i*i+i/7)%shapes) * MiB
			all = append(all, Job{ID: JobID(fmt.Sprintf("j%05d", i)), Submitted: start.Add(-time.Duration(n-i) * time.Second), Shape: shape})
		}
		// A shape that nothing is left for must not hold up the others.
		scarce := wholeNodes(1)
		scarce.Draws = []Draw{{"licence", 1}}
		all = append(all, jobs("z", 3, scarce)...)
		p := aPolicy("a")
		p.Limits = []Limit{{ID: "licence", Max: 1, Used: 1}}
		o := observe(start, Supply{Pools: []Pool{pool}, Limits: limits}, all, nil)
		served := make(map[JobID]bool)
		for r := range Decide(State{Observation: o}, p).Jobs(o.Demand) {
			served[r.ID] = len(r.ServedBy) > 0
		}
		require.Len(t, served, len(all))
		for i, job := range all {
			require.Equal(t, i < room, served[job.ID], "%s of %d with room for %d", job.ID, n, room)
		}
	})
}

func TestQueueIsCutInEqualPortions(t *testing.T) {
	for _, n := range []int{1, portionAtLeast, 10 * portionAtLeast, 100 * portionAtLeast} {
		var state State
		b := newBoard(new(Planner), &state, &Policy{}, nil)
		for i, class := range Intern(shapes(n, min(n, 300))) {
			b.classes = append(b.classes, classState{Class: &class, index: i})
		}
		p := newPortions()
		p.void(0, b.classes, false)
		require.Len(t, p.strict, min(portionsAtMost, n/portionAtLeast+boolRank(n < portionAtLeast)))
		for portion := range p.strict {
			p.until(portion, b.classes)
			got := 0
			for i := range b.classes {
				got += b.classes[i].until - b.classes[i].next
				b.classes[i].next = b.classes[i].until
			}
			require.InDelta(t, n/len(p.strict), got, float64(n/len(p.strict)/4), "portion %d of %d jobs", portion, n)
		}
	}
}
