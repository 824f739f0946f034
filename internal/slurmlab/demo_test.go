package slurmlab

import (
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// demo is the program's demo on a real Slurm, in namespaces within the tests' own. Its
// temporary files are in a folder that has to be empty in the end.
func demo(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	dir, err := os.MkdirTemp("", "demo")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.Remove(dir), "nothing is left behind") })
	require.NoError(t, os.Chmod(dir, 0o755))
	cmd := exec.CommandContext(t.Context(), os.Getenv(programPath), append([]string{"demo", "--queue", "slurm"}, args...)...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, inside+"=") })
	cmd.Env = append(cmd.Env, "TMPDIR="+dir)
	return cmd
}

func TestDemo(t *testing.T) {
	if !*withSlurm {
		return
	}
	t.Parallel()
	said, err := demo(t, "--jobs=3").CombinedOutput()
	text := string(said)
	require.NoError(t, err, text)
	require.NotContains(t, text, "BROKEN")
	for _, want := range []string{"3 completed", "16 completed", "1 completed", "1 pending; Slurm says PartitionNodeLimit", "at one time, 0 there"} {
		require.Contains(t, text, want)
	}
	require.Equal(t, 10, strings.Count(text, "  ok      "), text)
}

// It ends when it is told to, with all that it started, and with a summary.
func TestDemoIsInterrupted(t *testing.T) {
	if !*withSlurm {
		return
	}
	t.Parallel()
	cmd := demo(t, "--jobs=0")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, cmd.Start())
	var text strings.Builder
	one := make([]byte, 1)
	for !strings.Contains(text.String(), "VMs  8") { // the array's first tasks are being served
		n, err := out.Read(one)
		text.Write(one[:n])
		require.NoError(t, err, text.String())
	}
	require.NoError(t, syscall.Kill(-cmd.Process.Pid, syscall.SIGINT), "as a terminal does")
	rest, err := io.ReadAll(out)
	require.NoError(t, err)
	require.NoError(t, cmd.Wait(), string(rest))
	require.Contains(t, string(rest), "ended before all was over")
	require.Equal(t, 7, strings.Count(string(rest), "  ok      "), string(rest))
}
