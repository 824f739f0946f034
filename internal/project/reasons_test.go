package project

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
)

const reasonsHead = `# Reasons

Every decision of autoscaled carries one reason. Its code is the value of the log field ` + "`reason`" + `, of the metric label
` + "`reason`" + ` and of the JSON key ` + "`code`" + ` in ` + "`autoscaled plan -o json`" + `; the sentence is what people see. Braces stand for what was
observed. Codes are stable: one that is no longer used is not given another meaning.

This page is written by ` + "`go test ./internal/project -update`" + ` from the list in package ` + "`autoscale`" + `.

| code | says | what you can do |
|---|---|---|
`

// TestReasonsPage keeps docs/reasons.md equal to autoscale.Reasons.
func TestReasonsPage(t *testing.T) {
	var page strings.Builder
	page.WriteString(reasonsHead)
	escape := strings.NewReplacer("|", `\|`, "<", `&lt;`)
	for _, r := range autoscale.Reasons() {
		require.NotEmpty(t, r.Says, "reason %s says nothing", r.Code)
		help := r.Help
		if help == "" {
			help = "–"
		}
		if r.HelpOnAnka != "" {
			help += " On Anka: " + r.HelpOnAnka
		}
		fmt.Fprintf(&page, "| `%s` | %s | %s |\n", r.Code, escape.Replace(r.Says), escape.Replace(help))
	}
	generated(t, "docs/reasons.md", page.String())
}
