package queue

import (
	"regexp"
	"strings"

	"autoscaled/autoscale"
)

var (
	// nodeNameForm and groupNameForm stand in the schema too; a test compares.
	nodeNameForm  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)
	groupNameForm = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
)

// nameNodes resolves a job that names its nodes: one whole node for each name. In
// a placement group the job is coupled.
func (r *reader) nameNodes(n *node, j *jobEntry) {
	for _, key := range []string{"tasks", "nodes", "tasks_per_node", "placement", "coupled"} {
		if n.has(key) {
			r.failAt(n.find(key), key, "excludes node_names, which says which whole nodes the job waits for")
		}
	}
	if n.has("exclusive") && j.Exclusive != autoscale.ExclusiveTask {
		r.failAt(n.find("exclusive"), "exclusive", "with node_names can only be task: they are whole nodes")
	}
	seen := make(map[string]bool, len(j.Names))
	for _, name := range j.Names {
		if name = strings.ToLower(name); seen[name] {
			r.failAt(n.find("node_names"), "node_names", "names %s twice: case makes no difference", quoteShort(name))
		}
		seen[name] = true
	}
	j.Tasks, j.Exclusive = len(j.Names), autoscale.ExclusiveTask
	if j.Group != "" {
		j.Grouping = autoscale.Coupled
	}
}

// nodeNames reads names as a cloud and a queue can both have them.
func (r *reader) nodeNames(n *node) []string {
	return r.formed(n, r.labels(n), nodeNameForm, "must be a node's name: letters, digits, _, . and -, beginning with a letter or digit")
}

func (r *reader) groupName(n *node) string {
	name := r.label(n)
	r.formed(n, []string{name}, groupNameForm, "must be a placement group's name: letters, digits, _ and -")
	return name
}

// formed refuses the first text that has not the form. What is empty was refused
// before.
func (r *reader) formed(n *node, texts []string, form *regexp.Regexp, rule string) []string {
	for _, text := range texts {
		if text != "" && !form.MatchString(text) {
			r.failf(n, "%s, not %s", rule, quoteShort(text))
			break
		}
	}
	return texts
}
