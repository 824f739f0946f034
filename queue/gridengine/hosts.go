package gridengine

import (
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Host is an execution host.
type Host struct {
	Name string
	// Heard tells whether its execution daemon has ever reported. Of one that fell silent
	// since, its queue instances tell.
	Heard bool
	// Instances are the queue instances that it has, and Jobs what runs there.
	Instances []Instance
	Jobs      []HostJob
}

// Instance is a queue on a host.
type Instance struct {
	Queue string
	// State has letters of qstat -f: d disabled, D disabled by calendar, s suspended, C
	// suspended by calendar, S suspended by another queue, E in error, a and A overloaded, u
	// not heard of, c its configuration is ambiguous, o it is no more and still has jobs.
	State       string
	Slots, Used int64
}

// silent tells whether Grid Engine does not hear of the host: it has never reported, or
// not for max_unheard, five minutes if nobody changed that. A qmaster that was restarted
// calls all hosts unknown until each has reported again.
func (h *Host) silent() bool {
	return !h.Heard || slices.ContainsFunc(h.Instances, func(q Instance) bool { return strings.Contains(q.State, "u") })
}

// HostJob is an entry of a job on a host: for a slot, or for the job's first task beside
// its slots there.
type HostJob struct {
	ID int64
	// Task is the array's, empty: it is none.
	Task string
	// Master tells whether it is of the job's first task.
	Master bool
}

// slots tells which entries of a host's jobs are slots. A parallel job has an entry for each
// slot and one more for its first task, unless that is one of the slots (job_is_first_task
// of its environment); the slots in use say whether it is.
func (h *Host) slots() []bool {
	used, parallel := int64(0), make(map[HostJob]bool)
	for i := range h.Instances {
		used += h.Instances[i].Used
	}
	for _, j := range h.Jobs {
		if !j.Master {
			parallel[j] = true
		}
	}
	slots := make([]bool, len(h.Jobs))
	extra := int64(len(h.Jobs)) - used
	for i, j := range h.Jobs {
		beside := j.Master && parallel[HostJob{ID: j.ID, Task: j.Task}]
		if slots[i] = !beside || extra <= 0; !slots[i] {
			extra--
		}
	}
	return slots
}

// qhostArguments are qhost's for what [ReadHosts] reads.
func qhostArguments() []string { return []string{"-xml", "-q", "-j"} }

type wireValue struct {
	Name  string `xml:"name,attr"`
	Value string `xml:",chardata"`
}

type wireHost struct {
	Name   string      `xml:"name,attr"`
	Values []wireValue `xml:"hostvalue"`
	Queues []struct {
		Name   string      `xml:"name,attr"`
		Values []wireValue `xml:"queuevalue"`
	} `xml:"queue"`
	Jobs []struct {
		ID     string      `xml:"name,attr"`
		Values []wireValue `xml:"jobvalue"`
	} `xml:"job"`
}

// ReadHosts reads what qhost prints with qhostArguments. What stands for the whole
// cluster, "global", is left out. An error is [ErrAnswer] and tells of the host.
func ReadHosts(text []byte) ([]Host, error) {
	var hosts []Host
	err := document(text, "qhost", func(d *xml.Decoder, start xml.StartElement) (bool, error) {
		if start.Name.Local != "host" {
			return true, d.Skip()
		}
		var w wireHost
		if err := d.DecodeElement(&w, &start); err != nil {
			return true, err
		}
		if w.Name == "global" {
			return true, nil
		}
		h, err := w.host()
		if err != nil {
			return true, fmt.Errorf("host %s: %w", shown(w.Name), err)
		}
		hosts = append(hosts, h)
		return true, nil
	})
	if err != nil {
		return nil, answerError("qhost's hosts", text, err)
	}
	return hosts, nil
}

func value(of []wireValue, name string) (text string, told bool) {
	for i := range of {
		if of[i].Name == name {
			return strings.TrimSpace(of[i].Value), true
		}
	}
	return "", false
}

func (w *wireHost) host() (Host, error) {
	arch, told := value(w.Values, "arch_string")
	h := Host{Name: w.Name, Heard: arch != "-" && arch != ""}
	if w.Name == "" || !told {
		return h, errors.New("it has no name or no arch_string")
	}
	for _, q := range w.Queues {
		state, told := value(q.Values, "state_string")
		used, err1 := number(q.Values, "slots_used")
		slots, err2 := number(q.Values, "slots")
		if err := errors.Join(err1, err2); err != nil || !told || q.Name == "" {
			return h, fmt.Errorf("its queue %s lacks a state_string, slots or slots_used", shown(q.Name))
		}
		h.Instances = append(h.Instances, Instance{Queue: q.Name, State: state, Slots: slots, Used: used})
	}
	for _, j := range w.Jobs {
		id, err := strconv.ParseInt(j.ID, 10, 64)
		if err != nil || id <= 0 {
			return h, fmt.Errorf("its job %s has no number", shown(j.ID))
		}
		task, _ := value(j.Values, "taskid")
		master, _ := value(j.Values, "pe_master")
		h.Jobs = append(h.Jobs, HostJob{ID: id, Task: task, Master: master == "MASTER"})
	}
	return h, nil
}

func number(of []wireValue, name string) (int64, error) {
	text, _ := value(of, name)
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > maxSlots {
		return 0, fmt.Errorf("its %s is %s", name, shown(text))
	}
	return n, nil
}
