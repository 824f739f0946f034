package pbs

// gate is a limit with what is used of it, by whom.
type gate struct {
	Limit
	// where is whose limit it is: "queue workq" or "the server".
	where string
	used  map[string]int64
	// own are those who have a limit of their own of the kind, for whom the general one
	// does not hold.
	own map[string]bool
}

// gates are the limits that hold in each queue.
type gates struct {
	server []*gate
	queues map[string][]*gate
}

func newGates(queues, servers []Queue) *gates {
	g := &gates{queues: make(map[string][]*gate, len(queues))}
	for i := range servers {
		g.server = append(g.server, gatesOf(servers[i].Limits, "the server")...)
	}
	for i := range queues {
		g.queues[queues[i].Name] = gatesOf(queues[i].Limits, "queue "+queues[i].Name)
	}
	return g
}

func gatesOf(limits []Limit, where string) []*gate {
	list := make([]*gate, len(limits))
	for i, l := range limits {
		list[i] = &gate{Limit: l, where: where, used: make(map[string]int64), own: make(map[string]bool)}
		for _, other := range limits {
			if other.Scope == l.Scope && other.Resource == l.Resource && other.Name != "PBS_GENERIC" {
				list[i].own[other.Name] = true
			}
		}
	}
	return list
}

// none tells that nothing is limited.
func (g *gates) none() bool {
	for _, list := range g.queues {
		if len(list) > 0 {
			return false
		}
	}
	return len(g.server) == 0
}

// each visits the gates that a job, or each subjob of an array, has to pass, with whom it
// counts for and how much it takes.
func (g *gates) each(j *Job, visit func(at *gate, whom string, takes int64)) {
	for _, list := range [...][]*gate{g.queues[j.Queue], g.server} {
		for _, at := range list {
			whom, applies := at.whom(j)
			if !applies {
				continue
			}
			if takes := at.takes(j); takes > 0 {
				visit(at, whom, takes)
			}
		}
	}
}

// whom a job counts for at a gate. false: the gate is not for it.
func (g *gate) whom(j *Job) (string, bool) {
	name := ""
	switch g.Scope {
	case 'o':
		return "", true
	case 'u':
		name = j.User
	case 'g':
		name = j.Group
	case 'p':
		name = j.Project
	}
	if g.Name == "PBS_GENERIC" {
		return name, name != "" && !g.own[name]
	}
	return name, name == g.Name
}

// takes is how much of a gate one run of a job takes.
func (g *gate) takes(j *Job) int64 {
	if g.Resource == "" {
		return 1
	}
	for _, a := range j.Totals {
		if a.Name == g.Resource {
			n, _ := amountOf(a.Value) // else it is no amount, and nothing is taken
			return n
		}
	}
	return 0
}

// use counts runs of a job, or subjobs of an array, that have started or are let through.
func (g *gates) use(j *Job, runs int64) {
	g.each(j, func(at *gate, whom string, takes int64) { at.used[whom] += takes * runs })
}

// room is how many runs of a job, of those it wants, may start as far as the limits say,
// and if that is less, which of them holds it.
func (g *gates) room(j *Job, wants int64) (runs int64, holds *gate) {
	runs = wants
	g.each(j, func(at *gate, whom string, takes int64) {
		if left := max(at.Most-at.used[whom], 0) / takes; left < runs {
			runs, holds = left, at
		}
	})
	return runs, holds
}

// String names the limit for people: "max_run [u:PBS_GENERIC=5] of queue workq".
func (g *gate) String() string {
	name := "max_run"
	if g.Resource != "" {
		name = "max_run_res." + g.Resource
	}
	return name + " [" + string(g.Scope) + ":" + g.Name + "=" + number(g.Most) + "] of " + g.where
}
