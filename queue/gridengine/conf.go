package gridengine

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// PE is a parallel environment: how many slots of one job come from one host.
type PE struct {
	Name string
	// Rule is $pe_slots, $fill_up, $round_robin, or a number of slots of each host.
	Rule string
	// Slots is how many all jobs together may have in it.
	Slots int64
}

// ReadPE reads what qconf -sp prints. An error is [ErrAnswer].
func ReadPE(text []byte) (PE, error) {
	values, err := attributes(text)
	pe := PE{Name: values["pe_name"], Rule: values["allocation_rule"]}
	if err == nil {
		pe.Slots, err = strconv.ParseInt(values["slots"], 10, 64)
	}
	switch n, wrong := strconv.ParseInt(pe.Rule, 10, 64); {
	case err != nil:
	case pe.Name == "":
		err = errors.New("it has no pe_name")
	case pe.Rule == "$pe_slots" || pe.Rule == "$fill_up" || pe.Rule == "$round_robin":
	case wrong != nil || n < 1 || n > maxSlots:
		err = fmt.Errorf("its allocation_rule is %s", shown(pe.Rule))
	}
	if err != nil {
		return PE{}, answerError("a parallel environment", text, err)
	}
	return pe, nil
}

// attributes reads lines of a name and a value; a line that ends in a backslash goes on
// in the next.
func attributes(text []byte) (map[string]string, error) {
	values := make(map[string]string)
	joined := strings.ReplaceAll(string(text), "\\\n", " ")
	for line := range strings.Lines(joined) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, rest, _ := strings.Cut(line, " ")
		if _, twice := values[name]; twice {
			return nil, fmt.Errorf("%s stands there twice", shown(name))
		}
		values[name] = strings.Join(strings.Fields(rest), " ")
	}
	if len(values) == 0 {
		return nil, errors.New("it is empty")
	}
	return values, nil
}

// ReadMembers reads the hosts of a group from what qconf -shgrp_resolved prints, in small
// letters. A group without hosts prints an empty line, or nothing.
func ReadMembers(text []byte) (map[string]bool, error) {
	members := make(map[string]bool)
	for name := range strings.FieldsSeq(string(text)) {
		if strings.ContainsAny(name, "@\"'<>=") || len(name) > 255 {
			return nil, answerError("a host group", text, fmt.Errorf("%s is no host", shown(name)))
		}
		members[strings.ToLower(name)] = true
	}
	return members, nil
}

// Complex is a resource that jobs may ask for.
type Complex struct {
	Name, Shortcut, Type, Relation string
	// Consumable is NO, YES (of each slot), or JOB (of the job once).
	Consumable string
	// Default is what a job takes of a consumable resource that does not ask for it.
	Default string
}

// complexColumns are those of qconf -sc.
const complexColumns = 8

// ReadComplexes reads what qconf -sc prints, by name. An error is [ErrAnswer].
func ReadComplexes(text []byte) (map[string]Complex, error) {
	complexes := make(map[string]Complex)
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		columns := strings.Fields(line)
		if len(columns) != complexColumns {
			return nil, answerError("resources", text, fmt.Errorf("the line %s has %d columns, not %d", shown(line), len(columns), complexColumns))
		}
		c := Complex{Name: columns[0], Shortcut: columns[1], Type: columns[2], Relation: columns[3], Consumable: columns[5], Default: columns[6]}
		complexes[c.Name] = c
	}
	if err := lines.Err(); err != nil {
		return nil, answerError("resources", text, err)
	}
	if _, known := complexes["slots"]; !known { // Grid Engine can't be without it
		return nil, answerError("resources", text, errors.New("it does not list slots"))
	}
	return complexes, nil
}
