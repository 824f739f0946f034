package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"autoscaled/autoscale"
	"autoscaled/autoscale/loop"
	"autoscaled/cyclecloud"
)

// Environment of a test binary that is a daemon to be killed.
const (
	victimWorld = "KILL_WORLD" // base URL of the world it lives in
	victimPoint = "KILL_AT"    // the crash point at which it kills itself, and at which passing of it: "point 2"
)

// crashPoint is a moment in the daemon's life.
type crashPoint string

const (
	beforeIntent   crashPoint = "before-intent"   // decided, not yet in the journal
	afterIntent    crashPoint = "after-intent"    // in the journal, not yet sent
	createSent     crashPoint = "create-sent"     // the request has left, no answer
	createAnswered crashPoint = "create-answered" // the answer has come, nobody has read it
	removeSent     crashPoint = "remove-sent"
	removeAnswered crashPoint = "remove-answered"
	beforeAnswer   crashPoint = "before-answer" // the answer was understood, not yet in the journal
	afterAnswer    crashPoint = "after-answer"
	beforeDrain    crashPoint = "before-drain"
	amidDrain      crashPoint = "amid-drain" // one of several hosts is marked
	afterDrain     crashPoint = "after-drain"
	afterUndrain   crashPoint = "after-undrain"
	beforeMemory   crashPoint = "before-memory"
	afterMemory    crashPoint = "after-memory"
)

// watchSystemCalls makes crash points of system calls, where that can be done.
var watchSystemCalls = func(*victim) error { return nil }

// victim is a daemon that is to be killed: by itself at its crash point, or by
// the world, which also keeps its time and its queue.
type victim struct {
	world string
	point crashPoint

	mu   sync.Mutex
	left int // passings of point until it is deadly
}

// runAsVictim is the program's run command with decorators around the client's
// sockets and the loop's journal and queue.
func runAsVictim(world string) int {
	v := &victim{world: world}
	if _, err := fmt.Sscan(os.Getenv(victimPoint), &v.point, &v.left); err != nil {
		v.point = ""
	}
	if err := watchSystemCalls(v); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitFailure
	}
	root := newRootCommand()
	if run, _, err := root.Find([]string{"run"}); err == nil {
		root.RemoveCommand(run)
	}
	root.AddCommand(newRunCommand(fittings{client: v.fitClient, loop: v.fitLoop}))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitFailure
	}
	return exitOK
}

func (v *victim) fitClient(o *cyclecloud.Options) {
	o.Transport = deadlyTransport{http.DefaultTransport, v}
	o.RetryWait = time.Millisecond // the world's time stands still meanwhile
}

func (v *victim) fitLoop(o *loop.Options) {
	o.Now, o.Clock, o.After = v.now, nil, v.after
	o.Journal = deadlyJournal{o.Journal, v}
	o.Queue = deadlyQueue{o.Queue, v}
}

// at is a passing of a crash point. A deadly one never returns.
func (v *victim) at(p crashPoint) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if p != v.point {
		return
	}
	if v.left--; v.left == 0 {
		_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
		select {} // until the signal is here
	}
}

// ask calls the world. A daemon can't live without it.
func (v *victim) ask(path string, body any) string {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	answer, err := http.Post(v.world+path, "application/json", bytes.NewReader(text))
	if err != nil {
		panic(err)
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		panic(fmt.Sprintf("%s: %s %s %v", path, answer.Status, said, err))
	}
	return string(said)
}

func (v *victim) now() time.Time {
	nano, err := strconv.ParseInt(v.ask("/now", nil), 10, 64)
	if err != nil {
		panic(err)
	}
	return time.Unix(0, nano).UTC()
}

// after lets the world's time pass.
func (v *victim) after(d time.Duration) <-chan time.Time {
	fired := make(chan time.Time, 1)
	go func() {
		v.ask("/pass", d)
		fired <- time.Time{}
	}()
	return fired
}

// deadlyTransport is between the client and its sockets.
type deadlyTransport struct {
	next http.RoundTripper
	*victim
}

func (d deadlyTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	var sent, answered crashPoint
	switch {
	case r.Method != http.MethodPost:
	case strings.HasSuffix(r.URL.Path, "/nodes/create"):
		sent, answered = createSent, createAnswered
	default:
		sent, answered = removeSent, removeAnswered
	}
	if sent != "" {
		r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
			WroteRequest: func(httptrace.WroteRequestInfo) { d.at(sent) },
		}))
	}
	response, err := d.next.RoundTrip(r)
	if answered != "" && err == nil {
		d.at(answered)
	}
	return response, err
}

// deadlyJournal is between the loop and its journal.
type deadlyJournal struct {
	loop.Journal
	*victim
}

func (d deadlyJournal) Put(ctx context.Context, ops ...autoscale.Operation) error {
	before, after := crashPoint(""), crashPoint("")
	for i := range ops {
		switch ops[i].Phase {
		case autoscale.OpSent:
			before, after = beforeIntent, afterIntent
		case autoscale.OpAccepted:
			before, after = beforeAnswer, afterAnswer
		}
	}
	d.at(before)
	err := d.Journal.Put(ctx, ops...)
	d.at(after)
	return err
}

func (d deadlyJournal) Save(ctx context.Context, m autoscale.Memory) error {
	d.at(beforeMemory)
	err := d.Journal.Save(ctx, m)
	d.at(afterMemory)
	return err
}

// deadlyQueue is between the loop and its queue, which it teaches to drain.
type deadlyQueue struct {
	loop.Queue
	*victim
}

func (d deadlyQueue) Drain(_ context.Context, nodes []autoscale.Node, _ string) []error {
	d.at(beforeDrain)
	for i := range nodes {
		d.ask("/drain", nodes[i].Host)
		if i+1 < len(nodes) {
			d.at(amidDrain)
		}
	}
	d.at(afterDrain)
	return make([]error, len(nodes))
}

func (d deadlyQueue) Undrain(_ context.Context, nodes []autoscale.Node) []error {
	for i := range nodes {
		d.ask("/undrain", nodes[i].Host)
	}
	d.at(afterUndrain)
	return make([]error, len(nodes))
}
