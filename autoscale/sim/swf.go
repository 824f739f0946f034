package sim

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"autoscaled/autoscale"
)

// TraceJob is one job of a trace in the Standard Workload Format, reduced to
// what a replay may use. What its site's own scheduler made of it, such as the
// recorded wait, is left out.
type TraceJob struct {
	ID int64
	// Submit is when it was submitted, since the start of the trace.
	Submit time.Duration
	// Run is how long it ran. Negative: not known.
	Run time.Duration
	// Processors is how many it was given or, where that is not known, how
	// many it asked for. 0: neither is known.
	Processors int
	// Requested is its time limit. 0: not known.
	Requested time.Duration
}

// Columns of the Standard Workload Format, counted from 1 as its definition
// does. A trace may carry more columns than its 18; they are not read.
const (
	columnID         = 1
	columnSubmit     = 2
	columnRun        = 4
	columnAllocated  = 5
	columnProcessors = 8
	columnTime       = 9
	columnsLeast     = 18
)

const (
	maxTraceLine = 1 << 20 // bytes
	// maxTraceSeconds keeps any sum of a few times within a time.Duration.
	maxTraceSeconds = int64(math.MaxInt64 / int64(time.Second) / 4)
)

// ParseSWF reads a trace. Lines that begin with ";" are its header, empty lines
// are skipped, and -1 stands for what is not known. Jobs come in the order of
// the file; an error names its line.
func ParseSWF(r io.Reader) ([]TraceJob, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxTraceLine)
	var jobs []TraceJob
	n := 0
	for lines.Scan() {
		n++
		text := strings.TrimSpace(lines.Text())
		if text == "" || strings.HasPrefix(text, ";") {
			continue
		}
		job, err := parseTraceLine(strings.Fields(text))
		if err != nil {
			return nil, fmt.Errorf("read trace, line %d: %w", n, err)
		}
		jobs = append(jobs, job)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read trace, line %d: %w", n+1, err)
	}
	return jobs, nil
}

func parseTraceLine(fields []string) (TraceJob, error) {
	if len(fields) < columnsLeast {
		return TraceJob{}, fmt.Errorf("%d columns where the format has %d", len(fields), columnsLeast)
	}
	line := traceLine{fields: fields}
	job := TraceJob{
		ID:         line.number(columnID, "job id", math.MaxInt64),
		Submit:     time.Duration(line.number(columnSubmit, "submit time", maxTraceSeconds)) * time.Second,
		Run:        time.Duration(line.number(columnRun, "run time", maxTraceSeconds)) * time.Second,
		Processors: int(line.number(columnAllocated, "allocated processors", math.MaxInt32)),
		Requested:  time.Duration(line.number(columnTime, "requested time", maxTraceSeconds)) * time.Second,
	}
	requested := int(line.number(columnProcessors, "requested processors", math.MaxInt32))
	if job.Processors <= 0 {
		job.Processors = max(requested, 0)
	}
	job.Requested = max(job.Requested, 0)
	if line.err == nil && job.ID < 0 {
		line.err = fmt.Errorf("column %d (job id) is not known", columnID)
	}
	if line.err == nil && job.Submit < 0 {
		line.err = fmt.Errorf("column %d (submit time) is not known", columnSubmit)
	}
	return job, line.err
}

// traceLine reads columns and keeps the first mistake.
type traceLine struct {
	fields []string
	err    error
}

// number reads a whole number from -1 to most.
func (l *traceLine) number(column int, name string, most int64) int64 {
	text := l.fields[column-1]
	n, err := strconv.ParseInt(text, 10, 64)
	if (err != nil || n < -1 || n > most) && l.err == nil {
		l.err = fmt.Errorf("column %d (%s): %q is no whole number from -1 to %d", column, name, text, most)
	}
	return n
}

// WholeNodes makes a job of it that takes one whole node a processor, each with
// what perNode asks, all of them at once. Start is when the trace starts.
func (t TraceJob) WholeNodes(start time.Time, perNode autoscale.Resources) Job {
	return Job{
		Job: autoscale.Job{
			ID:        autoscale.JobID(strconv.FormatInt(t.ID, 10)),
			Submitted: start.Add(t.Submit),
			Shape: autoscale.Shape{
				Tasks: t.Processors, PerTask: perNode,
				Exclusive: autoscale.ExclusiveTask, Gang: autoscale.GangAll,
				ExpectedRuntime: t.Requested,
			},
		},
		Run: t.Run,
	}
}
