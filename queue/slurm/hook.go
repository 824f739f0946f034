package slurm

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"
)

// HookKind is which of Slurm's programs was run.
type HookKind string

// The programs (slurm.conf: ResumeProgram, SuspendProgram, ResumeFailProgram).
const (
	HookResume     HookKind = "resume"
	HookSuspend    HookKind = "suspend"
	HookResumeFail HookKind = "resume-fail"
)

// Hook is one run of one of Slurm's power saving programs. It is a hint and no truth:
// the node's state in Slurm says what is wanted now.
type Hook struct {
	Kind HookKind `json:"kind"`
	// Nodes is the host list that the program was given.
	Nodes string `json:"nodes"`
	// At is when it ran.
	At time.Time `json:"at"`
	// Jobs say which of them wants which nodes (SLURM_RESUME_FILE). None: not told.
	Jobs []HookJob `json:"jobs,omitempty"`

	file string // of the spool that it was read from
}

// HookJob is a job that waits for nodes which are being resumed.
type HookJob struct {
	ID int64 `json:"job_id"`
	// Nodes is a host list.
	Nodes string `json:"nodes"`
}

// maxResumeFile bounds what is read of SLURM_RESUME_FILE, in bytes.
const maxResumeFile = 16 << 20

// NewHook is the hook of one run of a program: of the host list that it was given and,
// where Slurm names one, of the file that tells the jobs (SLURM_RESUME_FILE; readable only
// while the program runs). A bad host list is an error. A file that can't be used is
// another, told beside a hook without jobs, which is as good: the jobs are Slurm's to tell.
func NewHook(kind HookKind, nodes, resumeFile string, at time.Time) (h Hook, unread, err error) {
	h = Hook{Kind: kind, Nodes: nodes, At: at}
	if err := h.check(); err != nil {
		return Hook{}, nil, err
	}
	if kind == HookResume && resumeFile != "" {
		h.Jobs, unread = readResumeFile(resumeFile)
	}
	return h, unread, nil
}

func readResumeFile(path string) ([]HookJob, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read SLURM_RESUME_FILE: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxResumeFile+1))
	if err != nil {
		return nil, fmt.Errorf("read SLURM_RESUME_FILE: %w", err)
	}
	jobs, err := DecodeResumeFile(text)
	if err != nil {
		return nil, fmt.Errorf("read SLURM_RESUME_FILE %s: %w", path, err)
	}
	return jobs, nil
}

// DecodeResumeFile reads which jobs wait for which nodes: nodes_resume, which was called
// nodes before 23.02 (Slurm's release notes). Other keys are passed over. Where jobs are
// told and none has nodes, these have another name again, and it is an error.
func DecodeResumeFile(text []byte) ([]HookJob, error) {
	if len(text) > maxResumeFile {
		return nil, fmt.Errorf("it is longer than %d bytes", maxResumeFile)
	}
	var file struct {
		Jobs []struct {
			ID     *int64 `json:"job_id"`
			Nodes  string `json:"nodes"`
			Resume string `json:"nodes_resume"`
		} `json:"jobs"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("%w: %s", err, short(string(text)))
	}
	jobs := make([]HookJob, 0, len(file.Jobs))
	for _, j := range file.Jobs {
		if j.ID == nil || *j.ID <= 0 {
			return nil, fmt.Errorf("a job has no id: %s", short(string(text)))
		}
		nodes := cmp.Or(j.Resume, j.Nodes)
		if _, err := Expand(nodes); err != nil {
			return nil, fmt.Errorf("job %d: %w", *j.ID, err)
		}
		if nodes != "" {
			jobs = append(jobs, HookJob{ID: *j.ID, Nodes: nodes})
		}
	}
	if len(jobs) == 0 && len(file.Jobs) > 0 {
		return nil, fmt.Errorf("no job names its nodes: %s", short(string(text)))
	}
	return jobs, nil
}
