package cyclecloudtest

import (
	"net/http"
	"time"
)

// reportKey names a guest health report: one of each category is taken for a node.
type reportKey struct {
	node     *node
	category string
}

type healthReport struct {
	NodeID      string `json:"nodeId"`
	Name        string `json:"name"`
	Category    string `json:"category"`
	Description string `json:"description"`
	Status      string `json:"status"`
	SubmitTime  string `json:"submitTime"`
}

// reported finds the node and the category that a guest health call names. The path takes a name
// or an id.
func reported(cl *cluster, c call) (reportKey, *refusal) {
	name := c.PathValue("node")
	n := cl.byName[name]
	if n == nil {
		n = cl.byID[name]
	}
	category := c.URL.Query().Get("category")
	switch {
	case n == nil:
		return reportKey{}, notFound("No node named %s in cluster %s", name, cl.name)
	case category == "":
		return reportKey{}, &refusal{400, "category is required"}
	}
	return reportKey{n, category}, nil
}

func postReport(w *world, cl *cluster, c call) *answer {
	key, no := reported(cl, c)
	if no != nil {
		return refuse(no)
	}
	if !key.node.hasVM() {
		return refuse(&refusal{400, "Node " + key.node.name + " has no VM"})
	}
	if _, there := w.reports[key]; there {
		return refuse(conflict("A report of category %s was already submitted for node %s", key.category, key.node.name))
	}
	w.reports[key] = healthReport{
		NodeID: key.node.id, Name: key.node.name, Category: key.category,
		Description: c.URL.Query().Get("description"), Status: "Submitted",
		SubmitTime: w.now.UTC().Format(time.RFC3339),
	}
	return succeed(http.StatusAccepted, mustMarshal(w.reports[key]))
}

func getReport(w *world, cl *cluster, c call) *answer {
	key, no := reported(cl, c)
	if no != nil {
		return refuse(no)
	}
	report, there := w.reports[key]
	if !there {
		return refuse(notFound("No report of category %s for node %s", key.category, key.node.name))
	}
	return succeed(http.StatusOK, mustMarshal(report))
}
