package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"autoscaled/autoscale"
	"autoscaled/config"
	"autoscaled/cyclecloud"
	"autoscaled/internal/rest"
)

func newCheckCommand() *cobra.Command {
	var connect bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check the configuration; with --connect also queue and cloud",
		Long: `Tells all mistakes of the configuration at once, with their lines, and whether the state
directory can be written; without --connect that is only a warning, since a configuration
may be checked elsewhere than where the daemon runs. With --connect it also
reads the queue and the cluster, and checks that every pool of the configuration is there.
For a server whose certificate is not trusted it prints the line that pins the certificate.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := cmd.Flags().GetString("config")
			if err != nil {
				return err
			}
			c, err := checkedConfig(path)
			if err != nil {
				return err
			}
			p, err := assemble(c, nil, fittings{})
			if err != nil {
				return usageError(err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "ok    config   %s: cluster %s, %s, policy revision %s\n",
				path, p.cluster.Name, plural(len(p.cluster.Scaling.Pools), "pool", "pools"), p.cluster.Policy().Revision)
			checks := newConnection(cmd.OutOrStdout(), p)
			checks.checkStateDir(c.StateDir, connect)
			if !connect {
				checks.foresee()
				return nil
			}
			return checks.check(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&connect, "connect", false, "also try queue and cloud")
	return cmd
}

// connection tries the parts, a line each.
type connection struct {
	*parts
	out    io.Writer
	failed int
}

func newConnection(out io.Writer, p *parts) *connection { return &connection{parts: p, out: out} }

func (c *connection) ok(part, format string, args ...any) {
	fmt.Fprintf(c.out, "ok    %-7s  %s\n", part, fmt.Sprintf(format, args...))
}

func (c *connection) fail(part, format string, args ...any) {
	c.failed++
	fmt.Fprintf(c.out, "FAIL  %-7s  %s\n", part, fmt.Sprintf(format, args...))
}

func (c *connection) check(ctx context.Context) error {
	c.note.bind(readNote(nil))
	err := c.listen(ctx, func(ctx context.Context) error {
		if c.polled == nil {
			c.checkQueue(ctx)
		} else {
			c.checkPolled(ctx)
		}
		return nil
	})
	if err != nil {
		return err
	}
	c.checkCloud(ctx)
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.failed > 0 {
		return blindError(errors.New(plural(c.failed, "check", "checks") + " failed"))
	}
	return nil
}

func (c *connection) checkQueue(ctx context.Context) {
	if c.cluster.Queue.Push != nil {
		c.ok("queue", "%s: comes to the running daemon, so that there is nothing to try", queueName(c.cluster.Queue))
		return
	}
	ctx, cancel := context.WithTimeout(ctx, c.queueTimeout())
	defer cancel()
	demand, err := c.queue.Demand(ctx)
	if err != nil {
		c.fail("queue", "%v", err)
		if errors.Is(err, rest.ErrCertificate) {
			c.pinQueue(ctx)
		}
		return
	}
	running := "what runs is not told" + missingFrom(c.cluster.Queue) + ", so no node will be removed"
	if demand.Vouched {
		running = plural(busyHosts(&demand), "host", "hosts") + " in use"
	}
	c.ok("queue", "%s: %s, %s", queueName(c.cluster.Queue), plural(demand.Jobs(), "pending job", "pending jobs"), running)
}

// busyHosts counts the hosts that run something. A queue may list others, as Slurm does nodes
// that are powered down.
func busyHosts(d *autoscale.Demand) (count int) {
	for _, use := range d.Use {
		if use.Busy() {
			count++
		}
	}
	return count
}

// missingFrom names what a document lacks that does not tell what runs. CI services
// send none.
func missingFrom(q config.Queue) string {
	if q.File == nil && q.HTTP == nil && q.Exec == nil {
		return ""
	}
	return " (running: is missing)"
}

// pinQueue is pin for the queue.
func (c *connection) pinQueue(ctx context.Context) {
	if q := c.cluster.Queue.GitHub; q != nil {
		c.pin(ctx, "queue", q.URL, "github")
		return
	}
	if q := c.cluster.Queue.Prometheus; q != nil {
		c.pin(ctx, "queue", q.URL, "prometheus")
		return
	}
	if q := c.cluster.Queue.GitHubREST; q != nil {
		c.pin(ctx, "queue", q.URL, "github_rest")
		return
	}
	if q := c.cluster.Queue.GitLab; q != nil {
		c.pin(ctx, "queue", q.URL, "gitlab")
		return
	}
	c.pin(ctx, "queue", c.cluster.Queue.HTTP.URL, "http")
}

func (c *connection) checkCloud(ctx context.Context) {
	look, _ := c.cloudTimeouts()
	ctx, cancel := context.WithTimeout(ctx, look)
	defer cancel()
	if c.anka != nil {
		c.checkAnka(ctx)
		return
	}
	supply, err := c.cloud.Observe(ctx)
	cc := c.cluster.CycleCloud
	switch {
	case errors.Is(err, cyclecloud.ErrCertificate):
		c.fail("cloud", "%v", err)
		c.pin(ctx, "cloud", cc.URL, "cyclecloud")
		return
	case errors.Is(err, autoscale.ErrUnauthorized):
		c.fail("cloud", "%s refuses user %s: %v", cc.URL, cc.User, err)
		return
	case errors.Is(err, autoscale.ErrNotFound):
		c.fail("cloud", "%s has no cluster %s: %v", cc.URL, cc.Cluster, err)
		return
	case err != nil:
		c.fail("cloud", "%s: %v", cc.URL, err)
		return
	case supply.Stopped != "":
		c.fail("cloud", "%s: %s", cc.URL, supply.Stopped)
	default:
		c.ok("cloud", "%s: cluster %s is Started; %s, %s", cc.URL, cc.Cluster, plural(len(supply.Pools), "bucket", "buckets"), plural(len(supply.Nodes), "node", "nodes"))
	}
	for i := range c.cluster.Scaling.Pools {
		c.checkPool(&c.cluster.Scaling.Pools[i], i, supply.Pools)
	}
}

// pin prints the line under key that makes the server's certificate trusted.
func (c *connection) pin(ctx context.Context, part, url, key string) {
	fingerprint, err := rest.Fingerprint(ctx, url)
	if err != nil {
		c.fail(part, "read the certificate: %v", err)
		return
	}
	fmt.Fprintf(c.out, `      The certificate that the server shows has the SHA-256 fingerprint
        %s
      Compare it with the one that the server's administrator tells you. If it is the same,
      this line under %s: trusts that certificate, and no other:
      tls: {fingerprint: %s}
`, fingerprint, key, fingerprint)
}

// checkPool tells which buckets a pool of the config gets, those that an earlier
// pool takes apart.
func (c *connection) checkPool(pool *config.Pool, index int, all []autoscale.Pool) {
	policy := c.cluster.Policy()
	budget := policy.Budget.PerHour > 0 || policy.Budget.PerMonth > 0
	part := "pool"
	var got, usable int
	var unpriced []string
	for i := range all {
		first := slices.IndexFunc(policy.Pools, func(p autoscale.PoolPolicy) bool {
			_, ok := p.Match.Match(all[i].Labels)
			return ok
		})
		if first == index {
			got++
			if all[i].Invalid == "" {
				usable++
			}
			if _, known := policy.Price(&all[i]); budget && !known {
				unpriced = append(unpriced, all[i].Labels[autoscale.LabelMachineType])
			}
		}
	}
	switch {
	case got == 0:
		c.fail(part, "%s: no bucket matches; %s", pool.Name, noBucket(pool, all))
	case usable == 0:
		c.fail(part, "%s: none of its %s makes new nodes", pool.Name, plural(got, "bucket", "buckets"))
	case len(unpriced) > 0:
		c.fail(part, "%s: there is a budget, and no price of %s; no such node will be made", pool.Name, strings.Join(unpriced, ", "))
	default:
		c.ok(part, "%s: %s", pool.Name, plural(got, "bucket", "buckets"))
	}
}

// noBucket says what is probably wrong with a pool that matches nothing.
func noBucket(pool *config.Pool, all []autoscale.Pool) string {
	arrays, types := map[string]bool{}, map[string]bool{}
	for _, p := range all {
		arrays[p.Labels[autoscale.LabelNodearray]] = true
		if strings.EqualFold(p.Labels[autoscale.LabelNodearray], pool.Nodearray) {
			types[p.Labels[autoscale.LabelMachineType]] = true
		}
	}
	if len(types) == 0 {
		return there("nodearray", pool.Nodearray, arrays)
	}
	for _, t := range pool.MachineTypes {
		known := slices.ContainsFunc(slices.Collect(maps.Keys(types)), func(k string) bool { return strings.EqualFold(k, t) })
		if !known {
			return there("machine type", t, types)
		}
	}
	return "spot or regular nodes are not offered as asked, or a pool above takes all"
}

// there names what was not found, what is near, and what there is.
func there(what, name string, known map[string]bool) string {
	names := slices.Sorted(maps.Keys(known))
	text := fmt.Sprintf("the cluster has no %s %q", what, name)
	if near := config.Nearest(name, names); near != "" {
		text += fmt.Sprintf("; did you mean %q?", near)
	}
	return text + "; it has " + strings.Join(names, ", ")
}
