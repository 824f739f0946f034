package azslurm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// maxAutoscale bounds an autoscale.json, in bytes.
const maxAutoscale = 1 << 20

// Autoscale is what autoscale.json says that we can use. The password is not kept.
type Autoscale struct {
	URL, Cluster, User string
	// HasPassword tells that the file holds one.
	HasPassword bool
	// ConfigDir is the shared folder of Slurm's configuration, such as /sched/cluster.
	ConfigDir string
	// Nodearrays are those with settings of their own, in alphabetical order.
	Nodearrays []Nodearray
	// Left is what has no counterpart in our configuration, a sentence each, in
	// alphabetical order of their keys.
	Left []string
}

// Nodearray is a nodearray that autoscale.json, or CycleCloud, says something of.
type Nodearray struct {
	Name string
	// Groups is how many placement groups its nodes are made in; 0: none.
	Groups int
	// MachineTypes are its own, the first being that of nodes whose features name none.
	// None: they are not known.
	MachineTypes []string
}

// counterparts say what became of the keys that are read and not taken over. The keys
// are those of "azslurm initconfig" and of the documentation of cyclecloud-slurm.
var counterparts = map[string]string{
	"accounting":                "of azslurm cost; use Slurm's own accounting",
	"autostart":                 "nodes are created when Slurm resumes them",
	"azslurmd":                  "of the daemon that is replaced; how often we look is interval",
	"boot_timeout":              "a node that Slurm resumes has until ResumeTimeout of slurm.conf",
	"cost":                      "of azslurm cost; use Slurm's own accounting",
	"default_resources":         "what nodes have stands in slurm.conf; autoscaled slurm check compares it with the cloud",
	"disable_default_resources": "what nodes have stands in slurm.conf; autoscaled slurm check compares it with the cloud",
	"idle_timeout":              "Slurm powers idle nodes down after SuspendTime of slurm.conf",
	"lock_file":                 "of azslurm; our lock is in state_dir",
	"logging":                   "of azslurm; ours is log, on standard error",
	"pbspro":                    "of another scheduler",
	"return-to-idle":            "zombie nodes are reported (autoscaled orphans), and nothing ends them by itself",
	"verify_certificates":       "the server's certificate is always checked; see tls",
	"return_to_idle":            "zombie nodes are reported (autoscaled orphans), and nothing ends them by itself",
}

// ReadAutoscale reads an autoscale.json. What is missing or of the wrong kind is an
// error that names all of it; the password is in none.
func ReadAutoscale(r io.Reader) (*Autoscale, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxAutoscale+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read autoscale.json: %w", err)
	case len(text) > maxAutoscale:
		return nil, fmt.Errorf("read autoscale.json: it has more than %d bytes", maxAutoscale)
	}
	keys := make(map[string]json.RawMessage)
	d := json.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(&keys); err != nil {
		return nil, fmt.Errorf("read autoscale.json: it is no JSON object: %w", withoutText(err))
	}
	if d.More() {
		return nil, errors.New("read autoscale.json: something follows the object")
	}
	a := &autoscaleReader{keys: keys}
	a.read()
	if len(a.problems) > 0 {
		return nil, fmt.Errorf("read autoscale.json: %s", strings.Join(a.problems, "; "))
	}
	return &a.Autoscale, nil
}

// withoutText keeps where a mistake is, and nothing of what the file says: any of it
// may be the password.
func withoutText(err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("mistake at byte %d", syntax.Offset)
	}
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return fmt.Errorf("it begins with %s", article(kind.Value))
	}
	return errors.New("it ends too early")
}

func article(kind string) string {
	if strings.ContainsAny(kind[:1], "aeiou") {
		return "an " + kind
	}
	return "a " + kind
}

type autoscaleReader struct {
	Autoscale
	keys     map[string]json.RawMessage
	problems []string
}

func (a *autoscaleReader) read() {
	a.URL = a.address()
	a.Cluster = a.text("cluster_name", true)
	a.User = a.text("username", true)
	a.HasPassword = a.text("password", false) != ""
	a.ConfigDir = a.text("config_dir", false)
	a.nodearrays()
	for _, key := range slices.Sorted(maps.Keys(a.keys)) {
		if string(a.keys[key]) == "null" {
			continue
		}
		why := counterparts[key]
		if why == "" {
			why = "is not known here, and was left out"
		}
		a.Left = append(a.Left, key+": "+why)
	}
}

// address is where CycleCloud is. Credentials in it are left out: a configuration that is
// printed may hold none, and they have keys of their own.
func (a *autoscaleReader) address() string {
	text := a.text("url", true)
	u, err := url.Parse(text)
	if text != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		a.problem("url", "is no address such as https://cyclecloud.example.com")
		return ""
	}
	if text == "" || u.User == nil {
		return text
	}
	u.User = nil
	a.Left = append(a.Left, "url: the user and password in it were left out")
	return u.String()
}

func (a *autoscaleReader) problem(key, what string) { a.problems = append(a.problems, key+" "+what) }

// text takes a key that is a text.
func (a *autoscaleReader) text(key string, required bool) string {
	raw, there := a.keys[key]
	delete(a.keys, key)
	var s *string
	switch err := json.Unmarshal(raw, &s); {
	case !there || string(raw) == "null":
		if required {
			a.problem(key, "is missing")
		}
		return ""
	case err != nil:
		a.problem(key, "is no text")
		return ""
	case required && *s == "":
		a.problem(key, "is empty")
	case strings.ContainsFunc(*s, func(r rune) bool { return r < ' ' || r == 0x7f }):
		a.problem(key, "holds a control character")
	}
	return *s
}

// nodearrays takes the settings of nodearrays. "default" stands for all of them.
func (a *autoscaleReader) nodearrays() {
	raw, there := a.keys["nodearrays"]
	delete(a.keys, "nodearrays")
	if !there {
		return
	}
	var arrays map[string]map[string]json.RawMessage
	if err := json.Unmarshal(raw, &arrays); err != nil {
		a.problem("nodearrays", "is no object of objects")
		return
	}
	for _, name := range slices.Sorted(maps.Keys(arrays)) {
		groups, err := groupsOf(arrays[name])
		if err != nil {
			a.problem("nodearrays."+name, err.Error())
		}
		for _, key := range slices.Sorted(maps.Keys(arrays[name])) {
			a.Left = append(a.Left, fmt.Sprintf("nodearrays.%s.%s: has no counterpart", name, key))
		}
		if name != "default" {
			a.Nodearrays = append(a.Nodearrays, Nodearray{Name: name, Groups: groups})
		}
	}
}

// groupsOf takes how many placement groups a nodearray's nodes are made in.
func groupsOf(keys map[string]json.RawMessage) (int, error) {
	groups := 0
	for _, key := range [...]string{"generated_placement_group_buffer", "max_placement_groups"} {
		raw, there := keys[key]
		delete(keys, key)
		if !there {
			continue
		}
		if err := json.Unmarshal(raw, &groups); err != nil || groups < 0 {
			return 0, fmt.Errorf("has a %s that is no whole number", key)
		}
	}
	return groups, nil
}
