package slurm

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"autoscaled/autoscale"
)

// KeepAlive keeps Slurm from powering down what an operator set KeepAlive for on the
// server: it writes the nodes to a file that slurm.conf includes, as SuspendExcNodes, and
// lets Slurm read it. Entries of others in that file stay, in their own words: those of
// the file as it was found, and those that somebody adds later.
//
// One goroutine may use it at a time.
type KeepAlive struct {
	path    string
	cluster keepAliveCluster
	// settled: Slurm was told to read the file as it is. problem is what came of that:
	// it is told until the file changes, and Slurm is not told again.
	settled bool
	problem error
}

// keepAliveCluster is what of a Cluster is needed.
type keepAliveCluster interface {
	Settings(ctx context.Context) (Settings, error)
	Reconfigure(ctx context.Context) error
}

// NewKeepAlive is the mirror of a file. Nothing is read yet.
func NewKeepAlive(path string, c keepAliveCluster) *KeepAlive {
	return &KeepAlive{path: path, cluster: c}
}

// keepAliveHead is the first line of a file of ours; the second, a comment too, names the
// nodes that are in the list because of KeepAlive, so that a later daemon knows whose
// entries are whose.
const (
	keepAliveHead  = "# Managed by autoscaled, from KeepAlive in CycleCloud. Entries of others are kept.\n"
	keepAliveOurs  = "# KeepAlive: "
	suspendExcKey  = "SuspendExcNodes"
	maxKeepAlive   = 1 << 20 // bytes
	keepAliveOther = "the file is no list of SuspendExcNodes"
)

// Mirror writes the nodes of the supply that are kept alive and that are Slurm's, if the
// file does not say so already, and has Slurm read it. Names that Slurm does not know are
// left out: slurmctld calls them an error whenever it reads the file.
func (k *KeepAlive) Mirror(ctx context.Context, supply autoscale.Supply, nodes []Node) error {
	list, err := Compress(keptAlive(supply, nodes))
	if err != nil {
		return fmt.Errorf("mirror KeepAlive: %w", err)
	}
	path, before, err := k.read()
	if err != nil {
		return fmt.Errorf("mirror KeepAlive: %w", err)
	}
	others, err := entriesOfOthers(before, list)
	if err != nil {
		return fmt.Errorf("mirror KeepAlive: read %s: %w", path, err)
	}
	value := strings.Trim(list+","+others, ",")
	if text := keepAliveText(list, value); text != before {
		k.settled = false
		if err := replaceFile(path, text); err != nil {
			return fmt.Errorf("mirror KeepAlive: %w", err)
		}
	}
	return k.settle(ctx, value)
}

// keptAlive are the names that must not be powered down.
func keptAlive(supply autoscale.Supply, nodes []Node) []string {
	known := make(map[string]bool, len(nodes))
	for i := range nodes {
		known[nodes[i].Name] = true
	}
	var names []string
	for i := range supply.Nodes {
		if n := &supply.Nodes[i]; n.KeepAlive && n.Phase != autoscale.PhaseGone && known[n.Name] {
			names = append(names, n.Name)
		}
	}
	return names
}

// read returns the file behind any links, for it is replaced and not the link, and what
// it says; empty: it is not there.
func (k *KeepAlive) read() (path, text string, err error) {
	if path, err = filepath.EvalSymlinks(k.path); errors.Is(err, fs.ErrNotExist) {
		return k.path, "", nil
	}
	if err != nil {
		return "", "", err
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", "", err
	}
	if !info.Mode().IsRegular() || info.Size() > maxKeepAlive {
		return "", "", fmt.Errorf("%s: %s", path, keepAliveOther)
	}
	all, err := os.ReadFile(path)
	return path, string(all), err
}

// entriesOfOthers are those of a file that are not there because of KeepAlive, but for
// the nodes of list, which are from now on. Of a file of ours its comment tells them; in
// one that azslurmd wrote they are all of others, as azslurmd itself takes them after its
// start. Anything in the file but SuspendExcNodes is an error: it is not overwritten.
func entriesOfOthers(text, list string) (string, error) {
	var ours, value string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if rest, found := strings.CutPrefix(line, strings.TrimSpace(keepAliveOurs)); found {
			ours = strings.TrimSpace(rest)
		}
		if line == "" || line[0] == '#' {
			continue
		}
		key, rest, found := strings.Cut(line, "=")
		if !found || !strings.EqualFold(strings.TrimSpace(key), suspendExcKey) || value != "" {
			return "", fmt.Errorf("%s: %s", keepAliveOther, short(line))
		}
		value = strings.TrimSpace(rest)
	}
	if rest, found := strings.CutPrefix(value, ours); found && ours != "" && (rest == "" || rest[0] == ',') {
		return strings.TrimPrefix(rest, ","), nil
	}
	return without(value, list), nil
}

// without takes names out of a list. A list that Expand can't read as Slurm would, such
// as "n[1-9]:4", any four of these, stays as it is.
func without(value, list string) string {
	names, err := Expand(value)
	if err != nil || strings.Contains(value, ":") {
		return value
	}
	drop, _ := Expand(list) // of Compress
	left := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(drop, name) })
	if len(left) == len(names) {
		return value
	}
	short, err := Compress(left)
	if err != nil {
		return value
	}
	return short
}

func keepAliveText(ours, value string) string {
	text := keepAliveHead + keepAliveOurs + ours + "\n"
	if value == "" {
		return text
	}
	return text + suspendExcKey + "=" + value + "\n"
}

// replaceFile writes a file as a whole, with the mode that it had.
func replaceFile(path, text string) error {
	mode := fs.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*")
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync() // slurmctld may start from it after a power cut
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the first error tells
	}
	return err
}

// settle has Slurm read its files, if it does not run with the list: after a change, and
// after a start, for the daemon may have died between both.
func (k *KeepAlive) settle(ctx context.Context, value string) error {
	if k.settled {
		return k.problem
	}
	same, err := k.runsWith(ctx, value)
	if err == nil && !same {
		if err = k.cluster.Reconfigure(ctx); err == nil {
			same, err = k.runsWith(ctx, value)
		}
	}
	if err != nil {
		return fmt.Errorf("mirror KeepAlive: %w", err)
	}
	k.settled, k.problem = true, nil
	if !same {
		k.problem = fmt.Errorf("mirror KeepAlive: Slurm read its files and does not follow SuspendExcNodes of %s: is the file included, last of all that set it, and KeepPowerSaveSettings not among the ReconfigFlags?", k.path)
	}
	return k.problem
}

func (k *KeepAlive) runsWith(ctx context.Context, value string) (bool, error) {
	settings, err := k.cluster.Settings(ctx)
	return err == nil && sameHosts(settings.SuspendExcNodes, value), err
}

// sameHosts compares lists that may be written differently.
func sameHosts(a, b string) bool {
	x, errX := Expand(a)
	y, errY := Expand(b)
	if errX != nil || errY != nil {
		return a == b
	}
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(slices.Compact(x), slices.Compact(y))
}
