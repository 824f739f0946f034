package azslurm

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// machine makes a folder that looks like the root of a machine with these files.
func machine(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(root, "proc", "self"), 0o755))
	for name, text := range files {
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	return root
}

const venv = "/opt/azurehpc/slurm/venv/bin/"

func TestActive(t *testing.T) {
	cron := "# return_to_idle\n*/5 * * * * /opt/azurehpc/slurm/return_to_idle.sh 1>&2 >> /opt/azurehpc/slurm/logs/return_to_idle.log\n"
	for name, c := range map[string]struct {
		path, text string
		want       string
	}{
		"nothing":       {"etc/crontab", "17 * * * * root true\n", ""},
		"daemon":        {"proc/41/cmdline", venv + "python\x00" + venv + "azslurmd\x00", "azslurmd is running, process 41 (systemctl disable --now azslurmd)"},
		"daemon itself": {"proc/41/cmdline", venv + "azslurmd\x00", "azslurmd is running, process 41 (systemctl disable --now azslurmd)"},
		"resume":        {"proc/7/cmdline", venv + "python3.11\x00/usr/local/bin/azslurm\x00resume\x00--node-list\x00htc-1\x00", "azslurm resume is under way, process 7 (it ends by itself)"},
		"looking":       {"proc/7/cmdline", venv + "python3.11\x00/usr/local/bin/azslurm\x00buckets\x00", ""},
		"its log":       {"proc/7/cmdline", "tail\x00-f\x00/opt/azurehpc/slurm/logs/azslurmd.log\x00", ""},
		"its status":    {"proc/7/cmdline", "systemctl\x00status\x00azslurmd\x00", ""},
		"kernel thread": {"proc/2/cmdline", "", ""},
		"no process":    {"proc/sys/cmdline", venv + "azslurmd\x00", ""},
		"Debian's cron": {"var/spool/cron/crontabs/root", cron, "cron runs return_to_idle, ROOT/var/spool/cron/crontabs/root (take the line out: crontab -e)"},
		"Red Hat's":     {"var/spool/cron/root", cron, "cron runs return_to_idle, ROOT/var/spool/cron/root (take the line out: crontab -e)"},
		"SUSE's":        {"var/spool/cron/tabs/root", cron, "cron runs return_to_idle, ROOT/var/spool/cron/tabs/root (take the line out: crontab -e)"},
		"the machine's": {"etc/cron.d/azslurm", "*/5 * * * * root azslurm return_to_idle\n", "cron runs return_to_idle, ROOT/etc/cron.d/azslurm (take the line out: crontab -e)"},
		"out of use":    {"var/spool/cron/root", "# return_to_idle\n #*/5 * * * * return_to_idle.sh\n", ""},
	} {
		root := machine(t, map[string]string{c.path: c.text})
		signs, unread := Active(root)
		require.Empty(t, unread, name)
		var got []string
		for _, s := range signs {
			require.False(t, s.Later)
			got = append(got, strings.ReplaceAll(s.String(), root, "ROOT"))
		}
		require.Equal(t, c.want, strings.Join(got, "\n"), name)
	}
}

func TestActiveAfterTheNextStart(t *testing.T) {
	root := machine(t, map[string]string{bootLink: ""})
	signs, _ := Active(root)
	require.Equal(t, []Sign{{What: "azslurmd starts again with the machine", End: endDaemon, Later: true}}, signs)
	require.NoError(t, os.MkdirAll(filepath.Join(root, "proc/9"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "proc/9/cmdline"), []byte("azslurmd"), 0o644))
	signs, _ = Active(root)
	require.Len(t, signs, 1, "that it runs now says it all")
	require.False(t, signs[0].Later)
}

// What can't be read is not known, and not taken for nothing.
func TestActiveTellsWhatItCouldNotRead(t *testing.T) {
	root := machine(t, nil)
	require.NoError(t, os.MkdirAll(filepath.Join(root, "etc"), 0o755))
	require.NoError(t, os.Symlink("crontab", filepath.Join(root, "etc/crontab"))) // leads nowhere, for ever
	require.NoError(t, os.RemoveAll(filepath.Join(root, "proc")))
	signs, unread := Active(root)
	require.Empty(t, signs)
	require.Len(t, unread, 2)
	require.ErrorContains(t, unread[0], "look for azslurmd")
	require.ErrorContains(t, unread[1], "look for cron entries")
}

func TestTheirs(t *testing.T) {
	root := machine(t, map[string]string{
		"usr/local/sbin/own.sh": "#!/bin/bash\nazslurm resume --node-list $1\n", "usr/local/sbin/other.sh": "#!/bin/bash\ntrue\n",
	})
	for program, want := range map[string]bool{
		"/opt/azurehpc/slurm/resume_program.sh": true, "/somewhere/suspend_program.sh": true, "/opt/cycle/slurm/resume": true,
		"/usr/local/sbin/own.sh": true, "/usr/local/sbin/other.sh": false, "/usr/local/sbin/autoscaled-slurm-resume": false, "": false, "(null)": false,
	} {
		require.Equal(t, want, Theirs(root, program), program)
	}
}

var (
	ours   = Programs{"/usr/local/sbin/autoscaled-slurm-resume", "/usr/local/sbin/autoscaled-slurm-suspend", "/usr/local/sbin/autoscaled-slurm-resume-fail"}
	theirs = Programs{"/opt/azurehpc/slurm/resume_program.sh", "/opt/azurehpc/slurm/suspend_program.sh", "/opt/azurehpc/slurm/resume_fail_program.sh"}
)

// There and back on the files that the installer leaves, with a link as it makes them.
func TestTakeOverAndHandBack(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(dir, "sched"), os.DirFS("testdata/cycle4")))
	site := filepath.Join(dir, "sched", "site_specific.conf")
	require.NoError(t, os.Chmod(site, 0o640))
	link := filepath.Join(dir, "link.conf")
	require.NoError(t, os.Symlink(site, link))
	before, err := os.ReadFile(site)
	require.NoError(t, err)

	conf := filepath.Join(dir, "sched", "slurm.conf")
	c, err := ReadConf(conf)
	require.NoError(t, err)
	require.Equal(t, site, c.SiteFile())
	require.Equal(t, theirs, c.Programs())
	for range 2 { // once more changes nothing
		require.NoError(t, TakeOver(link, ours, c.Programs()))
		there, err := TakenOver(site)
		require.NoError(t, err)
		require.True(t, there)
		after, err := ReadConf(conf)
		require.NoError(t, err)
		require.Equal(t, ours, after.Programs())
	}
	text, err := os.ReadFile(site)
	require.NoError(t, err)
	require.Contains(t, string(text), "# before: SuspendProgram=/opt/azurehpc/slurm/suspend_program.sh\n")

	there, err := HandBack(link)
	require.NoError(t, err)
	require.True(t, there)
	text, err = os.ReadFile(site)
	require.NoError(t, err)
	require.Equal(t, string(before), string(text))
	info, err := os.Stat(site)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), info.Mode())
	there, err = HandBack(link)
	require.NoError(t, err)
	require.False(t, there)
	left, err := filepath.Glob(filepath.Join(dir, "sched", "*.autoscaled-*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

// Whatever the file held is there again, and so is what others wrote after our part.
func TestHandBackRestoresEveryByte(t *testing.T) {
	path := filepath.Join(t.TempDir(), "site_specific.conf")
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.RuneFrom([]rune("a#=\r\n \x00é"))).Draw(t, "text")
		later := rapid.SampledFrom([]string{"", "", "ReturnToService=1\n", "x"}).Draw(t, "later")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		require.NoError(t, TakeOver(path, ours, theirs))
		if later != "" {
			now, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, append(now, later...), 0o600))
		}
		_, err := HandBack(path)
		require.NoError(t, err)
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		want := text + later
		if later != "" && text != "" && !strings.HasSuffix(text, "\n") {
			want = text + "\n" + later
		}
		require.Equal(t, want, string(got))
	})
}

func TestHandBackRefusesADamagedPart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "site_specific.conf")
	whole := block(nil, ours, theirs)
	for _, text := range []string{
		strings.Replace(whole, blockEnd, "# FIN", 1), strings.Replace(whole, blockBegin, "# START", 1),
		whole + whole, blockEnd + "\n" + whole, whole + blockEnd + "\n", blockBegin + "\n" + whole,
	} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := HandBack(path)
		require.ErrorIs(t, err, ErrBlock, text)
		require.ErrorIs(t, TakeOver(path, ours, theirs), ErrBlock)
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, text, string(got))
	}
	_, err := HandBack(filepath.Join(t.TempDir(), "none.conf"))
	require.ErrorIs(t, err, os.ErrNotExist)
}
