package slurm

import "time"

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
}

// HookJob is a job that waits for nodes which are being resumed.
type HookJob struct {
	ID int64 `json:"job_id"`
	// Nodes is a host list.
	Nodes string `json:"nodes"`
}
