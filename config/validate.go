package config

import (
	"encoding/hex"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"autoscaled/autoscale"
)

// validate checks what no single key can tell.
func (s *source) validate(c *Config) {
	if c.Listen != "" {
		s.address("listen", c.Listen)
	}
	if c.StateDir == "" {
		s.add("state_dir", "is empty")
	}
	switch n := len(c.Clusters); {
	case n == 0:
		s.add("clusters", "must have one entry")
	case n > 1:
		s.add("clusters[1]", fmt.Sprintf("a second cluster: there are %d, and one daemon scales exactly one; start one daemon for each", n))
	}
	for i := range c.Clusters {
		s.cluster(c, &c.Clusters[i], fmt.Sprintf("clusters[%d]", i))
	}
}

func (s *source) address(key, address string) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		s.add(key, fmt.Sprintf("%q is no address such as 127.0.0.1:9797 or :9797", address))
		return
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n > 65535 {
		s.add(key, fmt.Sprintf("port %q is not a number up to 65535", port))
	}
}

func (s *source) cluster(top *Config, c *Cluster, at string) {
	s.required(at+".name", c.Name)
	if strings.ContainsFunc(c.Name, unicode.IsControl) {
		s.add(at+".name", "holds a control character")
	}
	s.cloud(c, at)
	s.queue(top, c, at+".queue")
	if mode, known := c.Queue.mode(); known {
		s.useless(root.child("clusters").child("policy"), at+".policy", mode)
	}
	s.scaling(c, at+".policy")
}

// cloud checks that there is exactly one, and that the policy has no keys of another.
func (s *source) cloud(c *Cluster, at string) {
	switch {
	case c.CycleCloud != nil && c.Anka != nil:
		s.add(at+".anka", "cyclecloud is there too; a cluster is on one of both")
	case c.CycleCloud != nil:
		s.cyclecloud(c.CycleCloud, at+".cyclecloud")
	case c.Anka != nil:
		s.anka(c.Anka, at+".anka")
	case !s.within(at+".cyclecloud") && !s.within(at+".anka"):
		s.add(at, "must hold one of cyclecloud and anka")
	}
	if cloud := c.cloud(); cloud != "" {
		s.foreign(root.child("clusters").child("policy"), at+".policy", cloud)
		s.foreign(root.child("clusters").child("queue"), at+".queue", cloud)
	}
}

// cloud is the key of the cluster's cloud; empty: it has none, or two.
func (c *Cluster) cloud() string {
	switch {
	case c.CycleCloud != nil && c.Anka == nil:
		return "cyclecloud"
	case c.CycleCloud == nil && c.Anka != nil:
		return "anka"
	}
	return ""
}

// foreign finds the keys that are set under a section or list and that are for another
// cloud than the cluster's.
func (s *source) foreign(f *field, at, cloud string) {
	for i := range f.fields {
		child := &f.fields[i]
		key := join(at, child.key)
		switch {
		case s.lines[key] == 0:
		case child.cloud != "" && child.cloud != cloud:
			s.add(key, fmt.Sprintf("is for %s, and this cluster is on %s", cloudNames[child.cloud], cloudNames[cloud]))
		case child.kind == kindSection:
			s.foreign(child, key, cloud)
		case child.kind == kindList:
			for n := 0; s.lines[fmt.Sprintf("%s[%d]", key, n)] > 0; n++ {
				s.foreign(child, fmt.Sprintf("%s[%d]", key, n), cloud)
			}
		}
	}
}

func (s *source) required(key, value string) {
	if value == "" {
		s.add(key, "is missing")
	}
}

func (s *source) cyclecloud(c *CycleCloud, at string) {
	s.url(at+".url", c.URL)
	if strings.Contains(c.URL, "?") {
		s.add(at+".url", "holds a query (?…)")
	}
	s.required(at+".user", c.User)
	s.secret(at, "password", c.Password())
	if c.Password().IsZero() && !s.within(at+".password") {
		s.add(at, "has no password; set password_file or password_env")
	}
	s.tls(&c.TLS, at+".tls", c.URL)
}

func (s *source) secret(at, name string, from SecretSource) {
	if from.File != "" && from.Env != "" {
		s.add(at+"."+name+"_env", fmt.Sprintf("%[1]s_file is set too; keep one of them", name))
	}
}

func (s *source) url(key, address string) {
	if address == "" {
		s.add(key, "is missing")
		return
	}
	u, err := url.Parse(address)
	switch {
	case err != nil: // its text would repeat the address, password and all
		s.add(key, "is no URL such as https://host.example.com")
	case u.User != nil:
		s.add(key, "holds a user; use the keys user and password_file")
	case u.Scheme != "http" && u.Scheme != "https":
		s.add(key, fmt.Sprintf("%q does not begin with https:// or http://", shown(address)))
	case u.Hostname() == "":
		s.add(key, fmt.Sprintf("%q names no host", shown(address)))
	case u.Fragment != "":
		s.add(key, "holds a fragment (#…)")
	}
}

func (s *source) tls(t *TLS, at, address string) {
	if *t == (TLS{}) {
		return
	}
	if strings.HasPrefix(address, "http://") {
		s.add(at, "has no effect: the URL begins with http://, not https://")
	}
	if (t.CertFile == "") != (t.KeyFile == "") {
		s.add(at, "cert_file and key_file belong together; one is missing")
	}
	plain := strings.ReplaceAll(strings.TrimPrefix(strings.ToLower(t.Fingerprint), "sha256:"), ":", "")
	if sum, err := hex.DecodeString(plain); err != nil || (len(sum) != 0 && len(sum) != 32) {
		s.add(at+".fingerprint", "is not a SHA-256 sum in hex (64 digits)")
	}
}

// within tells whether a mistake was found at a key that begins so: what seems
// to be missing may just be wrong.
func (s *source) within(start string) bool {
	for key := range s.bad {
		if strings.HasPrefix(key, start) {
			return true
		}
	}
	return false
}

func (s *source) scaling(c *Cluster, at string) {
	p := &c.Scaling
	s.absentFor(c, at+".absent_for")
	s.drainTimeout(at, &p.DrainTimeout)
	s.groupName(at+".group_name", p.GroupName)
	var names []string
	for i, l := range p.Licences {
		key := fmt.Sprintf("%s.licences[%d]", at, i)
		names = s.name(key, l.Name, names)
		if s.lines[key+".tokens"] == 0 {
			s.add(key+".tokens", "is missing")
		}
	}
	s.pools(c, at)
	s.money(p, at)
	s.resources(p, at)
}

// absentFor checks that a request is watched for as long as it may still arrive.
func (s *source) absentFor(c *Cluster, key string) {
	var least Duration
	var what string
	switch c.cloud() {
	case "cyclecloud":
		least, what = c.CycleCloud.Timeout, "cyclecloud.timeout"
	case "anka":
		least, what = c.Anka.Settle, "anka.settle"
	default:
		return
	}
	if p := &c.Scaling; p.AbsentFor <= least {
		s.add(key, fmt.Sprintf("%s must be longer than %s (%s): until then a request may still arrive", p.AbsentFor, what, least))
	}
}

// name checks that an entry of a list has a name that no earlier one has.
func (s *source) name(at, name string, seen []string) []string {
	switch {
	case name == "":
		s.add(at+".name", "is missing")
	case slices.Contains(seen, name):
		s.add(at+".name", fmt.Sprintf("%q is used twice", name))
	}
	return append(seen, name)
}

var (
	placeholder = regexp.MustCompile(`\{[^}]*\}?`)
	groupRest   = regexp.MustCompile(`^[A-Za-z0-9_-]*$`)
)

var placeholders = []string{"{nodearray}", "{machine_type}", "{n}"}

func (s *source) groupName(key, template string) {
	for _, p := range placeholder.FindAllString(template, -1) {
		if !slices.Contains(placeholders, p) {
			s.addMeant(key, fmt.Sprintf("%s is not one of %s", p, strings.Join(placeholders, ", ")), nearest(p, placeholders))
			return
		}
	}
	switch {
	case !strings.Contains(template, "{n}"):
		s.add(key, "must hold {n}, the group's number")
	case !groupRest.MatchString(placeholder.ReplaceAllString(template, "")):
		s.add(key, "may hold letters, digits, _ and - beside what is filled in")
	}
}

// leastDrainTimeout is how long a queue may take to show a mark before it is sent again.
const leastDrainTimeout = Duration(time.Minute)

func (s *source) drainTimeout(at string, t *Duration) {
	if t != nil && *t > 0 && *t < leastDrainTimeout {
		s.add(at+".drain_timeout", fmt.Sprintf("%s is less than a minute, within which a queue may not show the mark yet; 0: for ever", *t))
	}
}

func (s *source) pools(c *Cluster, at string) {
	p := &c.Scaling
	if len(p.Pools) == 0 {
		s.add(at+".pools", "must have an entry: without one nothing is managed")
	}
	var names []string
	least := 0
	for i := range p.Pools {
		pool, key := &p.Pools[i], fmt.Sprintf("%s.pools[%d]", at, i)
		names = s.name(key, pool.Name, names)
		switch c.cloud() {
		case "cyclecloud":
			s.required(key+".nodearray", pool.Nodearray)
		case "anka":
			s.ankaPool(p.Pools[:i], pool, key)
			if pool.ScriptFile != "" && c.Queue.GitHub == nil && c.Queue.GitHubREST == nil && c.Queue.GitLab == nil {
				s.add(key+".script_file", "has no effect: only the queues github, github_rest and gitlab bring credentials that a script could carry")
			}
		}
		if pool.Max > 0 && pool.Min > pool.Max {
			s.add(key+".min", fmt.Sprintf("%d is more than max (%d)", pool.Min, pool.Max))
		}
		if pool.Buffer > 0 && pool.BufferPercent > 0 {
			s.add(key+".buffer_percent", "buffer is set too; keep one of them")
		}
		s.drainTimeout(key, pool.DrainTimeout)
		s.schedules(p, pool, key)
		s.labels(pool.Labels, key+".labels")
		for j := range p.Pools[:i] {
			if p.Pools[j].covers(pool) {
				s.add(key, fmt.Sprintf("would get nothing: all that it matches belongs to pool %q above", p.Pools[j].Name))
				break
			}
		}
		least += pool.Min
	}
	if p.Max > 0 && least > p.Max {
		s.add(at+".max", fmt.Sprintf("%d is less than the pools' min together (%d)", p.Max, least))
	}
}

// labels checks that a pool's own labels stand beside those of the cloud.
func (s *source) labels(list []Label, at string) {
	var names []string
	for i, l := range list {
		key := fmt.Sprintf("%s[%d]", at, i)
		names = s.name(key, l.Name, names)
		s.required(key+".value", l.Value)
		switch l.Name {
		case autoscale.LabelNodearray, autoscale.LabelMachineType, autoscale.LabelRegion, autoscale.LabelSpot:
			s.add(key+".name", fmt.Sprintf("%s is a label of the cloud's", l.Name))
		}
	}
}

// covers tells whether every bucket that o matches is matched by p, case apart.
func (p *Pool) covers(o *Pool) bool {
	if p.Nodearray == "" || !strings.EqualFold(p.Nodearray, o.Nodearray) {
		return false
	}
	if p.Spot != nil && (o.Spot == nil || *p.Spot != *o.Spot) {
		return false
	}
	if len(p.MachineTypes) == 0 {
		return true
	}
	for _, t := range o.MachineTypes {
		if !slices.ContainsFunc(p.MachineTypes, func(mine string) bool { return strings.EqualFold(mine, t) }) {
			return false
		}
	}
	return len(o.MachineTypes) > 0
}
