package cyclecloudtest

import (
	"fmt"
	"strings"
	"time"
)

// operation is one accepted request to create or manage nodes.
type operation struct {
	id, requestID string
	cluster       *cluster
	action        string
	start         time.Time
	nodes         []*node
}

type createResult struct {
	OperationID string      `json:"operationId"`
	Sets        []setResult `json:"sets"`
}

type setResult struct {
	Added   int    `json:"added"`
	Message string `json:"message,omitempty"`
}

// refusal is an answer other than success: an HTTP status and words for the reader.
type refusal struct {
	status int
	text   string
}

func conflict(format string, args ...any) *refusal {
	return &refusal{409, fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) *refusal {
	return &refusal{404, fmt.Sprintf(format, args...)}
}

// begin opens an operation, or refuses a request id that was seen before. An id is remembered only
// from an accepted request on.
func (w *world) begin(c *cluster, action, requestID string) (*operation, *refusal) {
	if requestID != "" && w.byRequest[requestID] != nil {
		return nil, conflict("Request id %s was already used", requestID)
	}
	op := &operation{
		id: identifier(w.seed, "operation", len(w.operations)), requestID: requestID,
		cluster: c, action: action, start: w.now,
	}
	w.operations = append(w.operations, op)
	w.byOperation[op.id] = op
	if requestID != "" {
		w.byRequest[requestID] = op
	}
	return op, nil
}

// create adds the nodes of all sets, each as far as limits allow.
func (w *world) create(c *cluster, r createRequest) (createResult, *refusal) {
	if no := w.mayGrow(c, r.Sets); no != nil {
		return createResult{}, no
	}
	op, no := w.begin(c, "create", r.RequestID)
	if no != nil {
		return createResult{}, no
	}
	result := createResult{OperationID: op.id}
	entry := CreateRecord{At: w.now, Cluster: c.name, RequestID: r.RequestID, OperationID: op.id}
	for _, s := range r.Sets {
		b, added, message := w.addSet(op, s)
		result.Sets = append(result.Sets, setResult{added, message})
		entry.Sets = append(entry.Sets, SetRecord{
			Bucket: b.key(), PlacementGroup: s.PlacementGroupID, Asked: *s.Count, Added: added, Message: message,
		})
	}
	w.books.Creates = append(w.books.Creates, entry)
	w.checkLimits()
	return result, nil
}

// mayGrow refuses what names things that do not exist. That a cluster which is not started answers
// 409 is this server's choice.
func (w *world) mayGrow(c *cluster, sets []createSet) *refusal {
	if c.state != clusterStarted {
		return conflict("Cluster %s is not started", c.name)
	}
	for i, s := range sets {
		a := c.array(s.Nodearray)
		if a == nil {
			return conflict("sets[%d]: cluster %s has no nodearray %q", i, c.name, s.Nodearray)
		}
		if m := s.machineType(); m != "" && a.bucket(m) == nil {
			return conflict("sets[%d]: nodearray %s has no machine type %q", i, s.Nodearray, m)
		}
	}
	return nil
}

// addSet adds one set and tells in which bucket, how many, and why not all.
func (w *world) addSet(op *operation, s createSet) (*bucket, int, string) {
	a := op.cluster.array(s.Nodearray)
	if s.PlacementGroupID == "" {
		s.PlacementGroupID = a.cfg.PlacementGroup
	}
	b, room, why := w.place(a, s)
	added := min(room, *s.Count)
	if w.cfg.Shortage == ShortageShort && b.stock >= 0 {
		if left := max(0, b.stock-w.pledged(b)); left < added {
			added, why = left, "the cloud has no more capacity for "+b.machine.Name
			b.failedAt = w.now
			w.books.CapacityFailures++
		}
	}
	names := newNamer(op.cluster, s)
	for range added {
		n := w.newNode(op.cluster, b, b.machine, names.next())
		n.group, n.requestID = s.PlacementGroupID, op.requestID
		n.take(s.NodeAttributes)
		op.nodes = append(op.nodes, n)
		w.launch(n)
	}
	if added == *s.Count {
		return b, added, ""
	}
	return b, added, fmt.Sprintf("Added %d of %d nodes: %s", added, *s.Count, why)
}

// pledged counts the nodes that have or await one of the bucket's real VMs.
func (w *world) pledged(b *bucket) int {
	count := 0
	for _, n := range b.array.cluster.nodes {
		if n.bucket == b && (n.hasVM() || n.status == statusAcquiring) {
			count++
		}
	}
	return count
}

// place picks the bucket of a set: the one it names, or the first that holds it whole, or else the
// first with any room.
func (w *world) place(a *nodearray, s createSet) (*bucket, int, string) {
	candidates := a.buckets
	if m := s.machineType(); m != "" {
		candidates = []*bucket{a.bucket(m)}
	}
	c := w.census()
	var best *bucket
	bestRoom, bestWhy := 0, ""
	for _, b := range candidates {
		room, why := w.roomIn(b, s.PlacementGroupID, c)
		if room >= *s.Count {
			return b, room, ""
		}
		if best == nil || bestRoom == 0 && room > 0 {
			best, bestRoom, bestWhy = b, room, why
		}
	}
	return best, bestRoom, bestWhy
}

// roomIn is how many nodes may be created in the bucket now, and what allows no more.
func (w *world) roomIn(b *bucket, group string, c census) (int, string) {
	if b.invalidReason != "" {
		return 0, fmt.Sprintf("machine type %s is not valid (%s)", b.machine.Name, b.invalidReason)
	}
	if b.throttled(w.now) {
		return 0, "capacity of " + b.machine.Name + " is throttled after a failure"
	}
	room, by := tightest(w.limitsOf(b, group, c), false)
	return room, fmt.Sprintf("%s is %d, %d in use", by.name, by.max, by.held)
}

// namer hands out node names that nobody has, in counting order.
type namer struct {
	cluster *cluster
	format  string
	number  int
}

func newNamer(c *cluster, s createSet) *namer {
	n := &namer{cluster: c, format: s.NameFormat, number: 1}
	if n.format == "" {
		n.format = strings.ReplaceAll(s.Nodearray, "%", "%%") + "-%d"
	}
	if s.NameOffset != nil {
		n.number = *s.NameOffset
	}
	return n
}

func (n *namer) next() string {
	for {
		name := fmt.Sprintf(n.format, n.number)
		n.number++
		if n.cluster.byName[name] == nil {
			return name
		}
	}
}

// scale adds nodes to a nodearray up to a total, once; it never takes any away.
func (w *world) scale(c *cluster, array string, cores, nodes *int) (createResult, *refusal) {
	a := c.array(array)
	if a == nil {
		return createResult{}, notFound("Cluster %s has no nodearray %q", c.name, array)
	}
	if (cores == nil) == (nodes == nil) {
		return createResult{}, conflict("One of totalCoreCount and totalNodeCount is required, not both")
	}
	active := at(w.census().arrays, a).active
	set := createSet{Nodearray: array}
	if nodes != nil {
		count := max(0, *nodes-active.nodes)
		set.Count = &count
	} else {
		set = w.setForCores(a, max(0, *cores-active.cores))
	}
	return w.create(c, createRequest{Sets: []createSet{set}})
}

// setForCores asks for as many nodes as reach the cores, the last one perhaps beyond them: from the
// first bucket that has all of them, or else from the first with any room.
func (w *world) setForCores(a *nodearray, cores int) createSet {
	c := w.census()
	best, bestRoom := a.buckets[0], 0
	for _, b := range a.buckets {
		room, _ := w.roomIn(b, a.cfg.PlacementGroup, c)
		if room >= b.nodesFor(cores) {
			best = b
			break
		}
		if bestRoom == 0 && room > 0 {
			best, bestRoom = b, room
		}
	}
	count := best.nodesFor(cores)
	return createSet{Nodearray: a.cfg.Name, Count: &count, Definition: &definition{best.machine.Name}}
}

func (b *bucket) nodesFor(cores int) int {
	if cores <= 0 {
		return 0
	}
	return (cores-1)/b.machine.limitCores() + 1
}
