package slurm

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"autoscaled/autoscale"
)

// ClearMarks undoes what carries our mark: nodes that we took out of service return to
// it. It returns their names, and how many jobs' comments were cleared. Nodes that an
// administrator took out of service, and comments of users, stay. An error may leave
// some undone; once more does the rest.
func ClearMarks(ctx context.Context, c Cluster) (names []string, comments int, err error) {
	nodes, err := c.Nodes(ctx)
	if err != nil {
		return nil, 0, err
	}
	var said []string // nodes of which only our reason is left
	for i := range nodes {
		n := &nodes[i]
		switch {
		case !strings.HasPrefix(n.Reason, Mark):
		case n.Is("DOWN"), n.Is("DRAIN"), n.Is("FAIL"):
			names = append(names, n.Name)
		default:
			said = append(said, n.Name)
		}
	}
	if len(names) > 0 {
		if err := c.UpdateNodes(ctx, NodeUpdate{Names: names, State: "RESUME"}); err != nil {
			return nil, 0, err
		}
	}
	if err := clearReason(ctx, c, said); err != nil {
		return names, 0, err
	}
	comments, err = clearComments(ctx, c)
	return names, comments, err
}

// clearReason takes our reason from nodes that are in service. Tried on Slurm 22.05: the
// reason goes, and the state is said to be wrong.
func clearReason(ctx context.Context, c Cluster, names []string) error {
	if len(names) == 0 {
		return nil
	}
	if err := c.UpdateNodes(ctx, NodeUpdate{Names: names, State: "RESUME"}); !errors.Is(err, autoscale.ErrRejected) {
		return err
	}
	return nil
}

// clearComments empties the comments that we gave jobs.
func clearComments(ctx context.Context, c Cluster) (cleared int, err error) {
	teller, ok := c.(Detailer)
	if !ok {
		return 0, nil
	}
	details, err := teller.Details(ctx)
	if err != nil {
		return 0, err
	}
	jobs, err := c.Jobs(ctx)
	if err != nil {
		return 0, err
	}
	names := updatables(jobs)
	for _, id := range slices.Sorted(maps.Keys(details)) {
		if names[id] == "" || !strings.HasPrefix(details[id].Comment, Mark) {
			continue
		}
		if err := c.UpdateJob(ctx, names[id], ""); err != nil && !errors.Is(err, autoscale.ErrNotFound) {
			return cleared, err // one that is over needs none
		}
		cleared++
	}
	return cleared, nil
}
