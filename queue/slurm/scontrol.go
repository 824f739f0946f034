package slurm

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// ReadNodeLines reads what "scontrol --details --oneliner show node" prints. Reasons
// are of administrators, who may write anything: they come last, so that nothing in
// them is taken for a field, and lines after the first are theirs. Otherwise it is as
// [ReadDelimitedJobs]; no node at all is an error, since no cluster is without.
func ReadNodeLines(r io.Reader) ([]Node, error) {
	t := newTextReader()
	var nodes []Node
	err := eachLine(r, func(line []byte) error {
		text := string(line)
		switch {
		case strings.HasPrefix(text, "NodeName="):
			nodes = append(nodes, Node{})
			return t.node(&nodes[len(nodes)-1], text)
		case len(nodes) > 0 && nodes[len(nodes)-1].Reason != "":
			return nil
		case strings.TrimSpace(text) == "":
			return nil
		}
		return errors.New("want NodeName=")
	})
	if err == nil && len(nodes) == 0 {
		err = errors.New("it has no nodes")
	}
	if err != nil {
		return nil, fmt.Errorf("read nodes: %w: %w", ErrAnswer, err)
	}
	return nodes, nil
}

// ReadPartitionLines reads what "scontrol --oneliner show partition" prints, as
// [ReadNodeLines] does.
func ReadPartitionLines(r io.Reader) ([]Partition, error) {
	var partitions []Partition
	err := eachLine(r, func(line []byte) error {
		if strings.TrimSpace(string(line)) == "" {
			return nil
		}
		p, err := partitionOf(string(line))
		partitions = append(partitions, p)
		return err
	})
	if err == nil && len(partitions) == 0 {
		err = errors.New("it has no partitions")
	}
	if err != nil {
		return nil, fmt.Errorf("read partitions: %w: %w", ErrAnswer, err)
	}
	return partitions, nil
}

// pairs calls read for each Key=value of a line, the first of a key only. A word
// without = is of the value before it, as in OS=Linux 6.1, and is dropped.
func pairs(line string, read func(key, value string) error) error {
	seen := make(map[string]bool, 48)
	for word := range strings.FieldsSeq(line) {
		key, value, ok := strings.Cut(word, "=")
		if !ok || seen[key] {
			continue
		}
		seen[key] = true
		if value == "(null)" || value == "N/A" {
			continue
		}
		if err := read(key, value); err != nil {
			return fmt.Errorf("%s is %s: %w", key, short(value), err)
		}
	}
	return nil
}

// remark is what people wrote after a key of a node's line, which ends where one of the
// fields begins that may follow it in 22.05 or 24.11.
func remark(line, key string) string {
	_, text, _ := strings.Cut(line, key)
	for _, next := range [...]string{" ReservationName=", " Comment=", " Extra=", " InstanceId=", " InstanceType="} {
		text, _, _ = strings.Cut(text, next)
	}
	return text
}

func (t *textReader) node(n *Node, line string) error {
	fields, _, given := strings.Cut(line, " Reason=")
	if !given {
		fields, _, _ = strings.Cut(line, " Comment=")
	}
	n.Reason, n.Comment = remark(line, " Reason="), remark(line, " Comment=")
	if at := strings.LastIndex(n.Reason, " ["); at >= 0 && strings.HasSuffix(n.Reason, "]") {
		n.Reason = n.Reason[:at] // who gave it, and when
	}
	n.Reason = t.share([]byte(n.Reason))
	numbers := map[string]*int64{"CPUTot": &n.CPUs, "CPUAlloc": &n.AllocCPUs, "RealMemory": &n.Memory, "AllocMem": &n.AllocMemory}
	texts := map[string]*string{
		"NodeName": &n.Name, "NodeHostName": &n.Host, "NodeAddr": &n.Address, "State": &n.State, "ActiveFeatures": &n.Features,
		"Partitions": &n.Partitions, "Gres": &n.Gres, "GresUsed": &n.GresUsed, "AllocTRES": &n.AllocTRES,
	}
	err := pairs(fields, func(key, value string) (err error) {
		if where := texts[key]; where != nil {
			*where = t.share([]byte(value))
		}
		if where := numbers[key]; where != nil {
			if *where, err = strconv.ParseInt(value, 10, 64); err != nil {
				err = errors.New("want a whole number")
			}
			*where = amount(*where)
		}
		return err
	})
	n.State = strings.Trim(n.State, "*") // not responding; NOT_RESPONDING says so too
	if err != nil {
		return err
	}
	return checkNode(n)
}

// limitOf reads a number of a partition; UNLIMITED is 0.
func limitOf(text string) (int64, error) {
	if text == "UNLIMITED" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, errors.New("want a whole number or UNLIMITED")
	}
	return amount(n), nil
}

func partitionOf(line string) (p Partition, err error) {
	err = pairs(line, func(key, value string) (err error) {
		switch key {
		case "PartitionName":
			p.Name = value
		case "State":
			p.State = value
		case "Nodes":
			p.Nodes = value
		case "OverSubscribe":
			p.OverSubscribe, _, _ = strings.Cut(value, ":")
		case "MaxTime":
			p.MaxTime, err = span(value)
		case "MaxNodes":
			p.MaxNodes, err = limitOf(value)
		case "MinNodes":
			p.MinNodes, err = limitOf(value)
		case "PriorityTier":
			p.Tier, err = limitOf(value)
		}
		return err
	})
	switch {
	case err != nil:
	case p.Name == "":
		err = errors.New("it has no PartitionName")
	case p.State == "":
		err = errors.New("it has no State")
	}
	return p, err
}
