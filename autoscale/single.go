package autoscale

// Name gives a Grow the ids of the requests that it makes: one, or one for each node.
func (g *Grow) Name(next func() RequestID) {
	if !g.Single {
		g.Request = next()
		return
	}
	g.Requests = make([]RequestID, g.Count)
	for i := range g.Requests {
		g.Requests[i] = next()
	}
}

// Singly lists the requests that a Grow makes: itself, or, where it is Single, one for
// each node, with whom that node is for and its share of the jobs.
func (g Grow) Singly() []Grow {
	if !g.Single {
		return []Grow{g}
	}
	list := make([]Grow, 0, g.Count)
	for i, id := range g.Requests {
		one := g
		one.Request, one.Requests, one.Single, one.Count = id, nil, false, 1
		one.Names = part(g.Names, i, g.Count)
		one.Jobs = part(g.Jobs, i, g.Count)
		one.JobCount = max(g.JobCount*(i+1)/g.Count-g.JobCount*i/g.Count, len(one.Jobs))
		one.For = nil
		if tenants := (Promise{For: g.For}).of(i); tenants != nil {
			one.For = []Wish{{Count: 1, Tenants: tenants}}
		}
		list = append(list, one)
	}
	return list
}

// part is the ith of n parts of a list that are about equal.
func part[T any](list []T, i, n int) []T { return list[len(list)*i/n : len(list)*(i+1)/n] }
