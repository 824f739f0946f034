package cyclecloudtest

import (
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// apiRoutes lists every call of the API.
func apiRoutes() map[string]handling {
	routes := map[string]handling{
		"GET /clusters/{cluster}/status":             inCluster(getStatus),
		"GET /clusters/{cluster}/nodes":              inCluster(getNodes),
		"POST /clusters/{cluster}/nodes/create":      inCluster(postCreate),
		"POST /clusters/{cluster}/scale/{nodearray}": inCluster(postScale),
		"GET /clusters/{cluster}/usage":              inCluster(getUsage),
		"POST /clusters/{cluster}/nodes/{node}/ghr":  inCluster(postReport),
		"GET /clusters/{cluster}/nodes/{node}/ghr":   inCluster(getReport),
		"GET /operations":                            listOperations,
		"GET /operations/{$}":                        listOperations,
		"GET /operations/{id}":                       getOperation,
	}
	for action := range actions {
		routes["POST /clusters/{cluster}/nodes/"+action] = inCluster(postManage(action))
	}
	return routes
}

// inCluster finds the cluster that the path names, or answers 404.
func inCluster(handle func(*world, *cluster, call) *answer) handling {
	return func(w *world, c call) *answer {
		name := c.PathValue("cluster")
		cluster := w.cluster(name)
		if cluster == nil {
			return refuse(notFound("No cluster named %s", name))
		}
		return handle(w, cluster, c)
	}
}

func getStatus(w *world, cl *cluster, c call) *answer {
	nodes := c.URL.Query().Get("nodes")
	want, err := strconv.ParseBool(orDefault(nodes, "false"))
	if err != nil {
		return refuse(&refusal{400, "nodes must be true or false"})
	}
	return succeed(http.StatusOK, w.lastStatus(cl, want))
}

// getNodes lists the nodes of the cluster, or those of one operation that still have a record.
func getNodes(w *world, cl *cluster, c call) *answer {
	q := c.URL.Query()
	if !q.Has("operation") && !q.Has("request_id") {
		return succeed(http.StatusOK, w.withNodes([]byte("{}"), cl.nodes))
	}
	op, no := w.askedOperation(q)
	if no != nil {
		return refuse(no)
	}
	if op.cluster != cl {
		return refuse(notFound("No operation of that id in cluster %s", cl.name))
	}
	var there []*node
	for _, n := range op.nodes {
		if n.gone.IsZero() {
			there = append(there, n)
		}
	}
	operation := mustMarshal(map[string]operationStatus{"operation": op.status()})
	return succeed(http.StatusOK, w.withNodes(operation, there))
}

// askedOperation finds the operation that a query names by its id or by its request's.
func (w *world) askedOperation(q url.Values) (*operation, *refusal) {
	id, request := q.Get("operation"), q.Get("request_id")
	if (id == "") == (request == "") {
		return nil, &refusal{400, "One of operation and request_id is required, not both"}
	}
	if id != "" {
		if op := w.byOperation[id]; op != nil {
			return op, nil
		}
		return nil, notFound("No operation found for id %s", id)
	}
	if op := w.byRequest[request]; op != nil {
		return op, nil
	}
	return nil, &refusal{w.cfg.UnknownRequestStatus, "No operation found for request id " + request}
}

func postCreate(w *world, cl *cluster, c call) *answer {
	request, err := decodeCreate(c.body)
	if err != nil {
		return refuse(conflict("%v", err))
	}
	result, no := w.create(cl, request)
	if no != nil {
		return refuse(no)
	}
	return accept(result.OperationID, result)
}

func postManage(action string) func(*world, *cluster, call) *answer {
	return func(w *world, cl *cluster, c call) *answer {
		request, f, err := decodeManage(c.body)
		if err != nil {
			return refuse(conflict("%v", err))
		}
		result, no := w.manage(cl, action, request, f)
		if no != nil {
			return refuse(no)
		}
		return accept(result.OperationID, result)
	}
}

func postScale(w *world, cl *cluster, c call) *answer {
	cores, no := total(c.URL.Query(), "totalCoreCount")
	if no != nil {
		return refuse(no)
	}
	nodes, no := total(c.URL.Query(), "totalNodeCount")
	if no != nil {
		return refuse(no)
	}
	result, no := w.scale(cl, c.PathValue("nodearray"), cores, nodes)
	if no != nil {
		return refuse(no)
	}
	return accept(result.OperationID, result)
}

// total reads a count from a query; nil if it is not there.
func total(q url.Values, name string) (*int, *refusal) {
	if !q.Has(name) {
		return nil, nil
	}
	n, err := strconv.Atoi(q.Get(name))
	if err != nil || n < 0 {
		return nil, conflict("%s: %q is not a whole number from 0", name, q.Get(name))
	}
	return &n, nil
}

type operationStatus struct {
	Action    string `json:"action"`
	StartTime string `json:"startTime"`
}

func (op *operation) status() operationStatus {
	return operationStatus{op.action, op.start.UTC().Format(time.RFC3339)}
}

func listOperations(w *world, c call) *answer {
	q := c.URL.Query()
	if q.Has("request_id") && q.Get("request_id") == "" {
		return refuse(&refusal{400, "request_id is empty"})
	}
	list := []operationStatus{}
	for _, op := range w.operations {
		if want := q.Get("request_id"); want == "" || want == op.requestID {
			list = append(list, op.status())
		}
	}
	return succeed(http.StatusOK, mustMarshal(list))
}

func getOperation(w *world, c call) *answer {
	op := w.byOperation[c.PathValue("id")]
	if op == nil {
		return refuse(notFound("No operation found for id %s", c.PathValue("id")))
	}
	return succeed(http.StatusOK, mustMarshal(op.status()))
}
