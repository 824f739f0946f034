package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"autoscaled/autoscale"
)

// Anka says how a controller is reached, and how its starts are followed.
type Anka struct {
	URL       string   `key:"url" required:"yes" help:"Address of the controller, as https://anka.example.com:8090."`
	TokenFile string   `key:"token_file" default:"" path:"yes" help:"File that holds the controller's root token. Read again whenever it is needed. No token, no key and no certificate: the controller lets everybody in."`
	TokenEnv  string   `key:"token_env" default:"" help:"Environment variable that holds the root token."`
	KeyID     string   `key:"key_id" default:"" help:"Id of a user API key, which opens sessions; in place of a token, with key_file or key_env."`
	KeyFile   string   `key:"key_file" default:"" path:"yes" help:"File that holds the API key: an RSA key, PEM."`
	KeyEnv    string   `key:"key_env" default:"" help:"Environment variable that holds the API key."`
	Timeout   Duration `key:"timeout" default:"30s" least:"1s" help:"Limit of one attempt of an API call."`
	Owner     string   `key:"owner" default:"autoscaled" help:"Mark of the VMs that are started, by which they are known. Daemons that share a controller need different ones. VMs of another mark are never touched."`
	Settle    Duration `key:"settle" default:"2m" help:"How long a start whose answer was lost may still arrive; nothing is started in its place until then. Longer than timeout."`
	// The times within which a VM has to get along.
	ScheduleTimeout Duration `key:"schedule_timeout" default:"5m" help:"How long a VM of ours may wait for a Mac. One that waits longer is ended. 0: for ever."`
	PullTimeout     Duration `key:"pull_timeout" default:"2h" help:"The same for the pull of its template to the Mac."`
	StartTimeout    Duration `key:"start_timeout" default:"10m" help:"The same for its boot."`
	PullingPercent  int      `key:"pulling_percent" default:"10" least:"0" help:"Largest share of the pools' Macs, one at least, that pull a template at once for VMs of ours. 0: no bound, and the controller picks the Mac."`
	Priority        bool     `key:"priority" default:"false" help:"Let starts carry the priority of the jobs that they serve, so that more urgent ones get their Macs first. Needs an Enterprise licence."`
	TLS             TLS      `key:"tls" help:"How the controller proves itself, and how we do."`
}

// Token is where the root token is.
func (a Anka) Token() SecretSource { return SecretSource{File: a.TokenFile, Env: a.TokenEnv} }

// Key is where the private key of the API key is.
func (a Anka) Key() SecretSource { return SecretSource{File: a.KeyFile, Env: a.KeyEnv} }

// ankaName is what pools and owners may be called on Anka: their names become parts of
// others.
var ankaName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,40}$`)

const ankaNameForm = "is not 1 to 40 letters, digits, dots, dashes and underscores"

// maxVMMemory bounds the memory of one VM: no Mac has as much.
const maxVMMemory = 64 << 40

// ankaLabels are those that the cloud gives pools of Anka.
var ankaLabels = []string{"pool", "template", "tag", "group"}

func (s *source) anka(a *Anka, at string) {
	s.url(at+".url", a.URL)
	if strings.Contains(a.URL, "?") {
		s.add(at+".url", "holds a query (?…)")
	}
	s.secret(at, "token", a.Token())
	s.secret(at, "key", a.Key())
	switch key := !a.Key().IsZero(); {
	case !a.Token().IsZero() && (key || a.KeyID != ""):
		s.add(at, "has both a token and an API key; keep one")
	case key && a.KeyID == "":
		s.add(at+".key_id", "is missing; there is a key")
	case !key && a.KeyID != "" && !s.within(at+".key"):
		s.add(at, "has a key_id and no key; set key_file or key_env")
	}
	if !ankaName.MatchString(a.Owner) {
		s.add(at+".owner", fmt.Sprintf("%q %s", shown(a.Owner), ankaNameForm))
	}
	if a.Settle <= a.Timeout {
		s.add(at+".settle", fmt.Sprintf("%s must be longer than timeout (%s): until then a start may still arrive", a.Settle, a.Timeout))
	}
	if a.PullingPercent > 100 {
		s.add(at+".pulling_percent", fmt.Sprintf("%d is more than 100", a.PullingPercent))
	}
	s.tls(&a.TLS, at+".tls", a.URL)
}

// ankaPool checks what is said of the VMs of a pool.
func (s *source) ankaPool(above []Pool, p *Pool, at string) {
	s.required(at+".template", p.Template)
	s.required(at+".tag", p.Tag)
	if p.VCPU == 0 {
		s.add(at+".vcpu", "is missing")
	} else if p.VCPU > maxCores {
		s.add(at+".vcpu", fmt.Sprintf("%d is more than %d", p.VCPU, maxCores))
	}
	switch {
	case p.Memory == 0:
		s.add(at+".memory", "is missing")
	case p.Memory%Size(autoscale.MiB) != 0:
		s.add(at+".memory", "is not a whole number of MiB")
	case p.Memory > maxVMMemory:
		s.add(at+".memory", "is more than 64TiB")
	}
	if p.Name != "" && !ankaName.MatchString(p.Name) {
		s.add(at+".name", fmt.Sprintf("%q %s", shown(p.Name), ankaNameForm))
	}
	if p.PreviousTag != "" && p.PreviousTag == p.Tag {
		s.add(at+".previous_tag", "is the tag itself")
	}
	if p.ScriptTimeout.Std()%time.Second != 0 {
		s.add(at+".script_timeout", "is not a number of whole seconds")
	}
	for i := range above { // labels are compared without case
		if above[i].Name != p.Name && strings.EqualFold(above[i].Name, p.Name) {
			s.add(at+".name", fmt.Sprintf("%q differs from %q by case only", p.Name, above[i].Name))
		}
	}
	for i, l := range p.Labels {
		if slices.Contains(ankaLabels, l.Name) {
			s.add(fmt.Sprintf("%s.labels[%d].name", at, i), l.Name+" is a label of the cloud's")
		}
	}
}
