package journal

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"autoscaled/autoscale"
)

// shelf is the deliberately simple second journal: a slice and a rule.
type shelf struct {
	ops    []autoscale.Operation
	memory autoscale.Memory
}

func (s *shelf) index(id autoscale.RequestID) int {
	return slices.IndexFunc(s.ops, func(op autoscale.Operation) bool { return op.Request == id })
}

// put returns whether the change is allowed, by the list of the table test.
func (s *shelf) put(ops []autoscale.Operation) bool {
	next := shelf{ops: slices.Clone(s.ops)}
	for _, op := range ops {
		i := next.index(op.Request)
		switch {
		case i < 0 && (op.Phase == autoscale.OpIntended || op.Phase == autoscale.OpSent):
			next.ops = append(next.ops, op)
		case i >= 0 && slices.Contains(strings.Fields(allowed[next.ops[i].Phase]), string(op.Phase)):
			next.ops[i] = op
		default:
			return false
		}
	}
	s.ops = next.ops
	return true
}

func (s *shelf) open() []autoscale.Operation {
	list := []autoscale.Operation{}
	for _, op := range s.ops {
		if !op.Phase.Final() {
			list = append(list, op)
		}
	}
	return list
}

func drawOperation(t *rapid.T) autoscale.Operation {
	phases := []autoscale.OperationPhase{"intended", "sent", "absent", "accepted", "converged", "short", "rejected", "expired"}
	op := create(fmt.Sprint("r", rapid.IntRange(0, 5).Draw(t, "id")), rapid.SampledFrom(phases).Draw(t, "phase"))
	op.Added = rapid.IntRange(0, 4).Draw(t, "added")
	op.Message = rapid.String().Draw(t, "message")
	for i := range rapid.IntRange(0, 3).Draw(t, "nodes") {
		op.Nodes = append(op.Nodes, autoscale.NodeID(fmt.Sprint("n", i)))
	}
	if op.Phase.Final() {
		// Within the retention time of each other: pruning has its own test.
		op.Ended = start.Add(time.Duration(rapid.IntRange(0, 600).Draw(t, "ended")) * time.Hour)
	}
	return op
}

func TestJournalIsAShelf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "journal")
		require.NoError(t, err)
		defer os.RemoveAll(dir)
		j, err := Open(dir, testOptions())
		require.NoError(t, err)
		defer func() { _ = j.Close() }()
		ctx := t.Context()
		model := &shelf{}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				ops := rapid.SliceOfN(rapid.Custom(drawOperation), 1, 3).Draw(t, "ops")
				if model.put(ops) {
					require.NoError(t, j.Put(ctx, ops...))
				} else {
					require.ErrorIs(t, j.Put(ctx, ops...), ErrTransition)
				}
			},
			"save": func(t *rapid.T) {
				model.memory = memoryOf(autoscale.NodeID(rapid.StringN(1, 5, 20).Draw(t, "node")))
				require.NoError(t, j.Save(ctx, model.memory))
			},
			"reopen": func(t *rapid.T) {
				require.NoError(t, j.Close())
				j, err = Open(dir, testOptions())
				require.NoError(t, err)
			},
			"": func(t *rapid.T) {
				open, err := j.Operations(ctx)
				require.NoError(t, err)
				require.Equal(t, model.open(), open)
				all, err := j.All(ctx)
				require.NoError(t, err)
				require.ElementsMatch(t, model.ops, all)
				m, err := j.Memory(ctx)
				require.NoError(t, err)
				require.Equal(t, model.memory, m)
			},
		})
	})
}
