package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The kinds of the demo's jobs on a real Slurm; their names in it begin so.
const (
	slurmSingle  = "single"
	slurmArray   = "array"
	slurmWide    = "wide"
	slurmNothing = "nothing"
)

const (
	slurmTasks   = 16 // of the array
	slurmWidth   = 8  // nodes of the wide job
	slurmTooMany = 20 // nodes of the job that fits nothing
)

// slurmJob is what is submitted.
type slurmJob struct {
	name    string
	after   time.Duration // of the demo's start
	tasks   int
	args    []string // of sbatch
	command string
}

// slurmJobs are drawn from a seed, in order of submission: one-node jobs over 45 s, and three others.
func slurmJobs(seed uint64, singles int) []slurmJob {
	random := rand.New(rand.NewPCG(seed, 6))
	wide := fmt.Sprint("-N", slurmWidth)
	jobs := []slurmJob{
		{slurmArray, 4 * time.Second, slurmTasks, []string{"-n2", fmt.Sprintf("--array=0-%d%%8", slurmTasks-1)}, "sleep 6"},
		{slurmWide, 10 * time.Second, 1, []string{"-p", "hpc", wide, "--exclusive", "--ntasks-per-node=1"}, "srun hostname >/dev/null || exit 1\nsleep 15"},
		{slurmNothing, 15 * time.Second, 1, []string{"-p", "hpc", fmt.Sprint("-N", slurmTooMany)}, "true"},
	}
	for i := range singles {
		jobs = append(jobs, slurmJob{
			name: fmt.Sprintf("%s-%d", slurmSingle, i+1), after: time.Duration(random.IntN(45)) * time.Second, tasks: 1,
			args: []string{fmt.Sprint("-n", 1<<random.IntN(3))}, command: fmt.Sprint("sleep ", 5+random.IntN(20)),
		})
	}
	slices.SortStableFunc(jobs, func(a, b slurmJob) int { return cmp.Compare(a.after, b.after) })
	return jobs
}

// submitDue submits the jobs whose time has come. Each start of a task appends a line to a file
// of its own, so that a task that ran twice shows.
func (d *slurmDemo) submitDue(ctx context.Context, at time.Duration) error {
	for d.sent < len(d.jobs) && d.jobs[d.sent].after <= at {
		j := d.jobs[d.sent]
		file := d.path("out/" + j.name)
		script := fmt.Sprintf("#!/bin/sh\nPATH=%s:$PATH\necho $SLURMD_NODENAME >>%s.${SLURM_ARRAY_TASK_ID:-0}\n%s\n", d.slurm.Bin(), file, j.command)
		if err := os.WriteFile(file, []byte(script), 0o755); err != nil {
			return fmt.Errorf("write job %s: %w", j.name, err)
		}
		if _, err := d.slurm.Run(ctx, "sbatch", append(append([]string{"--parsable", "-J", j.name, "-o", "/dev/null"}, j.args...), file)...); err != nil {
			return err
		}
		d.sent++
	}
	return nil
}

// starts is how often a task of a job was started.
func (d *slurmDemo) starts(name, task string) (int, error) {
	text, err := os.ReadFile(d.path("out/" + name + "." + task))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	return strings.Count(string(text), "\n"), err
}

// slurmTask is a task of a job as Slurm shows it.
type slurmTask struct {
	name, task string // of the job; "0" where it is no array
	state      string
	reason     string
	submitted  time.Time
	started    time.Time // zero: not yet
}

// kind is the job's.
func (t slurmTask) kind() string {
	kind, _, _ := strings.Cut(t.name, "-")
	return kind
}

// ended tells whether it will never run again. A task that has just ended is not: its nodes are
// being tidied up.
func (t slurmTask) ended() bool {
	return !slices.Contains([]string{"PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "SUSPENDED", "REQUEUED"}, t.state)
}

// slurmFormat is what squeue is asked for: id, name, state, submit and start time, reason.
const slurmFormat = "%i|%j|%T|%V|%S|%r"

// parseSlurmTasks reads squeue's lines.
func parseSlurmTasks(text string) (list []slurmTask, err error) {
	for line := range strings.Lines(text) {
		f := strings.SplitN(strings.TrimSpace(line), "|", 6)
		if len(f) < 6 {
			return nil, fmt.Errorf("read squeue: %q has %d fields, not 6", line, len(f))
		}
		t := slurmTask{name: f[1], task: "0", state: f[2], reason: f[5]}
		if _, task, ok := strings.Cut(f[0], "_"); ok {
			t.task = task
		}
		if t.submitted, err = time.ParseInLocation("2006-01-02T15:04:05", f[3], time.Local); err != nil {
			return nil, fmt.Errorf("read squeue: %w", err)
		}
		// A waiting job's is when it is expected to start, or N/A; one whose nodes boot starts later.
		if started, err := time.ParseInLocation("2006-01-02T15:04:05", f[4], time.Local); err == nil && t.state != "PENDING" && t.state != "CONFIGURING" {
			t.started = started
		}
		list = append(list, t)
	}
	return list, nil
}

// slurmStates counts Slurm's nodes.
type slurmStates struct{ Waking, Busy, Idle, Going, Asleep, Other int }

// parseSlurmNodes reads sinfo's lines: a state and how many nodes have it. The mark at a
// state's end tells of power.
func parseSlurmNodes(text string) (n slurmStates, err error) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) != 2 {
			return n, fmt.Errorf("read sinfo: %q has %d fields, not 2", line, len(f))
		}
		count, err := strconv.Atoi(f[1])
		if err != nil {
			return n, fmt.Errorf("read sinfo: %w", err)
		}
		*n.of(f[0]) += count
	}
	return n, nil
}

func (n *slurmStates) of(state string) *int {
	switch name := strings.TrimRight(state, "~#%!*@^$-+"); {
	case name == "idle" && strings.HasSuffix(state, "~"):
		return &n.Asleep
	case strings.HasSuffix(state, "#"), strings.HasSuffix(state, "~"):
		return &n.Waking
	case strings.HasSuffix(state, "%"), strings.HasSuffix(state, "!"), name == "powering_down", name == "powered_down":
		return &n.Going
	case name == "allocated", name == "mixed", name == "completing":
		return &n.Busy
	case name == "idle":
		return &n.Idle
	}
	return &n.Other
}
