package slurmlab

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Slurm is a private cluster. Its methods are for one goroutine at a time, but for Run.
type Slurm struct {
	Options

	munge, controller, rest *Process
}

// standing bounds how long the daemons may take to answer; they take a quarter of a second.
const standing = 30 * time.Second

// Start makes the folder's files and starts munge, the controller and slurmrestd. It has no nodes
// that are up.
func Start(ctx context.Context, o Options) (*Slurm, error) {
	s := &Slurm{Options: o}
	if err := errors.Join(s.files(), s.mounts()); err != nil {
		return nil, fmt.Errorf("start a Slurm: %w", err)
	}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start a Slurm: %w", err), s.Close())
	}
	return s, nil
}

func (s *Slurm) start(ctx context.Context) (err error) {
	socket := s.path("munge/socket")
	// munge wants no folder above its socket that others may write to: --force warns only.
	s.munge, err = launch(s.path("log/munged.out"), s.env(), s.program("munged"), "--foreground", "--force", "--num-threads=4",
		"--socket="+socket, "--key-file="+s.path("munge/key"), "--pid-file="+s.path("munge/pid"),
		"--log-file="+s.path("log/munged.log"), "--seed-file="+s.path("munge/seed"))
	if err != nil {
		return err
	}
	if err := until(ctx, "munge answers", func() bool { return exec.CommandContext(ctx, s.program("munge"), "-S", socket, "-n").Run() == nil }); err != nil {
		return err
	}
	if err := s.StartController(ctx); err != nil {
		return err
	}
	if !s.REST {
		return nil
	}
	return s.startREST(ctx)
}

// files makes what the daemons read.
func (s *Slurm) files() error {
	for _, dir := range []string{"bin", "etc", "log", "munge", "run", "spool", "state", "out", "busy"} {
		if err := os.MkdirAll(s.path(dir), 0o755); err != nil {
			return err
		}
	}
	key := make([]byte, 128)
	_, _ = rand.Read(key) // never fails
	for name, text := range map[string]string{
		"etc/slurm.conf": s.conf(),
		// A slurmd initialises a cgroup plugin that nothing uses; naming v1 skips the search for one.
		"etc/cgroup.conf": "CgroupPlugin=" + s.either("cgroup/v1", "disabled") + "\n",
		"munge/key":       string(key), "jwt.key": string(key[:32]),
		// For what Lines include.
		"etc/site_specific.conf": "# what differs here\n", "etc/keep_alive.conf": "",
	} {
		mode := fs.FileMode(0o600)
		if strings.HasPrefix(name, "etc/") {
			mode = 0o644 // slurmrestd is nobody
		}
		if err := os.WriteFile(s.path(name), []byte(text), mode); err != nil {
			return err
		}
	}
	// Who works is known from the moment on that its first step starts: see Fleet.
	busy := s.path("busy") + "/$SLURMD_NODENAME@$SLURM_JOB_ID"
	for name, body := range map[string]string{
		"prolog": ": >" + busy, "epilog": "rm -f " + busy, "resume": "exit 0", "suspend": "exit 0", "resume-fail": "exit 0",
	} {
		if err := s.Program(name, body); err != nil {
			return err
		}
	}
	return s.commands()
}

// mounts shows the folder below Root under its own path, beside what programs need there.
func (s *Slurm) mounts() error {
	if s.Root == "" {
		return nil
	}
	below := filepath.Join(s.Root, s.Dir)
	if err := os.MkdirAll(below, 0o755); err != nil {
		return err
	}
	hosts, err := os.OpenFile(s.Root+"/etc/hosts", os.O_CREATE, 0o644) // a new system may have none
	if err != nil {
		return err
	}
	_ = hosts.Close()
	for _, call := range [][]string{
		{"--bind", s.Dir, below}, {"--rbind", "/dev", s.Root + "/dev"}, {"-t", "proc", "proc", s.Root + "/proc"}, {"--bind", "/etc/hosts", s.Root + "/etc/hosts"},
	} {
		if text, err := exec.Command("mount", call...).CombinedOutput(); err != nil {
			return fmt.Errorf("mount %s: %w: %s", strings.Join(call, " "), err, text)
		}
	}
	return nil
}

// commands makes squeue and the like for those who know nothing of Root: folder bin holds
// one file for each. Its srun is for the scripts of jobs.
func (s *Slurm) commands() error {
	for _, name := range []string{"squeue", "scontrol", "sinfo", "sbatch", "scancel"} {
		call := s.command(name)
		if err := s.Program(name, "exec "+strings.Join(call, " ")+` "$@"`); err != nil {
			return err
		}
	}
	// A task's output goes back to whence its launch seemed to come, which on one host need not
	// be the address of srun's VM: so srun has to listen on all.
	listening := strings.Replace(s.conf(), "NoInAddrAny", "NoCtldInAddrAny", 1)
	if err := os.WriteFile(s.path("etc/srun.conf"), []byte(listening), 0o644); err != nil {
		return err
	}
	return s.Program("srun", "SLURM_CONF="+s.path("etc/srun.conf")+" exec "+s.program("srun")+` "$@"`)
}

// Program writes a shell script into folder bin, such as one of Slurm's power saving programs.
func (s *Slurm) Program(name, body string) error {
	text := "#!/bin/sh\nexport SLURM_CONF=" + s.Conf() + "\n" + body + "\n"
	if err := os.WriteFile(s.path("bin/"+name), []byte(text), 0o755); err != nil {
		return fmt.Errorf("write program %s: %w", name, err)
	}
	return nil
}

// Conf is the path of slurm.conf.
func (s *Slurm) Conf() string { return s.path("etc/slurm.conf") }

// Out is the folder for the output of jobs.
func (s *Slurm) Out() string { return s.path("out") }

// Bin is the folder of the commands that speak with this cluster.
func (s *Slurm) Bin() string { return s.path("bin") }

// Log is the path of a daemon's log.
func (s *Slurm) Log(name string) string { return s.path("log/" + name) }

func (s *Slurm) path(name string) string { return filepath.Join(s.Dir, name) }

func (s *Slurm) env() []string { return append(os.Environ(), "SLURM_CONF="+s.Conf()) }

// program is the path of one of Slurm's programs, within Root if there is one.
func (s *Slurm) program(name string) string {
	if s.Root != "" && strings.HasPrefix(name, "s") {
		for _, dir := range []string{"/usr/sbin/", "/usr/bin/"} {
			if _, err := os.Stat(s.Root + dir + name); err == nil {
				return dir + name
			}
		}
	}
	if file, err := look(name); err == nil {
		return file
	}
	return name
}

// command is how one of Slurm's programs is called from outside of Root.
func (s *Slurm) command(name string) []string {
	if s.Root == "" {
		return []string{s.program(name)}
	}
	return []string{"chroot", s.Root, s.program(name)}
}

// StartController starts slurmctld, with the state that is in its folder.
func (s *Slurm) StartController(ctx context.Context) (err error) {
	call := append(s.command("slurmctld"), "-D", "-f", s.Conf())
	if s.controller, err = launch(s.Log("slurmctld.out"), s.env(), call[0], call[1:]...); err != nil {
		return err
	}
	return until(ctx, "slurmctld answers", func() bool {
		said, err := s.Run(ctx, "scontrol", "ping")
		return err == nil && strings.Contains(said, " UP")
	})
}

// KillController ends slurmctld as a power cut does.
func (s *Slurm) KillController() { s.controller.Kill() }

// StopController ends slurmctld, which saves its state.
func (s *Slurm) StopController() error { return s.controller.Stop() }

// startREST starts a slurmrestd that believes JWTs. It runs as nobody: it refuses to be root or
// Slurm's user. Of its plugins it gets the one that does without slurmdbd.
func (s *Slurm) startREST(ctx context.Context) (err error) {
	call := append(s.command("slurmrestd"), "-f", s.Conf(), "-u", "nobody", "-g", "nogroup", "-a", "rest_auth/jwt",
		"-s", s.either("openapi/v0.0.38", "openapi/slurmctld"), fmt.Sprintf("127.0.0.1:%d", s.Port+2))
	if s.rest, err = launch(s.Log("slurmrestd.out"), append(s.env(), "SLURM_JWT=daemon"), call[0], call[1:]...); err != nil {
		return err
	}
	if err = until(ctx, "slurmrestd listens", func() bool { return dials(s.RESTAddress()) }); err != nil {
		said, _ := os.ReadFile(s.Log("slurmrestd.out"))
		return fmt.Errorf("%w; it printed: %s", err, said)
	}
	return nil
}

// RESTAddress is where slurmrestd listens.
func (s *Slurm) RESTAddress() string { return fmt.Sprintf("127.0.0.1:%d", s.Port+2) }

// Close ends all daemons. Their folder stays.
func (s *Slurm) Close() error {
	var failed []error
	for _, p := range []*Process{s.rest, s.controller, s.munge} {
		if p != nil {
			failed = append(failed, p.Stop())
		}
	}
	if s.Root != "" {
		below := filepath.Join(s.Root, s.Dir)
		failed = append(failed, exec.Command("umount", below).Run(), os.Remove(below))
	}
	return errors.Join(failed...)
}

// Run calls one of Slurm's commands and returns what it printed.
func (s *Slurm) Run(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, s.path("bin/"+name), args...)
	cmd.Dir = s.Dir
	text, err := cmd.CombinedOutput()
	if err != nil {
		return string(text), fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(text)))
	}
	return string(text), nil
}

// until polls until ok, or fails when the daemons should stand.
func until(ctx context.Context, what string, ok func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, standing)
	defer cancel()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w", what, ctx.Err())
		case <-poll.C:
		}
	}
	return nil
}
