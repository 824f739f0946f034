package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"autoscaled/autoscale"
	"autoscaled/autoscale/journal"
	"autoscaled/autoscale/loop"
	"autoscaled/autoscale/web"
)

func newPlanCommand() *cobra.Command {
	var (
		output string
		jobs   bool
	)
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Print what a tick would do now, and why; change nothing",
		Long: `Reads queue and cloud once, decides, and prints what would be done and why every job
waits or is served and every node stays or goes. Nothing is changed, not even the journal:
what is on record comes from the daemon that runs in the state directory, or from its
journal if none does.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			name, report, err := makePlan(cmd)
			if err != nil {
				return err
			}
			if err := printPlan(cmd.OutOrStdout(), output, name, report, jobs); err != nil {
				return err
			}
			if report.Err() != nil {
				return blindError(fmt.Errorf("the plan is blind: %s", blindness(report)))
			}
			return nil
		},
	}
	addOutputFlag(cmd, &output)
	cmd.Flags().BoolVar(&jobs, "jobs", false, "list every job on a line of its own")
	return cmd
}

// blindness tells which parts could not be used; the plan has their words.
func blindness(r loop.Report) string {
	var parts []string
	for _, p := range r.Problems {
		if step := string(p.Step); !slices.Contains(parts, step) {
			parts = append(parts, step)
		}
	}
	return strings.Join(parts, " and ") + " could not be used"
}

// makePlan does one tick's thinking.
func makePlan(cmd *cobra.Command) (cluster string, report loop.Report, err error) {
	c, err := loadConfig(cmd)
	if err != nil {
		return "", report, err
	}
	p, err := assemble(c, nil, fittings{})
	if err != nil {
		return "", report, err
	}
	record, err := readRecord(cmd.Context(), c.StateDir, p.cluster.Name)
	if err != nil {
		return "", report, err
	}
	l, err := loop.New(p.options(c, record))
	if err != nil {
		return "", report, err
	}
	p.note.bind(readNote(record.state.Notes[p.noteName()]))
	err = p.listen(cmd.Context(), func(ctx context.Context) (err error) {
		report, err = l.Plan(ctx, p.now())
		return err
	})
	if report.At.IsZero() || cmd.Context().Err() != nil {
		return "", report, err // there is no plan to show
	}
	return p.cluster.Name, report, nil
}

func printPlan(out io.Writer, output, cluster string, report loop.Report, jobs bool) error {
	if output == "json" {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(newPlanDocument(cluster, report))
	}
	return writePlan(out, cluster, report, jobs)
}

// record is what is on record in a state directory, copied at one moment. As a
// loop's journal it can only be read, which is all that planning does.
type record struct{ state web.State }

// readRecord asks the daemon of the state directory, and reads the journal
// itself where no daemon is. A directory without a journal has an empty record.
func readRecord(ctx context.Context, stateDir, cluster string) (record, error) {
	state, err := web.NewClient(stateDir).State(ctx)
	switch {
	case err == nil && state.Cluster != cluster:
		return record{}, fmt.Errorf("the daemon in %s scales cluster %s, not %s", stateDir, state.Cluster, cluster)
	case err == nil:
		return record{state}, nil
	case !errors.Is(err, web.ErrNoDaemon):
		return record{}, err
	}
	j, err := journal.Open(stateDir, journal.Options{Cluster: cluster, ReadOnly: true})
	switch {
	case errors.Is(err, journal.ErrNone):
		return record{}, nil
	case err != nil:
		return record{}, err
	}
	state.Operations, err = j.Operations(ctx)
	if err == nil {
		state.Memory, err = j.Memory(ctx)
	}
	if err == nil {
		state.Notes, err = notesOf(ctx, j)
	}
	return record{state}, errors.Join(err, j.Close())
}

// notesOf are the notes of others that are in a journal.
func notesOf(ctx context.Context, j *journal.Journal) (map[string]json.RawMessage, error) {
	notes := make(map[string]json.RawMessage)
	for _, name := range []string{githubNote, githubRESTNote, gitlabNote} {
		text, err := j.Note(name).Load(ctx)
		if err != nil {
			return nil, err
		}
		if text != nil {
			notes[name] = text
		}
	}
	return notes, nil
}

var errReadOnly = errors.New("plan changes nothing")

// Operations are those that are not final.
func (r record) Operations(context.Context) ([]autoscale.Operation, error) {
	return r.state.Operations, nil
}

// Get finds those.
func (r record) Get(_ context.Context, id autoscale.RequestID) (autoscale.Operation, bool, error) {
	for _, op := range r.state.Operations {
		if op.Request == id {
			return op, true, nil
		}
	}
	return autoscale.Operation{}, false, nil
}

// Memory is what is remembered.
func (r record) Memory(context.Context) (autoscale.Memory, error) { return r.state.Memory, nil }

// Put refuses.
func (r record) Put(context.Context, ...autoscale.Operation) error { return errReadOnly }

// Save refuses.
func (r record) Save(context.Context, autoscale.Memory) error { return errReadOnly }

// Move refuses.
func (r record) Move(context.Context, time.Duration) error { return errReadOnly }
