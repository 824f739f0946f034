package cyclecloud

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"time"
)

// Values of UsageQuery.
const (
	MonthToDate = "monthToDate" // the server's default
	LastMonth   = "lastMonth"
	WeekToDate  = "weekToDate"
	Custom      = "custom" // needs From and To

	Total  = "total"
	Daily  = "daily" // the server's default
	Hourly = "hourly"
)

// UsageQuery says which time to account for, and how finely.
type UsageQuery struct {
	Timeframe   string
	From, To    time.Time
	Granularity string
}

// ClusterUsage is what a cluster used, period by period.
type ClusterUsage struct {
	Usage []UsagePeriod `json:"usage"`

	Extra map[string]json.RawMessage `json:",embed"`
}

// UsagePeriod is the use from Start to End, End exclusive.
type UsagePeriod struct {
	Start     time.Time   `json:"start"`
	End       time.Time   `json:"end"`
	Total     UsageItem   `json:"total"`
	Breakdown []UsageItem `json:"breakdown"`

	Extra map[string]json.RawMessage `json:",embed"`
}

// UsageItem is the use of a cluster, a node or a nodearray.
type UsageItem struct {
	Category string        `json:"category"` // cluster, node or nodearray
	Node     string        `json:"node"`     // the node's or nodearray's name
	Hours    float64       `json:"hours"`    // core-hours
	Cost     *float64      `json:"cost"`     // USD, a retail estimate; nil: not told
	Details  []UsageDetail `json:"details"`

	Extra map[string]json.RawMessage `json:",embed"`
}

// UsageDetail is the part of one kind of VM.
type UsageDetail struct {
	VMSize    string   `json:"vm_size"`
	Hours     float64  `json:"hours"` // core-hours
	CoreCount int      `json:"core_count"`
	Region    string   `json:"region"`
	Priority  string   `json:"priority"` // Regular or Spot
	OS        string   `json:"os"`
	Cost      *float64 `json:"cost"` // USD, a retail estimate; nil: not told

	Extra map[string]json.RawMessage `json:",embed"`
}

// Usage reads what a cluster used in core-hours, and an estimate of its cost.
func (c *Client) Usage(ctx context.Context, cluster string, q UsageQuery) (ClusterUsage, error) {
	var usage ClusterUsage
	r, err := at("/clusters/{cluster}/usage", cluster)
	if err != nil {
		return usage, err
	}
	if q.Timeframe == Custom && !q.From.Before(q.To) {
		return usage, refuse("usage from %s to %s", q.From.Format(time.RFC3339), q.To.Format(time.RFC3339))
	}
	err = get(ctx, c, r, q.values(), &usage, func(u *ClusterUsage) error {
		if u.Usage == nil {
			return errors.New("no cluster usage: usage is missing")
		}
		return nil
	})
	return usage, err
}

func (q UsageQuery) values() url.Values {
	query := url.Values{}
	if q.Timeframe != "" {
		query.Set("timeframe", q.Timeframe)
	}
	if q.Granularity != "" {
		query.Set("granularity", q.Granularity)
	}
	if q.Timeframe == Custom {
		query.Set("from", q.From.UTC().Format(time.RFC3339))
		query.Set("to", q.To.UTC().Format(time.RFC3339))
	}
	return query
}
