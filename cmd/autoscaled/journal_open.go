package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"go.uber.org/zap"

	"autoscaled/autoscale/journal"
	"autoscaled/config"
)

// openJournal claims the state directory, and tells what was done to its journal.
func (d *daemon) openJournal() (err error) {
	d.journal, err = journal.Open(d.config.StateDir, journal.Options{
		Cluster: d.parts.cluster.Name, At: d.parts.now(), Retention: d.config.Retention.Std(),
	})
	if errors.Is(err, journal.ErrHeld) {
		return fmt.Errorf("another daemon is running: %w", err)
	}
	if err != nil {
		return err
	}
	did := d.journal.Opened()
	if did.Pruned > 0 {
		d.log.Info("operations that ended long ago were forgotten", zap.Int("operations", did.Pruned))
	}
	if did.From > 0 {
		d.log.Info("journal compacted", zap.Int64("bytes_before", did.From), zap.Int64("bytes_after", did.To))
	}
	if did.Skipped != nil {
		d.log.Warn("the journal could not be made smaller, and is used as it is", zap.Error(did.Skipped))
	}
	return nil
}

// setJournalAside renames a journal that is damaged, as damage tells, so that the
// daemon can begin an empty one. It is never done but by the operator's flag, and is
// told in the log whatever its level.
func setJournalAside(load func() (*config.Config, error), logTo io.Writer, damage error) error {
	c, err := load()
	if err != nil {
		return err
	}
	moved, err := journal.SetAside(c.StateDir, time.Now())
	if err != nil {
		return errors.Join(damage, err)
	}
	log, _ := newLogger(c.Log, logTo)
	log.Error("DAMAGED JOURNAL SET ASIDE: the daemon starts with an empty one; requests under way, idle times and what was spent are forgotten",
		zap.String("moved_to", moved), zap.String("damage", damage.Error()))
	return nil
}
