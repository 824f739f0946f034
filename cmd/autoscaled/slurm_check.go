package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"autoscaled/autoscale"
	"autoscaled/config"
	"autoscaled/queue/slurm"
	"autoscaled/queue/slurm/azslurm"
)

func newSlurmCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Compare Slurm's nodes and settings with the cloud",
		Long: `Reads Slurm's nodes and settings and the cloud's buckets, and tells what does not go
together: nodes without a bucket, cores, memory and GPUs that VMs don't have, placement
groups that are too large, settings that keep power saving from working, and CycleCloud's
own Slurm integration at work beside us. In mode dynamic: settings that keep nodes from
being added, and partitions without the nodes that they are to have. Nothing is changed.

Exit code 1: something is wrong (FAIL). Lines with warn are worth a look.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, q, err := slurmParts(cmd)
			if err != nil {
				return err
			}
			return checkSlurm(cmd.Context(), cmd.OutOrStdout(), p, q)
		},
	}
}

// slurmParts are the parts of a configuration whose queue is Slurm.
func slurmParts(cmd *cobra.Command) (*parts, *config.SlurmQueue, error) {
	path, err := cmd.Flags().GetString("config")
	if err != nil {
		return nil, nil, err
	}
	c, err := checkedConfig(path)
	if err != nil {
		return nil, nil, err
	}
	q := c.Clusters[0].Queue.Slurm
	if q == nil {
		return nil, nil, usageError(fmt.Errorf("%s: the queue is not Slurm (clusters[0].queue.slurm)", path))
	}
	p, err := assemble(c, nil, fittings{})
	if err != nil {
		return nil, nil, usageError(err)
	}
	return p, q, nil
}

func checkSlurm(ctx context.Context, out io.Writer, p *parts, q *config.SlurmQueue) error {
	cluster, err := slurmCluster(q, nil)
	if err != nil {
		return usageError(err)
	}
	settings, err := cluster.Settings(ctx)
	if err != nil {
		return blindError(err)
	}
	supply, err := p.cloud.Observe(ctx)
	if err != nil {
		return blindError(err)
	}
	if q.Mode == "dynamic" {
		findings, err := dynamicFindings(ctx, cluster, p, q, &settings, &supply)
		if err != nil {
			return err
		}
		return writeFindings(out, findings)
	}
	nodes, err := cluster.Nodes(ctx)
	if err != nil {
		return blindError(err)
	}
	mapping := slurmMapping(q)
	rows, findings := slurm.Audit(nodes, &supply, &mapping)
	count := 0
	for i := range rows {
		count += rows[i].Count
	}
	findings = append(findings, slurm.AuditSettings(&settings, count)...)
	findings = append(findings, azslurmFindings(q, &settings)...)
	if err := writeAudit(out, rows); err != nil {
		return err
	}
	return writeFindings(out, findings)
}

// dynamicFindings are of a cluster to which nodes are added.
func dynamicFindings(ctx context.Context, cluster slurm.Cluster, p *parts, q *config.SlurmQueue, settings *slurm.Settings, supply *autoscale.Supply) ([]slurm.Finding, error) {
	all, err := withFuture(q, cluster)
	if err != nil {
		return nil, usageError(err)
	}
	var now slurm.Snapshot
	if now.Nodes, err = all.Nodes(ctx); err != nil {
		return nil, blindError(err)
	}
	if now.Partitions, err = all.Partitions(ctx); err != nil {
		return nil, blindError(err)
	}
	policy, mapping, dynamic := p.cluster.Policy(), slurmMapping(q), dynamicSettings(q)
	var pools []*autoscale.Pool
	for i := range supply.Pools {
		if pool := &supply.Pools[i]; policy.Manages(pool) && pool.Invalid == "" {
			pools = append(pools, pool)
		}
	}
	most := max(policy.Max, 1) + dynamic.Announce*len(pools)
	return slurm.AuditDynamic(settings, now, pools, &mapping, most), nil
}

// azslurmFindings tells of CycleCloud's own integration.
func azslurmFindings(q *config.SlurmQueue, s *slurm.Settings) (findings []slurm.Finding) {
	signs, unread := azslurm.Active(q.HostRoot)
	for _, sign := range signs {
		findings = append(findings, slurm.Finding{Wrong: !sign.Later, Subject: "azslurm", What: sign.String()})
	}
	for _, err := range unread {
		findings = append(findings, slurm.Finding{Subject: "azslurm", What: "whether it is at work is not known: " + err.Error()})
	}
	if why := azslurmPrograms(q.HostRoot, s); why != "" {
		findings = append(findings, slurm.Finding{Wrong: true, Subject: "azslurm", What: why + " (autoscaled slurm takeover)"})
	}
	return findings
}

// azslurmPrograms tells which of Slurm's programs are azslurm's.
func azslurmPrograms(root string, s *slurm.Settings) string {
	for _, p := range []struct{ key, value string }{
		{"ResumeProgram", s.ResumeProgram}, {"SuspendProgram", s.SuspendProgram}, {"ResumeFailProgram", s.ResumeFailProgram},
	} {
		if azslurm.Theirs(root, p.value) {
			return fmt.Sprintf("Slurm's %s is azslurm's, %s", p.key, p.value)
		}
	}
	return ""
}

// writeAudit prints a row for nodes that are alike: what Slurm thinks that they have, of
// what their VM has.
func writeAudit(out io.Writer, rows []slurm.Audited) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NODES\tCOUNT\tBUCKET\tGROUP\tCPUS\tMEMORY MIB\tGPUS\tRESULT")
	for _, r := range rows {
		result := "ok"
		if r.Wrong {
			result = "FAIL"
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Names, r.Count, orDash(string(r.Pool)), orDash(r.Group),
			ofVM(r.CPUs, int64(r.VM.Cores), r.Pool), ofVM(r.Memory, int64(r.VM.Memory/autoscale.MiB), r.Pool), ofVM(r.GPUs, int64(r.VM.GPUs), r.Pool), result)
	}
	return w.Flush()
}

func ofVM(has, vm int64, pool autoscale.PoolID) string {
	if pool == "" {
		return fmt.Sprint(has)
	}
	return fmt.Sprintf("%d of %d", has, vm)
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func writeFindings(out io.Writer, findings []slurm.Finding) error {
	wrong := 0
	for _, f := range findings {
		kind := "warn"
		if f.Wrong {
			kind = "FAIL"
			wrong++
		}
		if _, err := fmt.Fprintf(out, "%s  %s  %s\n", kind, f.Subject, f.What); err != nil {
			return err
		}
	}
	if wrong > 0 {
		return errors.New(plural(wrong, "thing is", "things are") + " wrong")
	}
	return nil
}
