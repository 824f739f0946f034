package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const pidName = "autoscaled.pid"

func writePID(dir string) error {
	return os.WriteFile(filepath.Join(dir, pidName), []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644)
}

// removePID may fail: the file only serves messages, and holder distrusts it.
func removePID(dir string) { _ = os.Remove(filepath.Join(dir, pidName)) }

// holder names the process that holds dir, " (pid 123)", or is empty where that
// is not known: a reader writes no file, and a killed daemon leaves its own.
func holder(dir string) string {
	data, err := os.ReadFile(filepath.Join(dir, pidName))
	if err != nil {
		return ""
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || pid <= 0 || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return ""
	}
	return fmt.Sprintf(" (pid %d)", pid)
}
