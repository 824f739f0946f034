package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"autoscaled/autoscale"
	"autoscaled/autoscale/journal"
)

// listJournal prints a row for each operation that is under way, or for all.
func listJournal(out io.Writer, c journal.Contents, all bool, now time.Time) error {
	rows := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	clusters := make(map[string]bool)
	for name := range c.Memories {
		clusters[name] = true
	}
	for i := range c.Entries {
		clusters[c.Entries[i].Cluster] = true
	}
	head := []string{"REQUEST", "KIND", "PHASE", "POOL", "COUNT", "ADDED", "SEEN", "AGE", "REASON"}
	if len(clusters) > 1 {
		head = append([]string{"CLUSTER"}, head...)
	}
	fmt.Fprintln(rows, strings.Join(head, "\t"))
	shown := 0
	for i := range c.Entries {
		if e := &c.Entries[i]; all || !e.Operation.Phase.Final() {
			cells := rowOf(e.Operation, now)
			if len(clusters) > 1 {
				cells = append([]string{e.Cluster}, cells...)
			}
			fmt.Fprintln(rows, strings.Join(cells, "\t"))
			shown++
		}
	}
	if shown == 0 {
		_, err := fmt.Fprintf(out, "No operation is under way; %d are finished.\n", len(c.Entries))
		return err
	}
	return rows.Flush()
}

func rowOf(op autoscale.Operation, now time.Time) []string {
	added, seen := "·", "·"
	if op.Kind == autoscale.OperationCreate {
		added, seen = strconv.Itoa(op.Added), strconv.Itoa(len(op.Nodes))
	}
	return []string{
		string(op.Request), string(op.Kind), string(op.Phase), string(op.Pool), strconv.Itoa(op.Count), added, seen,
		since(op.Intended, now), op.Reason.String(),
	}
}

// since is how long ago a time was.
func since(at, now time.Time) string {
	if at.IsZero() {
		return "·"
	}
	return max(0, now.Sub(at)).Round(time.Second).String()
}

// findEntry finds an operation by its request id, or by the beginning of one.
func findEntry(c journal.Contents, id string) (journal.Entry, error) {
	var found []journal.Entry
	for _, e := range c.Entries {
		if string(e.Operation.Request) == id {
			return e, nil
		}
		if strings.HasPrefix(string(e.Operation.Request), id) {
			found = append(found, e)
		}
	}
	switch len(found) {
	case 0:
		return journal.Entry{}, fmt.Errorf("the journal has no operation %s", id)
	case 1:
		return found[0], nil
	}
	return journal.Entry{}, fmt.Errorf("%d operations begin with %s, the first is %s", len(found), id, found[0].Operation.Request)
}

// showEntry prints all that is known of an operation; what is empty is left out.
func showEntry(out io.Writer, e journal.Entry, m autoscale.Memory, now time.Time) error {
	rows := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	op := e.Operation
	for _, row := range [][2]string{
		{"request", string(op.Request)},
		{"cluster", e.Cluster},
		{"kind", string(op.Kind)},
		{"phase", string(op.Phase)},
		{"pool", string(op.Pool)},
		{"group", op.Group},
		{"nodes asked for", strconv.Itoa(op.Count)},
		{"names asked for", strings.Join(op.Names, " ")},
		{"each node draws", drawsOf(op)},
		{"nodes added", addedOf(op)},
		{"removal", string(op.Removal)},
		{"reason", op.Reason.String()},
		{"for jobs", jobsOf(op)},
		{"policy revision", op.Revision},
		{"calls that left", strconv.Itoa(op.Attempts)},
		{"cloud's operation", op.CloudID},
		{"cloud's words", op.Message},
		{"class of error", string(op.Class)},
		{"intended", moment(op.Intended, now)},
		{"last sent", moment(op.Sent, now)},
		{"last answered", moment(op.Answered, now)},
		{"late at", deadlineOf(op, now)},
		{"ended", moment(op.Ended, now)},
	} {
		if row[1] != "" {
			fmt.Fprintf(rows, "%s\t%s\n", row[0], oneLine(row[1]))
		}
	}
	err := rows.Flush()
	if len(e.History) > 0 {
		fmt.Fprintln(out, "\nHistory")
		for _, p := range e.History {
			fmt.Fprintf(rows, "  %s\t%s\n", moment(p.At, now), p.Phase)
		}
		err = errors.Join(err, rows.Flush())
	}
	return errors.Join(err, showNodes(out, op, m))
}

// jobsOf names the jobs that an operation serves; the record keeps the first few.
func jobsOf(op autoscale.Operation) string {
	text := joined(op.Jobs)
	if more := op.JobCount - len(op.Jobs); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// deadlineOf is when an operation under way is late, and how long that is away.
func deadlineOf(op autoscale.Operation, now time.Time) string {
	switch {
	case op.Deadline.IsZero():
		return ""
	case now.After(op.Deadline):
		return moment(op.Deadline, now)
	}
	return op.Deadline.UTC().Format("2006-01-02 15:04:05 UTC") + " (in " + op.Deadline.Sub(now).Round(time.Second).String() + ")"
}

func addedOf(op autoscale.Operation) string {
	if op.Kind == autoscale.OperationRemove {
		return ""
	}
	return strconv.Itoa(op.Added)
}

func drawsOf(op autoscale.Operation) string {
	var draws []string
	for _, d := range op.Draws {
		draws = append(draws, fmt.Sprintf("%d of %s", d.Amount, d.Limit))
	}
	return strings.Join(draws, ", ")
}

func joined[T ~string](list []T) string {
	texts := make([]string, len(list))
	for i := range list {
		texts[i] = string(list[i])
	}
	return strings.Join(texts, ", ")
}

// moment is a time and how long ago it was; none is empty.
func moment(at, now time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format("2006-01-02 15:04:05 UTC") + " (" + since(at, now) + " ago)"
}

// showNodes lists the nodes of an operation with what is remembered of each.
func showNodes(out io.Writer, op autoscale.Operation, m autoscale.Memory) error {
	if len(op.Nodes)+len(op.Refused) == 0 {
		return nil
	}
	rows := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "\nNodes")
	for _, id := range op.Nodes {
		if !slices.Contains(op.Refused, id) {
			fmt.Fprintf(rows, "  %s\t%s\n", id, remembered(m, id))
		}
	}
	what := "refused"
	if op.Kind == autoscale.OperationRemove {
		what = "refused, or stayed"
	}
	for _, id := range op.Refused {
		fmt.Fprintf(rows, "  %s\t%s; %s\n", id, what, remembered(m, id))
	}
	return rows.Flush()
}

// remembered is what the memory has of a node, in words.
func remembered(m autoscale.Memory, id autoscale.NodeID) string {
	node, known := m.Nodes[id]
	switch {
	case !known:
		return "not there any more"
	case node.Removing:
		return "being removed"
	case node.Failed:
		return "failed"
	case !node.Deallocated.IsZero():
		return "deallocated since " + node.Deallocated.UTC().Format(time.RFC3339)
	case node.Late:
		return "late, not up yet"
	case node.Ready.IsZero():
		return "not up yet"
	}
	return fmt.Sprintf("up %s after it was asked for, last wanted %s",
		node.Ready.Sub(node.Asked).Round(time.Second), node.IdleSince().UTC().Format(time.RFC3339))
}

// printAudit prints what a check found. Findings are an error.
func printAudit(out io.Writer, a journal.Audit) error {
	for _, f := range a.Findings {
		fmt.Fprintf(out, "FAIL  %s: %s\n", f.Where, oneLine(f.Problem))
	}
	read := fmt.Sprintf("%s under way, %d finished, %s", plural(a.Open, "operation", "operations"), a.Finished, plural(a.Memories, "memory", "memories"))
	if len(a.Findings) == 0 {
		_, err := fmt.Fprintf(out, "ok    journal  %s\n", read)
		return err
	}
	return fmt.Errorf("%s in the journal (%s)", plural(len(a.Findings), "problem", "problems"), read)
}
