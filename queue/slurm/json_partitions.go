package slurm

import (
	"cmp"
	"errors"
	"strings"
)

var partitionFields = fields[Partition]{
	"name": textInto(",", func(p *Partition) *string { return &p.Name }),
	"partition": within(fields[Partition]{
		"state": textInto("+", func(p *Partition) *string { return &p.State }),
	}),
	"nodes": within(fields[Partition]{
		"configured": textInto(",", func(p *Partition) *string { return &p.Nodes }),
	}),
	"maximums": within(fields[Partition]{
		"time": func(d *decoder, p *Partition) error {
			n, err := d.number()
			p.MaxTime = minutes(n)
			return err
		},
		"nodes":         into(func(p *Partition) *int64 { return &p.MaxNodes }),
		"oversubscribe": readPartitionSharing,
	}),
	"minimums": within(fields[Partition]{
		"nodes": into(func(p *Partition) *int64 { return &p.MinNodes }),
	}),
	"priority": within(fields[Partition]{
		"tier": into(func(p *Partition) *int64 { return &p.Tier }),
	}),
}

// within reads the members of an object that a record has. null has none.
func within[T any](known fields[T]) func(*decoder, *T) error {
	return func(d *decoder, t *T) error {
		if d.peek() == 'n' {
			_, err := d.value()
			return err
		}
		wrong, err := (&recordReader[T]{fields: known}).read(d, t)
		return cmp.Or(err, wrong)
	}
}

// readPartitionSharing makes scontrol's words of how many jobs may share what a node
// has: nobody the node, in a partition whose jobs have their nodes for themselves.
func readPartitionSharing(d *decoder, p *Partition) error {
	var jobs int64
	var flags string
	wrong, err := (&recordReader[Partition]{fields: fields[Partition]{
		"jobs":  func(d *decoder, _ *Partition) (err error) { jobs, err = d.number(); return err },
		"flags": func(d *decoder, _ *Partition) (err error) { flags, err = d.text(","); return err },
	}}).read(d, p)
	switch {
	case jobs == 0:
		p.OverSubscribe = "EXCLUSIVE"
	case strings.EqualFold(flags, "force"):
		p.OverSubscribe = "FORCE"
	case jobs > 1:
		p.OverSubscribe = "YES"
	default:
		p.OverSubscribe = "NO"
	}
	return cmp.Or(err, wrong)
}

func checkPartition(p *Partition) error {
	switch {
	case p.Name == "":
		return errors.New("it has no name")
	case p.State == "":
		return errors.New("it has no state")
	case p.OverSubscribe == "":
		return errors.New("it does not tell how jobs share nodes")
	}
	return nil
}
