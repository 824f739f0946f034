package anka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Delivery is one Mac's pull of a pool's tag that Tend asked for, so that the tag is
// there before an instance needs it.
type Delivery struct {
	TemplateID, Tag string
	// Template is the template's name, where a pool gives one.
	Template     string
	NodeID, Node string // id and name of the Mac
	// Request is the controller's id of the distribution. Empty: its answer was lost.
	Request string
	State   DeliveryState
	// Progress is from 0 to 1.
	Progress float64
	// Since is when it was asked for, and Ended when it was seen to be over; zero: not yet.
	Since, Ended time.Time
	// Tries is how often it was asked for since it was last not wanted.
	Tries int
	// Message says why it failed, or why it goes on though nobody wants it.
	Message string
}

// DeliveryState says how far a delivery is.
type DeliveryState string

// The states of a delivery.
const (
	DeliveryAsked     DeliveryState = "asked" // or under way
	DeliveryDone      DeliveryState = "done"
	DeliveryFailed    DeliveryState = "failed"
	DeliveryCancelled DeliveryState = "cancelled"
)

// deliveryKey is what a delivery brings where.
type deliveryKey struct {
	image imageKey
	node  string
}

func (d *Delivery) key() deliveryKey { return deliveryKey{imageKey{d.TemplateID, d.Tag}, d.NodeID} }

func (d *Delivery) live() bool { return d.State == DeliveryAsked }

func (d *Delivery) end(at time.Time, state DeliveryState, message string) {
	d.State, d.Ended, d.Message = state, at, message
}

// retryDelivery is how long a Mac is left alone whose delivery failed, doubled with each
// failure up to retryDeliveryMost. Both are our own choice.
const (
	retryDelivery     = 10 * time.Minute
	retryDeliveryMost = 6 * time.Hour
)

// rests tells whether a failed delivery is not to be tried again yet. Nothing was the
// matter with one that was cancelled since nobody wanted it.
func (d *Delivery) rests(at time.Time) bool {
	if d.Tries == 0 {
		return false
	}
	wait := retryDelivery << min(d.Tries-1, 10)
	return at.Sub(d.Ended) < min(wait, retryDeliveryMost)
}

// Distributions are the deliveries under way and those of tags that pools still want,
// by template, tag and Mac. What a former daemon asked for is not among them.
func (p *Provider) Distributions() []Delivery {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]Delivery, 0, len(p.deliveries))
	for _, d := range p.deliveries {
		list = append(list, *d)
	}
	slices.SortFunc(list, func(a, b Delivery) int {
		return cmp.Or(cmp.Compare(a.TemplateID, b.TemplateID), cmp.Compare(a.Tag, b.Tag), cmp.Compare(a.Node, b.Node), cmp.Compare(a.NodeID, b.NodeID))
	})
	return list
}

// Tend brings the tags of pools with Distribute to their Macs, one distribution for each
// Mac, as many at a time as the bound on pulls allows. It notes how far those under way
// are and cancels those that no pool wants any more. What succeeded once is not
// repeated, even if the Mac loses it. It waits for nothing.
func (p *Provider) Tend(ctx context.Context) error {
	p.tending.Lock()
	defer p.tending.Unlock()
	if !p.distributes() {
		return nil
	}
	r, err := p.read(ctx)
	if err == nil {
		err = r.untold
	}
	if err != nil {
		return translate("look before distributing", err)
	}
	p.track(p.survey(r))
	s := p.survey(r)
	if err := errors.Join(p.withdraw(ctx, s), p.bring(ctx, s)); err != nil {
		return translateAct("distribute", err)
	}
	return nil
}

// distributes tells whether there is, or was, anything to bring.
func (p *Provider) distributes() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.deliveries) > 0 || slices.ContainsFunc(p.wanted, func(o PoolOptions) bool { return o.Distribute })
}

// awaited are the pulls that were asked for and may be under way, as places without an
// instance. The caller holds the lock.
func (p *Provider) awaited() (list []reservation) {
	for _, d := range p.deliveries {
		if d.live() {
			list = append(list, reservation{node: d.NodeID, image: d.key().image})
		}
	}
	return list
}

// track notes what became of deliveries, and forgets those that are over and that no
// pool wants.
func (p *Provider) track(s *survey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, d := range p.deliveries {
		if d.live() {
			s.follow(d, p.options.Settle)
		}
		if !d.live() && !s.wants(d) {
			delete(p.deliveries, key)
		}
	}
}

// follow notes how far a delivery is.
func (s *survey) follow(d *Delivery, settle time.Duration) {
	k := slices.IndexFunc(s.macs, func(m *mac) bool { return m.ID == d.NodeID })
	at := slices.IndexFunc(s.distributions, func(x Distribution) bool { return x.ID == d.Request && d.Request != "" })
	switch {
	case k < 0:
		d.end(s.at, DeliveryFailed, "its Mac is gone")
	case s.macs[k].has(d.TemplateID, d.Tag):
		d.Progress = 1
		d.end(s.at, DeliveryDone, "")
	case d.Request == "":
		if s.at.Sub(d.Since) >= settle && !s.brings(d) {
			d.end(s.at, DeliveryFailed, "its answer was lost, and nothing came of it")
		}
	case at < 0:
		d.end(s.at, DeliveryFailed, "the controller has forgotten it")
	default:
		d.progress(s.at, s.distributions[at].Nodes[d.NodeID])
	}
}

// brings tells whether some distribution, which may be the one whose answer was lost,
// brings the template of a delivery to its Mac.
func (s *survey) brings(d *Delivery) bool {
	return slices.ContainsFunc(s.distributions, func(x Distribution) bool {
		share, there := x.Nodes[d.NodeID]
		return x.TemplateID == d.TemplateID && there && !share.Done && share.Error == ""
	})
}

func (d *Delivery) progress(at time.Time, share NodePull) {
	d.Progress = share.Progress
	switch {
	case share.Done:
		d.end(at, DeliveryDone, "")
	case share.Error != "":
		d.end(at, DeliveryFailed, share.Error)
	}
}

// wants tells whether a pool wants a delivery, or wanted it again if it had failed.
func (s *survey) wants(d *Delivery) bool {
	return slices.ContainsFunc(s.pools, func(p *poolSurvey) bool {
		o := p.options
		return o.Distribute && o.TemplateID == d.TemplateID && o.Tag == d.Tag && p.image.problem == "" && s.among(p, d.NodeID)
	})
}

// among tells whether a node is one of a pool's.
func (s *survey) among(p *poolSurvey, node string) bool {
	return slices.ContainsFunc(s.members(p.options.GroupID), func(k int) bool { return s.macs[k].ID == node })
}

// withdraw cancels deliveries under way that no pool wants, or that take longer than a
// pull may.
func (p *Provider) withdraw(ctx context.Context, s *survey) error {
	var failed []error
	for _, d := range p.Distributions() {
		if !d.live() || d.Request == "" || d.Message != "" { // or it was tried in vain
			continue
		}
		why, tries := "no pool wants it any more", 0
		if s.wants(&d) {
			tries = d.Tries
			if limit := s.options.PullTimeout; limit == 0 || s.at.Sub(d.Since) <= limit {
				continue
			}
			why = fmt.Sprintf("it took longer than %s", brief(s.options.PullTimeout))
		}
		switch err := p.options.Client.CancelDistribution(ctx, d.Request); {
		case err == nil, errors.Is(err, ErrDistributionNotFound):
			d.Tries = tries
			d.end(s.at, DeliveryCancelled, why)
		case errors.Is(err, ErrNoEndpoint):
			d.Message = why + ", and controllers before 1.43 can't cancel it"
		default:
			failed = append(failed, fmt.Errorf("cancel distribution %s: %w", d.Request, err))
			continue
		}
		p.note(d)
	}
	return errors.Join(failed...)
}

func (p *Provider) note(d Delivery) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deliveries[d.key()] = &d
}

// noted finds a delivery of a tag to a node.
func (p *Provider) noted(key deliveryKey) (d Delivery, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at := p.deliveries[key]; at != nil {
		return *at, true
	}
	return d, false
}

// bring asks for deliveries while more Macs may pull. A call that fails ends it until
// the next time.
func (p *Provider) bring(ctx context.Context, s *survey) error {
	for _, pool := range s.pools {
		if !pool.options.Distribute || pool.image.problem != "" || pool.image.unreachable {
			continue
		}
		for _, m := range p.lacking(s, pool) {
			if !s.pulls.allow() {
				return nil
			}
			if err := p.deliver(ctx, s, pool, m); err != nil {
				return err
			}
			m.pulling = true
			s.pulls.now++
		}
	}
	return nil
}

// lacking are the Macs to which a pool's tag can be brought now, the best first: those
// that have another tag to build on, then those with the fewest VMs.
func (p *Provider) lacking(s *survey, pool *poolSurvey) (list []*mac) {
	image := &pool.image
	for _, k := range s.members(pool.options.GroupID) {
		m := s.macs[k]
		d, known := p.noted(deliveryKey{imageKey{image.template, image.tag}, m.ID})
		switch {
		case m.State != NodeActive, m.pulling, m.coming > 0, m.has(image.template, image.tag),
			m.HostArch != "" && image.arch != "" && m.HostArch != image.arch,
			m.cannotPull(image) != "",
			known && (d.live() || d.State == DeliveryDone || d.rests(s.at)):
			continue
		}
		list = append(list, m)
	}
	rank := func(m *mac) int {
		if _, another, _ := image.on(m.Node); another {
			return m.taken()
		}
		return 1000 + m.taken()
	}
	slices.SortStableFunc(list, func(a, b *mac) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.ID, b.ID)) })
	return list
}

// deliver asks for one delivery. One whose answer is lost may be under way.
func (p *Provider) deliver(ctx context.Context, s *survey, pool *poolSurvey, m *mac) error {
	d := Delivery{TemplateID: pool.image.template, Template: pool.options.Template, Tag: pool.image.tag, NodeID: m.ID, Node: m.Name, State: DeliveryAsked, Since: s.at, Tries: 1}
	if before, known := p.noted(d.key()); known {
		d.Tries += before.Tries
	}
	var err error
	d.Request, err = p.options.Client.Distribute(ctx, DistributeRequest{
		TemplateID: d.TemplateID, Tag: d.Tag, NodeIDs: []string{m.ID}, Group: pool.options.PermissionGroup,
	})
	switch {
	case err == nil:
	case errors.Is(err, ErrUncertain):
		d.Request, d.Message = "", "its answer was lost"
	case errors.Is(err, ErrInvalidInput), errors.Is(err, ErrNotFound), errors.Is(err, ErrConflict), errors.Is(err, ErrLicence):
		d.end(s.at, DeliveryFailed, err.Error())
	default: // nothing was done, and nothing is the matter with this Mac
		return fmt.Errorf("distribute tag %s to %s: %w", d.Tag, d.Node, err)
	}
	p.note(d)
	if err != nil {
		return fmt.Errorf("distribute tag %s to %s: %w", d.Tag, d.Node, err)
	}
	return nil
}
