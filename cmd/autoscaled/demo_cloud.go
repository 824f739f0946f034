package main

import (
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
