package slurm

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// hooked is what hooks told.
type hooked struct {
	// answered are hooks that this reading took into account: they are forgotten once
	// the tick has acted.
	answered []Hook
	// seen are the hooks that notes were made of already.
	seen map[string]bool
	// resumedByHook are the names that a hook resumed and that are POWERING_UP since,
	// and waking those that were in the last reading. nil: there was none.
	resumedByHook map[string]bool
	waking        map[string]bool
	// missed counts the resumes that no hook told of.
	missed int
}

func (p *PowerSaving) hooks() ([]Hook, error) {
	if p.Hooks == nil {
		return nil, nil
	}
	list, err := p.Hooks.List()
	if err != nil {
		return nil, fmt.Errorf("read what Slurm's power saving programs were told: %w", err)
	}
	return list, nil
}

// answer holds hooks against the live state of their nodes, which alone decides.
func (p *PowerSaving) answer(hooks []Hook, states map[string]*Node) {
	if p.resumedByHook == nil {
		p.resumedByHook = make(map[string]bool)
	}
	for name := range p.resumedByHook {
		if n := states[name]; n == nil || !n.Is("POWERING_UP") {
			delete(p.resumedByHook, name)
		}
	}
	seen := make(map[string]bool, len(hooks))
	p.told = slices.DeleteFunc(p.told, func(j Job) bool { return !anyResumed(j.Nodes, states) })
	for i := range hooks {
		h := &hooks[i]
		key := string(h.Kind) + h.At.Format(time.RFC3339Nano) + h.Nodes
		p.answerOne(h, states, p.seen[key])
		seen[key] = true
	}
	p.answered, p.seen = hooks, seen
}

func (p *PowerSaving) answerOne(h *Hook, states map[string]*Node, again bool) {
	names, err := Expand(h.Nodes)
	if err != nil {
		p.drop(again, h, nil, "its host list can't be read: "+err.Error())
		return
	}
	if h.Kind == HookSuspend && !again {
		p.suspendedByHook(names, h.At)
	}
	var stale []string
	for _, name := range names {
		n := states[name]
		if h.Kind == HookResume && n != nil && n.Is("POWERING_UP") {
			p.resumedByHook[name] = true
		}
		if n == nil || !supports(h.Kind, n) {
			stale = append(stale, name)
		}
	}
	if h.Kind == HookResume && !again {
		for _, j := range h.Jobs {
			if anyResumed(j.Nodes, states) {
				p.told = append(p.told, Job{ID: j.ID, State: "CONFIGURING", Nodes: j.Nodes, Submitted: h.At})
			}
		}
	}
	if len(stale) > 0 {
		p.drop(again, h, stale, "their state in Slurm no longer says so ("+stateOf(states[stale[0]])+")")
	}
}

func stateOf(n *Node) string {
	if n == nil {
		return "no such node"
	}
	return strings.ToLower(n.State)
}

// supports tells whether a node's state still says what a hook said.
func supports(kind HookKind, n *Node) bool {
	switch kind {
	case HookResume:
		return resumed(n)
	case HookSuspend:
		return suspended(n)
	}
	return n.Is("DOWN") || suspended(n)
}

func (p *PowerSaving) drop(again bool, h *Hook, names []string, why string) {
	if !again {
		p.Observe(Note{Event: NoteHookDropped, Nodes: names, Detail: string(h.Kind) + " of " + h.At.Format(time.RFC3339) + ": " + why})
	}
}

func anyResumed(list string, states map[string]*Node) bool {
	names, err := Expand(list)
	return err == nil && slices.ContainsFunc(names, func(name string) bool { return states[name] != nil && resumed(states[name]) })
}

// noteMissed counts the nodes that began to wake since the last reading and that no hook
// told of. What was under way at the first reading was told to whoever ran before, and in a
// dry run Slurm's programs are somebody else's, who is told of all.
func (p *PowerSaving) noteMissed(nodes []Node) {
	waking := make(map[string]bool)
	var missed []string
	for i := range nodes {
		n := &nodes[i]
		if !resumed(n) {
			continue
		}
		waking[n.Name] = true
		if p.Hooks != nil && !p.DryRun && p.waking != nil && !p.waking[n.Name] && !p.resumedByHook[n.Name] {
			missed = append(missed, n.Name)
		}
	}
	p.waking = waking
	if len(missed) > 0 {
		p.missed += len(missed)
		p.Observe(Note{Event: NoteHookMissed, Nodes: missed, Detail: "no hook told of them, and their state did"})
	}
}

// Missed is how many resumes no hook told of.
func (p *PowerSaving) Missed() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.missed
}
