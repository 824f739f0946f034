package slurm

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"autoscaled/autoscale"
)

// Place is where a node's VM is.
type Place struct {
	// Node is Slurm's name.
	Node, Address string
	// Host is its host name. Empty: it stays as it is.
	Host string
}

// PlaceNodes tells Slurm where nodes are, many by one command: addresses and host names go
// by the order of the nodes. Slurm leaves out the node that it does not know, and those after
// it (tried on 22.05 and 24.11), so that a list which it refuses is halved until it is known
// which node is refused.
func (c *Commands) PlaceNodes(ctx context.Context, places []Place) error {
	var failed []error
	for _, list := range listsOf(places) {
		err := c.place(ctx, list)
		failed = append(failed, err)
		if errors.Is(err, autoscale.ErrUnavailable) {
			break // the others fare no better
		}
	}
	return errors.Join(failed...)
}

func (c *Commands) place(ctx context.Context, list []Place) error {
	if len(list) == 1 {
		return c.UpdateNodes(ctx, NodeUpdate{Names: []string{list[0].Node}, Address: list[0].Address, Host: list[0].Host})
	}
	names, addresses, hosts := make([]string, len(list)), make([]string, len(list)), make([]string, len(list))
	for i, p := range list {
		names[i], addresses[i], hosts[i] = p.Node, p.Address, p.Host
	}
	words := []string{"update", "nodename=" + strings.Join(names, ","), "nodeaddr=" + strings.Join(addresses, ",")}
	if list[0].Host != "" {
		words = append(words, "nodehostname="+strings.Join(hosts, ","))
	}
	err := changing(fmt.Sprintf("tell addresses of %d nodes from %s on", len(list), short(names[0])), c.scontrol(ctx, words...))
	if !errors.Is(err, autoscale.ErrNotFound) && !errors.Is(err, autoscale.ErrRejected) {
		return err
	}
	half := len(list) / 2
	first := c.place(ctx, list[:half])
	if errors.Is(first, autoscale.ErrUnavailable) {
		return first
	}
	return errors.Join(first, c.place(ctx, list[half:]))
}

// listsOf are lists for one command each: with a host name each or none, and no longer
// than maxList. What Slurm would not take for one word of a list is alone.
func listsOf(places []Place) (lists [][]Place) {
	with, without := []Place(nil), []Place(nil)
	for _, p := range places {
		switch {
		case strings.ContainsAny(p.Node+p.Address+p.Host, ",[] \t\n") || p.Address == "":
			lists = append(lists, []Place{p})
		case p.Host != "":
			with = append(with, p)
		default:
			without = append(without, p)
		}
	}
	for _, list := range [...][]Place{with, without} {
		from, size := 0, 0
		for i, p := range list {
			more := max(len(p.Node), len(p.Address), len(p.Host)) + 1
			if size+more > maxList {
				lists = append(lists, list[from:i])
				from, size = i, 0
			}
			size += more
		}
		if len(list) > from {
			lists = append(lists, list[from:])
		}
	}
	return lists
}
