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
	for i := range nodes {
		n := &nodes[i]
		if strings.HasPrefix(n.Reason, Mark) && (n.Is("DOWN") || n.Is("DRAIN") || n.Is("FAIL")) {
			names = append(names, n.Name)
		}
	}
	if len(names) > 0 {
		if err := c.UpdateNodes(ctx, NodeUpdate{Names: names, State: "RESUME"}); err != nil {
			return nil, 0, err
		}
	}
	comments, err = clearComments(ctx, c)
	return names, comments, err
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
	for _, id := range slices.Sorted(maps.Keys(details)) {
		if !strings.HasPrefix(details[id].Comment, Mark) {
			continue
		}
		if err := c.UpdateJob(ctx, id, ""); err != nil && !errors.Is(err, autoscale.ErrNotFound) {
			return cleared, err // one that is over needs none
		}
		cleared++
	}
	return cleared, nil
}
