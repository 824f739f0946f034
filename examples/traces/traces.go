// Package traces carries workloads of real clusters, for the demo and for
// replays. README.md says where they come from and whom to acknowledge.
package traces

import _ "embed" // the traces travel inside the binary

// KTHWeek is one week of the jobs of the IBM SP2 at KTH, 100 nodes, in the
// Standard Workload Format. One processor is one whole node; times are seconds
// since the start of the week.
//
//go:embed kth-week-1997-04-28.swf
var KTHWeek string
