package anka

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"autoscaled/autoscale"
)

// ProviderOptions says which pools of a controller a Provider stands for. Client,
// Pools and Now are required.
type ProviderOptions struct {
	Client *Client
	Pools  []PoolOptions
	// Now is the loop's clock.
	Now func() time.Time
	// Owner is written into the instances that we start, and tells them apart from
	// those of others. Empty: DefaultOwner.
	Owner string
	// Settle is how long a start whose answer was lost may still arrive. Until then
	// that nothing is seen of it is not believed. It is longer than the client's
	// time-out, and has to be shorter than the policy's AbsentFor, or what was lost
	// is given up without a second attempt. 0: DefaultSettle, or twice the client's
	// time-out where that is longer.
	Settle time.Duration
	// ScheduleTimeout, PullTimeout and StartTimeout are how long an instance of ours may
	// wait for a Mac, for its Mac's pull of the template, and for its VM's boot. One that
	// waits longer is shown as failed, with the reason. For instances that were there
	// before the provider the controller's clock counts. 0: for ever.
	ScheduleTimeout, PullTimeout, StartTimeout time.Duration
	// PullingPercent is the share of the pools' Macs, one Mac at least, that may pull a
	// template at a time before another start or distribution of ours makes one pull. Pulls
	// of others count. Then each start names the Mac that it is for: one that holds the
	// tag, or, within the bound, one that is to pull it. 0: no bound, and the controller
	// picks the Mac.
	PullingPercent int
	// Priority lets starts carry the priority of the jobs that they serve, as Priority
	// maps it, so that more urgent ones get their Macs first. Enterprise and higher.
	Priority bool
}

// PoolOptions is a pool: the instances of one template, tag and group.
type PoolOptions struct {
	// Name is the pool's id for the loop: letters, digits, dots, dashes and
	// underscores.
	Name string
	// TemplateID and Tag say what to start. A pool pins its tag.
	TemplateID, Tag string
	// Template is the template's name, or its id, in place of TemplateID. The registry
	// is asked for the id when the controller is read; one without a template of that
	// name, or with several, makes the pool invalid and nothing else.
	Template string
	// PreviousTag is the tag that was used before, for while Tag is brought to the Macs:
	// where no Mac that holds Tag has a free slot and one that holds PreviousTag has, that
	// is started there. Empty: none.
	PreviousTag string
	// Distribute lets Tend bring Tag to the pool's Macs before an instance needs it.
	Distribute bool
	// GroupID is the group of nodes to start on; those that it falls back to are used
	// too. Empty: any node. Groups need an Enterprise licence.
	GroupID string
	// Group is the group's name, or its id, in place of GroupID.
	Group string
	// PermissionGroup is the name of the permission group to start for, where a controller
	// enforces resource permissions. Groups of nodes can't be named there.
	PermissionGroup string
	// Arch is the template's architecture, amd64 or arm64, where the controller is too
	// old to tell it. Empty: not known.
	Arch string
	// VCPU and VRAM, in MB, are the size of one VM.
	VCPU, VRAM int
	// Override starts VMs of that size whatever the template says. It works with
	// templates of stopped VMs only.
	Override bool
	// Startup makes each instance's start-up script. Its instances are asked for one by
	// one, for each is a host of its own that the queue knows by the instance's name.
	// nil: no script.
	Startup Startup
	// ScriptMonitoring lets the controller watch the script: one that fails makes its
	// instance an Error. It ends scripts that take longer than ScriptTimeout, in whole
	// seconds (0: the controller's 90 s), so that the script has to start what is to
	// last detached, and only the launch is watched. Since 1.24; older ones ignore it.
	ScriptMonitoring bool
	ScriptTimeout    time.Duration
	// KeepFailed leaves the VM of a failed script on its Mac, for a look at it, until the
	// instance is ended. Otherwise the Mac deletes it at once.
	KeepFailed bool
	// Labels are shown with the pool, beside those that say what it is: pool,
	// template, tag, group.
	Labels map[string]string

	// problem is why what it names has no id, as of one reading. Empty: it has.
	problem string
}

const (
	// DefaultOwner is the mark of a daemon that was given none.
	DefaultOwner = "autoscaled"
	// DefaultSettle is how long a lost start may still arrive.
	DefaultSettle = 2 * time.Minute
)

// The architectures, as the API calls them.
const (
	archIntel = "amd64"
	archARM   = "arm64"
)

// Provider is one controller as the daemon's loop sees it. Its errors are those of
// package autoscale. It is safe for concurrent use.
type Provider struct {
	options ProviderOptions

	tending sync.Mutex // one Tend at a time

	mu sync.Mutex // guards what follows
	// born is when it was made: what was sent before was sent by another.
	born time.Time
	// doubts are the starts whose answers were lost, with the time of the attempt.
	doubts map[autoscale.RequestID]time.Time
	// wanted are the pools as they were given, and pools as they were found when the
	// controller was last read; nil: not since they were given. ids are those of
	// templates by name.
	wanted, pools []PoolOptions
	ids           map[string]string
	// last is what was read last; nil: nothing since the pools were given.
	last *reading
	// reserved are the places of starts that the controller may not list yet, by
	// external id.
	reserved map[string]reservation
	// deliveries are the pulls that Tend asked for.
	deliveries map[deliveryKey]*Delivery
	// stages are what instances of ours wait for, by id; nil: nothing was observed yet.
	stages map[string]stage
}

// Settle is how long a start whose answer was lost may still arrive.
func (p *Provider) Settle() time.Duration { return p.options.Settle }

// NewProvider makes the provider of one controller. Errors are ErrConfig.
func NewProvider(o ProviderOptions) (*Provider, error) {
	if o.Client == nil || o.Now == nil {
		return nil, fmt.Errorf("provider of Anka: %w: it needs a client and a clock", ErrConfig)
	}
	if o.Owner == "" {
		o.Owner = DefaultOwner
	}
	if o.Settle == 0 {
		o.Settle = max(DefaultSettle, 2*o.Client.timeout)
	}
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("provider of Anka: %w: %w", ErrConfig, err)
	}
	return &Provider{
		options: o, born: o.Now(), wanted: slices.Clone(o.Pools), doubts: make(map[autoscale.RequestID]time.Time),
		reserved: make(map[string]reservation), deliveries: make(map[deliveryKey]*Delivery),
	}, nil
}

// ownName is what pools may be called, for their names are parts of others.
var ownName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,40}$`)

func (o *ProviderOptions) check() error {
	if strings.Contains(o.Owner, markSeparator) {
		return fmt.Errorf("owner %q holds a %q", o.Owner, markSeparator)
	}
	if o.Settle <= o.Client.timeout {
		return fmt.Errorf("a start may arrive for as long as the client's time-out of %s, and is to have settled after %s", o.Client.timeout, o.Settle)
	}
	if o.ScheduleTimeout < 0 || o.PullTimeout < 0 || o.StartTimeout < 0 {
		return fmt.Errorf("a time-out is negative")
	}
	if o.PullingPercent < 0 || o.PullingPercent > 100 {
		return fmt.Errorf("%d %% of the Macs can't pull", o.PullingPercent)
	}
	if len(o.Pools) == 0 {
		return fmt.Errorf("no pools")
	}
	names := make(map[string]bool, len(o.Pools))
	for i := range o.Pools {
		p := &o.Pools[i]
		if names[p.Name] {
			return fmt.Errorf("two pools are called %q", p.Name)
		}
		names[p.Name] = true
		if err := p.check(); err != nil {
			return fmt.Errorf("pool %q: %w", p.Name, err)
		}
	}
	return nil
}

func (p *PoolOptions) check() error {
	switch {
	case !ownName.MatchString(p.Name):
		return fmt.Errorf("a name is 1 to 40 letters, digits, dots, dashes and underscores")
	case (p.TemplateID == "") == (p.Template == "") || p.Tag == "":
		return fmt.Errorf("it needs a template (its id or its name) and a tag")
	case p.PreviousTag == p.Tag:
		return fmt.Errorf("its previous tag is its tag, %s", p.Tag)
	case p.GroupID != "" && p.Group != "":
		return fmt.Errorf("its group is given by id and by name")
	case p.PermissionGroup != "" && (p.GroupID != "" || p.Group != ""):
		return fmt.Errorf("a permission group and a group of nodes exclude each other")
	case p.VCPU <= 0 || p.VRAM <= 0:
		return fmt.Errorf("a VM of %d vCPUs and %d MB", p.VCPU, p.VRAM)
	case p.Arch != "" && p.Arch != archIntel && p.Arch != archARM:
		return fmt.Errorf("architecture %q is neither %s nor %s", p.Arch, archIntel, archARM)
	}
	return p.checkStartup()
}

// pool finds a pool by its name; nil: there is none.
func (o *ProviderOptions) pool(name string) *PoolOptions { return poolNamed(o.Pools, name) }

// Observe reads instances, nodes, groups and the pools' templates. The API has no
// read of all at one moment, so instances come first: one that gets its node between
// two reads counts twice, never not at all.
func (p *Provider) Observe(ctx context.Context) (autoscale.Supply, error) {
	p.dropAnswered()
	r, err := p.read(ctx)
	if err != nil {
		return autoscale.Supply{}, translate("observe", err)
	}
	p.follow(&r)
	return p.survey(r).supply(), nil
}

// survey makes sense of what was read, for the pools of that time.
func (p *Provider) survey(r reading) *survey {
	o := p.options
	o.Pools = r.pools
	r.reserved = p.unlisted(&r)
	return newSurvey(&o, r)
}
