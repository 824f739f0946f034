package pbs

import (
	"context"
	"errors"
	"fmt"
	"io"

	"autoscaled/autoscale"
)

// look reads all that PBS tells of. The vnodes come first: a job that starts meanwhile is
// told by itself where it runs, and one that ends meanwhile seems to run on.
func (s *Source) look(ctx context.Context) (*snapshot, error) {
	var got snapshot
	var err error
	if got.nodes, err = s.lookAtNodes(ctx); err != nil {
		return nil, err
	}
	err = s.ask(ctx, "qstat", []string{"-f"}, func(r io.Reader, f form) (err error) {
		got.jobs, err = readJobs(r, f, s.Zone)
		return err
	})
	if err != nil {
		return nil, err
	}
	err = s.ask(ctx, "qstat", []string{"-Q", "-f"}, func(r io.Reader, f form) (err error) {
		got.queues, err = readQueues(r, f, false)
		return err
	})
	if err != nil {
		return nil, err
	}
	err = s.ask(ctx, "qstat", []string{"-B", "-f"}, func(r io.Reader, f form) (err error) {
		got.servers, err = readQueues(r, f, true)
		return err
	})
	return &got, err
}

// lookAtNodes reads the vnodes. A server without any says so as if it were a failure.
func (s *Source) lookAtNodes(ctx context.Context) (nodes []Node, err error) {
	err = s.ask(ctx, "pbsnodes", []string{"-a"}, func(r io.Reader, f form) (err error) {
		nodes, err = readNodes(r, f)
		return err
	})
	if says(err, "server has no node list") {
		return nil, nil
	}
	return nodes, err
}

// ask runs a command for JSON, and if that can't be read, for text. Text that tells of
// nothing where JSON could not be read is not believed.
func (s *Source) ask(ctx context.Context, program string, args []string, read func(io.Reader, form) error) error {
	asJSON := s.commands.run(ctx, func(r io.Reader) error { return read(r, jsonForm) }, program, append([]string{"-F", "json"}, args...)...)
	if !errors.Is(asJSON, autoscale.ErrMalformed) {
		return asJSON
	}
	count := &counter{}
	err := s.commands.run(ctx, func(r io.Reader) error {
		count.Reader = r
		return read(count, textForm)
	}, program, args...)
	switch {
	case err != nil:
		return fmt.Errorf("%w; and as text: %w", asJSON, err)
	case count.bytes == 0:
		return fmt.Errorf("%w; and as text there is nothing", asJSON)
	}
	return nil
}

// counter counts what is read.
type counter struct {
	io.Reader
	bytes int
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.bytes += n
	return n, err
}
