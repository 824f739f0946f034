package main

import (
	"net/http"
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

// demoFaults are what befalls the API calls of a demo with faults: each kind that
// the simulator knows, so often that all are seen in half a minute.
func demoFaults() []cyclecloudtest.FaultRate {
	return []cyclecloudtest.FaultRate{
		{Kind: cyclecloudtest.FaultLatency, Rate: 0.05, Latency: 20 * time.Millisecond},
		{Kind: cyclecloudtest.FaultStatus, Rate: 0.02},
		{Kind: cyclecloudtest.FaultStatus, Rate: 0.01, Status: http.StatusTooManyRequests},
		{Kind: cyclecloudtest.FaultStatusAfter, Rate: 0.1, Method: http.MethodPost},
		{Kind: cyclecloudtest.FaultCutBefore, Rate: 0.05},
		{Kind: cyclecloudtest.FaultCutAfter, Rate: 0.05},
		{Kind: cyclecloudtest.FaultMalformed, Rate: 0.02},
		{Kind: cyclecloudtest.FaultTruncated, Rate: 0.02},
		{Kind: cyclecloudtest.FaultHTML, Rate: 0.02},
	}
}

// demoChances are what befalls the nodes of a demo with faults.
func demoChances() cyclecloudtest.Chances {
	return cyclecloudtest.Chances{BootFailure: 0.03, NeverUp: 0.01, EvictionsPerHour: 0.002}
}

// newDemoCloud makes a CycleCloud with one cluster that has room for a number of
// nodes, and a password that nobody else knows. With faults its nodes are spot ones,
// for no others are evicted.
func newDemoCloud(room int, clock cyclecloudtest.Clock, o demoOptions) (password string, cloud *cyclecloudtest.Server, err error) {
	cfg := cyclecloudtest.DefaultConfig()
	cfg.User, cfg.Password = demoUser, uuid.NewString()
	cfg.Clusters = []cyclecloudtest.ClusterConfig{{
		Name: demoCluster,
		Nodearrays: []cyclecloudtest.NodearrayConfig{{
			Name: demoNodearray, MaxCount: room, Spot: o.faults,
			Buckets: []cyclecloudtest.BucketConfig{{MachineType: demoMachine}},
		}},
	}}
	if o.faults {
		cfg.Faults, cfg.Chances = demoFaults(), demoChances()
	}
	cloud, err = cyclecloudtest.New(cfg, clock, o.seed)
	return cfg.Password, cloud, err
}
