package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"go.uber.org/zap"

	"autoscaled/config"
	"autoscaled/queue/slurm"
	"autoscaled/queue/slurm/azslurm"
)

// handedBack is the file in the state directory that says that an operator handed the
// nodes back: until takeover removes it nothing is done.
const handedBack = "handed-back"

// refusedHandedBack begins what is said while that file is there.
const refusedHandedBack = "the nodes were handed back to CycleCloud's own Slurm integration"

// beside watches for CycleCloud's own Slurm integration, which would create and
// terminate the same nodes.
type beside struct {
	root, stateDir string
	cluster        slurm.Cluster
	// unread takes what could not be looked at, each once.
	unread func(error)

	mu sync.Mutex
	// programs is what was last known of Slurm's programs: why they forbid it, or
	// nothing. known: it was read.
	programs string
	known    bool
	told     map[string]bool
}

// besideOf is for a Slurm cluster in mode power saving, where two can drive the same
// nodes. nil: there is nothing to watch for.
func besideOf(c *config.Config, unread func(error)) (*beside, error) {
	q := c.Clusters[0].Queue.Slurm
	if q == nil || q.Mode != "power_saving" {
		return nil, nil
	}
	cluster, err := slurmCluster(q, nil)
	if err != nil {
		return nil, err
	}
	return &beside{root: q.HostRoot, stateDir: c.StateDir, cluster: cluster, unread: unread, told: make(map[string]bool)}, nil
}

// refuse tells why nothing may be done: the nodes were handed back, or the other
// integration is at work, or Slurm's programs are its. Where Slurm does not tell its
// programs, those count that it told last.
func (b *beside) refuse(ctx context.Context) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, err := os.Stat(filepath.Join(b.stateDir, handedBack)); err == nil {
		return refusedHandedBack + " (autoscaled slurm takeover takes them over again)"
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Sprintf("whether the nodes were handed back is not known: %v", err)
	}
	signs, unread := azslurm.Active(b.root)
	for _, err := range unread {
		if words := err.Error(); !b.told[words] {
			b.told[words] = true
			b.unread(err)
		}
	}
	var active []string
	for _, s := range signs {
		if !s.Later {
			active = append(active, s.String())
		}
	}
	if len(active) > 0 {
		return "CycleCloud's own Slurm integration is at work: " + strings.Join(active, "; ")
	}
	settings, err := b.cluster.Settings(ctx)
	switch {
	case err == nil:
		b.programs, b.known = azslurmPrograms(b.root, &settings), true
	case !b.known:
		return fmt.Sprintf("whose Slurm's programs are is not known: %v", err)
	}
	if b.programs != "" {
		return b.programs + " (autoscaled slurm takeover)"
	}
	return ""
}

// refusal is what the loop asks whether it may act. nil: nothing forbids it.
func (d *daemon) refusal() (func(context.Context) string, error) {
	b, err := besideOf(d.config, func(err error) {
		d.log.Warn("whether CycleCloud's own Slurm integration is at work is not known", zap.Error(err))
	})
	if b == nil || err != nil {
		return nil, err
	}
	return b.refuse, nil
}
