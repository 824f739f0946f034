package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/autoscale/journal"
)

// The journal is compacted while it is opened, where no decorator can be. So the
// kernel is asked to stop the daemon at a system call that compacting makes, and
// there it gets its SIGKILL. The call itself is not carried out.
const (
	amidCopy    crashPoint = "amid-copy"    // a part of the copy is written
	beforeMove  crashPoint = "before-move"  // all of it is, under its own name
	afterMove   crashPoint = "after-move"   // it has the journal's name; the old file is still held
	beforeFlush crashPoint = "before-flush" // and the old file is closed; the move may not be on disk
)

// systemCall is one that is watched, and the end of the path of the file that it
// is about; empty: any. Of those it is deadly at the nth.
type systemCall struct {
	number int
	file   string
	nth    int
}

// compactionCalls are the first calls that come at each point. A copy begins with
// one write that makes an empty file, and then a write for each run of pages.
var compactionCalls = map[crashPoint]systemCall{
	amidCopy:    {syscall.SYS_PWRITE64, "/journal.db.compact", 4},
	beforeMove:  {syscall.SYS_RENAMEAT, "", 1},
	afterMove:   {syscall.SYS_FLOCK, "/journal.db (deleted)", 1},
	beforeFlush: {syscall.SYS_FSYNC, "/state", 1},
}

// From linux/seccomp.h, linux/prctl.h and linux/bpf_common.h.
const (
	setNoNewPrivs  = 38
	modeFilter     = 1
	filterFlags    = 1<<0 | 1<<3 | 1<<4 // all threads; a listener; tell a thread that can't by ESRCH
	returnAllow    = 0x7fff0000
	returnNotify   = 0x7fc00000
	receiveNotice  = 0xc0502100
	answerNotice   = 0xc0182101
	goOn           = 1
	loadWord       = syscall.BPF_LD | syscall.BPF_W | syscall.BPF_ABS
	jumpIfEqual    = syscall.BPF_JMP | syscall.BPF_JEQ | syscall.BPF_K
	returnConstant = syscall.BPF_RET | syscall.BPF_K
)

var seccompCall = map[string]uintptr{"amd64": 317, "arm64": 277}[runtime.GOARCH]

// notice is struct seccomp_notif: a thread waits at a system call.
type notice struct {
	id         uint64
	pid, flags uint32
	number     int32
	arch       uint32
	at         uint64
	arguments  [6]uint64
}

// answer is struct seccomp_notif_resp.
type answer struct {
	id    uint64
	value int64
	err   int32
	flags uint32
}

func init() {
	watchSystemCalls = func(v *victim) error {
		deadly, named := compactionCalls[v.point]
		if !named {
			return nil
		}
		listener, err := stopAt(deadly.number)
		if err == nil {
			go v.watch(listener, deadly)
		}
		return err
	}
}

// stopAt makes every thread wait at a system call until the listener is answered.
func stopAt(number int) (listener uintptr, err error) {
	filter := []syscall.SockFilter{
		{Code: loadWord},
		{Code: jumpIfEqual, Jf: 1, K: uint32(number)},
		{Code: returnConstant, K: returnNotify},
		{Code: returnConstant, K: returnAllow},
	}
	program := syscall.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if _, _, code := syscall.RawSyscall6(syscall.SYS_PRCTL, setNoNewPrivs, 1, 0, 0, 0, 0); code != 0 {
		return 0, fmt.Errorf("give up new privileges: %w", code)
	}
	listener, _, code := syscall.RawSyscall(seccompCall, modeFilter, filterFlags, uintptr(unsafe.Pointer(&program)))
	if code != 0 {
		return 0, fmt.Errorf("watch system call %d: %w", number, code)
	}
	return listener, nil
}

// watch lets all calls go on but the deadly one.
func (v *victim) watch(listener uintptr, deadly systemCall) {
	for {
		var n notice
		if _, _, code := syscall.Syscall(syscall.SYS_IOCTL, listener, receiveNotice, uintptr(unsafe.Pointer(&n))); code != 0 {
			continue // the thread was interrupted, and comes again
		}
		file, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", n.arguments[0])) // a call about names has none
		if strings.HasSuffix(file, deadly.file) {
			if deadly.nth--; deadly.nth == 0 {
				v.at(v.point)
			}
		}
		a := answer{id: n.id, flags: goOn}
		_, _, _ = syscall.Syscall(syscall.SYS_IOCTL, listener, answerNotice, uintptr(unsafe.Pointer(&a)))
	}
}

// At each moment of a compaction the daemon is killed, twice in a world in which it
// has work to do: the journal is then what it was, but for what was due to go.
func TestKillInCompaction(t *testing.T) {
	for _, point := range []crashPoint{amidCopy, beforeMove, afterMove, beforeFlush} {
		t.Run(string(point), func(t *testing.T) {
			t.Parallel()
			w := newKillWorld(t, string(point), 14, point == afterMove, nil)
			for death, change := range []int{2, 3} {
				require.NoError(t, w.live("", 0, strike{request: 1000, change: change, moment: losesAnswer}))
				kept := w.examine("before the journal grows")
				require.NotEmpty(t, kept.Operations)
				w.growJournal()
				require.NoError(t, w.live(point, 1, strike{}), "it was killed")
				w.requireDiedAt(point)
				require.Equal(t, kept, w.examine(fmt.Sprintf("after death %d", death+1)))
			}
			w.finish()
			require.NoFileExists(t, w.file("journal.db.compact"))
		})
	}
}

func (w *killWorld) file(name string) string { return filepath.Join(w.dir, "state", name) }

// growJournal adds operations that ended longer ago than they are kept, so that the
// next daemon forgets them and compacts.
func (w *killWorld) growJournal() {
	w.t.Helper()
	file, err := journal.Open(filepath.Join(w.dir, "state"), journal.Options{Cluster: demoCluster, Volatile: true})
	require.NoError(w.t, err)
	long := w.clock.Now().Add(-2 * journal.DefaultRetention)
	ops := make([]autoscale.Operation, 1500)
	for i := range ops {
		ops[i] = autoscale.Operation{
			Request: autoscale.RequestID(fmt.Sprint("long-ago-", i)), Kind: autoscale.OperationCreate, Phase: autoscale.OpSent,
			Intended: long, Sent: long, Attempts: 1, Count: 1, Message: strings.Repeat("words of the cloud ", 20),
		}
	}
	require.NoError(w.t, file.Put(w.t.Context(), ops...))
	for i := range ops {
		ops[i].Phase, ops[i].Ended = autoscale.OpRejected, long
	}
	require.NoError(w.t, file.Put(w.t.Context(), ops...))
	require.NoError(w.t, file.Close())
}

// requireDiedAt looks at the files that a dead daemon left.
func (w *killWorld) requireDiedAt(point crashPoint) {
	w.t.Helper()
	const small = 1 << 20
	whole, err := os.Stat(w.file("journal.db"))
	require.NoError(w.t, err)
	copied, err := os.Stat(w.file("journal.db.compact"))
	if point == afterMove || point == beforeFlush {
		require.ErrorIs(w.t, err, os.ErrNotExist)
		require.Less(w.t, whole.Size(), int64(small), "the journal is the copy")
		return
	}
	require.NoError(w.t, err)
	require.Positive(w.t, copied.Size())
	require.Greater(w.t, whole.Size(), int64(small), "the journal is the old one")
	if point == beforeMove {
		require.Equal(w.t, w.readCopy(w.file("journal.db")), w.readCopy(w.file("journal.db.compact")), "the copy is whole")
	} else {
		require.Empty(w.t, w.readCopy(w.file("journal.db.compact")), "the copy is not whole")
	}
}

// readCopy reads all operations of a journal's file under whatever name. Empty: it is none.
func (w *killWorld) readCopy(name string) []autoscale.Operation {
	w.t.Helper()
	dir := w.t.TempDir()
	data, err := os.ReadFile(name)
	require.NoError(w.t, err)
	require.NoError(w.t, os.WriteFile(filepath.Join(dir, "journal.db"), data, 0o600))
	file, err := journal.Open(dir, journal.Options{Cluster: demoCluster, ReadOnly: true})
	if errors.Is(err, journal.ErrCorrupt) {
		return nil
	}
	require.NoError(w.t, err)
	defer file.Close()
	list, err := file.All(w.t.Context())
	require.NoError(w.t, err)
	return list
}
