package anka

import (
	"crypto/rand"
	"fmt"
	"strings"

	"autoscaled/autoscale"
)

// The names of metadata by which an instance tells whose it is. The external id
// tells owner, request and attempt as well: an update by others may replace metadata.
const (
	MetadataOwner   = "autoscaled_owner"
	MetadataRequest = "autoscaled_request"
	MetadataPool    = "autoscaled_pool"
	MetadataAttempt = "autoscaled_attempt"
	// MetadataNode is the node that the start named, if it did.
	MetadataNode = "autoscaled_node"
	// MetadataCount is how many instances the start asked for.
	MetadataCount = "autoscaled_count"
)

// markSeparator parts owner, request and attempt in an external id.
const markSeparator = "/"

// mark says who started an instance and in which attempt of which request.
type mark struct {
	owner   string
	request autoscale.RequestID
	attempt string
	pool    string // empty: not told
	node    string // empty: none was named
	count   int    // 0: not told
}

// newMark makes the mark of another attempt, unlike that of any before it: after a
// restart nobody knows how many there were, so it is drawn and not counted.
func newMark(owner string, g *autoscale.Grow) mark {
	return mark{owner: owner, request: g.Request, attempt: strings.ToLower(rand.Text()[:12]), pool: string(g.Pool), count: g.Count}
}

func (m mark) externalID() string {
	return strings.Join([]string{m.owner, string(m.request), m.attempt}, markSeparator)
}

// name is that of the attempt's instances.
func (m mark) name() string { return m.pool + "-" + m.attempt }

func (m mark) metadata() Metadata {
	all := Metadata{
		MetadataOwner: Text(m.owner), MetadataRequest: Text(string(m.request)), MetadataPool: Text(m.pool),
		MetadataAttempt: Text(m.attempt), MetadataCount: Number(int64(m.count)),
	}
	if m.node != "" {
		all[MetadataNode] = Text(m.node)
	}
	return all
}

// parseExternalID reads what externalID wrote; false: somebody else's.
func parseExternalID(id string) (mark, bool) {
	parts := strings.Split(id, markSeparator)
	if len(parts) != 3 {
		return mark{}, false
	}
	m := mark{owner: parts[0], request: autoscale.RequestID(parts[1]), attempt: parts[2]}
	return m, m.whole()
}

func (m mark) whole() bool { return m.owner != "" && m.request != "" && m.attempt != "" }

// markOf reads an instance's mark, of metadata and external id whichever is whole.
// false: it has none, or the two contradict each other, which why tells.
func markOf(i *Instance) (m mark, why string, ok bool) {
	outside, byID := parseExternalID(i.ExternalID)
	text := func(name string) string { s, _ := i.Metadata[name].Text(); return s }
	m = mark{
		owner: text(MetadataOwner), request: autoscale.RequestID(text(MetadataRequest)),
		attempt: text(MetadataAttempt), pool: text(MetadataPool), node: text(MetadataNode),
	}
	if n, told := i.Metadata[MetadataCount].Number(); told && n > 0 && n < 1<<20 {
		m.count = int(n)
	}
	switch byMetadata := m.whole(); {
	case byID && byMetadata && outside.externalID() != m.externalID():
		return mark{}, fmt.Sprintf("its external id is %.80q and its metadata say %.80q", i.ExternalID, m.externalID()), false
	case byMetadata:
		return m, "", true
	case byID:
		return outside, "", true
	}
	return mark{}, "", false
}
