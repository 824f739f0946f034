package autoscale

import (
	"fmt"
	"time"
)

// start is when every test's world begins.
var start = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

// aPool is a pool of one nodearray and machine type with room for max nodes, its
// bucket being its only limit. Its nodes have 4 GiB of memory a core.
func aPool(nodearray, machineType string, cores, max int) (Pool, []Limit) {
	id := PoolID(nodearray + "/" + machineType)
	bucket := Limit{ID: LimitID("bucket/" + string(id)), Kind: LimitBucket, Name: string(id), Unit: UnitNodes, Max: int64(max)}
	return Pool{
		ID:     id,
		Labels: map[string]string{LabelNodearray: nodearray, LabelMachineType: machineType, LabelSpot: "false"},
		Node:   Resources{Cores: cores, Memory: Bytes(cores) * 4 * GiB},
		Draws:  []Draw{{bucket.ID, 1}},
	}, []Limit{bucket}
}

// aPolicy manages all pools of the nodearrays, in this order.
func aPolicy(nodearrays ...string) Policy {
	var p Policy
	for _, name := range nodearrays {
		p.Pools = append(p.Pools, PoolPolicy{
			Name: name, Match: HasLabel(LabelNodearray, name), IdleTime: DefaultIdleTime, BootTimeout: DefaultBootTimeout,
		})
	}
	return p
}

// jobs makes n jobs of one shape, a second apart.
func jobs(prefix string, n int, shape Shape) []Job {
	out := make([]Job, n)
	for i := range out {
		out[i] = Job{ID: JobID(fmt.Sprintf("%s%d", prefix, i)), Submitted: start.Add(time.Duration(i) * time.Second), Shape: shape}
	}
	return out
}

// tasksOf is the shape of a job of n tasks of so many cores.
func tasksOf(n, cores int) Shape {
	return Shape{Tasks: n, PerTask: Resources{Cores: cores}}
}

// wholeNodes is the shape of a job of n whole nodes.
func wholeNodes(n int) Shape {
	return Shape{Tasks: n, PerTask: Resources{Cores: 1}, Exclusive: ExclusiveTask}
}

// observe is a readable world with these jobs, in which nothing runs but what
// use says.
func observe(at time.Time, supply Supply, waiting []Job, use map[string]HostUse) Observation {
	return Observation{At: at, Supply: supply, Demand: Demand{Classes: Intern(waiting), Use: use, Vouched: true}}
}

// created counts the new nodes of a plan by pool.
func created(p Plan) map[PoolID]int {
	out := make(map[PoolID]int)
	for _, g := range p.Grow {
		out[g.Pool] += g.Count
	}
	return out
}

// removed lists the nodes that a plan removes.
func removed(p Plan) []NodeID {
	var out []NodeID
	for _, r := range p.Remove {
		for _, n := range r.Nodes {
			out = append(out, n.ID)
		}
	}
	return out
}

// waiting lists the jobs that a plan does not serve, with the reason's code.
func waiting(p Plan, d Demand) map[JobID]ReasonCode {
	out := make(map[JobID]ReasonCode)
	for r := range p.Jobs(d) {
		if len(r.ServedBy) == 0 {
			out[r.ID] = r.Reason.Code
		}
	}
	return out
}

// aNode is a node of ours in a pool.
func aNode(id string, pool PoolID, phase Phase) Node {
	return Node{ID: NodeID(id), Name: id, Host: "host-" + id, Pool: pool, Phase: phase, Owned: true}
}

// idleFor is the memory of nodes that were ready and idle for so long at at.
func idleFor(at time.Time, d time.Duration, nodes ...Node) Memory {
	m := Memory{Nodes: make(map[NodeID]NodeMemory)}
	for _, n := range nodes {
		since := at.Add(-d)
		m.Nodes[n.ID] = NodeMemory{Asked: since, Ready: since, Ours: true, IdleReads: idleReadsNeeded}
	}
	return m
}
