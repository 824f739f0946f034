package cyclecloud

import (
	"context"
	"errors"
	"net/url"
	"strconv"
)

// ScaleToNodes adds nodes to a nodearray until it has total nodes, once. It
// never removes any, and doesn't keep the nodearray at the total.
func (c *Client) ScaleToNodes(ctx context.Context, cluster, nodearray string, total int) (NodeCreationResult, error) {
	return c.scale(ctx, cluster, nodearray, "totalNodeCount", total)
}

// ScaleToCores is ScaleToNodes, counted in cores.
func (c *Client) ScaleToCores(ctx context.Context, cluster, nodearray string, total int) (NodeCreationResult, error) {
	return c.scale(ctx, cluster, nodearray, "totalCoreCount", total)
}

func (c *Client) scale(ctx context.Context, cluster, nodearray, parameter string, total int) (NodeCreationResult, error) {
	var result NodeCreationResult
	r, err := at("/clusters/{cluster}/scale/{nodearray}", cluster, nodearray)
	if err != nil {
		return result, err
	}
	if total < 0 {
		return result, refuse("scale %s: %s is %d", nodearray, parameter, total)
	}
	query := url.Values{parameter: {strconv.Itoa(total)}}
	answer, err := post(ctx, c, r, query, nil, &result, func(got *NodeCreationResult) error {
		if got.Sets == nil {
			return errors.New("no answer to a scale call: sets are missing")
		}
		return nil
	})
	if err != nil {
		return result, c.explainConflict(ctx, cluster, "", err)
	}
	result.Location, result.OperationID = operationOf(answer, result.OperationID)
	return result, nil
}
