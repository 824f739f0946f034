package slurm_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/queue/slurm"
)

var hookTime = time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)

func newSpool(t *testing.T) (s slurm.Spool, dir string) {
	t.Helper()
	state := t.TempDir()
	s = slurm.NewSpool(state)
	require.NoError(t, s.Make())
	require.NoError(t, s.Make(), "it may be there")
	return s, filepath.Join(state, "hooks")
}

func hookAt(after time.Duration, nodes string) slurm.Hook {
	return slurm.Hook{Kind: slurm.HookResume, Nodes: nodes, At: hookTime.Add(after)}
}

// hooks are those of a list, without their files.
func hooks(list []slurm.Hook) (out []slurm.Hook) {
	for _, h := range list {
		out = append(out, slurm.Hook{Kind: h.Kind, Nodes: h.Nodes, At: h.At, Jobs: h.Jobs})
	}
	return out
}

func TestSpoolReturnsHooksInOrder(t *testing.T) {
	s, dir := newSpool(t)
	list, err := s.List(hookTime)
	require.NoError(t, err)
	require.Empty(t, list)

	late, early := hookAt(time.Second, "htc-[1-8]"), hookAt(0, "hpc-1")
	late.Jobs = []slurm.HookJob{{ID: 7, Nodes: "htc-[1-4]"}, {ID: 8, Nodes: "htc-[5-8]"}}
	require.NoError(t, s.Write(late))
	require.NoError(t, s.Write(early))
	list, err = s.List(hookTime)
	require.NoError(t, err)
	require.Equal(t, []slurm.Hook{early, late}, hooks(list))

	require.NoError(t, s.Remove(list[:1]))
	require.NoError(t, s.Remove(list[:1]), "it is gone already")
	list, err = s.List(hookTime)
	require.NoError(t, err)
	require.Equal(t, []slurm.Hook{late}, hooks(list))
	require.NoError(t, s.Remove(list))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}

// Slurm's user writes and the daemon's reads, whatever the umask of slurmctld is.
func TestSpoolIsForAGroup(t *testing.T) {
	s, dir := newSpool(t)
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	require.NoError(t, s.Make())
	require.NoError(t, s.Write(hookAt(0, "a")))
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, fs.ModeDir|fs.ModeSetgid|0o770, info.Mode())
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	info, err = os.Stat(files[0])
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o640), info.Mode())
}

func TestSpoolMovesDamagedFilesAside(t *testing.T) {
	s, dir := newSpool(t)
	require.NoError(t, s.Write(hookAt(0, "a")))
	name := func(n int) string { return filepath.Join(dir, fmt.Sprintf("%020d-x.json", n)) }
	bad := []string{"", "{", `{"kind":"resume","nodes":"a[1","at":"2026-11-22T06:00:00Z"}`, `{"kind":"reboot","nodes":"a","at":"2026-11-22T06:00:00Z"}`,
		`{"kind":"resume","nodes":"","at":"2026-11-22T06:00:00Z"}`, `{"kind":"resume","nodes":"a"}`, `{"kind":"resume","nodes":"a","at":"2026-11-22T06:00:00Z"} x`,
		`{"kind":"resume","nodes":"a","at":"2026-11-22T06:00:00Z","jobs":[{"job_id":1,"nodes":"b["}]}`, strings.Repeat(" ", 2<<20)}
	for i, text := range bad {
		require.NoError(t, os.WriteFile(name(i), []byte(text), 0o600))
	}
	elsewhere := filepath.Join(t.TempDir(), "hook")
	require.NoError(t, os.WriteFile(elsewhere, []byte(`{"kind":"resume","nodes":"z","at":"2026-11-22T06:00:00Z"}`), 0o600))
	require.NoError(t, os.Symlink(elsewhere, name(90)))
	require.NoError(t, syscall.Mkfifo(name(91), 0o600))
	list, err := s.List(hookTime)
	require.ErrorIs(t, err, slurm.ErrHookDamaged)
	require.Equal(t, len(bad)+2, strings.Count(err.Error(), slurm.ErrHookDamaged.Error()))
	require.Contains(t, err.Error(), `kind "reboot" is unknown`)
	require.Equal(t, []slurm.Hook{hookAt(0, "a")}, hooks(list))

	list, err = s.List(hookTime)
	require.NoError(t, err, "told once")
	require.Len(t, list, 1)
	aside, err := filepath.Glob(filepath.Join(dir, "*.damaged"))
	require.NoError(t, err)
	require.Len(t, aside, 10, "the newest are kept")
	require.NotContains(t, aside, name(0)+".damaged")
}

// What is here are hints: it must not grow for ever while no daemon runs.
func TestSpoolIsBounded(t *testing.T) {
	s, dir := newSpool(t)
	for i := range 1000 {
		require.NoError(t, s.Write(hookAt(time.Duration(i), "a")))
	}
	err := s.Write(hookAt(time.Hour, "htc-[1-8]"))
	require.ErrorIs(t, err, slurm.ErrSpoolFull)
	require.ErrorContains(t, err, `leave hook resume of "htc-[1-8]"`)
	list, err := s.List(hookTime)
	require.NoError(t, err)
	require.Len(t, list, 1000)
	require.NoError(t, s.Remove(list[:1]))
	require.NoError(t, s.Write(hookAt(time.Hour, "a")))

	list, err = s.List(hookTime.Add(24*time.Hour + time.Minute))
	require.NoError(t, err)
	require.Len(t, list, 1, "the others are a day old")
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Len(t, files, 1)
}

func TestSpoolIsBoundedInBytes(t *testing.T) {
	s, dir := newSpool(t)
	for i := range 64 {
		require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.json", i)), make([]byte, 1<<20), 0o600))
	}
	require.ErrorIs(t, s.Write(hookAt(0, "a")), slurm.ErrSpoolFull)
}

func TestSpoolLeavesOutJobsThatAreTooMany(t *testing.T) {
	s, _ := newSpool(t)
	h := hookAt(0, "htc-[1-9]")
	for i := range 50000 {
		h.Jobs = append(h.Jobs, slurm.HookJob{ID: int64(i + 1), Nodes: "htc-1"})
	}
	require.NoError(t, s.Write(h))
	list, err := s.List(hookTime)
	require.NoError(t, err)
	require.Equal(t, []slurm.Hook{hookAt(0, "htc-[1-9]")}, hooks(list))

	h.Nodes = strings.Repeat("node,", 1<<19)
	require.ErrorContains(t, s.Write(h), "longer than")
}

func TestSpoolWithoutItsFolder(t *testing.T) {
	s := slurm.NewSpool(t.TempDir())
	err := s.Write(hookAt(0, "a"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "the daemon makes it when it starts")
	_, err = s.List(hookTime)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.Error(t, slurm.NewSpool("/dev/null").Make())
}

// A hook that was killed while it wrote leaves no litter, and one at work is let be.
func TestSpoolClearsWhatWasHalfWritten(t *testing.T) {
	s, dir := newSpool(t)
	path := filepath.Join(dir, "00000000000000000001-9.writing")
	require.NoError(t, os.WriteFile(path, []byte("{"), 0o600))
	require.NoError(t, os.Chtimes(path, hookTime, hookTime))
	_, err := s.List(hookTime.Add(30 * time.Second))
	require.NoError(t, err)
	require.FileExists(t, path)
	_, err = s.List(hookTime.Add(2 * time.Minute))
	require.NoError(t, err)
	require.NoFileExists(t, path)
}

func TestSpoolTakesManyAtOnce(t *testing.T) {
	s, _ := newSpool(t)
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if err := s.Write(hookAt(0, "a")); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	list, err := s.List(hookTime)
	require.NoError(t, err)
	require.Len(t, list, 20)
}

func TestNewHook(t *testing.T) {
	file := filepath.Join(t.TempDir(), "resume.json")
	text := `{"jobs":[{"job_id":6,"nodes":"htc-[1-8]","oversubscribe":"OK"},{"job_id":7,"nodes":"hpc-1"}],"all_nodes":"htc-[1-8],hpc-1"}`
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	h, unread, err := slurm.NewHook(slurm.HookResume, "htc-[1-8],hpc-1", file, hookTime)
	require.NoError(t, errors.Join(unread, err))
	require.Equal(t, slurm.Hook{Kind: slurm.HookResume, Nodes: "htc-[1-8],hpc-1", At: hookTime,
		Jobs: []slurm.HookJob{{6, "htc-[1-8]"}, {7, "hpc-1"}}}, h)

	text = `{"all_nodes_resume":"htc-[1-7],hpc-1","jobs":[{"extra":null,"job_id":6,"nodes_alloc":"htc-[1-8]","nodes_resume":"htc-[1-7]"},{"job_id":7,"nodes_alloc":"htc-9","nodes_resume":""}]}`
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	h, unread, err = slurm.NewHook(slurm.HookResume, "htc-[1-7],hpc-1", file, hookTime)
	require.NoError(t, errors.Join(unread, err))
	require.Equal(t, []slurm.HookJob{{6, "htc-[1-7]"}}, h.Jobs, "as 23.02 and later name it")

	h, unread, err = slurm.NewHook(slurm.HookSuspend, "htc-1", file, hookTime)
	require.NoError(t, errors.Join(unread, err))
	require.Empty(t, h.Jobs, "only a resume is for jobs")

	for _, bad := range []string{"", "[]", `{"jobs":[{"nodes":"a"}]}`, `{"jobs":[{"job_id":1,"nodes":"a["}]}`, `{"jobs":[{"job_id":0}]}`, `{"jobs":[{"job_id":1,"hosts":"a"}]}`} {
		require.NoError(t, os.WriteFile(file, []byte(bad), 0o600))
		h, unread, err = slurm.NewHook(slurm.HookResume, "htc-1", file, hookTime)
		require.NoError(t, err)
		require.ErrorContains(t, unread, "SLURM_RESUME_FILE", bad)
		require.Equal(t, hookAt(0, "htc-1"), h, "the nodes are what counts")
	}
	_, unread, err = slurm.NewHook(slurm.HookResume, "htc-1", file+".not", hookTime)
	require.NoError(t, err)
	require.ErrorIs(t, unread, fs.ErrNotExist)

	for _, bad := range []string{"", "htc-[1", "htc-[8-1]", "a b"} {
		_, _, err = slurm.NewHook(slurm.HookResume, bad, "", hookTime)
		require.Error(t, err, bad)
	}
}

func FuzzDecodeHook(f *testing.F) {
	f.Add([]byte(`{"kind":"resume","nodes":"htc-[1-8]","at":"2026-11-22T06:00:00Z","jobs":[{"job_id":6,"nodes":"htc-[1-8]"}]}`))
	f.Add([]byte(`{"kind":"suspend","nodes":"hpc-1","at":"2026-11-22T06:00:00Z"}`))
	f.Add([]byte(`{"kind":"resume-fail","nodes":"a[","at":"x"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		h, err := slurm.DecodeHook(text)
		if err != nil {
			require.ErrorIs(t, err, slurm.ErrHookDamaged)
			return
		}
		names, err := slurm.Expand(h.Nodes)
		require.NoError(t, err)
		require.NotEmpty(t, names)
	})
}

func FuzzDecodeResumeFile(f *testing.F) {
	f.Add([]byte(`{"jobs":[{"job_id":6,"nodes":"htc-[1-8]"}],"all_nodes":"htc-[1-8]"}`))
	f.Add([]byte(`{"jobs":[{"job_id":6,"nodes_alloc":"htc-[1-9]","nodes_resume":"htc-[1-8]"}],"all_nodes_resume":"htc-[1-8]"}`))
	f.Add([]byte(`{"jobs":[],"all_nodes":""}`))
	f.Add([]byte(`{"jobs":[{"job_id":-1}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		jobs, err := slurm.DecodeResumeFile(text)
		for _, j := range jobs {
			require.NoError(t, err)
			require.Positive(t, j.ID)
		}
	})
}

// BenchmarkSpoolWrite leaves a hook beside so many that no daemon has read.
func BenchmarkSpoolWrite(b *testing.B) {
	for _, there := range []int{0, 999} {
		b.Run(fmt.Sprint(there), func(b *testing.B) {
			s := slurm.NewSpool(b.TempDir())
			require.NoError(b, s.Make())
			for i := range there {
				require.NoError(b, s.Write(hookAt(time.Duration(i), "a")))
			}
			for b.Loop() {
				require.NoError(b, s.Write(hookAt(time.Hour, "htc-[1-1000]")))
				b.StopTimer()
				list, err := s.List(hookTime)
				require.NoError(b, err)
				require.NoError(b, s.Remove(list[there:]))
				b.StartTimer()
			}
		})
	}
}

// What is wrong with the spool is told, and keeps no daemon from working.
func TestSpoolReader(t *testing.T) {
	s, dir := newSpool(t)
	var wrong []error
	r := slurm.SpoolReader{Spool: s, Now: func() time.Time { return hookTime }, Wrong: func(err error) { wrong = append(wrong, err) }}
	require.NoError(t, s.Write(hookAt(0, "a")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "1.json"), []byte("{"), 0o600))
	list, err := r.List()
	require.NoError(t, err)
	require.Equal(t, []slurm.Hook{hookAt(0, "a")}, hooks(list))
	require.Len(t, wrong, 1)
	require.ErrorIs(t, wrong[0], slurm.ErrHookDamaged)
	require.NoError(t, r.Remove(list))
	require.NoError(t, r.Remove([]slurm.Hook{hookAt(0, "a")}), "one that is in no spool is gone")

	require.NoError(t, os.RemoveAll(dir))
	list, err = r.List()
	require.NoError(t, err)
	require.Empty(t, list)
	require.Len(t, wrong, 1)
	require.NoError(t, s.Write(hookAt(0, "a")), "the folder is there again")

	require.NoError(t, os.RemoveAll(filepath.Dir(dir)))
	_, err = r.List()
	require.NoError(t, err)
	require.Len(t, wrong, 2)
}
