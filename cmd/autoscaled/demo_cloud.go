package main

import (
	"time"

	"github.com/google/uuid"

	"autoscaled/cyclecloud/cyclecloudtest"
)

// The demo's cluster: one nodearray of one machine type. Its nodes are sold
// whole, so the type only has to be one that exists.
const (
	demoUser      = "demo"
	demoCluster   = "demo"
	demoNodearray = "execute"
	demoMachine   = "Standard_F4s_v2"
	demoCores     = 4 // of demoMachine
)

func demoBucket() cyclecloudtest.BucketKey {
	return cyclecloudtest.BucketKey{Cluster: demoCluster, Nodearray: demoNodearray, MachineType: demoMachine}
}

// demoClock is the demo's time: the trace's start plus real time × speed.
type demoClock struct {
	began time.Time // real
	start time.Time // of the trace
	speed float64
}

func newDemoClock(start time.Time, speed float64) demoClock {
	return demoClock{began: time.Now(), start: start, speed: speed}
}

// elapsed is real time since the demo began.
func (c demoClock) elapsed() time.Duration { return time.Since(c.began) }

// Now is the time of the trace.
func (c demoClock) Now() time.Time {
	return c.start.Add(time.Duration(float64(c.elapsed()) * c.speed))
}

// After is a timer in the time of the trace.
func (c demoClock) After(d time.Duration) <-chan time.Time {
	return time.After(time.Duration(float64(d) / c.speed))
}

// newDemoCloud makes a CycleCloud with one cluster that has room for a number of
// nodes, and a password that nobody else knows.
func newDemoCloud(room int, clock cyclecloudtest.Clock, seed uint64) (password string, cloud *cyclecloudtest.Server, err error) {
	cfg := cyclecloudtest.DefaultConfig()
	cfg.User, cfg.Password = demoUser, uuid.NewString()
	cfg.Clusters = []cyclecloudtest.ClusterConfig{{
		Name: demoCluster,
		Nodearrays: []cyclecloudtest.NodearrayConfig{{
			Name: demoNodearray, MaxCount: room,
			Buckets: []cyclecloudtest.BucketConfig{{MachineType: demoMachine}},
		}},
	}}
	cloud, err = cyclecloudtest.New(cfg, clock, seed)
	return cfg.Password, cloud, err
}
