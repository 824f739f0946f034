package fleet_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/internal/fleet"
)

// TestFiftyJobs: fifty jobs over two label sets on ten arm64 Macs and ten Intel ones
// get the right VMs, no more than they are, and nothing is left of them.
func TestFiftyJobs(t *testing.T) {
	play(t, standard(), func(r *rig) {
		r.queue(30, arm, 10*time.Minute, 0)
		r.queue(20, intel, 15*time.Minute, 0)
		r.until("all jobs are done", 2*time.Hour, func(b fleet.Books) bool { return b.Succeeded() == 50 })
		r.until("nothing is left", 5*time.Minute, over)
		r.clean()
		b := r.world.Books()
		require.Equal(r, map[string]int{r.template(arm): 30, r.template(intel): 20}, b.Template)
		require.Equal(r, 50, b.Starts)
		for _, n := range b.Anka.Nodes {
			require.LessOrEqual(r, n.MostVMs, 2, n.Name)
		}
		for _, j := range b.Jobs {
			require.Contains(r, j.Node, map[string]string{arm: "arm-", intel: "intel-"}[j.Set])
		}
	})
}
