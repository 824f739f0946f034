package gridengine

import (
	"encoding/xml"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Request is a resource that a job asks for.
type Request struct {
	Name  string `xml:"name,attr"`
	Value string `xml:",chardata"`
}

// Job is one entry of qstat's list: a job, those tasks of an array that are in one state
// and have not started, or one task that runs.
type Job struct {
	ID int64
	// Tasks are an array's, as Grid Engine writes them ("1-10:3", "7,10"). Empty: it is none.
	Tasks string
	// State is qstat's word, such as qw, hqw, Eqw, r, dr.
	State string
	// Listed tells whether it stands in the list of pending jobs or in that of running ones.
	Pending bool
	// Priority is the scheduler's own, in hundred-thousandths. It is 0 for a job that may
	// not start, and for one that the scheduler has not looked at yet.
	Priority  int64
	Name      string
	Submitted time.Time // zero for one that runs
	// Slots are those that it has, or of a range of slots those that it counts for.
	Slots int64
	// PE is the parallel environment that it asks for, a name or a pattern, and Range how
	// many slots ("4-64", "3-5,8"). Empty: it is not parallel.
	PE, Range string
	// Granted is the parallel environment that it runs in.
	Granted string
	// Hard are the resources that it must have.
	Hard []Request
	// Queues are the queues that it must run in, any one of them, and MasterQueues those
	// for its first slot: names, patterns, with or without @host.
	Queues, MasterQueues []string
	// Predecessors are the jobs that must end first.
	Predecessors []string
}

// Is tells whether the job's state has this letter.
func (j *Job) Is(letter rune) bool { return strings.ContainsRune(j.State, letter) }

// wireJob is a job_list of qstat.
type wireJob struct {
	List      string    `xml:"state,attr"`
	ID        string    `xml:"JB_job_number"`
	Priority  string    `xml:"JAT_prio"`
	Name      string    `xml:"JB_name"`
	State     string    `xml:"state"`
	Submitted string    `xml:"JB_submission_time"`
	Slots     string    `xml:"slots"`
	Tasks     string    `xml:"tasks"`
	PE        *Request  `xml:"requested_pe"`
	Granted   *Request  `xml:"granted_pe"`
	Hard      []Request `xml:"hard_request"`
	Queues    []string  `xml:"hard_req_queue"`
	Master    []string  `xml:"master_hard_req_queue"`
	Before    []string  `xml:"predecessor_jobs"`
	BeforeAD  []string  `xml:"ad_predecessor_jobs"`
}

// qstatArguments are qstat's for what [ReadJobs] reads: all users' jobs in all states but
// finished, with what they ask for.
func qstatArguments() []string { return []string{"-xml", "-u", "*", "-r"} }

// ReadJobs reads what qstat prints with qstatArguments. Times are in the daemon's own
// zone, for qstat names none. An error is [ErrAnswer] and tells of the job and what was read.
func ReadJobs(text []byte) ([]Job, error) {
	var (
		jobs []Job
		part = map[string]bool{}
	)
	err := document(text, "job_info", func(d *xml.Decoder, start xml.StartElement) (bool, error) {
		switch start.Name.Local {
		case "queue_info", "job_info":
			part[start.Name.Local] = true
			return false, nil
		case "job_list":
			var w wireJob
			if err := d.DecodeElement(&w, &start); err != nil {
				return true, err
			}
			j, err := w.job()
			if err != nil {
				return true, fmt.Errorf("job %s: %w", shown(w.ID), err)
			}
			jobs = append(jobs, j)
			return true, nil
		}
		return true, d.Skip()
	})
	if err == nil && !(part["queue_info"] && part["job_info"]) {
		err = errors.New("it lacks queue_info or job_info")
	}
	if err != nil {
		return nil, answerError("qstat's jobs", text, err)
	}
	return jobs, nil
}

// maxSlots bounds numbers of slots and tasks: Grid Engine's own "any number" is 9,999,999.
const maxSlots = 9_999_999

func (w *wireJob) job() (Job, error) {
	j := Job{
		Tasks: strings.TrimSpace(w.Tasks), State: strings.TrimSpace(w.State), Pending: w.List == "pending",
		Name: w.Name, Hard: w.Hard, Queues: w.Queues, MasterQueues: w.Master, Predecessors: append(w.Before, w.BeforeAD...),
	}
	var err error
	if j.ID, err = strconv.ParseInt(w.ID, 10, 64); err != nil || j.ID <= 0 {
		return j, errors.New("want a JB_job_number above 0")
	}
	if w.List != "pending" && w.List != "running" || j.State == "" {
		return j, fmt.Errorf("its list is %s and its state %s: want pending or running, and a state", shown(w.List), shown(w.State))
	}
	if j.Slots, err = strconv.ParseInt(w.Slots, 10, 64); err != nil || j.Slots < 1 || j.Slots > maxSlots {
		return j, fmt.Errorf("its slots are %s: want a number from 1 to %d", shown(w.Slots), maxSlots)
	}
	priority, err := strconv.ParseFloat(w.Priority, 64)
	if err != nil || math.Abs(priority) > 1e9 || math.IsNaN(priority) {
		return j, fmt.Errorf("its JAT_prio is %s: want a number", shown(w.Priority))
	}
	j.Priority = int64(math.Round(priority * 1e5))
	if w.Submitted != "" {
		if j.Submitted, err = time.ParseInLocation("2006-01-02T15:04:05", w.Submitted, time.Local); err != nil {
			return j, fmt.Errorf("its JB_submission_time is %s: want a time such as 2026-11-22T18:37:56", shown(w.Submitted))
		}
	}
	if w.PE != nil {
		if j.PE, j.Range = w.PE.Name, strings.TrimSpace(w.PE.Value); j.PE == "" || j.Range == "" {
			return j, errors.New("its requested_pe has no name or no slots")
		}
	}
	if w.Granted != nil {
		j.Granted = w.Granted.Name
	}
	return j, nil
}
