package githubrest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// Delivery is what became of a webhook's delivery; it serves as a metric's label.
type Delivery string

// The outcomes of deliveries, each with the status that answers it.
const (
	DeliveryHeard     Delivery = "heard"     // 202: a listed repository is read soon
	DeliveryIgnored   Delivery = "ignored"   // 202: another event, or another repository
	DeliveryReplayed  Delivery = "replayed"  // 202: it came before
	DeliveryForged    Delivery = "forged"    // 401: the signature is missing or wrong
	DeliveryMalformed Delivery = "malformed" // 400: it is signed and can't be read
	DeliveryTooLarge  Delivery = "too_large" // 413
	DeliveryRefused   Delivery = "refused"   // 405: not a POST
	DeliveryNoSecret  Delivery = "no_secret" // 503: our own secret can't be read
)

// Deliveries lists all outcomes.
func Deliveries() []Delivery {
	return []Delivery{
		DeliveryHeard, DeliveryIgnored, DeliveryReplayed, DeliveryForged,
		DeliveryMalformed, DeliveryTooLarge, DeliveryRefused, DeliveryNoSecret,
	}
}

// Defaults of the webhook. GitHub's events of jobs have some tens of kilobytes.
const (
	DefaultMaxDelivery = 1 << 20 // bytes
	// maxRemembered bounds how many deliveries are known again.
	maxRemembered = 4096
)

// WebhookOptions say whom to believe. Secret and Look are required.
type WebhookOptions struct {
	// Secret gives the webhook's secret. It is asked for each delivery anew, so that a
	// file may change.
	Secret func() (string, error)
	// Look is told the repository, as owner/name, of each event of a job: as
	// [Source.Look] it has the repository read soon. false: it is none of those listed.
	Look func(repository string) (listed bool)
	// Observe is told of each delivery; nil: nobody.
	Observe func(Delivery)
	// MaxBody bounds a delivery, in bytes. 0: DefaultMaxDelivery.
	MaxBody int64
}

// Webhook answers GitHub's deliveries of the event workflow_job. It only wakes: what a
// delivery says is never demand, for GitHub sends none again that got lost. Nothing is
// parsed before its signature was checked. The server that it is part of must bound how
// long a request may take to arrive.
type Webhook struct {
	options WebhookOptions
	mu      sync.Mutex
	known   map[string]bool // deliveries, by id and by signature
	order   []string        // the same, oldest first
}

// NewWebhook checks the options, with errors that are ErrConfig.
func NewWebhook(o WebhookOptions) (*Webhook, error) {
	if o.Secret == nil || o.Look == nil || o.MaxBody < 0 {
		return nil, fmt.Errorf("webhook of GitHub: %w: it needs a secret and something to wake", ErrConfig)
	}
	if o.MaxBody == 0 {
		o.MaxBody = DefaultMaxDelivery
	}
	return &Webhook{options: o, known: map[string]bool{}}, nil
}

// ServeHTTP answers a delivery; see [Delivery] for the statuses.
func (h *Webhook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status, outcome := h.receive(w, r)
	if h.options.Observe != nil {
		h.options.Observe(outcome)
	}
	w.WriteHeader(status)
}

func (h *Webhook) receive(w http.ResponseWriter, r *http.Request) (int, Delivery) {
	if r.Method != http.MethodPost {
		return http.StatusMethodNotAllowed, DeliveryRefused
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, h.options.MaxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return http.StatusRequestEntityTooLarge, DeliveryTooLarge
	}
	if err != nil {
		return http.StatusBadRequest, DeliveryMalformed
	}
	secret, err := h.options.Secret()
	if err != nil || secret == "" {
		return http.StatusServiceUnavailable, DeliveryNoSecret
	}
	signature := r.Header.Get("X-Hub-Signature-256")
	if !signed(body, signature, secret) {
		return http.StatusUnauthorized, DeliveryForged
	}
	if r.Header.Get("X-GitHub-Event") != "workflow_job" {
		return http.StatusAccepted, DeliveryIgnored
	}
	repository, err := repositoryOf(body)
	if err != nil {
		return http.StatusBadRequest, DeliveryMalformed
	}
	// The id is not signed: who replays can invent one, but no signature.
	if id := r.Header.Get("X-GitHub-Delivery"); !h.first("signature "+strings.ToLower(signature), "delivery "+id) {
		return http.StatusAccepted, DeliveryReplayed
	}
	if !h.options.Look(repository) {
		return http.StatusAccepted, DeliveryIgnored
	}
	return http.StatusAccepted, DeliveryHeard
}

// signed checks the HMAC of the raw body, in a time that tells nothing about it.
func signed(body []byte, signature, secret string) bool {
	given, err := hex.DecodeString(strings.TrimPrefix(signature, "sha256="))
	if err != nil || !strings.HasPrefix(signature, "sha256=") {
		return false
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return hmac.Equal(given, mac.Sum(nil))
}

// repositoryOf reads whose job an event is about.
func repositoryOf(body []byte) (string, error) {
	var event struct {
		Action string `json:"action"`
		Job    struct {
			ID int64 `json:"id"`
		} `json:"workflow_job"`
		Repository struct {
			FullName string `json:"full_name"`
		} `json:"repository"`
	}
	if err := json.Unmarshal(body, &event); err != nil {
		return "", err
	}
	if event.Action == "" || event.Job.ID <= 0 {
		return "", errors.New("no action or no job")
	}
	return event.Repository.FullName, checkRepository(event.Repository.FullName)
}

// first tells whether a delivery was never seen under any of its names, and remembers
// them.
func (h *Webhook) first(names ...string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	seen := false
	for _, name := range names {
		seen = seen || h.known[name] && name != "delivery "
	}
	for _, name := range names {
		if !h.known[name] {
			h.known[name] = true
			h.order = append(h.order, name)
		}
	}
	for len(h.order) > 2*maxRemembered {
		delete(h.known, h.order[0])
		h.order = h.order[1:]
	}
	return !seen
}
