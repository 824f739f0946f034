package cyclecloud

import (
	"context"
	"io"
	"net/http"
	"net/url"

	"autoscaled/internal/rest"
)

// HealthReport is a guest health report: why a node's VM is thought unhealthy.
type HealthReport struct {
	Category    string
	Description string
}

func (h HealthReport) query() url.Values {
	query := url.Values{}
	if h.Category != "" {
		query.Set("category", h.Category)
	}
	if h.Description != "" {
		query.Set("description", h.Description)
	}
	return query
}

// SubmitHealthReport reports a node's VM as unhealthy. A report that was
// submitted before is ErrConflict.
func (c *Client) SubmitHealthReport(ctx context.Context, cluster, node string, h HealthReport) error {
	r, err := at("/clusters/{cluster}/nodes/{node}/ghr", cluster, node)
	if err != nil {
		return err
	}
	_, err = post[struct{}](ctx, c, r, h.query(), nil, nil, nil)
	return err
}

// HealthReport reads a report, as the server words it: the API names no fields.
func (c *Client) HealthReport(ctx context.Context, cluster, node string, h HealthReport) ([]byte, error) {
	r, err := at("/clusters/{cluster}/nodes/{node}/ghr", cluster, node)
	if err != nil {
		return nil, err
	}
	var report []byte
	_, err = c.rest.Do(ctx, rest.Call{
		Method: http.MethodGet, Route: r.template, Path: r.path, Query: h.query(),
		Into: func(body io.Reader) (err error) {
			report, err = io.ReadAll(body)
			return err
		},
	})
	return report, err
}
