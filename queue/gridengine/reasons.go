package gridengine

import (
	"fmt"
	"strings"
)

// Why is a reason for which a job waits, and what it means here.
type Why struct {
	// Reason is a letter of the job's state, the number of a message of the scheduler's
	// (qstat -j), or what was found about what the job asks for.
	Reason string
	// Demand tells whether new nodes may help the job.
	Demand bool
	// Words say so to people.
	Words string
}

// Reasons are all reasons that are known. Which of them are demand is our own choice:
// what nodes can't help, is none. Messages that are not listed are of single queues and
// hosts, of which new ones may help.
var Reasons = []Why{
	{"state qw", true, "waits for slots"},
	{"state Rqw", true, "is started again, and waits for slots"},
	{"state d", false, "is being deleted"},
	{"state E", false, "is in error: it is not started before somebody clears that (qmod -cj)"},
	{"state h, jobs", false, "other jobs must end first"},
	{"state h", false, "is held by its user, an operator or the system"},
	{"state s", false, "is suspended"},
	{"reservation", false, "is for an advance reservation, which has its hosts"},
	{"begin time", true, "its begin time lies ahead, and it is demand from then on"},
	{"array limit", false, "as many tasks of the array run as may at a time (-tc)"},
	{"host", false, "names its host: others are of no help"},
	{"rule", false, "no rule of queue.gridengine.rules is for it"},
	{"pools", false, "no pool of the policy has a name that its rule gives"},
	{"PE", false, "no parallel environment that it may have can give it its slots"},
	{"resource", false, "asks for a resource of which queue.gridengine.resources does not say what it is"},
	{"unreadable", false, "what it asks for can't be read"},
	{"message 20", false, "what all hosts share, such as licences, is used up or too little"},
	{"message 22", false, "does not ask for a resource that jobs must ask for"},
	{"message 23", false, "its checkpointing environment is not there"},
	{"message 25", false, "may not use the parallel environment"},
	{"message 34", false, "a limit of its user's jobs holds it"},
	{"message 43", false, "no parallel environment is so called"},
	{"message 49", false, "a limit of a resource quota can't be computed"},
	{"message 50", false, "a resource quota of its user, project or parallel environment holds it; one of queues or hosts does not, for new hosts may help"},
	{"message 51", false, "is for an advance reservation"},
	{"message 52", false, "is for an advance reservation"},
	{"message 53", false, "is for an advance reservation"},
	{"message 54", false, "its advance reservation is in error"},
}

var reasonOf = func() map[string]Why {
	m := make(map[string]Why, len(Reasons))
	for _, w := range Reasons {
		m[w.Reason] = w
	}
	return m
}()

// held is how a reason is told, with what it is about.
func held(reason, about string) string {
	if about == "" {
		return reason + ": " + reasonOf[reason].Words
	}
	return reason + ": " + reasonOf[reason].Words + " (" + about + ")"
}

// heldBy is why a pending job is no demand by its state and the scheduler's messages;
// empty: it may be.
func heldBy(j *Job, d *Detail) string {
	switch {
	case j.Is('d'):
		return held("state d", "")
	case j.Is('E'):
		return held("state E", "")
	case j.Is('h') && len(j.Predecessors) > 0:
		return held("state h, jobs", strings.Join(j.Predecessors, ", "))
	case j.Is('h'):
		return held("state h", "")
	case j.Is('s') || j.Is('S') || j.Is('T'):
		return held("state s", "")
	case d.Reservation != 0:
		return held("reservation", fmt.Sprint(d.Reservation))
	}
	if !d.Begins.IsZero() && j.Priority == 0 {
		return "" // nothing but its time counts until then
	}
	for _, m := range d.Messages {
		if reason := fmt.Sprintf("message %d", m.Number); reasonOf[reason].Reason != "" && !helps(m) {
			return held(reason, shown(m.Text))
		}
	}
	return ""
}

// helps tells whether new hosts may help although the message is listed: a limit of a
// resource quota is told as users/projects/PEs/…/queues/hosts, and one that names a queue
// or a host is another one for each host.
func helps(m Message) bool {
	if m.Number != 50 {
		return false
	}
	_, rest, _ := strings.Cut(m.Text, `"`)
	limit, _, _ := strings.Cut(rest, `"`)
	parts := strings.Split(limit, "/")
	return len(parts) >= 2 && parts[len(parts)-1]+parts[len(parts)-2] != ""
}
