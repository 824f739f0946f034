package cyclecloud

import (
	"context"
	"errors"

	"autoscaled/autoscale"
)

// descriptionAtMost is how long the description of a report may be, in characters: it
// is part of the URL.
const descriptionAtMost = 500

// ReportHealth submits a guest health report of a node. One that was submitted before
// is success.
func (p *Provider) ReportHealth(ctx context.Context, r autoscale.HealthReport) error {
	err := p.options.Client.SubmitHealthReport(ctx, p.options.Cluster, r.Node.Name, HealthReport{
		Category: r.Category, Description: shorten(r.Reason.String(), descriptionAtMost),
	})
	if err == nil || errors.Is(err, ErrConflict) {
		return nil
	}
	return p.translateAct("report health", err)
}

// shorten cuts a text to so many characters.
func shorten(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most])
	}
	return text
}
