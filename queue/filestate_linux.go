package queue

import (
	"io/fs"
	"syscall"
)

func stateOf(info fs.FileInfo) fileState {
	s := fileState{modified: info.ModTime().UnixNano(), size: info.Size()}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		s.changed = sys.Ctim.Nano()
		s.device, s.inode = uint64(sys.Dev), sys.Ino
	}
	return s
}
