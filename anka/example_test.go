package anka_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"autoscaled/anka"
)

// demo is a controller that gives the documents' own answers, by method and
// request URI, and a client of it.
func demo(answers map[string]string) (*anka.Client, func()) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, filepath.Join("testdata", answers[r.Method+" "+r.RequestURI]+".json"))
	}))
	client, err := anka.New(anka.Options{URL: server.URL})
	if err != nil {
		log.Fatal(err)
	}
	return client, server.Close
}

// Say who we are in one of the ways that controllers know.
func ExampleNew() {
	for _, options := range []anka.Options{
		{URL: "http://anka.example.com"}, // nobody in particular
		{URL: "https://anka.example.com:8090", RootToken: func() (string, error) { return os.Getenv("ANKA_TOKEN"), nil }},
		{URL: "https://anka.example.com:8090", APIKey: &anka.APIKey{ID: "ci", Key: func() ([]byte, error) { return os.ReadFile("ci-key.pem") }}},
	} {
		if _, err := anka.New(options); err != nil {
			log.Fatal(err)
		}
	}
	_, err := anka.New(anka.Options{URL: "https://anka.example.com:8090", TLS: anka.TLS{CertFile: "client.pem", KeyFile: "client-key.pem"}})
	fmt.Println(errors.Is(err, anka.ErrConfig), "when there is no such certificate")
	// Output:
	// true when there is no such certificate
}

// Start two instances. The external id, unique to the request, is what finds
// them if the answer is lost. The script is encoded by the client and never
// printed.
func ExampleClient_StartInstances() {
	client, done := demo(map[string]string{"POST /api/v1/vm": "2019/start"})
	defer done()

	request := anka.StartRequest{
		TemplateID:       "6b135004-0c89-43bb-b892-74796b8d266c",
		Tag:              "xcode-16",
		Count:            2,
		ExternalID:       "autoscaled/4f1c/attempt-1",
		Metadata:         anka.Metadata{"pool": anka.Text("ios"), "attempt": anka.Number(1)},
		Script:           anka.Script("nohup ./run.sh --jitconfig eyJzZWNyZXQiOnRydWV9 &\n"),
		ScriptMonitoring: true,
		ScriptTimeout:    time.Minute,
	}
	ids, err := client.StartInstances(context.Background(), request)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(ids)
	fmt.Println("script:", request.Script)
	// Output:
	// [c983c3bf-a0c0-43dc-54dc-2fd9f7d62fce e74dfc0e-dc94-4ca2-575e-3219ac08ffa2]
	// script: <redacted>
}

// After a start whose answer was lost, look for its external id before asking
// again.
func ExampleClient_StartInstances_lostAnswer() {
	lost := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			panic(http.ErrAbortHandler) // the instance was started, and the connection cut
		}
		http.ServeFile(w, r, "testdata/now/instances.json")
	}))
	defer lost.Close()
	client, err := anka.New(anka.Options{URL: lost.URL})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()

	_, err = client.StartInstances(ctx, anka.StartRequest{TemplateID: "d792c6f6-198c-470f-9526-9c998efe7ab4", ExternalID: "attempt-7"})
	if !errors.Is(err, anka.ErrUncertain) {
		log.Fatal(err)
	}
	instances, err := client.Instances(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, i := range instances {
		if i.ExternalID == "attempt-7" {
			fmt.Println("it is there:", i.ID, i.State)
		}
	}
	// Output:
	// it is there: e51259fe-6277-4776-4de0-016ea5971c7e Started
}

// Follow an instance until it is reachable.
func ExampleClient_Instance() {
	const id = "04b7ca7a-945c-4bdc-5123-68b2e4c8ad13"
	client, done := demo(map[string]string{"GET /api/v1/vm?id=" + id: "2019/instance"})
	defer done()

	instance, err := client.Instance(context.Background(), id)
	switch {
	case errors.Is(err, anka.ErrInstanceNotFound):
		fmt.Println("gone")
	case err != nil:
		log.Fatal(err)
	case instance.State == anka.Started && instance.VM != nil:
		for _, p := range instance.VM.PortForwarding {
			fmt.Printf("%s at %s:%d\n", p.Name, instance.VM.HostIP, p.HostPort)
		}
	}
	// Output:
	// ssh at 207.254.51.229:10001
}

// See what room the Macs have.
func ExampleClient_Nodes() {
	client, done := demo(map[string]string{"GET /api/v1/node": "2019/nodes"})
	defer done()

	nodes, err := client.Nodes(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	for _, n := range nodes {
		if n.State == anka.NodeActive && n.CapacityMode == anka.CapacityByNumber {
			fmt.Println(n.Name, "has room for", n.Capacity-n.VMCount)
		}
	}
	// Output:
	// MacPro-02.local has room for 5
}

// Let the Macs of a group pull a new tag before jobs need it, and see how far
// they are.
func ExampleClient_Distribute() {
	client, done := demo(map[string]string{
		"POST /api/v1/registry/vm/distribute":                                        "2019/distribute",
		"GET /api/v1/registry/vm/distribute?id=74efc824-2fcb-4e07-5e7d-7f9cc98e0ee5": "2019/distribution",
	})
	defer done()
	ctx := context.Background()

	id, err := client.Distribute(ctx, anka.DistributeRequest{TemplateID: "eaef3af8-cb54-4c3e-baf9-839053472f15", Tag: "xcode-16", GroupID: "ios"})
	switch {
	case errors.Is(err, anka.ErrTagNotFound):
		fmt.Println("push it first")
	case errors.Is(err, anka.ErrLicence):
		fmt.Println("groups need Enterprise")
	case err != nil:
		log.Fatal(err)
	}
	distribution, err := client.Distribution(ctx, id)
	if err != nil {
		log.Fatal(err)
	}
	for node, pull := range distribution.Nodes {
		fmt.Printf("%s: done %t, %.0f %%\n", node, pull.Done, 100*pull.Progress)
	}
	// Output:
	// 64230242-321c-442a-bd96-d87edd0943a3: done false, 0 %
}

// Take a Mac out of service: what runs may finish, nothing new comes.
func ExampleClient_ConfigureNode() {
	client, done := demo(map[string]string{"POST /api/v1/node/config": "2019/node-config"})
	defer done()

	drain := true
	err := client.ConfigureNode(context.Background(), anka.NodeConfig{NodeID: "f8707005-4630-4c9c-8403-c9c5964097f6", DrainMode: &drain})
	fmt.Println(err)
	// Output:
	// <nil>
}
