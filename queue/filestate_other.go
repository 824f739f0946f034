//go:build !linux

package queue

import "io/fs"

// stateOf goes without inode and change time, whose names differ from system to
// system.
func stateOf(info fs.FileInfo) fileState {
	return fileState{modified: info.ModTime().UnixNano(), size: info.Size()}
}
