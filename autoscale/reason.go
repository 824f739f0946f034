package autoscale

import (
	"fmt"
	"strings"
	"time"
)

// ReasonCode is the stable name of a reason: the value of the log field, the
// metric label and the JSON key. The set is closed; Reasons lists it.
type ReasonCode string

// Reasons for actions.
const (
	ReasonDemand       ReasonCode = "demand"        // nodes for waiting jobs
	ReasonMinimum      ReasonCode = "minimum"       // nodes for a pool's min, or a node kept for it
	ReasonBuffer       ReasonCode = "buffer"        // nodes for a pool's buffer, or a node kept for it
	ReasonIdle         ReasonCode = "idle"          // nobody wanted the node for its idle time
	ReasonGangReleased ReasonCode = "gang_released" // kept for a gang in vain, and nobody else wants it
	ReasonBootTimeout  ReasonCode = "boot_timeout"  // the node did not come up in time
	ReasonJoinTimeout  ReasonCode = "join_timeout"  // the queue did not hear of the node in time
	ReasonDone         ReasonCode = "done"          // the queue gives it no work ever again
	ReasonFailed       ReasonCode = "failed"        // the cloud says the node failed
	ReasonMisnamed     ReasonCode = "misnamed"      // the queue knows no node of its name
	ReasonSurplus      ReasonCode = "surplus"       // its pool keeps enough deallocated nodes without it
	ReasonMaxAge       ReasonCode = "max_age"       // it is older than its pool lets it grow
	ReasonMaxBusy      ReasonCode = "max_busy"      // it has been running something for longer than its pool allows
	ReasonOutdated     ReasonCode = "outdated"      // a new node of its pool would be another
	ReasonMakesWay     ReasonCode = "makes_way"     // it is idle, and in the way of a job that waited for long
	ReasonNotGone      ReasonCode = "not_gone"      // it was sent away and is on its way out for too long
	ReasonRetry        ReasonCode = "retry"         // the cloud does not know a request that is still wanted
	ReasonWantedAgain  ReasonCode = "wanted_again"  // work came for a node that was to drain
	ReasonDrained      ReasonCode = "drained"       // the node was seen drained and empty
)

// Reasons why a job is served.
const (
	ReasonPart       ReasonCode = "part"        // only some of its tasks, which its gang mode allows
	ReasonOnReady    ReasonCode = "on_ready"    // by nodes that are up
	ReasonOnStarting ReasonCode = "on_starting" // by nodes on their way
	ReasonOnNew      ReasonCode = "on_new"      // by nodes that this plan creates
	// ReasonOnDeallocated: by deallocated nodes that this plan starts.
	ReasonOnDeallocated ReasonCode = "on_deallocated"
)

// Reasons why a job waits.
const (
	ReasonHeld           ReasonCode = "held"            // the queue does not let it start, and says why
	ReasonDependency     ReasonCode = "dependency"      // other jobs must end first
	ReasonNotYet         ReasonCode = "not_yet"         // its earliest start is to come
	ReasonNoPool         ReasonCode = "no_pool"         // no pool matches its selector
	ReasonTooLarge       ReasonCode = "too_large"       // no machine type has what one task needs
	ReasonNoMachine      ReasonCode = "no_machine"      // no machine type has all that one task needs together
	ReasonNoGroups       ReasonCode = "no_groups"       // no pool that would do has placement groups
	ReasonGroupTooSmall  ReasonCode = "group_too_small" // it needs more nodes than a placement group may have
	ReasonNameTaken      ReasonCode = "name_taken"      // a node of the name it waits for is there, and can't serve it
	ReasonNameUnnumbered ReasonCode = "name_unnumbered" // the cloud can't be asked for the name
	ReasonPoolInvalid    ReasonCode = "pool_invalid"    // the cloud makes no new nodes in the pools that would do
	ReasonGangWaits      ReasonCode = "gang_waits"      // nodes are kept for it until it gets the rest
	ReasonReserved       ReasonCode = "reserved"        // room is kept for a gang that has waited long
	ReasonCapacity       ReasonCode = "capacity"        // the pool ran out of capacity lately
	ReasonBreaker        ReasonCode = "breaker"         // the cloud is stopped, for waiting does not end its errors
	ReasonLimit          ReasonCode = "limit"           // a limit is reached
	ReasonBudget         ReasonCode = "budget"          // a budget of money is reached
	ReasonCreateRate     ReasonCode = "create_rate"     // as many nodes as may be asked for at a time were
	ReasonPaused         ReasonCode = "paused"          // an operator paused the pool
	ReasonDemandJump     ReasonCode = "demand_jump"     // the queue asks for far more than before; a second read must agree
	ReasonNoPrice        ReasonCode = "no_price"        // there is a budget, and the price of the pools that would do is not known
)

// Reasons why a node stays.
const (
	ReasonWanted       ReasonCode = "wanted"        // the plan gives it work
	ReasonGangHeld     ReasonCode = "gang_held"     // kept for a gang that lacks the rest of its nodes
	ReasonBusy         ReasonCode = "busy"          // the queue runs something on it
	ReasonSilent       ReasonCode = "silent"        // the queue runs something on it, and hears of it no more
	ReasonKeepAlive    ReasonCode = "keep_alive"    // an operator forbade its removal
	ReasonQueueKeeps   ReasonCode = "queue_keeps"   // the queue alone says when it goes, and has not
	ReasonIdleShort    ReasonCode = "idle_short"    // idle, but not for its idle time
	ReasonIdleOnce     ReasonCode = "idle_once"     // idle in one read; a second must agree
	ReasonUseUnknown   ReasonCode = "use_unknown"   // the queue does not say what it runs
	ReasonStarting     ReasonCode = "starting"      // on its way, within its boot timeout
	ReasonDraining     ReasonCode = "draining"      // marked for drain, not yet seen drained and empty
	ReasonDrainUnseen  ReasonCode = "drain_unseen"  // marked for drain more than once, and the queue does not show it
	ReasonDrainTimeout ReasonCode = "drain_timeout" // it could not be drained in time, and takes work until it is tried again
	ReasonForeignDrain ReasonCode = "foreign_drain" // an administrator drained it
	ReasonForeign      ReasonCode = "foreign"       // not made by us
	ReasonProtected    ReasonCode = "protected"     // head node, or its nodearray forbids autoscaling
	ReasonUnmanaged    ReasonCode = "unmanaged"     // no policy names its pool
	ReasonAged         ReasonCode = "aged"          // too old, and waiting to go
	ReasonAgedTurn     ReasonCode = "aged_turn"     // too old, and others go before it
	ReasonAgedKept     ReasonCode = "aged_kept"     // too old, and nothing can replace it
	// The same of an outdated node.
	ReasonOutdatedGoing ReasonCode = "outdated_going"
	ReasonOutdatedTurn  ReasonCode = "outdated_turn"
	ReasonOutdatedKept  ReasonCode = "outdated_kept"
	ReasonRemovalRate   ReasonCode = "removal_rate" // it may go, and as many as may go now do
	// ReasonRemovalBackoff: removals of it came to nothing, and it waits for the next.
	ReasonRemovalBackoff ReasonCode = "removal_backoff"
	ReasonGroupStays     ReasonCode = "group_stays"  // its placement group goes whole, and another node of it stays
	ReasonReporting      ReasonCode = "reporting"    // it failed, and is reported before it goes
	ReasonFailedKept     ReasonCode = "failed_kept"  // it failed, and is kept for somebody to look at
	ReasonLeaving        ReasonCode = "leaving"      // its removal is under way
	ReasonOddState       ReasonCode = "odd_state"    // its state is unknown
	ReasonStartFailed    ReasonCode = "start_failed" // it was to be started, and stays deallocated
	ReasonDeallocated    ReasonCode = "deallocated"  // it is deallocated and costs no compute
)

// Reasons for what a pool did, or did not.
const (
	ReasonGrows     ReasonCode = "grows"      // it gets new nodes
	ReasonStarts    ReasonCode = "starts"     // deallocated nodes of it are started
	ReasonShrinks   ReasonCode = "shrinks"    // nodes of it go
	ReasonNotNeeded ReasonCode = "not_needed" // no job needed new nodes of it
)

// Reasons why nothing is done at all.
const (
	ReasonSupplyUnknown  ReasonCode = "supply_unknown"
	ReasonDemandUnknown  ReasonCode = "demand_unknown"
	ReasonClusterStopped ReasonCode = "cluster_stopped"
)

// Reason explains one decision: which rule, about what, and the observed value
// against the limit. Fields that a code does not need are zero.
type Reason struct {
	Code ReasonCode `json:"code"`
	// Subject is what it is about: a limit, a pool, a node, a job.
	Subject string `json:"subject,omitempty"`
	// Have is the observed value and Want the limit or the need, in Unit.
	Have int64 `json:"have,omitempty"`
	Want int64 `json:"want,omitempty"`
	// Need is how much more of Unit is asked for than the limit leaves.
	Need int64 `json:"need,omitempty"`
	Unit Unit  `json:"unit,omitempty"`
	// For is how long it has been so, Of how long it may be.
	For time.Duration `json:"for,omitempty"`
	Of  time.Duration `json:"of,omitempty"`
	// Class is what kind of trouble it is, where something went wrong.
	Class ErrorClass `json:"class,omitempty"`
	// Detail is somebody else's words: the cloud's, the queue's.
	Detail string `json:"detail,omitempty"`
}

// String is the sentence for people.
func (r Reason) String() string {
	entry, known := reasonText[r.Code]
	if !known {
		return string(r.Code)
	}
	var text strings.Builder
	for left := entry.says; left != ""; {
		words, from, _ := strings.Cut(left, "{")
		name, rest, _ := strings.Cut(from, "}")
		text.WriteString(words)
		text.WriteString(r.field(name))
		left = rest
	}
	return strings.TrimRight(strings.TrimSpace(text.String()), ":,; ")
}

// field is what stands for a name in braces in a reason's sentence.
func (r Reason) field(name string) string {
	switch name {
	case "s":
		if r.Have != 1 {
			return "s"
		}
	case "subject":
		return r.Subject
	case "job":
		if r.Subject == "" {
			return "something"
		}
		return "job " + r.Subject
	case ", schedule":
		if r.Subject != "" {
			return ", " + r.Subject
		}
	case ", next try":
		if r.Of > 0 {
			return ", the next in " + howLong(r.Of)
		}
	case ", ending":
		if r.Of > 0 {
			return ", for another " + howLong(r.Of)
		}
	case "; detail":
		if r.Detail != "" {
			return "; " + r.Detail
		}
	case "have":
		return r.Unit.Format(r.Have)
	case "want":
		return r.Unit.Format(r.Want)
	case "need":
		return r.Unit.Format(r.Need)
	case "unit":
		return string(r.Unit)
	case "for":
		return howLong(r.For)
	case "of":
		return howLong(r.Of)
	case "class":
		return string(r.Class)
	case "detail", "what the queue says":
		return r.Detail
	}
	return ""
}

// howLong words a duration to the second, and one of two days or more to the hour,
// in days.
func howLong(d time.Duration) string {
	const day = 24 * time.Hour
	if d < 2*day {
		return d.Round(time.Second).String()
	}
	d = d.Round(time.Hour)
	if d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
}

// ReasonInfo documents a reason.
type ReasonInfo struct {
	Code ReasonCode
	// Says is the sentence with its fields in braces.
	Says string
	// Help is what an operator can do about it; empty: nothing needs doing. HelpOnAnka
	// stands in its place where the cloud is an Anka controller; empty: Help does.
	Help, HelpOnAnka string
}

// Reasons lists all reasons in the order of the documentation.
func Reasons() []ReasonInfo {
	list := make([]ReasonInfo, 0, len(reasonOrder))
	for _, code := range reasonOrder {
		list = append(list, ReasonInfo{Code: code, Says: reasonText[code].says, Help: reasonText[code].help, HelpOnAnka: helpOnAnka[code]})
	}
	return list
}

// HelpOf is what an operator can do about a reason; empty: nothing needs doing. onAnka
// tells that the cloud is an Anka controller.
func HelpOf(code ReasonCode, onAnka bool) string {
	if help := helpOnAnka[code]; onAnka && help != "" {
		return help
	}
	return reasonText[code].help
}

var reasonOrder = []ReasonCode{
	ReasonDemand, ReasonMinimum, ReasonBuffer, ReasonIdle, ReasonGangReleased, ReasonBootTimeout, ReasonJoinTimeout, ReasonDone, ReasonFailed, ReasonMisnamed, ReasonSurplus, ReasonMaxAge, ReasonMaxBusy, ReasonOutdated, ReasonMakesWay, ReasonNotGone, ReasonRetry, ReasonWantedAgain, ReasonDrained,
	ReasonOnReady, ReasonOnStarting, ReasonOnDeallocated, ReasonOnNew, ReasonPart,
	ReasonHeld, ReasonDependency, ReasonNotYet, ReasonNoPool, ReasonTooLarge, ReasonNoMachine, ReasonNoGroups, ReasonGroupTooSmall, ReasonNameTaken, ReasonNameUnnumbered, ReasonPoolInvalid, ReasonGangWaits, ReasonReserved, ReasonCapacity, ReasonBreaker, ReasonLimit, ReasonCreateRate, ReasonDemandJump, ReasonPaused, ReasonBudget, ReasonNoPrice,
	ReasonWanted, ReasonGangHeld, ReasonBusy, ReasonSilent, ReasonKeepAlive, ReasonQueueKeeps, ReasonIdleShort, ReasonIdleOnce, ReasonUseUnknown, ReasonStarting, ReasonDraining, ReasonDrainUnseen, ReasonDrainTimeout,
	ReasonForeignDrain, ReasonForeign, ReasonProtected, ReasonUnmanaged, ReasonAged, ReasonAgedTurn, ReasonAgedKept, ReasonOutdatedGoing, ReasonOutdatedTurn, ReasonOutdatedKept, ReasonRemovalRate, ReasonRemovalBackoff, ReasonGroupStays, ReasonReporting, ReasonFailedKept, ReasonLeaving, ReasonOddState, ReasonStartFailed, ReasonDeallocated,
	ReasonGrows, ReasonStarts, ReasonShrinks, ReasonNotNeeded,
	ReasonSupplyUnknown, ReasonDemandUnknown, ReasonClusterStopped,
}

var reasonText = map[ReasonCode]struct{ says, help string }{
	ReasonDemand:       {"for {have} waiting job{s}", ""},
	ReasonMinimum:      {"pool {subject} keeps a minimum of {want}", ""},
	ReasonBuffer:       {"pool {subject} keeps {want} beyond the {have} that jobs use", ""},
	ReasonIdle:         {"nobody wanted it for {for} (limit {of}{, schedule})", ""},
	ReasonGangReleased: {"asked for a job that needs many at once and did not get them in {for} (limit {of}); nobody else wants it", ""},
	ReasonBootTimeout:  {"not ready {for} after it was asked for (limit {of}): {detail}", "Look at the node's status message in CycleCloud; raise boot_timeout if nodes really take that long."},
	ReasonJoinTimeout:  {"it is up and the queue has not heard of it for {for} (limit {of})", "Look at what starts on the node: a scheduler's daemon or a CI runner that ended or can't reach its service, or a start-up script that failed. Raise join_timeout if it really takes that long."},
	ReasonDone:         {"the queue gives it no more work: its work is done, or it was taken out of service", ""},
	ReasonMisnamed:     {"the queue knows no node of the name {subject}, so it can't be used", "If the name should be known, add it to the queue's own configuration. The cloud gives another name than the one asked for where that was taken."},
	ReasonFailed:       {"the cloud says it failed: {detail}", "Look at the node's status message in CycleCloud."},
	ReasonSurplus:      {"deallocated for longest; pool {subject} keeps {want} deallocated", "Raise keep_deallocated if its disk is worth keeping."},
	ReasonMaxAge:       {"{for} old (limit {of})", ""},
	ReasonMaxBusy:      {"busy without a break for {for} (limit {of}), now with {job}: it is taken to hang, and goes with what it runs", "Look at what the job did; raise max_busy if jobs really take that long."},
	ReasonOutdated:     {"a new one would be another: {subject}", ""},
	ReasonMakesWay:     {"it does nothing, and job {subject}, which is before those that it could serve, has waited for {for} (limit {of}) for what it takes of limit {detail}", "Raise the limit, or raise gang_patience."},
	ReasonNotGone:      {"sent away {have} time{s} and still there: {detail}", "Look at the node in CycleCloud and at its VM in Azure."},
	ReasonRetry:        {"the cloud does not know request {subject}, which is still wanted", ""},
	ReasonWantedAgain:  {"work came for it before it was drained", ""},
	ReasonDrained:      {"drained, empty and unwanted for {for} (limit {of}{, schedule})", ""},

	ReasonOnReady:       {"fits nodes that are up; the queue may start it", ""},
	ReasonOnStarting:    {"its nodes are on their way", ""},
	ReasonOnDeallocated: {"deallocated nodes are being started for it", ""},
	ReasonOnNew:         {"nodes are being created for it", ""},
	ReasonPart:          {"{have} of its {want} tasks can be had: {detail}", "Raise the limit or wait until enough of it is free."},
	ReasonBudget:        {"{subject} is in the way: {have} of {want} are spent or taken by what runs and is on its way, {need} more would be needed", "Raise the budget, or wait until nodes go or the next month begins."},
	ReasonNoPrice:       {"there is a budget, and the price of a node of {subject} is not known", "Give the pool a price_per_hour, or the price file a line for it."},

	ReasonHeld:           {"{what the queue says}", ""},
	ReasonDependency:     {"waits for job {subject} to end", ""},
	ReasonNotYet:         {"may not start for another {for}", ""},
	ReasonNoPool:         {"no pool matches what it asks for", "Check its selector against the pools that plan lists."},
	ReasonTooLarge:       {"no machine type it may use has {want} {unit}; the largest has {have}", "Ask for less per task, or add a larger machine type to the nodearray."},
	ReasonNoMachine:      {"no machine type it may use has {detail} together", "Ask for less per task, or add a larger machine type to the nodearray."},
	ReasonNoGroups:       {"it is coupled, and no pool it may use has placement groups", "Allow it a nodearray with placement groups."},
	ReasonGroupTooSmall:  {"it needs {want} nodes in one placement group; the largest group may have {have}", "Ask for fewer nodes, or raise the nodearray's maximum scale set size."},
	ReasonNameTaken:      {"node name {subject} is taken: {detail}", "Wait until the node is gone. If it does not go by itself, remove it in CycleCloud."},
	ReasonNameUnnumbered: {"the cloud can't be asked for node name {subject}: it has no number", "Name nodes as in execute-3."},
	ReasonPoolInvalid:    {"the cloud makes no new nodes in {subject}: {detail}", "Activate the machine type in CycleCloud."},
	ReasonGangWaits:      {"{have} node{s} that were asked for it are kept, for {for} of {of}, until it gets all that it needs: {detail}", "Wait, raise what stops the rest, or raise gang_hold."},
	ReasonReserved:       {"what limit {detail} leaves is kept for job {subject}, which is before it and needs much at once", "Wait, raise the limit, or raise gang_patience."},
	ReasonCapacity:       {"{subject} fell short {for} ago ({class}) and is on trial with {have} at a time{, next try}: {detail}", "Wait, or allow another machine type or nodearray."},
	ReasonBreaker:        {"{class} errors have stopped this cloud for {for}; one try at a time, the next in {of}: {detail}", "auth: mend the credentials or their role. config: mend what the words name, such as an image, a subnet or a machine type of the nodearray, or a template or tag. It goes on by itself after a try that succeeds."},
	ReasonLimit:          {"limit {subject} is in the way: {have} of {want} {unit} are in use or on their way, {need} more would be needed{; detail}", "Raise the limit or wait until enough of it is free."},
	ReasonCreateRate:     {"{subject} allows {want} new nodes, and {have} were or are asked for before it", "Wait, or raise the rate."},
	ReasonPaused:         {"{subject} paused for {for}{, ending}: {detail}", "autoscaled resume lets it go on."},
	ReasonDemandJump:     {"the queue asks for {have} cores, more than demand_jump times the {want} that were counted before; a second read must agree before anything grows", "Wait for the next read. If the queue asks for too much, mend it, or pause the daemon; if it often grows so fast, raise demand_jump."},

	ReasonWanted:         {"the plan gives it work", ""},
	ReasonGangHeld:       {"kept for job {subject}, which lacks the rest of its nodes, for {for} of {of}", ""},
	ReasonBusy:           {"the queue runs {job} on it", ""},
	ReasonSilent:         {"the queue runs {job} on it and has not heard of it for {for} (limit {of}): it takes no more work, and goes when that has ended", "Look at the scheduler's daemon on the node and at its network. If what runs there is lost, delete it in the queue."},
	ReasonQueueKeeps:     {"the queue alone says when it goes, and has not", "Power it down in the queue if it is to go (scontrol update nodename=NAME state=power_down)."},
	ReasonKeepAlive:      {"KeepAlive is set on it", "Clear KeepAlive in CycleCloud when it may go."},
	ReasonIdleShort:      {"idle for {for} of {of}{, schedule}", ""},
	ReasonIdleOnce:       {"idle long enough; a second read of the queue must agree", ""},
	ReasonUseUnknown:     {"the queue does not say what runs on it", "Let the queue list what runs (running: in the demand document)."},
	ReasonStarting:       {"on its way for {for} (limit {of})", ""},
	ReasonDraining:       {"marked for drain", ""},
	ReasonDrainUnseen:    {"marked for drain {have} times in {for}, and the queue does not show it; the next mark goes in {of}", "Mark a host by hand with the queue's own command, and see whether the demand document tells it (drain: ours)."},
	ReasonDrainTimeout:   {"not drained within {for}, so it takes work again; failed drains in a row: {have}, the next begins in {of}: {detail}", "Look at what runs on it. Raise drain_timeout if jobs really take that long."},
	ReasonForeignDrain:   {"an administrator drained it", "Undrain it in the queue when it may be used."},
	ReasonForeign:        {"not made by this daemon", ""},
	ReasonProtected:      {"never touched: {detail}", ""},
	ReasonUnmanaged:      {"no pool of the config is its own", "Add a pool to the config if it is to be managed."},
	ReasonAged:           {"{for} old (limit {of}), so it takes no new work and goes when it may: {detail}", ""},
	ReasonAgedTurn:       {"{for} old (limit {of}); {have} older before it, and at most {want} at once", ""},
	ReasonAgedKept:       {"{for} old (limit {of}), and min needs it until it is replaced: {detail}", "Leave room for one node more than min."},
	ReasonOutdatedGoing:  {"outdated, so it takes no new work and goes when it may: {subject}; {detail}", ""},
	ReasonOutdatedTurn:   {"outdated, and takes work until its turn: {have} go before it, and at most {want} at once: {subject}", ""},
	ReasonOutdatedKept:   {"outdated, and min needs it until it is replaced: {subject}; {detail}", "Leave room for one node more than min."},
	ReasonRemovalRate:    {"it may go, but {subject} allows {want} and {have} went or go before it", "Wait, or raise the rate."},
	ReasonRemovalBackoff: {"it may go, and {have} removal{s} of it came to nothing; the next in {of}: {detail}", "Look at the node in CycleCloud and at its VM in Azure: a lock, a permission or a failed deletion keeps it. Once that is mended it goes by itself."},
	ReasonGroupStays:     {"goes only with all of placement group {subject}, of which stays {detail}", ""},
	ReasonReporting:      {"failed, and is reported to the cloud before it goes (try {have} of {want}): {detail}", ""},
	ReasonFailedKept:     {"failed, and is kept to be looked at: pool {subject} keeps {want} of {have}: {detail}", "Terminate it in CycleCloud once you know why, or lower keep_failed."},
	ReasonLeaving:        {"its removal is under way", ""},
	ReasonOddState:       {"its state is not known: {detail}", ""},
	ReasonStartFailed:    {"it was to be started {for} ago and stays deallocated; it is left alone for {of}", "Look at the node's status message in CycleCloud; terminate it there if it can't be started."},
	ReasonDeallocated:    {"deallocated; it costs no compute and can be started again", ""},

	ReasonGrows:     {"{have} new node{s}: {detail}", ""},
	ReasonStarts:    {"{have} deallocated node{s} of it started", ""},
	ReasonShrinks:   {"{have} node{s} of it to go", ""},
	ReasonNotNeeded: {"no job needs new nodes of it", ""},

	ReasonSupplyUnknown:  {"the cloud could not be read: {detail}", "Nothing is done until it can be read again."},
	ReasonDemandUnknown:  {"the queue could not be read: {detail}", "Nothing grows or goes until it can be read again."},
	ReasonClusterStopped: {"{detail}", "Start the cluster in CycleCloud."},
}

// helpOnAnka is what to do where the cloud is an Anka controller, as far as that is
// something else.
var helpOnAnka = map[ReasonCode]string{
	ReasonBootTimeout:    "Look at the instance's status message on the Anka controller; raise boot_timeout if VMs really take that long.",
	ReasonFailed:         "Look at the instance's status message on the Anka controller.",
	ReasonNotGone:        "Look at the instance on the Anka controller and at its Mac.",
	ReasonTooLarge:       "Ask for less per task, or raise the vcpu and memory of a pool: they are its machine type.",
	ReasonNoMachine:      "Ask for less per task, or raise the vcpu and memory of a pool: they are its machine type.",
	ReasonPoolInvalid:    "Mend the name in the configuration, push what the words name, or give the group Macs that can run it.",
	ReasonCapacity:       "Wait, or look at why VMs fail, on the controller and on the Macs.",
	ReasonRemovalBackoff: "Look at the instance on the Anka controller and at its Mac: a failed deletion keeps it. Once that is mended it goes by itself.",
	ReasonFailedKept:     "Terminate it on the Anka controller once you know why, or lower keep_failed.",
}
