package autoscale

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"hash/fnv"
	"io"
	"slices"
	"strings"
	"time"
)

// Intern gathers jobs of equal shape into classes: what planning costs then
// grows with shapes, not with jobs. Members are in the order in which they are
// to be served, and classes in the order of their first members, so that the
// result does not depend on the order of the jobs.
//
// Shapes are equal when they mean the same: the order of Any, In, Names, DependsOn
// and Draws, the case of a label's values, a time's zone and custom amounts of zero
// make no difference. A class has the shape of its first member, and shares
// slices and maps with it.
func Intern(jobs []Job) []Class {
	if len(jobs) == 0 {
		return nil
	}
	var (
		coder   shapeCoder
		numbers = make(map[string]int) // by shape's key
		groups  []internGroup
		groupOf = make([]int32, len(jobs))
	)
	for i := range jobs {
		key := coder.encode(&jobs[i].Shape)
		n, known := numbers[string(key)]
		if !known {
			n = len(groups)
			owned := string(key)
			numbers[owned] = n
			groups = append(groups, internGroup{key: owned, best: i})
		}
		groupOf[i] = int32(n)
		groups[n].add(jobs, i)
	}
	slices.SortFunc(groups, func(a, b internGroup) int {
		return cmp.Or(serveOrder(memberOf(&jobs[a.best]), memberOf(&jobs[b.best])), cmp.Compare(a.key, b.key))
	})
	return classesOf(jobs, groups, numbers, groupOf)
}

// internGroup is a class that is being gathered.
type internGroup struct {
	key   string
	best  int // index of the job that is to be served first
	count int
}

func (g *internGroup) add(jobs []Job, i int) {
	g.count++
	if serveOrder(memberOf(&jobs[i]), memberOf(&jobs[g.best])) < 0 {
		g.best = i
	}
}

// classesOf lays all members out in one slice, class after class.
func classesOf(jobs []Job, groups []internGroup, numbers map[string]int, groupOf []int32) []Class {
	members := make([]Member, len(jobs))
	classes := make([]Class, len(groups))
	place := make([]int, len(groups)) // by number: the class in its sorted place
	start := 0
	for c, g := range groups {
		place[numbers[g.key]] = c
		classes[c].Shape = jobs[g.best].Shape
		classes[c].Key = shapeKey(g.key)
		classes[c].Members = members[start : start : start+g.count]
		start += g.count
	}
	for i := range jobs {
		c := &classes[place[groupOf[i]]]
		c.Members = append(c.Members, memberOf(&jobs[i]))
	}
	for c := range classes {
		slices.SortFunc(classes[c].Members, serveOrder)
	}
	return classes
}

// shapeKey hashes an encoded shape (FNV-1a); it is never 0.
func shapeKey(encoded string) ShapeKey {
	h := fnv.New64a()
	_, _ = io.WriteString(h, encoded) // a hash never fails to write
	return ShapeKey(max(h.Sum64(), 1))
}

func memberOf(j *Job) Member {
	return Member{ID: j.ID, Priority: j.Priority, Submitted: j.Submitted}
}

// serveOrder is the order in which jobs are served.
func serveOrder(a, b Member) int {
	if a.Priority != b.Priority {
		return cmp.Compare(b.Priority, a.Priority)
	}
	if c := a.Submitted.Compare(b.Submitted); c != 0 {
		return c
	}
	return compareIDs(a.ID, b.ID)
}

// compareIDs orders ids as people count: runs of digits by their number, so that
// job 9 comes before job 10, and array task 7_2 before 7_10.
func compareIDs(a, b JobID) int {
	x, y := string(a), string(b)
	for x != "" && y != "" {
		m, n := digits(x), digits(y)
		if m == 0 || n == 0 {
			if x[0] != y[0] {
				return cmp.Compare(x[0], y[0])
			}
			x, y = x[1:], y[1:]
			continue
		}
		p, q := strings.TrimLeft(x[:m], "0"), strings.TrimLeft(y[:n], "0")
		if c := cmp.Or(cmp.Compare(len(p), len(q)), cmp.Compare(p, q)); c != 0 {
			return c
		}
		x, y = x[m:], y[n:]
	}
	return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(a, b))
}

// digits counts the digits that s begins with.
func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// shapeCoder writes shapes as bytes, equal ones for shapes that mean the same.
// Every list is led by its length and every text by its own, so that different
// shapes never run together. Its buffers are used again for each shape.
type shapeCoder struct {
	key   []byte
	texts []string
	draws []Draw
}

// encode returns the key; it is good until the next call. The fields of Shape
// stand in their order: a new field must be added here.
func (c *shapeCoder) encode(s *Shape) []byte {
	c.key = c.key[:0]
	c.int(int64(s.Tasks))
	c.resources(&s.PerTask)
	c.int(int64(s.TasksPerNode))
	c.int(int64(s.Exclusive))
	c.selector(&s.Selector)
	c.int(int64(s.Grouping))
	c.int(int64(s.Gang))
	c.int(int64(s.AtLeast))
	c.names(s.Names)
	c.text(s.Group)
	c.time(s.EarliestStart)
	c.int(int64(s.ExpectedRuntime))
	c.text(s.Held)
	c.dependencies(s.DependsOn)
	c.drawList(s.Draws)
	return c.key
}

func (c *shapeCoder) int(n int64) { c.key = binary.AppendVarint(c.key, n) }

func (c *shapeCoder) text(s string) {
	c.int(int64(len(s)))
	c.key = append(c.key, s...)
}

// time is nanoseconds in two parts: one 64-bit count would overflow outside
// the years 1678 to 2262.
func (c *shapeCoder) time(t time.Time) {
	c.int(t.Unix())
	c.int(int64(t.Nanosecond()))
}

func (c *shapeCoder) resources(r *Resources) {
	c.int(int64(r.Cores))
	c.int(int64(r.Memory))
	c.int(int64(r.GPUs))
	c.texts = c.texts[:0]
	for name, n := range r.Custom {
		if n != 0 {
			c.texts = append(c.texts, name)
		}
	}
	slices.Sort(c.texts)
	c.int(int64(len(c.texts)))
	for _, name := range c.texts {
		c.text(name)
		c.int(r.Custom[name])
	}
}

// selector keeps the order of All and Prefer, which ranks pools.
func (c *shapeCoder) selector(s *Selector) {
	c.selectors(s.All)
	c.anyOf(s.Any)
	if s.Not == nil {
		c.int(0)
	} else {
		c.int(1)
		c.selector(s.Not)
	}
	c.selectors(s.Prefer)
	c.text(s.Label)
	c.values(s.In)
}

func (c *shapeCoder) selectors(list []Selector) {
	c.int(int64(len(list)))
	for i := range list {
		c.selector(&list[i])
	}
}

// anyOf sorts the alternatives by their own keys. It allocates only for lists
// of two and more.
func (c *shapeCoder) anyOf(list []Selector) {
	if len(list) < 2 {
		c.selectors(list)
		return
	}
	c.int(int64(len(list)))
	keys := make([][]byte, len(list))
	var part shapeCoder
	for i := range list {
		part.key = nil
		part.selector(&list[i])
		keys[i] = part.key
	}
	slices.SortFunc(keys, bytes.Compare)
	for _, key := range keys {
		c.key = append(c.key, key...)
	}
}

// values lowers case, as Match compares without it.
func (c *shapeCoder) values(in []string) {
	c.texts = c.texts[:0]
	for _, v := range in {
		c.texts = append(c.texts, strings.ToLower(v))
	}
	c.sortedTexts()
}

func (c *shapeCoder) dependencies(ids []JobID) {
	c.texts = c.texts[:0]
	for _, id := range ids {
		c.texts = append(c.texts, string(id))
	}
	c.sortedTexts()
}

func (c *shapeCoder) names(list []string) {
	c.texts = append(c.texts[:0], list...)
	c.sortedTexts()
}

func (c *shapeCoder) sortedTexts() {
	slices.Sort(c.texts)
	c.int(int64(len(c.texts)))
	for _, text := range c.texts {
		c.text(text)
	}
}

func (c *shapeCoder) drawList(draws []Draw) {
	c.draws = append(c.draws[:0], draws...)
	slices.SortFunc(c.draws, func(a, b Draw) int {
		return cmp.Or(cmp.Compare(a.Limit, b.Limit), cmp.Compare(a.Amount, b.Amount))
	})
	c.int(int64(len(c.draws)))
	for _, d := range c.draws {
		c.text(string(d.Limit))
		c.int(d.Amount)
	}
}
