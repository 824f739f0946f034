package cyclecloud_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"autoscaled/cyclecloud"
	"autoscaled/cyclecloud/cyclecloudtest"
)

// demo is a server to try things on, and a client of it.
func demo() (*cyclecloud.Client, *cyclecloudtest.ManualClock, func()) {
	clock := cyclecloudtest.NewManualClock(time.Date(2026, time.March, 2, 8, 0, 0, 0, time.UTC))
	server, err := cyclecloudtest.New(cyclecloudtest.DefaultConfig(), clock, 1)
	if err != nil {
		log.Fatal(err)
	}
	url, err := server.Start("127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	client, err := cyclecloud.New(cyclecloud.Options{
		URL:      url,
		User:     "admin",
		Password: func() (string, error) { return "demo-password", nil },
	})
	if err != nil {
		log.Fatal(err)
	}
	return client, clock, func() { _ = server.Close() }
}

// Read what a cluster can give.
func ExampleClient_Status() {
	client, _, done := demo()
	defer done()

	status, err := client.Status(context.Background(), "demo", false)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("cluster is", status.State)
	for _, array := range status.Nodearrays {
		for _, bucket := range array.Buckets {
			fmt.Println(array.Name, bucket.Definition.MachineType, bucket.VirtualMachine.VCPUCount, "cores,", *bucket.AvailableCount, "available")
		}
	}
	// Output:
	// cluster is Started
	// ondemand Standard_F32s_v2 32 cores, 15 available
	// ondemand Standard_HC44rs 44 cores, 11 available
	// execute Standard_F4s_v2 4 cores, 200 available
	// execute Standard_F16s_v2 16 cores, 200 available
}

// Create nodes. The request id makes it safe to send the same request again.
func ExampleClient_CreateNodes() {
	client, _, done := demo()
	defer done()

	request := cyclecloud.NodeCreationRequest{
		RequestID: "463270ca-3345-41c7-98d6-431ee3ef8ed5",
		Sets: []cyclecloud.CreationSet{{
			Nodearray:  "execute",
			Count:      300,
			Definition: &cyclecloud.Definition{MachineType: "Standard_F4s_v2"},
		}},
	}
	result, err := client.CreateNodes(context.Background(), "demo", request)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Sets[0].Added, "added:", result.Sets[0].Message)

	_, err = client.CreateNodes(context.Background(), "demo", request)
	fmt.Println(errors.Is(err, cyclecloud.ErrRequestSeen), err)
	// Output:
	// 200 added: Added 200 of 300 nodes: nodearray execute maxCount is 200, 0 in use
	// true request id 463270ca-3345-41c7-98d6-431ee3ef8ed5 seen before, with 200 nodes
}

// Couple nodes by a placement group, which is made if it doesn't exist.
func ExampleClient_CreateNodes_coupled() {
	client, _, done := demo()
	defer done()

	result, err := client.CreateNodes(context.Background(), "demo", cyclecloud.NodeCreationRequest{
		RequestID: "0c9ad8bb-7ad5-4d61-b0dd-2f6c48a2c3be",
		Sets: []cyclecloud.CreationSet{{
			Nodearray:        "ondemand",
			Count:            4,
			Definition:       &cyclecloud.Definition{MachineType: "Standard_HC44rs"},
			PlacementGroupID: "pg0",
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	nodes, err := client.Nodes(context.Background(), "demo", cyclecloud.NodeQuery{OperationID: result.OperationID})
	if err != nil {
		log.Fatal(err)
	}
	for _, n := range nodes.Nodes {
		fmt.Println(n.Name, n.MachineType, n.PlacementGroupID)
	}
	// Output:
	// ondemand-1 Standard_HC44rs pg0
	// ondemand-2 Standard_HC44rs pg0
	// ondemand-3 Standard_HC44rs pg0
	// ondemand-4 Standard_HC44rs pg0
}

// Track a request until its nodes are up, and find out that another never arrived.
func ExampleClient_LookupRequest() {
	client, clock, done := demo()
	defer done()
	ctx := context.Background()

	_, err := client.CreateNodes(ctx, "demo", cyclecloud.NodeCreationRequest{
		RequestID: "9d7d1c1e-6d3e-4c5b-9d0e-0a2f6f0f3b11",
		Sets:      []cyclecloud.CreationSet{{Nodearray: "execute", Count: 2}},
	})
	if err != nil {
		log.Fatal(err)
	}
	for range 2 {
		found, err := client.LookupRequest(ctx, "demo", "9d7d1c1e-6d3e-4c5b-9d0e-0a2f6f0f3b11")
		if err != nil {
			log.Fatal(err)
		}
		for _, n := range found.Nodes {
			fmt.Println(found.Operation.Action, n.Name, n.Status, "usable:", n.Usable())
		}
		clock.Advance(time.Hour)
	}
	other, err := client.LookupRequest(ctx, "demo", "3b53d621-11e7-49c3-8876-6ec1158897ac")
	fmt.Println("other seen:", other.Seen, err)
	// Output:
	// create execute-1 Acquiring usable: false
	// create execute-2 Acquiring usable: false
	// create execute-1 Ready usable: true
	// create execute-2 Ready usable: true
	// other seen: false <nil>
}

// Terminate nodes. Each has an answer of its own.
func ExampleClient_TerminateNodes() {
	client, _, done := demo()
	defer done()
	ctx := context.Background()

	_, err := client.CreateNodes(ctx, "demo", cyclecloud.NodeCreationRequest{
		Sets: []cyclecloud.CreationSet{{Nodearray: "execute", Count: 1}},
	})
	if err != nil {
		log.Fatal(err)
	}
	result, err := client.TerminateNodes(ctx, "demo", cyclecloud.NodeManagementRequest{
		Names: []string{"execute-1", "execute-7"},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, n := range result.Nodes {
		fmt.Printf("%s: %t %q\n", n.Name, n.OK(), n.Error)
	}
	// Output:
	// execute-1: true ""
	// execute-7: false "No node named execute-7"
}

// Account for what a cluster used.
func ExampleClient_Usage() {
	client, clock, done := demo()
	defer done()
	ctx := context.Background()

	_, err := client.CreateNodes(ctx, "demo", cyclecloud.NodeCreationRequest{
		Sets: []cyclecloud.CreationSet{{Nodearray: "execute", Count: 10, Definition: &cyclecloud.Definition{MachineType: "Standard_F16s_v2"}}},
	})
	if err != nil {
		log.Fatal(err)
	}
	clock.Advance(10 * time.Hour)
	usage, err := client.Usage(ctx, "demo", cyclecloud.UsageQuery{Timeframe: cyclecloud.MonthToDate, Granularity: cyclecloud.Total})
	if err != nil {
		log.Fatal(err)
	}
	for _, period := range usage.Usage {
		for _, item := range period.Breakdown {
			if item.Category == "nodearray" && item.Node == "execute" {
				fmt.Println(item.Node, "used more than 1500 core-hours:", item.Hours > 1500, item.Details[0].VMSize)
			}
		}
	}
	// Output:
	// execute used more than 1500 core-hours: true Standard_F16s_v2
}

// Tell errors apart by what they mean.
func ExampleError() {
	client, _, done := demo()
	defer done()

	_, err := client.Status(context.Background(), "no-such-cluster", true)
	fmt.Println(errors.Is(err, cyclecloud.ErrNotFound))
	var failed *cyclecloud.Error
	if errors.As(err, &failed) {
		fmt.Println(failed.Method, failed.Path, failed.Status)
	}
	// Output:
	// true
	// GET /clusters/no-such-cluster/status 404
}
