package slurm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Separator stands after each field of the delimited job list: ASCII's unit separator.
// No user can forge it, nor a line end. Of the fields that are asked for, only features
// are written as users give them, and Slurm refuses those that no node has ("Invalid
// feature specification", tried on 22.05); licences, partitions, reservations, TRES
// and dependencies are checked likewise. Job names and comments may hold any byte, line
// ends among them, so they are not asked for, and for the same reason "scontrol show
// job", which always writes them, is not read at all.
const Separator = '\x1f'

// column is a field of squeue's -O and where it goes.
type column struct {
	name string
	read func(t *textReader, j *Job, value []byte) error
}

func textColumn(name string, where func(*Job) *string) column {
	return column{name, func(t *textReader, j *Job, value []byte) error {
		*where(j) = t.share(value)
		return nil
	}}
}

func numberColumn(name string, where func(*Job) *int64) column {
	return column{name, func(_ *textReader, j *Job, value []byte) error {
		n, ok := decimal(value)
		if !ok {
			return errNumber
		}
		*where(j) = amount(n)
		return nil
	}}
}

func timeColumn(name string, where func(*Job) *time.Time) column {
	return column{name, func(_ *textReader, j *Job, value []byte) error {
		n, ok := decimal(value)
		if !ok {
			return errors.New("want seconds of Unix time: SLURM_TIME_FORMAT=%s is not set")
		}
		*where(j) = unixTime(n)
		return nil
	}}
}

// columns are all that squeue has of what the planner needs. It does not tell excluded
// nodes. "tres-alloc" is what is asked for as long as the job waits, and sockets are
// those that TRES per socket count.
var columns = []column{
	numberColumn("JobID", func(j *Job) *int64 { return &j.ID }),
	numberColumn("ArrayJobID", func(j *Job) *int64 { return &j.ArrayID }),
	{"ArrayTaskID", readArrayTask},
	numberColumn("HetJobID", func(j *Job) *int64 { return &j.HetID }),
	textColumn("Partition", func(j *Job) *string { return &j.Partition }),
	textColumn("State", func(j *Job) *string { return &j.State }),
	{"Reason", readReason},
	{"PriorityLong", func(_ *textReader, j *Job, value []byte) error {
		n, ok := decimal(value)
		if !ok {
			return errNumber
		}
		j.Priority = n
		return nil
	}},
	timeColumn("SubmitTime", func(j *Job) *time.Time { return &j.Submitted }),
	timeColumn("EligibleTime", func(j *Job) *time.Time { return &j.Eligible }),
	{"TimeLimit", func(t *textReader, j *Job, value []byte) error {
		limit, err := t.limit.of(value, func(text string) (int64, error) {
			limit, err := span(text)
			return int64(limit), err
		})
		j.TimeLimit = time.Duration(limit)
		return err
	}},
	textColumn("NodeList", func(j *Job) *string { return &j.Nodes }),
	numberColumn("NumNodes", func(j *Job) *int64 { return &j.NodeCount }),
	numberColumn("MaxNodes", func(j *Job) *int64 { return &j.MaxNodes }),
	numberColumn("NumTasks", func(j *Job) *int64 { return &j.Tasks }),
	numberColumn("NumCPUs", func(j *Job) *int64 { return &j.CPUs }),
	numberColumn("cpus-per-task", func(j *Job) *int64 { return &j.CPUsPerTask }),
	numberColumn("ntpernode", func(j *Job) *int64 { return &j.TasksPerNode }),
	numberColumn("MinCpus", func(j *Job) *int64 { return &j.MinCPUsPerNode }),
	{"MinMemory", readMinMemory},
	{"OverSubscribe", readOverSubscribe},
	textColumn("Feature", func(j *Job) *string { return &j.Features }),
	textColumn("Licenses", func(j *Job) *string { return &j.Licenses }),
	textColumn("Dependency", func(j *Job) *string { return &j.Dependency }),
	textColumn("ReqNodes", func(j *Job) *string { return &j.RequiredNodes }),
	textColumn("tres-per-node", func(j *Job) *string { return &j.TRESPerNode }),
	textColumn("tres-per-job", func(j *Job) *string { return &j.TRESPerJob }),
	textColumn("tres-per-task", func(j *Job) *string { return &j.TRESPerTask }),
	textColumn("tres-per-socket", func(j *Job) *string { return &j.TRESPerSocket }),
	textColumn("cpus-per-tres", func(j *Job) *string { return &j.CPUsPerTRES }),
	textColumn("mem-per-tres", func(j *Job) *string { return &j.MemoryPerTRES }),
	textColumn("tres-alloc", func(j *Job) *string { return &j.TRES }),
	numberColumn("sockets", func(j *Job) *int64 { return &j.SocketsPerNode }),
	numberColumn("reqswitch", func(j *Job) *int64 { return &j.Switches }),
}

// JobsFormat is the argument of squeue's -O for what [ReadDelimitedJobs] reads. Its
// fields have no width, so that none is cut short. squeue is to be run with --noheader,
// --all and [Environment].
func JobsFormat() string {
	var b strings.Builder
	for i, c := range columns {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(c.name)
		b.WriteByte(':')
		b.WriteByte(Separator)
	}
	return b.String()
}

// Environment is what squeue needs in its environment: times that know no zone, and
// lists of array tasks in full, which it cuts at 64 bytes otherwise.
func Environment() []string { return []string{"SLURM_TIME_FORMAT=%s", "SLURM_BITSTR_LEN=0"} }

// nodesDown begins the sentence that squeue has for a job that lacks nodes where these
// are out of service. Its reason is Resources then, as the JSON tells.
const nodesDown = "Nodes required for job are DOWN"

// readReason takes the word before what Slurm adds to some reasons, as in
// "ReqNodeNotAvail, UnavailableNodes:htc-8".
func readReason(t *textReader, j *Job, value []byte) error {
	word, _, more := bytes.Cut(value, []byte(","))
	j.Reason = t.share(word)
	if j.Reason == nodesDown {
		j.Reason = "Resources"
	}
	if more {
		j.Description = t.share(value)
	}
	return nil
}

// readArrayTask reads the tasks that are still to start: "2-9%2", or of one that
// started, its number.
func readArrayTask(_ *textReader, j *Job, value []byte) error {
	tasks, limit, limited := bytes.Cut(value, []byte("%"))
	if limited {
		n, ok := decimal(limit)
		if !ok {
			return errors.New("want tasks, and a number after %")
		}
		j.ArrayLimit = n
	}
	j.ArrayTasks = string(tasks)
	return nil
}

// readOverSubscribe reads NO for jobs that share no node.
func readOverSubscribe(t *textReader, j *Job, value []byte) error {
	switch word := t.share(value); word {
	case "NO":
		j.Shared = "none"
	case "YES", "OK":
	default:
		j.Shared = strings.ToLower(word)
	}
	return nil
}

// ReadDelimitedJobs reads what squeue prints with [JobsFormat]. Every line must have
// every field. An error is [ErrAnswer] and tells of the line and what was read. No
// lines are no jobs: whether squeue succeeded is for its exit status to tell.
func ReadDelimitedJobs(r io.Reader) ([]Job, error) {
	parts, lines, err := readParts(r)
	jobs := make([]Job, lines)
	if err == nil {
		err = shareOut(parts, func(mine []part) error {
			t := newTextReader()
			for i := range mine {
				if err := mine[i].each(func(i int, line []byte) error { return t.job(&jobs[i], line) }); err != nil {
					return err
				}
				mine[i].text = nil // it is not needed again, and there may be much of it
			}
			return nil
		})
	}
	if err != nil {
		return nil, fmt.Errorf("read jobs: %w: %w", ErrAnswer, err)
	}
	return jobs, nil
}

func (t *textReader) job(j *Job, line []byte) error {
	if n := bytes.Count(line, separator); n != len(columns) || line[len(line)-1] != Separator {
		return fmt.Errorf("want %d fields, each with the separator after it, not %d", len(columns), n)
	}
	for i := range columns {
		end := bytes.IndexByte(line, Separator)
		value := line[:end]
		line = line[end+1:]
		if nothing(value) {
			continue
		}
		if err := columns[i].read(t, j, value); err != nil {
			return fmt.Errorf("%s is %s: %w", columns[i].name, short(string(value)), err)
		}
	}
	t.tellMemory(j)
	return checkJob(finishArray(j))
}

var separator = []byte{Separator}

// nothing tells whether a field has no value.
func nothing(value []byte) bool {
	switch len(value) {
	case 0:
		return true
	case 1:
		return value[0] == '*'
	case 3:
		return string(value) == "N/A"
	case 6:
		return string(value) == "(null)"
	}
	return false
}

func readMinMemory(t *textReader, j *Job, value []byte) (err error) {
	j.MemoryPerNode, err = t.memory.of(value, mebibytes)
	return err
}

// tellMemory finds out whose the least memory is, which squeue does not say: of a core
// where that makes the whole that the job asks for, else of a node.
func (t *textReader) tellMemory(j *Job) {
	if j.TRES != t.tres {
		t.tres, t.tresMemory = j.TRES, tresAmount(j.TRES, "mem")
	}
	whole, err := t.memory.of([]byte(t.tresMemory), mebibytes)
	if err == nil && whole > 0 && j.MemoryPerNode > 0 && whole == j.MemoryPerNode*j.CPUs {
		j.MemoryPerNode, j.MemoryPerCPU = 0, j.MemoryPerNode
	}
}

// finishArray makes of squeue's words those of the JSON: there a job that is no array
// has none as its array, and one that started no tasks to start.
func finishArray(j *Job) *Job {
	if j.ArrayTasks == "" {
		j.ArrayID = 0
	} else if !j.Is("PENDING") {
		j.ArrayTask, _ = strconv.ParseInt(j.ArrayTasks, 10, 64) // what is none names no job
		j.ArrayTasks = ""
	}
	return j
}

// span reads a time limit: [days-]hours:minutes:seconds, minutes:seconds, or UNLIMITED.
func span(text string) (time.Duration, error) {
	if text == "UNLIMITED" || text == "NOT_SET" || text == "Partition_Limit" {
		return 0, nil
	}
	days, clock, hasDays := strings.Cut(text, "-")
	if !hasDays {
		days, clock = "0", text
	}
	parts := strings.Split(clock, ":")
	total, err := strconv.ParseUint(days, 10, 16)
	if err != nil || len(parts) > 3 || len(parts) < 2 || hasDays && len(parts) < 3 {
		return 0, errors.New("want a time such as 1-02:03:04")
	}
	for len(parts) < 3 {
		parts = append([]string{"0"}, parts...)
	}
	for i, base := range [...]uint64{24, 60, 60} {
		n, err := strconv.ParseUint(parts[i], 10, 16)
		if err != nil {
			return 0, errors.New("want a time such as 1-02:03:04")
		}
		total = total*base + n
	}
	return time.Duration(total) * time.Second, nil
}
