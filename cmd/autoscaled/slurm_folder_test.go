package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// slurmFolder is a folder with a squeue and a scontrol that answer from files beside them:
// nodes, jobs and settings, of which the programs are those that slurm.conf and
// site_specific.conf name, the last of each. Every change that is asked for is a line of
// the file changes. The folder root is the root of the machine that it is on.
type slurmFolder struct {
	t   *testing.T
	dir string
}

const folderScontrol = `#!/bin/sh
cd "$(dirname "$0")"
[ ! -e down ] || { echo "slurm_load_node error: Unable to contact slurm controller (connect failure)" >&2; exit 1; }
last() { grep -h "^$1=" slurm.conf site_specific.conf | tail -n 1 | cut -d= -f2-; }
case "$*" in
*"show config"*)
  cat settings
  echo "SLURM_CONF = $PWD/slurm.conf"
  for key in ResumeProgram SuspendProgram ResumeFailProgram; do
    if [ -e frozen ]; then echo "$key = /opt/azurehpc/slurm/resume_program.sh"; else echo "$key = $(last $key)"; fi
  done ;;
*"show node"*) cat nodes ;;
*) echo "$*" >>changes
  [ ! -e refuse ] || { echo "slurm_update error: Invalid user id" >&2; exit 1; } ;;
esac
`

const folderSettings = `Configuration data as of 2026-11-22T12:00:00
ClusterName             = demo
PrivateData             = cloud
ResumeRate              = 0 nodes/min
ResumeTimeout           = 1800 sec
ReturnToService         = 2
SlurmctldParameters     = cloud_reg_addrs,idle_on_node_suspend
SLURM_VERSION           = 22.05.8
SuspendExcNodes         = (null)
SuspendExcParts         = (null)
SuspendRate             = 0 nodes/min
SuspendTime             = 300 sec
SuspendTimeout          = 600 sec
TopologyPlugin          = topology/none
TreeWidth               = 65533
`

const theirPrograms = `ResumeProgram=/opt/azurehpc/slurm/resume_program.sh
SuspendProgram=/opt/azurehpc/slurm/suspend_program.sh
ResumeFailProgram=/opt/azurehpc/slurm/resume_fail_program.sh
Include site_specific.conf
`

// siteDefault is what the installer leaves, without an end of the line.
const siteDefault = "# site specific slurm configuration. This is preserved during upgrades"

// newSlurmFolder makes one whose nodes fit the buckets of newSite's cluster, and that is
// driven by CycleCloud's own integration.
func newSlurmFolder(t *testing.T) *slurmFolder {
	f := &slurmFolder{t: t, dir: t.TempDir()}
	f.write("scontrol", folderScontrol)
	f.write("squeue", "#!/bin/sh\ncat \"$(dirname \"$0\")/jobs\"\n")
	f.write("jobs", "")
	f.write("settings", folderSettings)
	f.write("slurm.conf", theirPrograms)
	f.write("site_specific.conf", siteDefault)
	f.write("nodes", folderNode("execute-1", "IDLE+CLOUD+POWERED_DOWN", "")+folderNode("execute-2", "IDLE+CLOUD+POWERED_DOWN", ""))
	require.NoError(t, os.MkdirAll(f.path("root/proc"), 0o755))
	return f
}

func folderNode(name, state, reason string) string {
	line := "NodeName=" + name + " CPUAlloc=0 CPUTot=4 AvailableFeatures=cloud ActiveFeatures=cloud Gres=(null) NodeAddr=" + name + " NodeHostName=" + name +
		" RealMemory=7000 AllocMem=0 State=" + state + " Partitions=execute "
	if reason != "" {
		line += "Reason=" + reason + " [root@2026-11-22T12:00:00] "
	}
	return line + "\n"
}

func (f *slurmFolder) path(name string) string { return filepath.Join(f.dir, name) }

func (f *slurmFolder) write(name, text string) {
	f.t.Helper()
	require.NoError(f.t, os.MkdirAll(filepath.Dir(f.path(name)), 0o755))
	require.NoError(f.t, os.WriteFile(f.path(name), []byte(text), 0o755))
}

func (f *slurmFolder) read(name string) string {
	f.t.Helper()
	text, err := os.ReadFile(f.path(name))
	if !os.IsNotExist(err) {
		require.NoError(f.t, err)
	}
	return string(text)
}

// queue is the configuration's key, in mode power saving.
func (f *slurmFolder) queue(machineType string) string {
	return "slurm: {commands: " + f.dir + ", host_root: " + f.path("root") +
		", nodes: [{names: \"execute-[1-10]\", nodearray: execute, machine_type: " + machineType + "}]}"
}

// changes are what was asked to be changed, a line each.
func (f *slurmFolder) changes() []string {
	return strings.Split(strings.TrimSuffix(strings.ReplaceAll(f.read("changes"), "--local ", ""), "\n"), "\n")
}
