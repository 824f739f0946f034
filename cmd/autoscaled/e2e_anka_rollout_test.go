package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/anka/ankatest"
)

// newRollout makes a site of four Macs that hold v1 of a template and pull v2 slowly,
// half of them at a time.
func newRollout(t *testing.T) *ankaSite {
	t.Helper()
	controller := ankatest.DefaultConfig()
	controller.Nodes = []ankatest.NodeConfig{{
		Name: "mini", Count: 4, Arch: "arm64", Capacity: 2, DiskGB: 500, PullMBps: 100, Groups: []string{"apple-silicon"},
		Holds: []ankatest.HoldConfig{{Template: "macos-15-xcode-16", Tag: "v1"}},
	}}
	s := newAnkaSiteOf(t, controller, nil)
	s.text = strings.Replace(s.text, "pulling_percent: 0", "pulling_percent: 50", 1)
	s.pulls(1000)
	s.tag("tag: v1")
	return s
}

// pulls makes future pulls take so many times as long.
func (s *ankaSite) pulls(factor float64) {
	for i := range 4 {
		require.NoError(s.t, s.macs.SetPullFactor(fmt.Sprintf("mini-%02d", i+1), factor))
	}
}

// tag has two VMs wait, of what is said of the tag.
func (s *ankaSite) tag(keys string) {
	s.configure("pools", "[{name: ios, template: macos-15-xcode-16, "+keys+", vcpu: 4, memory: 8GiB, min: 2}]")
}

// distributing counts the Macs that the controller brings a tag to, and those of which
// that was cancelled.
func (s *ankaSite) distributing() (going, cancelled int) {
	answer, err := http.Get(s.url + "/api/v1/registry/vm/distribute")
	require.NoError(s.t, err)
	defer answer.Body.Close()
	var list struct {
		Body []struct {
			Nodes map[string]struct {
				Done  bool   `json:"status"`
				Error string `json:"error"`
			} `json:"distribute_status"`
		} `json:"body"`
	}
	require.NoError(s.t, json.NewDecoder(answer.Body).Decode(&list))
	for _, d := range list.Body {
		for _, n := range d.Nodes {
			switch {
			case n.Error != "":
				cancelled++
			case !n.Done:
				going++
			}
		}
	}
	return going, cancelled
}

// A new tag is brought to the Macs within the bound before VMs of it are started;
// nothing is replaced until then. Going back cancels what is under way, and going back
// later replaces the VMs, too.
func TestRunRollsOutATagAndBack(t *testing.T) {
	const forward = "tag: v2, previous_tag: v1, distribute: true"
	s := newRollout(t)
	p := s.start()
	s.want("the old tag", map[string]int{"v1": 2})
	s.tag(forward)
	eventually(t, "half of the Macs pull", func() bool { going, _ := s.distributing(); return going == 2 })
	p.shows(`autoscaled_distributions{cluster="mac-ci",state="asked",tag="v2",template="macos-15-xcode-16"}`, "2")
	require.Equal(t, map[string]int{"v1": 2}, s.alive(), "the old ones stay while no Mac holds the new tag")
	s.write("queue.yaml", "jobs: [{id: a, tasks: 4, exclusive: task}]\nrunning: []\n")
	s.want("the old tag serves meanwhile", map[string]int{"v1": 4})
	s.write("queue.yaml", "jobs: []\nrunning: []\n")
	s.want("as many as wait", map[string]int{"v1": 2})

	s.tag("tag: v1")
	eventually(t, "cancelled", func() bool { going, cancelled := s.distributing(); return going == 0 && cancelled == 2 })
	require.Equal(t, map[string]int{"v1": 2}, s.alive())

	s.pulls(1)
	s.tag(forward)
	s.want("the new tag", map[string]int{"v2": 2})
	p.shows(`autoscaled_distributions{cluster="mac-ci",state="done",tag="v2",template="macos-15-xcode-16"}`, "4")
	s.tag("tag: v1, previous_tag: v2")
	s.want("the old tag again", map[string]int{"v1": 2})
	require.Zero(t, p.stop(syscall.SIGTERM))
	books := s.macs.Books()
	require.Empty(t, books.Violations)
	require.LessOrEqual(t, books.MostPulling, 2)
}

// With priority the start for a more urgent job goes before the others on the controller.
func TestRunTellsAnkaThePriority(t *testing.T) {
	s := newAnkaSite(t, nil)
	s.text = strings.Replace(s.text, "pulling_percent: 0", "pulling_percent: 0, priority: true", 1)
	s.configure()
	s.write("queue.yaml", `jobs:
  - {id: calm, priority: -5, selector: {label: pool, in: [intel]}}
  - {id: urgent, priority: 100, selector: {label: pool, in: [ios]}}
running: []
`)
	p := s.start()
	s.want("VMs", map[string]int{"v2": 1, "base": 1})
	var sent []string
	for _, start := range s.macs.Books().Starts {
		sent = append(sent, fmt.Sprint(start.Tag, " ", start.Priority))
	}
	slices.Sort(sent)
	require.Equal(t, []string{"base 1005", "v2 900"}, sent)
	require.Zero(t, p.stop(syscall.SIGTERM))
}
