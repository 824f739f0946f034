package slurm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"autoscaled/autoscale"
)

const (
	// maxList bounds a host list in one call, in bytes: well below the 128 KiB that
	// Linux allows an argument.
	maxList = 32 << 10
	// maxText bounds a reason or comment, in bytes. Our own choice.
	maxText = 1000
)

// UpdateNodes changes nodes, in several calls where their list is long.
func (c *Commands) UpdateNodes(ctx context.Context, u NodeUpdate) error {
	var changes []string
	for _, change := range [...]struct{ key, value string }{
		{"nodeaddr", u.Address}, {"nodehostname", u.Host}, {"comment", plain(u.Comment)}, {"reason", plain(u.Reason)}, {"state", u.State},
	} {
		if change.value != "" {
			changes = append(changes, change.key+"="+change.value)
		}
	}
	lists, err := hostLists(u.Names)
	switch {
	case err != nil:
		return fmt.Errorf("update nodes: %w: %w", autoscale.ErrRejected, err)
	case len(changes) == 0:
		return fmt.Errorf("update nodes: %w: no change is named", autoscale.ErrRejected)
	case len(u.Names) > 1 && u.Address+u.Host != "":
		return fmt.Errorf("update nodes: %w: one address for %d nodes", autoscale.ErrRejected, len(u.Names))
	}
	var failed error
	for _, list := range lists {
		err := c.scontrol(ctx, append([]string{"update", "nodename=" + list}, changes...)...)
		failed = errors.Join(failed, changing("update nodes "+short(list)+" to "+strings.Join(changes, " "), err))
	}
	return failed
}

// UpdateJob sets a job's comment.
func (c *Commands) UpdateJob(ctx context.Context, job, comment string) error {
	err := c.scontrol(ctx, "update", "jobid="+job, "comment="+plain(comment))
	return changing("update job "+job, err)
}

// CreateNode adds a dynamic node. Where Slurm refuses it, it is looked for: one that is
// there is success.
func (c *Commands) CreateNode(ctx context.Context, n NewNode) error {
	err := c.scontrol(ctx, append([]string{"create"}, n.words()...)...)
	if err == nil {
		return nil
	}
	if c.scontrol(ctx, "--all", "--future", "show", "node", n.Name) == nil {
		return nil
	}
	return changing("create node "+short(n.Name), err)
}

// words are the arguments of scontrol create.
func (n *NewNode) words() []string {
	words := []string{"nodename=" + n.Name}
	add := func(key, value string) {
		if value != "" {
			words = append(words, key+"="+value)
		}
	}
	add("nodehostname", n.Host)
	add("nodeaddr", n.Address)
	if n.CPUs > 0 {
		add("cpus", strconv.Itoa(n.CPUs))
	}
	if mib := n.Memory / autoscale.MiB; mib > 0 {
		add("realmemory", strconv.FormatInt(int64(mib), 10))
	}
	add("feature", strings.Join(n.Features, ","))
	add("gres", n.Gres)
	if n.Weight > 0 {
		add("weight", strconv.Itoa(n.Weight))
	}
	add("state", n.State)
	return words
}

// DeleteNodes removes dynamic nodes. Slurm deletes those of a list that it can, and says
// one error for all others; these are then tried one by one.
func (c *Commands) DeleteNodes(ctx context.Context, names []string) error {
	lists, err := hostLists(names)
	if err != nil {
		return fmt.Errorf("delete nodes: %w: %w", autoscale.ErrRejected, err)
	}
	var failed error
	for _, list := range lists {
		err := changing("delete nodes "+short(list), c.scontrol(ctx, "delete", "nodename="+list))
		if errors.Is(err, autoscale.ErrNotFound) || errors.Is(err, autoscale.ErrRejected) {
			err = c.deleteEach(ctx, list)
		}
		failed = errors.Join(failed, err)
	}
	return failed
}

func (c *Commands) deleteEach(ctx context.Context, list string) error {
	names, err := Expand(list)
	if err != nil {
		return err
	}
	var failed error
	for _, name := range names {
		err := changing("delete node "+short(name), c.scontrol(ctx, "delete", "nodename="+name))
		if errors.Is(err, autoscale.ErrUnavailable) {
			return errors.Join(failed, err) // the others fare no better
		}
		if !errors.Is(err, autoscale.ErrNotFound) {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// Reconfigure lets the daemons read their files again.
func (c *Commands) Reconfigure(ctx context.Context) error {
	return changing("reconfigure slurm", c.scontrol(ctx, "reconfigure"))
}

func (c *Commands) scontrol(ctx context.Context, arguments ...string) error {
	_, err := c.pieces(ctx, "scontrol", append([]string{"--local"}, arguments...)...)
	return err
}

// hostLists are the names as few lists of at most maxList bytes.
func hostLists(names []string) ([]string, error) {
	if len(names) == 0 {
		return nil, nil
	}
	list, err := Compress(names)
	if err != nil || len(list) <= maxList || len(names) == 1 {
		return []string{list}, err
	}
	sorted := slices.Sorted(slices.Values(names))
	first, err1 := hostLists(sorted[:len(sorted)/2])
	second, err2 := hostLists(sorted[len(sorted)/2:])
	return append(first, second...), errors.Join(err1, err2)
}

// plain makes one line that scontrol takes as it is: it has no control characters, and
// no double quotes, which Slurm would take for its own.
func plain(text string) string {
	text = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "\uFFFD"), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
	text = strings.ReplaceAll(text, `"`, "'")
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "…"
	}
	return text
}
