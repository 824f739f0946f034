package gridengine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"autoscaled/autoscale"
)

// Drain disables the queue instances of the nodes' hosts, so that no job starts there, and
// enters the hosts into our host group before, which is how the mark is known for ours.
// A host that an administrator took out of service is left alone: that is an error. One
// that has no queue instance yet gets none as long as it is in the group.
func (s *Source) Drain(ctx context.Context, nodes []autoscale.Node, _ string) []error {
	hosts, marked, err := s.look(ctx)
	if err == nil {
		err = s.ensureGroup(ctx, s.Drained)
	}
	return s.each(nodes, hosts, err, func(h *Host) error {
		if h.Name == "" {
			return fmt.Errorf("drain: the node has no host name yet: %w", autoscale.ErrRejected)
		}
		if drainOf(h, marked) == autoscale.DrainForeign {
			return fmt.Errorf("drain %s: an administrator took it out of service: %w", h.Name, autoscale.ErrRejected)
		}
		if err := s.join(ctx, h.Name, s.Drained); err != nil {
			return err
		}
		return s.switchTo(ctx, "-d", h)
	})
}

// Undrain enables the queue instances of hosts that we disabled, and takes them out of our
// host group. Others are left alone.
func (s *Source) Undrain(ctx context.Context, nodes []autoscale.Node) []error {
	hosts, marked, err := s.look(ctx)
	return s.each(nodes, hosts, err, func(h *Host) error {
		if !marked[strings.ToLower(h.Name)] {
			return nil
		}
		if err := s.switchTo(ctx, "-e", h); err != nil {
			return err
		}
		return s.leave(ctx, h.Name, s.Drained)
	})
}

// look reads hosts and our marks.
func (s *Source) look(ctx context.Context) (hosts []Host, marked map[string]bool, err error) {
	if marked, err = s.members(ctx, s.Drained); err == nil {
		hosts, err = s.hosts(ctx)
	}
	return hosts, marked, err
}

// each does something with the hosts of the nodes, unless they could not be read.
func (s *Source) each(nodes []autoscale.Node, hosts []Host, wrong error, do func(h *Host) error) []error {
	errs := make([]error, len(nodes))
	for i := range nodes {
		if errs[i] = wrong; wrong != nil {
			continue
		}
		h := hostOf(&nodes[i], hosts)
		if h == nil { // it was not added yet
			h = &Host{Name: nodes[i].Host}
		}
		errs[i] = do(h)
	}
	return errs
}

// switchTo disables (-d) or enables (-e) all queue instances of a host, if it has any.
func (s *Source) switchTo(ctx context.Context, option string, h *Host) error {
	if len(h.Instances) == 0 {
		return nil
	}
	_, err := s.Run(ctx, "qmod", option, "*@"+h.Name)
	return err
}

// hostOf finds a node's host: by its host name, its name, or without their domains.
func hostOf(n *autoscale.Node, hosts []Host) *Host {
	for _, same := range []func(host string) bool{
		func(host string) bool { return n.Host != "" && strings.EqualFold(host, n.Host) },
		func(host string) bool {
			return n.Host != "" && strings.EqualFold(autoscale.ShortHost(host), autoscale.ShortHost(n.Host))
		},
		func(host string) bool { return n.Name != "" && strings.EqualFold(autoscale.ShortHost(host), n.Name) },
	} {
		for i := range hosts {
			if same(hosts[i].Name) {
				return &hosts[i]
			}
		}
	}
	return nil
}

// ensureGroup makes a host group of ours, if it is not there.
func (s *Source) ensureGroup(ctx context.Context, group string) error {
	if _, err := s.Run(ctx, "qconf", "-shgrp", group); !errors.Is(err, autoscale.ErrNotFound) {
		return err
	}
	return s.withFile("group_name "+group+"\nhostlist NONE\n", func(path string) error {
		_, err := s.Run(ctx, "qconf", "-Ahgrp", path)
		return err
	})
}

// withFile gives qconf a text in the only way that it takes one.
func (s *Source) withFile(text string, use func(path string) error) error {
	file, err := os.CreateTemp("", "autoscaled-qconf-")
	if err != nil {
		return fmt.Errorf("write a file for qconf: %w", err)
	}
	defer os.Remove(file.Name())
	_, err = file.WriteString(text)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write a file for qconf: %w", err)
	}
	return use(file.Name())
}

// join enters a host into a group, where it may be already.
func (s *Source) join(ctx context.Context, host, group string) error {
	_, err := s.Run(ctx, "qconf", "-aattr", "hostgroup", "hostlist", host, group)
	return err
}

// leave takes a host out of a group, in which it may not be.
func (s *Source) leave(ctx context.Context, host, group string) error {
	_, err := s.Run(ctx, "qconf", "-dattr", "hostgroup", "hostlist", host, group)
	return err
}
