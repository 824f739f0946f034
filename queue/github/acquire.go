package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"autoscaled/internal/rest"
)

// Acquire takes available jobs for the set by their request ids, and returns
// which it got: another set may have been faster. GitHub Enterprise Server (seen
// with 3.18 and 3.19) leaves jobs available until then; github.com assigns them
// by itself. An error that is ErrUncertain leaves open what was acquired; the
// statistics will tell.
func (s *Session) Acquire(ctx context.Context, requests []int64) ([]int64, error) {
	if len(requests) == 0 {
		return nil, nil
	}
	var got []int64
	err := s.withToken(ctx, func(g grip) error {
		reg, err := s.client.chain.current(ctx)
		if err != nil {
			return err
		}
		_, err = reg.send(ctx, rest.Call{
			Method: http.MethodPost, Path: setPath(s.set) + "/acquirejobs", Route: setRoute + "/acquirejobs",
			Body: requests, Into: intoList(&got, nil),
		}, g.token)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("acquire %d jobs for scale set %d: %w", len(requests), s.set, err)
	}
	return got, nil
}

// Acquirable lists the jobs that may be acquired. They have no job id, display
// name, run id or times.
func (c *Client) Acquirable(ctx context.Context, set int) ([]Event, error) {
	var jobs []Event
	_, err := c.call(ctx, rest.Call{
		Method: http.MethodGet, Path: setPath(set) + "/acquirablejobs", Route: setRoute + "/acquirablejobs",
		Empty: []int{http.StatusNoContent},
		Into: intoList(&jobs, func(e *Event) error {
			if e.RequestID == 0 {
				return errors.New("a job without runnerRequestId")
			}
			e.Kind = JobAvailable
			return nil
		}),
	})
	if err != nil {
		return nil, fmt.Errorf("list jobs that scale set %d may acquire: %w", set, err)
	}
	return jobs, nil
}
