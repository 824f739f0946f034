package pbs

import (
	"io"
	"strconv"
	"strings"
	"time"
)

// Job is one record of PBS's job list. An array is one, of which its subjobs may be others.
type Job struct {
	// ID is as PBS writes it, with the server: "12.server", "12[].server", "12[3].server".
	ID string
	// User owns it, and Group and Project are those whose limits it counts to.
	User, Group, Project string
	Queue                string
	// State is one letter.
	State string
	// Comment is the scheduler's word on why it waits, or somebody's.
	Comment string
	// HoldTypes are letters of u, o, s and p; n: none.
	HoldTypes string
	// Depend is such as "afterok:11.server".
	Depend string
	// SchedSelect is what the scheduler packs: Select with the defaults filled in.
	SchedSelect, Select, Place string
	Priority                   int64
	Created                    time.Time
	// Executes is before when it does not start. Zero: at any time.
	Executes time.Time
	// Walltime is 0 where none is told.
	Walltime time.Duration
	// Array tells that it is one, of which Remaining are still to start, and Running run.
	Array     bool
	Remaining string
	Running   int64
	// MaxRunning is how many of its subjobs may run at a time, 0: any number.
	MaxRunning int64
	// Reservation is that in which it runs, such as "R7.server". Empty: none.
	Reservation string
	// ExecVnode is where it runs, and with what.
	ExecVnode string
	// Totals is what it asks for as a whole, select and place apart.
	Totals []Amount
}

// Subjob tells whether it is one of an array's, which the array stands for while it waits.
func (j *Job) Subjob() bool {
	_, index, found := strings.Cut(j.ID, "[")
	return found && !strings.HasPrefix(index, "]")
}

// ShortID is the id without the server.
func (j *Job) ShortID() string { return shortID(j.ID) }

func shortID(id string) string {
	id, _, _ = strings.Cut(id, ".")
	return id
}

// readJobs reads what qstat -f prints, as JSON or as text. Times are in the server's zone.
func readJobs(r io.Reader, f form, zone *time.Location) ([]Job, error) {
	c := &jobs{words: make(words), zone: zone}
	if err := listOfJobs.read(r, f, c.visit); err != nil {
		return nil, err
	}
	c.finish()
	return c.list, nil
}

// jobs gathers records. A job that is told twice counts as it was told last.
type jobs struct {
	list []Job
	zone *time.Location
	words
	job    Job
	totals []Amount
	seen   map[string]int
}

func (c *jobs) visit(object, attribute, resource, value []byte) {
	if string(object) != c.job.ID {
		c.finish()
		c.job = Job{ID: string(object)}
	}
	if len(resource) > 0 {
		if string(attribute) == "Resource_List" {
			c.asked(resource, value)
		}
		return
	}
	j := &c.job
	switch string(attribute) {
	case "Job_Owner":
		if j.User == "" {
			user, _, _ := strings.Cut(c.text(value), "@")
			j.User = user
		}
	case "euser":
		j.User = c.text(value)
	case "egroup":
		j.Group = c.text(value)
	case "project":
		j.Project = c.text(value)
	case "queue":
		j.Queue = c.text(value)
	case "job_state":
		j.State = c.text(value)
	case "comment":
		j.Comment = c.text(value)
	case "Hold_Types":
		j.HoldTypes = c.text(value)
	case "depend":
		j.Depend = string(value)
	case "schedselect":
		j.SchedSelect = c.text(value)
	default:
		c.visitRare(attribute, value)
	}
}

func (c *jobs) visitRare(attribute, value []byte) {
	j := &c.job
	switch string(attribute) {
	case "Priority":
		j.Priority, _ = strconv.ParseInt(string(value), 10, 64) // else none, as a job without
	case "ctime":
		j.Created = parseTime(string(value), c.zone)
	case "Execution_Time":
		j.Executes = parseTime(string(value), c.zone)
	case "array":
		j.Array = strings.EqualFold(string(value), "True")
	case "array_indices_remaining":
		j.Remaining = string(value)
	case "array_state_count":
		j.Running = runningOf(string(value))
	case "max_run_subjobs":
		j.MaxRunning, _ = strconv.ParseInt(string(value), 10, 64) // else any number
	case "reserve_ID":
		j.Reservation = c.text(value)
	case "exec_vnode":
		j.ExecVnode = string(value)
	}
}

// asked takes an entry of Resource_List.
func (c *jobs) asked(resource, value []byte) {
	switch string(resource) {
	case "select":
		c.job.Select = c.text(value)
	case "place":
		c.job.Place = c.text(value)
	case "walltime":
		c.job.Walltime, _ = parseDuration(string(value)) // else not known
	default:
		c.totals = append(c.totals, Amount{c.text(resource), c.text(value)})
	}
}

// runningOf reads "Queued:9 Running:3 Exiting:1 Expired:2 ": subjobs that exit have their
// place still.
func runningOf(counts string) (running int64) {
	for word := range strings.FieldsSeq(counts) {
		state, number, _ := strings.Cut(word, ":")
		if n, err := strconv.ParseInt(number, 10, 32); err == nil && (state == "Running" || state == "Exiting") {
			running += n
		}
	}
	return running
}

func (c *jobs) finish() {
	if c.job.ID == "" {
		return
	}
	if len(c.totals) > 0 {
		c.job.Totals = append([]Amount(nil), c.totals...)
		c.totals = c.totals[:0]
	}
	if c.seen == nil {
		c.seen = make(map[string]int)
	}
	if at, twice := c.seen[c.job.ID]; twice {
		c.list[at] = c.job
	} else {
		c.seen[c.job.ID] = len(c.list)
		c.list = append(c.list, c.job)
	}
	c.job = Job{}
}
