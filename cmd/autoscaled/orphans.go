package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"autoscaled/autoscale"
	"autoscaled/autoscale/loop"
	"autoscaled/autoscale/web"
)

func newOrphansCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "orphans",
		Short: "List nodes that nobody asked for, and requests of which no node is there",
		Long: `Asks the running daemon, or reads cloud and journal itself where none runs, for the nodes
of managed pools that are not its own, which it never touches, and for the operations
under way of which no node is there. Nothing is changed.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			document, err := findOrphans(cmd)
			if err != nil {
				return err
			}
			if document.Problem != "" {
				return blindError(fmt.Errorf("read the cloud: %s", document.Problem))
			}
			return writeOrphans(cmd.OutOrStdout(), output, document)
		},
	}
	addOutputFlag(cmd, &output)
	cmd.AddCommand(newAdoptCommand())
	return cmd
}

func newAdoptCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "adopt NODE...",
		Short: "Hand nodes over to the daemon, which ends them when nobody wants them",
		Long: `Tells the running daemon to take nodes of its pools for its own that somebody else made,
by the names or ids that orphans lists. From then on the policy holds for them: they go
when nobody wants them, or, with Slurm's power saving, when Slurm has no use for them.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := controlClient(cmd)
			if err != nil {
				return err
			}
			nodes, err := client.Adopt(cmd.Context(), web.AdoptRequest{Nodes: args})
			if err != nil {
				return err
			}
			for _, n := range nodes {
				fmt.Fprintf(cmd.OutOrStdout(), "%s (%s) of pool %s is the daemon's own from now on\n", cmp.Or(n.Name, string(n.ID)), n.ID, n.Pool)
			}
			return nil
		},
	}
}

// orphansDocument is what `orphans -o json` prints and the control socket answers.
// Lists are never null.
type orphansDocument struct {
	At      time.Time `json:"at"`
	Cluster string    `json:"cluster"`
	// Problem is why the cloud could not be read: then nothing is known of nodes.
	Problem string `json:"problem,omitempty"`
	// Nodes of managed pools that are not ours.
	Nodes []orphanNode `json:"nodes"`
	// Operations are those under way of which no node is there.
	Operations []orphanOperation `json:"operations"`
}

type orphanNode struct {
	ID    autoscale.NodeID `json:"id"`
	Name  string           `json:"name,omitempty"`
	Host  string           `json:"host,omitempty"`
	Pool  autoscale.PoolID `json:"pool"`
	Group string           `json:"group,omitempty"`
	Phase autoscale.Phase  `json:"phase"`
	// Request that made it, by the cloud's word.
	Request autoscale.RequestID `json:"request,omitempty"`
	// Owned: it carries our mark all the same.
	Owned bool `json:"owned"`
}

type orphanOperation struct {
	Request  autoscale.RequestID      `json:"request"`
	Kind     autoscale.OperationKind  `json:"kind"`
	Phase    autoscale.OperationPhase `json:"phase"`
	Pool     autoscale.PoolID         `json:"pool"`
	Group    string                   `json:"group,omitempty"`
	Count    int                      `json:"count"`
	Intended time.Time                `json:"intended"`
	Message  string                   `json:"message,omitempty"`
}

func newOrphansDocument(cluster string, r loop.Report) orphansDocument {
	return orphansDocument{
		At: r.At, Cluster: cluster, Problem: r.Observation.SupplyProblem,
		Nodes: each(r.Orphans.Nodes, func(n autoscale.Node) orphanNode {
			return orphanNode{ID: n.ID, Name: n.Name, Host: n.Host, Pool: n.Pool, Group: n.Group, Phase: n.Phase, Request: n.Request, Owned: n.Owned}
		}),
		Operations: each(r.Orphans.Operations, func(op autoscale.Operation) orphanOperation {
			return orphanOperation{
				Request: op.Request, Kind: op.Kind, Phase: op.Phase, Pool: op.Pool, Group: op.Group,
				Count: operationOf(op, op.Reason).Count, Intended: op.Intended, Message: op.Message,
			}
		}),
	}
}

// findOrphans asks the daemon, and looks itself where there is none.
func findOrphans(cmd *cobra.Command) (d orphansDocument, err error) {
	client, err := controlClient(cmd)
	if err != nil {
		return d, err
	}
	text, err := client.Orphans(cmd.Context())
	switch {
	case err == nil:
		return d, json.Unmarshal(text, &d)
	case !errors.Is(err, web.ErrNoDaemon):
		return d, err
	}
	cluster, report, err := makePlan(cmd)
	if err != nil {
		return d, err
	}
	return newOrphansDocument(cluster, report), nil
}

func writeOrphans(out io.Writer, output string, d orphansDocument) error {
	if output == "json" {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(d)
	}
	var text bytes.Buffer
	rows := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	if len(d.Nodes) > 0 {
		fmt.Fprintln(rows, "Nodes that are not ours; they are never touched\n  NAME\tPOOL\tPHASE\tID\tREQUEST")
	}
	for _, n := range d.Nodes {
		fmt.Fprintf(rows, "  %s\t%s\t%s\t%s\t%s\n", cmp.Or(n.Name, string(n.ID)), n.Pool, n.Phase, n.ID, cmp.Or(string(n.Request), "-"))
	}
	rows.Flush()
	if len(d.Operations) > 0 {
		fmt.Fprintln(rows, "Operations of which no node is there\n  KIND\tPHASE\tNODES\tPOOL\tAGE\tREQUEST\t")
	}
	for _, op := range d.Operations {
		fmt.Fprintf(rows, "  %s\t%s\t%d\t%s\t%s\t%s\t%s\n", op.Kind, op.Phase, op.Count, placeOf(op.Pool, op.Group), d.At.Sub(op.Intended).Round(time.Second), op.Request, op.Message)
	}
	rows.Flush()
	if text.Len() == 0 {
		fmt.Fprintln(&text, "every node and every operation is accounted for")
	}
	_, err := text.WriteTo(out)
	return err
}
