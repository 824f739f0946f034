// Package traces carries workloads of real clusters, for the demo and for
// replays. README.md says where they come from and whom to acknowledge.
package traces

import (
	_ "embed" // the traces travel inside the binary
	"time"
)

// KTHWeek is one week of the jobs of the IBM SP2 at KTH, 100 nodes, in the
// Standard Workload Format. One processor is one whole node; times are seconds
// since the start of the week.
//
//go:embed kth-week-1997-04-28.swf
var KTHWeek string

// What the header of KTHWeek says: when its week begins, how long it is, and how
// many nodes the machine had.
var KTHWeekStart = time.Date(1997, time.April, 28, 0, 0, 0, 0, time.UTC)

// See KTHWeekStart.
const (
	KTHWeekSpan  = 7 * 24 * time.Hour
	KTHWeekNodes = 100
)
