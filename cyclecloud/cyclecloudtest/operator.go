package cyclecloudtest

import (
	"fmt"
	"time"
)

// The methods in this file are the hands of an operator, of the cloud or of a test: they look at
// the server and change it past the API. A node is named by its id or by its name; of clusters
// that both have the name, the first one's node is meant.

// Now is the server's time.
func (s *Server) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.present().now
}

// NextEvent is when the server will next change by itself; false if it will not.
func (s *Server) NextEvent() (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.present().next()
}

// Books reads the books as of now.
func (s *Server) Books() Books {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.present().read()
}

// Nodes lists the nodes of a cluster that have a record now, in order of creation; of all clusters
// if the name is empty.
func (s *Server) Nodes(cluster string) []NodeRecord {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.present()
	var list []NodeRecord
	for _, c := range w.clusters {
		if cluster != "" && c.name != cluster {
			continue
		}
		for _, n := range c.nodes {
			list = append(list, w.recordOf(n))
		}
	}
	return list
}

// Order makes calls go wrong; see Fault.
func (s *Server) Order(f Fault) error {
	if err := f.check(); err != nil {
		return fmt.Errorf("order a fault: %w", err)
	}
	s.faults.order(f)
	return nil
}

// OrderLaunch fixes how the next launches in a bucket end, whatever chance would say.
func (s *Server) OrderLaunch(key BucketKey, outcome Outcome, launches int) error {
	return s.onBucket(key, func(w *world, b *bucket) {
		w.births = append(w.births, birthOrder{b, outcome, launches})
	})
}

// SetStock sets how many VMs the cloud has for a bucket, those in use included; negative: plenty.
// VMs that are already held stay.
func (s *Server) SetStock(key BucketKey, vms int) error {
	return s.onBucket(key, func(_ *world, b *bucket) { b.stock = vms })
}

// SetValidity makes a bucket invalid for a reason such as DisabledMachineType, or valid with "".
func (s *Server) SetValidity(key BucketKey, invalidReason string) error {
	return s.onBucket(key, func(_ *world, b *bucket) { b.invalidReason = invalidReason })
}

// SetClusterState sets state and targetState of a cluster. Nodes stay as they are.
func (s *Server) SetClusterState(cluster, state string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.present().cluster(cluster)
	if c == nil {
		return fmt.Errorf("no cluster named %q", cluster)
	}
	c.state = state
	return nil
}

// MarkBusy tells the server that a node runs work, so that asking for its removal is written into
// the books as a violation.
func (s *Server) MarkBusy(name string, busy bool) error {
	return s.onNode(name, func(_ *world, n *node) { n.busy = busy })
}

// SetKeepAlive protects a node, or no longer.
func (s *Server) SetKeepAlive(name string, on bool) error {
	return s.onNode(name, func(_ *world, n *node) { n.keepAlive = on; n.changed() })
}

// FailNode makes a node that is meant to run end as Failed now.
func (s *Server) FailNode(name string) error {
	return s.tryNode(name, func(_ *world, n *node) error {
		if n.target != targetStarted {
			return fmt.Errorf("fail node %s: it is %s", n.name, n.status)
		}
		n.fail("Failed by an operator's order")
		return nil
	})
}

// Evict takes a node's VM away, as the cloud does with spot VMs.
func (s *Server) Evict(name string) error {
	return s.tryNode(name, func(w *world, n *node) error {
		if !n.hasVM() || n.status == statusTerminating {
			return fmt.Errorf("evict node %s: it is %s", n.name, n.status)
		}
		w.evict(n)
		return nil
	})
}

// AddNodes puts n nodes into a bucket that are Ready at once, within the limits, and returns them.
func (s *Server) AddNodes(key BucketKey, n int) ([]NodeRecord, error) {
	var added []NodeRecord
	var short error
	err := s.onBucket(key, func(w *world, b *bucket) {
		room, why := w.roomIn(b, "", w.census())
		if n > room {
			short = fmt.Errorf("add %d nodes: %s", n, why)
			return
		}
		names := newNamer(b.array.cluster, createSet{Nodearray: b.array.cfg.Name})
		for range n {
			fresh := w.newNode(b.array.cluster, b, b.machine, names.next())
			fresh.launches++
			w.acquireVM(fresh)
			w.becomeReady(fresh)
			added = append(added, w.recordOf(fresh))
		}
	})
	if err == nil {
		err = short
	}
	return added, err
}

func (s *Server) onBucket(key BucketKey, do func(*world, *bucket)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.present()
	c := w.clusters[0]
	if key.Cluster != "" {
		c = w.cluster(key.Cluster)
	}
	if c != nil {
		if a := c.array(key.Nodearray); a != nil {
			if b := a.bucket(key.MachineType); b != nil {
				do(w, b)
				w.checkLimits()
				return nil
			}
		}
	}
	return fmt.Errorf("no bucket %+v", key)
}

func (s *Server) onNode(name string, do func(*world, *node)) error {
	return s.tryNode(name, func(w *world, n *node) error {
		do(w, n)
		return nil
	})
}

func (s *Server) tryNode(name string, do func(*world, *node) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.present()
	for _, find := range []func(*cluster) *node{
		func(c *cluster) *node { return c.byID[name] },
		func(c *cluster) *node { return c.byName[name] },
	} {
		for _, c := range w.clusters {
			if n := find(c); n != nil {
				defer w.checkLimits()
				return do(w, n)
			}
		}
	}
	return fmt.Errorf("no node %q", name)
}
