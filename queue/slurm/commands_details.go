package slurm

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// JobDetail is what is asked of jobs only where somebody is about to act on them.
type JobDetail struct {
	// Requeue tells that Slurm may put the job back into the queue when it loses a node.
	Requeue bool
	// Comment is the user's, or ours, and may be anything.
	Comment string
}

// Details asks about all jobs that are not over. The separator is drawn anew each time,
// for comments are users' and may hold any text.
func (c *Commands) Details(ctx context.Context) (map[int64]JobDetail, error) {
	mark := "|" + rand.Text() + "|"
	format := "--Format=JobID:" + mark + ",Requeue:" + mark + ",Comment:" + mark
	printed, err := c.run(ctx, "squeue", "--noheader", "--all", "--local", format)
	if err != nil {
		return nil, reading("jobs' comments", err)
	}
	text, err := io.ReadAll(printed)
	if err != nil {
		return nil, reading("jobs' comments", err)
	}
	return readDetails(string(text), mark)
}

// readDetails reads three fields a job, each with the mark after it.
func readDetails(text, mark string) (map[int64]JobDetail, error) {
	fields := strings.Split(text, mark)
	if last := len(fields) - 1; last%3 != 0 || strings.TrimSpace(fields[last]) != "" {
		return nil, fmt.Errorf("read jobs' comments: %w: %d fields are not three a job", ErrAnswer, last)
	}
	details := make(map[int64]JobDetail, len(fields)/3)
	for i := 0; i+2 < len(fields); i += 3 {
		id, err := strconv.ParseInt(strings.TrimSpace(fields[i]), 10, 64)
		requeue := fields[i+1]
		if err == nil && requeue != "0" && requeue != "1" {
			err = errors.New("requeue is neither 0 nor 1")
		}
		if err != nil {
			return nil, fmt.Errorf("read jobs' comments: %w: %s, %s: %w", ErrAnswer, short(fields[i]), short(requeue), err)
		}
		d := JobDetail{Requeue: requeue == "1", Comment: fields[i+2]}
		if d.Comment == "(null)" {
			d.Comment = ""
		}
		details[id] = d
	}
	return details, nil
}
