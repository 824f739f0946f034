package cyclecloudtest

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"time"
)

type usageBody struct {
	Usage []usagePeriod `json:"usage"`
}

type usagePeriod struct {
	Start     string      `json:"start"`
	End       string      `json:"end"` // exclusive
	Total     usageItem   `json:"total"`
	Breakdown []usageItem `json:"breakdown"`
}

// usageItem is core-hours: of the cluster as the total, of one head node or one nodearray in the
// breakdown, so that the breakdown adds up to the total.
type usageItem struct {
	Category string        `json:"category"`
	Node     string        `json:"node,omitempty"`
	Hours    float64       `json:"hours"`
	Cost     *float64      `json:"cost,omitempty"`
	Details  []usageDetail `json:"details,omitempty"`
}

type usageDetail struct {
	VMSize    string   `json:"vm_size"`
	Hours     float64  `json:"hours"`
	CoreCount int      `json:"core_count"`
	Region    string   `json:"region"`
	Priority  string   `json:"priority"`
	OS        string   `json:"os"`
	Cost      *float64 `json:"cost,omitempty"`
}

func getUsage(w *world, cl *cluster, c call) *answer {
	from, until, no := w.timeframe(c.URL.Query())
	if no != nil {
		return refuse(no)
	}
	next, no := granularity(c.URL.Query().Get("granularity"), until)
	if no != nil {
		return refuse(no)
	}
	body := usageBody{Usage: []usagePeriod{}}
	for start := from; start.Before(until); {
		end := next(start)
		if end.After(until) {
			end = until
		}
		body.Usage = append(body.Usage, w.usage(cl, start, end))
		start = end
	}
	return succeed(http.StatusOK, mustMarshal(body))
}

// timeframe reads which stretch of time is asked for; days begin in UTC and weeks on Monday.
func (w *world) timeframe(q url.Values) (from, until time.Time, no *refusal) {
	now := w.now.UTC()
	month := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	switch frame := orDefault(q.Get("timeframe"), "monthToDate"); frame {
	case "monthToDate":
		return month, now, nil
	case "lastMonth":
		return month.AddDate(0, -1, 0), month, nil
	case "weekToDate":
		today := now.Truncate(24 * time.Hour)
		return today.AddDate(0, 0, -(int(today.Weekday())+6)%7), now, nil
	case "custom":
		return customFrame(q)
	default:
		return from, until, &refusal{400, "timeframe must be monthToDate, lastMonth, weekToDate or custom, not " + frame}
	}
}

// maxUsageSpan bounds a custom timeframe, so that hourly periods stay countable.
const maxUsageSpan = 366 * 24 * time.Hour

func customFrame(q url.Values) (from, until time.Time, no *refusal) {
	from, fromErr := isoTime(q.Get("from"))
	until, untilErr := isoTime(q.Get("to"))
	switch {
	case fromErr != nil || untilErr != nil:
		return from, until, &refusal{400, "a custom timeframe needs from and to in ISO 8601"}
	case !from.Before(until):
		return from, until, &refusal{400, "from must be before to"}
	case until.Sub(from) > maxUsageSpan:
		return from, until, &refusal{400, "a custom timeframe may span a year at most"}
	}
	return from, until, nil
}

// isoTime reads a moment or a date; without a zone it is UTC.
func isoTime(text string) (t time.Time, err error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02"} {
		if t, err = time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return t, err
}

// granularity returns the function from the start of a period to its end.
func granularity(name string, until time.Time) (func(time.Time) time.Time, *refusal) {
	switch orDefault(name, "daily") {
	case "total":
		return func(time.Time) time.Time { return until }, nil
	case "daily":
		return func(t time.Time) time.Time { return t.Truncate(24 * time.Hour).Add(24 * time.Hour) }, nil
	case "hourly":
		return func(t time.Time) time.Time { return t.Truncate(time.Hour).Add(time.Hour) }, nil
	}
	return nil, &refusal{400, "granularity must be total, daily or hourly, not " + name}
}

// usage adds up the core-hours of a cluster between two moments, from the time that VMs were held.
func (w *world) usage(cl *cluster, from, until time.Time) usagePeriod {
	items := map[[2]string]*usageItem{}
	whole := &usageItem{Category: "cluster"}
	for _, n := range w.nodes {
		if n.cluster != cl {
			continue
		}
		hours := 0.0
		for _, s := range n.held {
			hours += s.within(from, minTime(until, w.now)).Hours()
		}
		if hours == 0 {
			continue
		}
		category := "nodearray"
		if n.isHead() {
			category = "node"
		}
		key := [2]string{category, n.template()}
		if items[key] == nil {
			items[key] = &usageItem{Category: category, Node: n.template()}
		}
		items[key].count(n, hours)
		whole.count(n, hours)
	}
	period := usagePeriod{
		Start: from.Format(time.RFC3339), End: until.Format(time.RFC3339),
		Total: *whole, Breakdown: []usageItem{},
	}
	for _, item := range items {
		period.Breakdown = append(period.Breakdown, *item)
	}
	slices.SortFunc(period.Breakdown, func(a, b usageItem) int {
		return cmp.Or(cmp.Compare(a.Category, b.Category), cmp.Compare(a.Node, b.Node))
	})
	return period
}

// count adds a node that ran for so many hours.
func (u *usageItem) count(n *node, hours float64) {
	d := u.detail(n)
	coreHours := hours * float64(n.machine.Vcpus)
	u.Hours += coreHours
	d.Hours += coreHours
	if n.machine.Price > 0 {
		addCost(&u.Cost, hours*n.machine.Price)
		addCost(&d.Cost, hours*n.machine.Price)
	}
}

// detail finds or makes the entry of the node's size, region and priority.
func (u *usageItem) detail(n *node) *usageDetail {
	priority := "Regular"
	if n.spot {
		priority = "Spot"
	}
	for i := range u.Details {
		if d := &u.Details[i]; d.VMSize == n.machine.Name && d.Region == n.region && d.Priority == priority {
			return d
		}
	}
	u.Details = append(u.Details, usageDetail{
		VMSize: n.machine.Name, CoreCount: n.machine.Vcpus, Region: n.region, Priority: priority, OS: "Linux",
	})
	return &u.Details[len(u.Details)-1]
}

func addCost(sum **float64, usd float64) {
	if *sum == nil {
		*sum = new(float64)
	}
	**sum += usd
}

func minTime(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
