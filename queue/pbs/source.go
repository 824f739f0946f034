package pbs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"autoscaled/autoscale"
	"autoscaled/internal/command"
	"autoscaled/queue/records"
)

// Options say which PBS is served and how. Offer and Store are required.
type Options struct {
	// Commands is the folder of qstat, pbsnodes and qmgr, such as /opt/pbs/bin. Empty: where
	// PATH finds them.
	Commands string
	// Server is the PBS server's host name. Empty: as pbs.conf says.
	Server string
	// Timeout limits one run of a command; 0 means DefaultTimeout.
	Timeout time.Duration
	// Zone is the server's, in which it prints times. nil: the daemon's own.
	Zone *time.Location
	Mapping
	// Offer is what a node of a pool offers to jobs. false: the pool is not ours, and its
	// nodes are not joined.
	Offer func(pool *autoscale.Pool) (Offered, bool)
	Store records.Store
	// DryRun only reads.
	DryRun bool
}

// Offered is what a node offers: how much, and the labels by which jobs choose it.
type Offered struct {
	autoscale.Resources
	Labels map[string]string
}

// Source turns a PBS into what the loop asks of a queue: demand, what runs where, and hosts
// that are joined, drained and deleted. It is safe for concurrent use.
type Source struct {
	Options
	commands commands

	mu     sync.Mutex // guards what follows
	book   records.Book[record]
	nodes  []Node          // as they were told last
	absent map[string]bool // resources that this PBS does not know
}

// New checks the options. No command is run yet.
func New(o Options) (*Source, error) {
	switch {
	case o.Offer == nil || o.Store == nil:
		return nil, errors.New("queue of PBS: what nodes offer and a store are needed")
	case o.Timeout < 0:
		return nil, errors.New("queue of PBS: the timeout is negative")
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Zone == nil {
		o.Zone = time.Local
	}
	s := &Source{Options: o, book: newBook(o), absent: make(map[string]bool)}
	s.commands = commands{folder: o.Commands, timeout: o.Timeout, exec: command.Run}
	if o.Server != "" {
		s.commands.env = []string{"PBS_SERVER=" + o.Server}
	}
	return s, nil
}

// Demand reads what waits and what runs. A vnode that was recorded and that PBS does not
// list, or lists for another VM, is one that PBS has not heard of.
func (s *Source) Demand(ctx context.Context) (autoscale.Demand, error) {
	if err := s.alone(ctx); err != nil {
		return autoscale.Demand{}, err
	}
	got, err := s.look(ctx)
	if err != nil {
		return autoscale.Demand{}, fmt.Errorf("ask PBS: %w", err)
	}
	records, err := s.all(ctx)
	if err != nil {
		return autoscale.Demand{}, err
	}
	d := got.demand(&s.Mapping)
	listed := make(map[string]*Node, len(got.nodes))
	for i := range got.nodes {
		listed[strings.ToLower(got.nodes[i].Name)] = &got.nodes[i]
	}
	for key, r := range records {
		n := listed[key]
		if n != nil && n.NodeID == string(r.Node) {
			continue
		}
		host := key
		if n != nil {
			host = hostOf(n)
		}
		use := d.Use[host]
		use.Missing, use.Node = true, r.Node
		d.Use[host] = use
	}
	s.mu.Lock()
	s.nodes = got.nodes
	s.mu.Unlock()
	return d, nil
}

// errRival is why nothing is done while CycleCloud's own autoscaler is at work.
var errRival = fmt.Errorf("CycleCloud's own autoscaler is active too (hook %[1]s); qmgr -c 'set hook %[1]s enabled = False' ends that, and dry_run looks on meanwhile: %[2]w", rivalHook, autoscale.ErrRejected)

// rivalHook runs it, all fifteen seconds.
const rivalHook = "autoscale"

// alone makes demand unknown while another autoscaler acts on the same vnodes. A dry run
// may look on. Where the hook is not there, or we may not look at hooks, there is none.
func (s *Source) alone(ctx context.Context) error {
	if s.DryRun {
		return nil
	}
	active := false
	err := s.commands.run(ctx, func(r io.Reader) error {
		return readText(r, "Hook ", func(_, attribute, _, value []byte) {
			active = active || string(attribute) == "enabled" && isTrue(string(value))
		})
	}, "qmgr", "-c", "list hook "+rivalHook)
	if err == nil && active {
		return errRival
	}
	return ctx.Err()
}

// Drain takes hosts out of service (pbsnodes -o): jobs that run there go on, and no others
// start. One that an administrator took out of service is left alone. One without a vnode
// gets one that is out of service from the beginning, for only the queue tells of marks.
func (s *Source) Drain(ctx context.Context, nodes []autoscale.Node, reason string) []error {
	return s.each(ctx, nodes, func(n *autoscale.Node, v *Node) error {
		switch {
		case v == nil:
			if err := s.reserve(ctx, n); err != nil {
				return s.act("drain "+n.Name, err)
			}
			v = &Node{Name: hostName(n)}
		case v.Is("offline") && drainedByUs(v):
			return nil
		case v.Is("offline") && !joins(v):
			return fmt.Errorf("drain %s: an administrator took it out of service: %w", n.Name, autoscale.ErrRejected)
		}
		return s.act("drain "+n.Name, s.commands.do(ctx, "pbsnodes", "-C", drainMark+", "+reason, "-o", v.Name))
	})
}

// Undrain puts hosts back into service (pbsnodes -r) that we took out of it.
func (s *Source) Undrain(ctx context.Context, nodes []autoscale.Node) []error {
	return s.each(ctx, nodes, func(n *autoscale.Node, v *Node) error {
		if v == nil {
			return fmt.Errorf("undrain %s: PBS has no vnode of host %q: %w", n.Name, n.Host, autoscale.ErrNotFound)
		}
		if v.Is("offline") && joins(v) {
			return nil // it is put into service when it is whole
		}
		if v.Is("offline") && !drainedByUs(v) {
			return fmt.Errorf("undrain %s: it is an administrator who took it out of service: %w", n.Name, autoscale.ErrRejected)
		}
		return s.act("undrain "+n.Name, s.commands.do(ctx, "pbsnodes", "-C", serveMark, "-r", v.Name))
	})
}

// atOnce is how many commands that change something run side by side. Our own choice.
const atOnce = 4

// reserve makes the vnode of a node that has none, on record.
func (s *Source) reserve(ctx context.Context, n *autoscale.Node) error {
	if n.Host == "" || n.ID == "" {
		return fmt.Errorf("its host name is not known: %w", autoscale.ErrRejected)
	}
	if err := s.record(ctx, []record{{Host: hostName(n), Node: n.ID}}); err != nil {
		return err
	}
	return s.create(ctx, hostName(n))
}

// each does something with the vnode of each node, as it is now; nil: there is none. A node
// whose host's name another node's vnode has is an error.
func (s *Source) each(ctx context.Context, nodes []autoscale.Node, do func(*autoscale.Node, *Node) error) []error {
	errs := make([]error, len(nodes))
	fail := func(err error) []error {
		for i := range errs {
			errs[i] = err
		}
		return errs
	}
	if s.DryRun {
		return fail(errDryRun)
	}
	listed, err := s.lookAtNodes(ctx)
	if err != nil {
		return fail(fmt.Errorf("ask PBS: %w", err))
	}
	found := newFinder(listed)
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i := range nodes {
		group.Go(func() error {
			n := &nodes[i]
			v := found.of(n)
			if other := found.named(n); v == nil && other != nil {
				errs[i] = fmt.Errorf("node %s: vnode %s is that of node %s: %w", n.Name, other.Name, other.NodeID, autoscale.ErrNotFound)
				return nil
			}
			errs[i] = do(n, v)
			return nil
		})
	}
	_ = group.Wait() // each has its own error
	return errs
}

// errDryRun answers what would change something.
var errDryRun = fmt.Errorf("a dry run changes nothing: %w", autoscale.ErrRejected)

func (s *Source) act(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// finder finds the vnode of a node: by ccnodeid, and where that is not set by the host's
// name or address.
type finder struct {
	byID, byHost map[string]*Node
}

func newFinder(nodes []Node) finder {
	f := finder{byID: make(map[string]*Node, len(nodes)), byHost: make(map[string]*Node, 2*len(nodes))}
	for i := range nodes {
		n := &nodes[i]
		if n.NodeID != "" {
			f.byID[n.NodeID] = n
		}
		for _, name := range [...]string{strings.ToLower(n.Name), hostOf(n), shortHost(n.Name), shortHost(n.Host)} {
			if f.byHost[name] == nil {
				f.byHost[name] = n
			}
		}
	}
	return f
}

// of is nil where there is none. A vnode of that name with another's ccnodeid is not it.
func (f finder) of(n *autoscale.Node) *Node {
	if v := f.byID[string(n.ID)]; v != nil {
		return v
	}
	if v := f.named(n); v != nil && v.NodeID == "" {
		return v
	}
	return nil
}

// named is the vnode with the node's host name, of whichever node it is.
func (f finder) named(n *autoscale.Node) *Node {
	for _, name := range [...]string{strings.ToLower(hostName(n)), shortHost(hostName(n)), strings.ToLower(n.Address)} {
		if v := f.byHost[name]; v != nil && name != "" {
			return v
		}
	}
	return nil
}

// hostName is what a node's vnode is called where we make it.
func hostName(n *autoscale.Node) string {
	if n.QueueHost != "" {
		return n.QueueHost
	}
	return n.Host
}

// shortHost is a host name in lower case without its domain.
func shortHost(host string) string { return autoscale.ShortHost(strings.ToLower(host)) }
