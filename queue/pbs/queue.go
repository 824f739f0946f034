package pbs

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Queue is one of PBS's queues, or the server, which has limits of the same kinds.
type Queue struct {
	Name string
	// Route tells that it only hands jobs on.
	Route bool
	// Stopped tells that none of its jobs may start; of the server, that scheduling is off.
	Stopped  bool
	Priority int64
	Limits   []Limit
}

// Limit bounds what may run at a time.
type Limit struct {
	// Scope is what is bounded: o all, u users, g groups, p projects.
	Scope byte
	// Name is whom it bounds: PBS_ALL, PBS_GENERIC for each who has no limit of his own, or
	// a name.
	Name string
	// Resource is what is counted. Empty: jobs.
	Resource string
	// Most is in the resource's unit; of sizes in bytes.
	Most int64
}

// readQueues reads what qstat -Q -f prints, or with servers qstat -B -f.
func readQueues(r io.Reader, f form, servers bool) ([]Queue, error) {
	var list []Queue
	var wrong error
	at := make(map[string]int)
	l := listOfQueues
	if servers {
		l = listOfServers
	}
	err := l.read(r, f, func(object, attribute, resource, value []byte) {
		i, known := at[string(object)]
		if !known {
			i = len(list)
			list = append(list, Queue{Name: string(object)})
			at[list[i].Name] = i
		}
		if err := list[i].take(string(attribute), string(resource), string(value)); err != nil && wrong == nil {
			wrong = malformed(fmt.Errorf("of %s: %w", object, err))
		}
	})
	if err == nil {
		err = wrong
	}
	if err != nil {
		return nil, err
	}
	return list, nil
}

func (q *Queue) take(attribute, resource, value string) (err error) {
	var more []Limit
	switch attribute {
	case "queue_type":
		q.Route = strings.HasPrefix(value, "R") // Route, not Execution
	case "started", "scheduling":
		q.Stopped = strings.EqualFold(value, "False")
	case "Priority":
		q.Priority, _ = strconv.ParseInt(value, 10, 64) // else none, as a queue without
	case "max_run":
		more, err = parseLimits(value, "")
	case "max_run_res":
		more, err = parseLimits(value, resource)
	case "max_running":
		more, err = parseLimits("[o:PBS_ALL="+value+"]", "")
	case "max_user_run":
		more, err = parseLimits("[u:PBS_GENERIC="+value+"]", "")
	case "max_group_run":
		more, err = parseLimits("[g:PBS_GENERIC="+value+"]", "")
	}
	q.Limits = append(q.Limits, more...)
	return err
}

// parseLimits reads "[u:PBS_GENERIC=5], [o:PBS_ALL=100]", or a number alone for all.
func parseLimits(text, resource string) (list []Limit, err error) {
	for part := range strings.SplitSeq(text, ",") {
		part = strings.Trim(strings.TrimSpace(part), "[]")
		if part == "" {
			continue
		}
		l := Limit{Scope: 'o', Name: "PBS_ALL", Resource: resource}
		whom, most, named := strings.Cut(part, "=")
		if !named {
			most = part
		} else if len(whom) < 3 || whom[1] != ':' || !strings.Contains("ougp", whom[:1]) {
			return nil, fmt.Errorf("limit %s can't be read", quoted([]byte(text)))
		} else {
			l.Scope, l.Name = whom[0], strings.Trim(whom[2:], `"' `)
		}
		if l.Most, err = amountOf(strings.Trim(most, `"' `)); err != nil {
			return nil, fmt.Errorf("limit %s: %w", quoted([]byte(text)), err)
		}
		list = append(list, l)
	}
	return list, nil
}

// amountOf reads a number or, in bytes, a size.
func amountOf(text string) (int64, error) {
	if n, err := parseCount(text); err == nil {
		return n, nil
	}
	bytes, err := parseSize(text)
	if err != nil {
		return 0, fmt.Errorf("%s is neither a number nor a size", quoted([]byte(text)))
	}
	return int64(bytes), nil
}
