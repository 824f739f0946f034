package main

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// demoView shows the frames of a running demo.
type demoView interface {
	// show is called whenever something may be shown, many times a second.
	show(f demoFrame, real time.Duration)
	// close is called once, before the summary.
	close()
}

const (
	demoTime      = "Mon 2 Jan 15:04"
	decisionTime  = "Mon 15:04"
	drawEvery     = 100 * time.Millisecond
	lineEvery     = 3 * time.Second
	narrowest     = 20  // columns
	widest        = 160 // columns; longer lines are hard to read
	maxReasons    = 4
	progressCells = 40
)

// demoHead is what stays the same while a demo runs.
type demoHead struct {
	Length  time.Duration // real; 0: until the trace's time is over
	Days    int           // of the trace
	Speed   float64
	Room    int    // most nodes
	Metrics string // URL; empty: not served
}

// lines is the frame as a table, each line at most width characters long.
func (h demoHead) lines(f demoFrame, real time.Duration, width int) []string {
	q, n := f.Queue, f.Nodes
	list := []string{
		fmt.Sprintf("autoscaled demo   %s (day %d of %d)   %s   %gx real time", f.At.UTC().Format(demoTime), day(f), h.Days, h.progress(real), h.Speed),
		"",
		fmt.Sprintf("jobs     %4d waiting for %d nodes   %d running   %d finished", q.Waiting, q.WaitingTasks, q.Running, q.Finished),
		fmt.Sprintf("nodes    %4d of %d   starting %d   busy %d   idle %d   draining %d   leaving %d%s", n.total(), h.Room, n.Starting, n.Busy, n.Idle, n.Draining, n.Leaving, odd(n)),
		"         " + bar(n, h.Room),
		"",
		"what becomes of the waiting jobs",
	}
	for i := range maxReasons {
		line := ""
		if i < len(f.Waiting) {
			line = fmt.Sprintf("%8d  %s", f.Waiting[i].Jobs, f.Waiting[i].Text)
		}
		list = append(list, line)
	}
	list = append(list, "", "last decisions")
	for i := range recentDecisions {
		line := ""
		if at := len(f.Recent) - 1 - i; at >= 0 {
			line = "  " + f.Recent[at].At.UTC().Format(decisionTime) + "  " + f.Recent[at].String()
		}
		list = append(list, line)
	}
	list = append(list, "", h.foot(f))
	for i := range list {
		list[i] = cut(list[i], width)
	}
	return list
}

// progress is the real time that has passed, and how much there is.
func (h demoHead) progress(real time.Duration) string {
	if h.Length == 0 {
		return clock(real)
	}
	return clock(real) + " of " + clock(h.Length)
}

func (h demoHead) foot(f demoFrame) string {
	switch {
	case f.Problem != "":
		return "last tick: " + f.Problem
	case h.Metrics != "":
		return h.Metrics + "   Ctrl-C ends with the summary"
	}
	return "Ctrl-C ends with the summary"
}

// line is the frame as one line, for logs and pipes.
func (h demoHead) line(f demoFrame, real time.Duration) string {
	q, n := f.Queue, f.Nodes
	text := fmt.Sprintf("%s  %s  jobs: %d waiting for %d nodes, %d running, %d finished  nodes: %d starting, %d busy, %d idle, %d draining, %d leaving%s",
		clock(real), f.At.UTC().Format(demoTime), q.Waiting, q.WaitingTasks, q.Running, q.Finished,
		n.Starting, n.Busy, n.Idle, n.Draining, n.Leaving, odd(n))
	if len(f.Recent) > 0 {
		last := f.Recent[len(f.Recent)-1]
		text += "  last decision " + last.At.UTC().Format(decisionTime) + ": " + last.String()
	}
	if f.Problem != "" {
		text += "  last tick: " + f.Problem
	}
	return text
}

// odd tells of nodes that should not be.
func odd(n demoNodes) string {
	text := ""
	if n.Failed > 0 {
		text += fmt.Sprintf("   failed %d", n.Failed)
	}
	if n.Other > 0 {
		text += fmt.Sprintf("   other %d", n.Other)
	}
	return text
}

// day of the trace, the first being 1.
func day(f demoFrame) int { return int(f.At.Sub(f.Started)/(24*time.Hour)) + 1 }

// clock prints real time as minutes and seconds.
func clock(d time.Duration) string {
	d = d.Truncate(time.Second)
	return fmt.Sprintf("%d:%02d", d/time.Minute, d%time.Minute/time.Second)
}

// bar draws the nodes by state in cells of equal worth: busy, idle, starting,
// and those that go.
func bar(n demoNodes, room int) string {
	if room <= 0 {
		return ""
	}
	var b strings.Builder
	sum, drawn := 0, 0
	for _, part := range []struct {
		nodes int
		sign  string
	}{{n.Busy, "#"}, {n.Idle, "="}, {n.Starting, "+"}, {n.Draining + n.Leaving + n.Failed + n.Other, "-"}} {
		sum += part.nodes
		upTo := min(progressCells, (sum*progressCells+room/2)/room)
		b.WriteString(strings.Repeat(part.sign, max(0, upTo-drawn)))
		drawn = max(drawn, upTo)
	}
	return "[" + b.String() + strings.Repeat(" ", progressCells-drawn) + "]   # busy  = idle  + starting  - going"
}

// cut shortens a line to a number of characters.
func cut(s string, width int) string {
	if utf8.RuneCountInString(s) <= width {
		return s
	}
	return string([]rune(s)[:width-1]) + "…"
}

// terminalView redraws the table in place.
type terminalView struct {
	out   io.Writer
	head  demoHead
	width func() int
	drawn int // lines on the screen
	last  time.Duration
}

func (v *terminalView) show(f demoFrame, real time.Duration) {
	if v.drawn > 0 && real-v.last < drawEvery {
		return
	}
	v.last = real
	var b strings.Builder
	if v.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", v.drawn)
	}
	lines := v.head.lines(f, real, min(max(v.width()-1, narrowest), widest))
	for _, line := range lines {
		b.WriteString("\r\x1b[2K" + line + "\n")
	}
	v.drawn = len(lines)
	_, _ = io.WriteString(v.out, b.String()) // a lost terminal must not stop the demo
}

func (v *terminalView) close() { fmt.Fprintln(v.out) }

// plainView prints a line every few seconds, without any escape codes.
type plainView struct {
	out   io.Writer
	head  demoHead
	shown bool
	last  time.Duration
}

func (v *plainView) show(f demoFrame, real time.Duration) {
	if v.shown && real-v.last < lineEvery {
		return
	}
	v.shown, v.last = true, real
	fmt.Fprintln(v.out, v.head.line(f, real))
}

func (v *plainView) close() { fmt.Fprintln(v.out) }
