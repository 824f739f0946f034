package slurmlab

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"
)

// standIn does what today's integration does for Slurm's power saving: each resumed node is
// created under its name, gets its address told, and each suspended one is terminated.
type standIn struct {
	*lab
	read    int       // how many lines of the hooks' file are done
	resumed []resumed // since it was installed
	wanted  []wanted
	told    map[string]bool // nodes whose address Slurm knows, by id
	creates int
	delay   time.Duration // from a hook to the create
	posts   atomic.Int64  // calls that it sent
}

// wanted is a name that is resumed and not yet created.
type wanted struct {
	name string
	from time.Time
}

// hooksFile is where the stand-in's hooks leave word.
const hooksFile = "spool/hooks"

// standIn installs the stand-in and lets it work until it is stopped or the test ends. It creates
// a node a while after its hook. One that was stopped goes on where it was.
func (l *lab) standIn(delay time.Duration) (stop func()) {
	l.t.Helper()
	for _, name := range []string{"resume", "suspend"} {
		require.NoError(l.t, l.Program(name, fmt.Sprintf(`scontrol show hostnames "$1" | sed "s/^/%s $(date +%%s%%N) /" >>%s`, name, l.path(hooksFile))))
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	s := l.standIns
	if s == nil {
		s = &standIn{lab: l, told: map[string]bool{}, delay: delay}
		l.standIns = s
	}
	go func() { ended <- s.work(ctx) }()
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			cancel()
			require.NoError(l.t, <-ended)
		}
	}
	l.t.Cleanup(stop)
	return stop
}

func (s *standIn) work(ctx context.Context) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		if err := s.step(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (s *standIn) step() error {
	text, err := os.ReadFile(s.path(hooksFile))
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	lines := strings.Split(string(text), "\n")
	for ; s.read < len(lines)-1; s.read++ {
		var kind, name string
		var at int64
		if _, err := fmt.Sscan(lines[s.read], &kind, &at, &name); err != nil {
			return fmt.Errorf("hook %q: %w", lines[s.read], err)
		}
		if kind == "resume" {
			s.resumed = append(s.resumed, resumed{name, time.Unix(0, at)})
			s.wanted = append(s.wanted, wanted{name, time.Now().Add(s.delay)})
		} else if err := s.post("terminate", map[string]any{"names": []string{name}}); err != nil {
			return err
		}
	}
	if err := s.create(); err != nil {
		return err
	}
	s.tellAddresses()
	return nil
}

// create creates what is wanted and whose name is free.
func (s *standIn) create() error {
	taken := map[string]bool{}
	for _, n := range s.cloud.Nodes(cluster) {
		taken[n.Name] = true
	}
	var left []wanted
	for _, w := range s.wanted {
		name := w.name
		if taken[name] || time.Now().Before(w.from) {
			left = append(left, w)
			continue
		}
		array, number, _ := strings.Cut(name, "-")
		offset, err := strconv.Atoi(number)
		if err != nil {
			return err
		}
		set := map[string]any{"nodearray": array, "count": 1, "nameFormat": array + "-%d", "nameOffset": offset}
		if array == "hpc" {
			set["placementGroupId"] = "pg0"
		}
		s.creates++
		if err := s.post("create", map[string]any{"requestId": fmt.Sprint("stand-in-", s.creates), "sets": []any{set}}); err != nil {
			return err
		}
	}
	s.wanted = left
	return nil
}

// tellAddresses tells Slurm where the nodes are.
func (s *standIn) tellAddresses() {
	for _, n := range s.cloud.Nodes(cluster) {
		if n.Head || !n.Usable() || s.told[n.ID] {
			continue
		}
		_, err := s.Run(context.Background(), "scontrol", "update", "nodename="+n.Name, "nodeaddr="+n.PrivateIP, "nodehostname="+n.Hostname)
		s.told[n.ID] = err == nil // else again: a controller may be busy
	}
}

func (s *standIn) post(call string, body any) error {
	s.posts.Add(1)
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequest(http.MethodPost, s.url+"/clusters/"+cluster+"/nodes/"+call, bytes.NewReader(text))
	if err != nil {
		return err
	}
	request.SetBasicAuth("admin", "demo-password")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %s", call, answer.Status)
	}
	return nil
}
