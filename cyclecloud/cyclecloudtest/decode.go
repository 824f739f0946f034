package cyclecloudtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
)

// createRequest is the body of nodes/create.
type createRequest struct {
	RequestID string      `json:"requestId"`
	Sets      []createSet `json:"sets"`
}

type createSet struct {
	Nodearray        string         `json:"nodearray"`
	Count            *int           `json:"count"`
	Definition       *definition    `json:"definition"`
	PlacementGroupID string         `json:"placementGroupId"`
	NameFormat       string         `json:"nameFormat"`
	NameOffset       *int           `json:"nameOffset"`
	NodeAttributes   map[string]any `json:"nodeAttributes"`
}

// machineType is the one asked for, or "" for the first that fits.
func (s createSet) machineType() string {
	if s.Definition == nil {
		return ""
	}
	return s.Definition.MachineType
}

// manageRequest is the body of the calls that act on existing nodes: the union of what it selects.
type manageRequest struct {
	RequestID   string   `json:"requestId"`
	IDs         []string `json:"ids"`
	Names       []string `json:"names"`
	Hostnames   []string `json:"hostnames"`
	IPAddresses []string `json:"ip_addresses"`
	Filter      string   `json:"filter"`
}

// decodeBody reads one JSON object. Keys that it does not know are ignored, as servers do; anything
// after the object is an error.
func decodeBody(body []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("the body is not the JSON expected: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("the body holds more than one JSON value")
	}
	return nil
}

func decodeCreate(body []byte) (createRequest, error) {
	var r createRequest
	if err := decodeBody(body, &r); err != nil {
		return r, err
	}
	if len(r.Sets) == 0 {
		return r, errors.New("sets: one set at least is required")
	}
	for i, s := range r.Sets {
		if err := s.check(); err != nil {
			return r, fmt.Errorf("sets[%d]: %w", i, err)
		}
	}
	return r, nil
}

// oneNumber accepts a name format with exactly one integer verb, such as exec-%d or n%03d.
var oneNumber = regexp.MustCompile(`^[A-Za-z0-9_.-]*%(0?[1-9])?d[A-Za-z0-9_.-]*$`)

func (s createSet) check() error {
	switch {
	case s.Nodearray == "":
		return errors.New("nodearray is required")
	case s.Count == nil:
		return errors.New("count is required")
	case *s.Count < 1:
		return fmt.Errorf("count %d is below 1", *s.Count)
	case s.PlacementGroupID != "" && !validGroupName(s.PlacementGroupID):
		return fmt.Errorf("placementGroupId %q may hold letters, digits, _ and - only", s.PlacementGroupID)
	case s.NameFormat != "" && !oneNumber.MatchString(s.NameFormat):
		return fmt.Errorf("nameFormat %q must hold one %%d", s.NameFormat)
	case s.NameOffset != nil && *s.NameOffset < 0:
		return fmt.Errorf("nameOffset %d is below 0", *s.NameOffset)
	}
	return nil
}

func decodeManage(body []byte) (manageRequest, filter, error) {
	var r manageRequest
	if err := decodeBody(body, &r); err != nil {
		return r, nil, err
	}
	if len(r.IDs)+len(r.Names)+len(r.Hostnames)+len(r.IPAddresses) == 0 && r.Filter == "" {
		return r, nil, errors.New("one of ids, names, hostnames, ip_addresses and filter is required")
	}
	if r.Filter == "" {
		return r, nil, nil
	}
	f, err := parseFilter(r.Filter)
	if err != nil {
		return r, nil, fmt.Errorf("filter: %w", err)
	}
	return r, f, nil
}
