package pbs

import (
	"fmt"
	"strings"
)

// Why is a state of a job or what PBS says of one that waits, and what it means here.
type Why struct {
	// Says is a state's letter, or how a comment begins behind "Not Running: " or "Can
	// Never Run: "; three dots stand for names in it.
	Says string
	// Demand tells whether new nodes may help the job.
	Demand bool
	// Words say so to people.
	Words string
}

// States are all states of a job. Those that are neither demand nor run are explained, or
// are over.
var States = []Why{
	{"Q", true, "waits to be started, and its comment tells for what"},
	{"W", true, "waits for its begin time, and is demand from then on"},
	{"B", true, "an array that has begun: its subjobs that are still to start are demand"},
	{"H", false, "is held"},
	{"T", false, "is on its way to another queue or server"},
	{"R", false, "runs"},
	{"E", false, "ends, and has its nodes still"},
	{"S", false, "is suspended by PBS, and may go on only where it is"},
	{"U", false, "is suspended while somebody works at the machine"},
	{"M", false, "was moved to another server"},
	{"F", false, "is over"},
	{"X", false, "a subjob that is over"},
}

// Comments are what OpenPBS's scheduler says of jobs that it does not start, as far as
// they say that nodes are of no help, or could be thought to. In a cluster whose nodes
// come when they are wanted, "Can Never Run" only means that there are none yet. A comment
// that is not listed, which a hook or a user may have written, leaves the job demand.
var Comments = []Why{
	{"Not enough free nodes available", true, "waits for nodes"},
	{"Not enough total nodes available", true, "there are too few nodes as yet"},
	{"Not enough of the right type of nodes are available", true, "waits for nodes"},
	{"No available resources on nodes", true, "waits for nodes"},
	{"Insufficient amount of resource: …", true, "waits for nodes with more of it, where the configuration maps the resource to something that nodes have; else nodes are of no help"},
	{"Node is in an ineligible state: …", true, "other nodes may do"},
	{"Job is requesting an exclusive node and node is in use", true, "waits for a node of its own"},
	{"Node ineligible because job requested pack placement and won't fit on node", true, "waits for a larger node"},
	{"… set … has too few free resources", true, "waits for more nodes in one placement group"},
	{"can't fit in the largest placement set, and can't span psets", true, "waits for more nodes in one placement group"},
	{"Job would conflict with reservation or top job", true, "other nodes may do"},
	{"Job would interfere with a top job", true, "other nodes may do"},
	{"Job would interfere with a confirmed reservation", true, "other nodes may do"},
	{"Job would break strict sorted order", true, "others come first; they are served in that order"},
	{"PBS Error: …", true, "could not be started, and is tried again"},
	{"Queue not started", false, "its queue is stopped"},
	{"Queue not an execution queue", false, "waits to be handed on by its queue"},
	{"Insufficient amount of queue resource: …", false, "its queue has no more of a resource: nodes are of no help"},
	{"Insufficient amount of server resource: …", false, "the server has no more of a resource, such as licences: nodes are of no help"},
	{"Queue … job limit has been reached", false, "its queue runs as many jobs as it may"},
	{"Queue … job limit reached for …", false, "its queue runs as many jobs of its user, group or project as it may"},
	{"Queue … limit reached on resource …", false, "its user, group or project has as much in the queue as it may"},
	{"Server job limit …", false, "the server runs as many jobs as it may"},
	{"Server … limit reached on resource …", false, "its user, group or project has as much as it may"},
	{"User has reached …", false, "its user runs as many jobs as he may"},
	{"Group has reached …", false, "its group runs as many jobs as it may"},
	{"Project has reached …", false, "its project runs as many jobs as it may"},
	{"would exceed …", false, "it would exceed a limit on a resource"},
	{"Number of concurrent running subjobs limit reached", true, "as many of the array's subjobs run as may; more are demand as far as its limit allows"},
	{"Dedicated time conflict", false, "waits for the dedicated time to be over"},
	{"Job would cross dedicated time boundary", false, "would not end before the dedicated time"},
	{"Job will run in primetime only", false, "waits for primetime"},
	{"Job will run in nonprimetime only", false, "waits for primetime to be over"},
	{"Job will cross into …", false, "would not end before primetime begins or ends"},
	{"Job has zero shares for fairshare", false, "its user has no shares"},
	{"Job is under job_sort_formula threshold value", false, "its priority is too low"},
	{"Node has no PBS license", false, "PBS lacks licences for nodes"},
	{"Invalid Job/Resv …", false, "its request is not valid"},
	{"Specified … does not exist: …", false, "names a host or vnode that does not exist"},
	{"Cannot provision, …", false, "wants an operating environment that PBS can't provide"},
	{"Internal Scheduling Error", true, "the scheduler failed, and tries again"},
}

// explain tells what a comment means. mapped tells whether a resource is one that nodes
// have.
func explain(comment string, mapped func(resource string) bool) Why {
	says, waits := strings.CutPrefix(comment, "Not Running: ")
	if !waits {
		says, waits = strings.CutPrefix(comment, "Can Never Run: ")
	}
	if !waits {
		return Why{comment, true, "waits to be started"}
	}
	if rest, ok := strings.CutPrefix(says, "Insufficient amount of resource: "); ok {
		if name, _, _ := strings.Cut(rest, " "); !mapped(name) {
			return Why{says, false, fmt.Sprintf("waits for the resource %s, of which nodes have none as far as the configuration says", name)}
		}
	}
	for _, c := range Comments {
		if likes(says, c.Says) {
			return Why{says, c.Demand, c.Words}
		}
	}
	return Why{says, true, "waits to be started"}
}

// likes tells whether a text begins as the pattern says, in which three dots stand for
// anything.
func likes(text, pattern string) bool {
	first := true
	for part := range strings.SplitSeq(pattern, "…") {
		at := strings.Index(text, part)
		if at < 0 || first && at != 0 {
			return false
		}
		text, first = text[at+len(part):], false
	}
	return true
}

// holders say who holds a job, by the letters of Hold_Types.
var holders = []struct{ letter, words string }{
	{"o", "an operator holds it"},
	{"s", "PBS or a manager holds it"},
	{"u", "its user holds it"},
	{"p", "it could not be started with its owner's credentials and is held"},
}

// heldBy says who holds a job in state H.
func heldBy(j *Job) string {
	for _, h := range holders {
		if strings.Contains(j.HoldTypes, h.letter) {
			return h.words
		}
	}
	return "is held"
}
