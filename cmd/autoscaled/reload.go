package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/zap"

	"autoscaled/autoscale/loop"
	"autoscaled/autoscale/web"
	"autoscaled/config"
)

// quiet is how long a burst of file events is given to end, in real time.
const quiet = 250 * time.Millisecond

// reloader follows the configuration file and the files that it names. What a running daemon can follow, it
// does; of the rest it says that it needs a restart.
type reloader struct {
	path   string
	hangup <-chan os.Signal
	load   func() (*config.Config, error)
	loop   *loop.Loop
	// cloud makes the cloud follow what is its own in a policy.
	cloud   func(*config.Cluster) error
	log     *zap.Logger
	level   zap.AtomicLevel
	metrics *web.Metrics
	// current is the config in force, started the one the daemon began with.
	current, started *config.Config
	// seen is what was in the files when they were last looked at, or why they
	// could not be read.
	seen map[string]string
	// named are the files beside path that are part of the configuration, or of
	// one that was refused.
	named   []string
	watcher *fsnotify.Watcher // nil: changes are not seen

	mu      sync.Mutex
	refused string // why the file as it is now can't be used; empty: it is in force
}

// run reloads on SIGHUP and when the file changes, until ctx ends.
func (r *reloader) run(ctx context.Context) error {
	events, stop := r.watch()
	defer stop()
	r.follow(r.current.Files())
	r.metrics.ConfigLoaded(time.Now())
	var settled <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.hangup:
			r.reload()
		case <-events:
			if settled == nil {
				settled = time.After(quiet)
			}
		case <-settled:
			settled = nil
			if r.look() {
				r.reload()
			}
		}
	}
}

// watch begins to watch the files. Where that can't be done SIGHUP is left.
func (r *reloader) watch() (events <-chan fsnotify.Event, stop func()) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		r.log.Warn("changes of the configuration file are not seen; send SIGHUP", zap.Error(err))
		return nil, func() {}
	}
	r.watcher = watcher
	go func() {
		for err := range watcher.Errors {
			r.log.Warn("a change of the configuration file may have been missed", zap.Error(err))
		}
	}()
	return watcher.Events, func() { watcher.Close() }
}

// follow makes these files part of what is looked at.
func (r *reloader) follow(named []string) {
	r.named = named
	for _, path := range r.files() {
		if err := r.watchFolders(path); err != nil {
			r.log.Warn("changes of a file are not seen; send SIGHUP", zap.String("file", path), zap.Error(err))
		}
	}
	r.look()
}

// watchFolders watches a file's folder, since editors and Kubernetes replace a file
// rather than write into it, and the folder that a symbolic link leads to.
func (r *reloader) watchFolders(path string) error {
	if r.watcher == nil {
		return nil
	}
	err := r.watcher.Add(filepath.Dir(path)) // adding a folder twice is harmless
	if target, linked := filepath.EvalSymlinks(path); linked == nil && err == nil {
		err = r.watcher.Add(filepath.Dir(target))
	}
	return err
}

func (r *reloader) files() []string { return append([]string{r.path}, r.named...) }

// look tells whether a file is another one than at the last look. One that is
// still missing is not: else each line of a log in the same folder, an event of
// the folder, would be answered by another.
func (r *reloader) look() (changed bool) {
	seen := make(map[string]string)
	for _, path := range r.files() {
		text, err := os.ReadFile(path)
		if err != nil {
			text = []byte("cannot be read: " + err.Error())
		}
		seen[path] = string(text)
	}
	changed = !maps.Equal(seen, r.seen)
	r.seen = seen
	return changed
}

// reload loads the file and follows it as far as a running daemon can.
func (r *reloader) reload() {
	r.look()
	c, err := r.loadNamed()
	if err != nil {
		r.refuse(err)
		return
	}
	restart := config.NeedRestart(config.Changes(r.started, c))
	if other := otherCluster(restart); len(other) > 0 {
		r.refuse(fmt.Errorf("its policy is for another cluster; restart the daemon to change %s", strings.Join(other, ", ")))
		return
	}
	if err := r.cloud(&c.Clusters[0]); err != nil {
		r.refuse(err)
		return
	}
	changed := config.Changes(r.current, c)
	r.level.SetLevel(logLevel(c.Log))
	r.loop.SetPolicy(c.Clusters[0].Policy())
	r.loop.Wake()
	r.current = c
	r.setRefused("")
	r.metrics.ConfigLoaded(time.Now())
	r.log.Info("configuration reloaded", zap.Strings("changed", changed), zap.String("policy_revision", c.Clusters[0].Policy().Revision))
	if len(restart) > 0 {
		r.log.Warn("some changes of the configuration need a restart", zap.Strings("keys", restart))
	}
}

// loadNamed loads the configuration, and once more where it names other files than
// before: a change of theirs since they were read would not be noticed.
func (r *reloader) loadNamed() (*config.Config, error) {
	c, err := r.load()
	if named := r.namedBy(c, err); !slices.Equal(named, r.named) {
		r.follow(named)
		c, err = r.load()
	}
	return c, err
}

// namedBy are the files that are part of what was loaded, or of what could not be:
// then those with mistakes, and those of the configuration in force.
func (r *reloader) namedBy(c *config.Config, err error) []string {
	if err == nil {
		return c.Files()
	}
	named := r.current.Files()
	var problems config.Problems
	if errors.As(err, &problems) {
		for _, p := range problems {
			if p.File != r.path && !slices.Contains(named, p.File) {
				named = append(named, p.File)
			}
		}
	}
	return named
}

// identity are the keys that tell one cluster from another.
var identity = []string{
	"clusters[0].name", "clusters[0].cyclecloud", "clusters[0].cyclecloud.url", "clusters[0].cyclecloud.cluster",
	"clusters[0].anka", "clusters[0].anka.url", "clusters[0].anka.owner",
}

// otherCluster are the keys that say which cluster the policy is for. A policy
// for one cluster must not drive another.
func otherCluster(changed []string) []string {
	return slices.DeleteFunc(slices.Clone(changed), func(key string) bool {
		return !slices.Contains(identity, key)
	})
}

// refuse keeps the old config, loudly.
func (r *reloader) refuse(err error) {
	r.metrics.ConfigRefused()
	first := err.Error()
	fields := []zap.Field{zap.String("file", r.path), zap.Error(err)}
	var problems config.Problems
	if errors.As(err, &problems) {
		list := make([]string, len(problems))
		for i, p := range problems {
			list[i] = p.String()
		}
		first = list[0]
		fields = []zap.Field{zap.String("file", r.path), zap.Strings("problems", list)}
	}
	r.setRefused("the changed configuration is refused, the old one stays in force: " + first)
	r.log.Error("changed configuration refused; the old one stays in force", fields...)
}

func (r *reloader) setRefused(why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refused = why
}

// problem is why the file as it is now is not in force; empty: it is.
func (r *reloader) problem() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refused
}
