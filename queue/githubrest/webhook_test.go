package githubrest_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/autoscale"
	"autoscaled/queue/githubrest"
	"autoscaled/queue/githubrest/githubresttest"
)

const secret = "webhooksecret"

// hook is a webhook, what it was given and what it woke.
type hook struct {
	*githubrest.Webhook
	secret string
	heard  []githubrest.Delivery
	woken  []string
}

func newHook(t testing.TB) *hook {
	h := &hook{secret: secret}
	var err error
	h.Webhook, err = githubrest.NewWebhook(githubrest.WebhookOptions{
		Secret:  func() (string, error) { return h.secret, nil },
		Look:    func(repo string) bool { h.woken = append(h.woken, repo); return repo == "acme/widgets" },
		Observe: func(d githubrest.Delivery) { h.heard = append(h.heard, d) },
	})
	require.NoError(t, err)
	return h
}

func (h *hook) send(r *http.Request) int {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

const event = `{"action":"queued","workflow_job":{"id":7},"repository":{"full_name":"acme/widgets"}}`

func signed(id string) *http.Request {
	return githubresttest.Signed(secret, id, "workflow_job", []byte(event))
}

func TestADeliveryWakesThePollerAndIsNoDemand(t *testing.T) {
	play(t, githubresttest.Config{}, func(w *world) {
		h, err := githubrest.NewWebhook(githubrest.WebhookOptions{Secret: func() (string, error) { return secret, nil }, Look: w.source.Look})
		require.NoError(w, err)
		w.wait(10 * time.Second)
		require.Zero(w, w.must().Jobs())
		id := w.server.Queue("acme/widgets", xcode)[0]
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, w.server.Delivery(secret, "a", "queued", id))
		require.Equal(w, 202, answer.Code)
		w.wait(2 * time.Second)
		require.Equal(w, 1, w.must().Jobs(), "long before the next reading is due")

		w.server.Cancel(id) // what a delivery says is not believed
		w.wait(time.Minute)
		h.ServeHTTP(answer, w.server.Delivery(secret, "b", "queued", id))
		w.wait(time.Minute)
		require.Zero(w, w.must().Jobs())
		require.False(w, w.source.Look("acme/others"))
	})
}

func TestDeliveriesAreAnsweredByWhatTheyAre(t *testing.T) {
	tamper := func(change func(r *http.Request)) *http.Request { r := signed("a"); change(r); return r }
	for name, c := range map[string]struct {
		r      *http.Request
		status int
		as     githubrest.Delivery
		woken  bool
	}{
		"good":            {signed("a"), 202, githubrest.DeliveryHeard, true},
		"another event":   {githubresttest.Signed(secret, "a", "ping", []byte(`{"zen":1}`)), 202, githubrest.DeliveryIgnored, false},
		"another repo":    {githubresttest.Signed(secret, "a", "workflow_job", []byte(strings.ReplaceAll(event, "widgets", "others"))), 202, githubrest.DeliveryIgnored, true},
		"unsigned":        {tamper(func(r *http.Request) { r.Header.Del("X-Hub-Signature-256") }), 401, githubrest.DeliveryForged, false},
		"sha1":            {tamper(func(r *http.Request) { r.Header.Set("X-Hub-Signature-256", "sha1=00") }), 401, githubrest.DeliveryForged, false},
		"no hex":          {tamper(func(r *http.Request) { r.Header.Set("X-Hub-Signature-256", "sha256=zz") }), 401, githubrest.DeliveryForged, false},
		"short":           {tamper(func(r *http.Request) { r.Header.Set("X-Hub-Signature-256", "sha256=") }), 401, githubrest.DeliveryForged, false},
		"another secret":  {githubresttest.Signed("other", "a", "workflow_job", []byte(event)), 401, githubrest.DeliveryForged, false},
		"another body":    {tamper(func(r *http.Request) { r.Body = http.NoBody }), 401, githubrest.DeliveryForged, false},
		"forged event":    {githubresttest.Signed("other", "a", "ping", []byte(`{}`)), 401, githubrest.DeliveryForged, false},
		"forged nonsense": {githubresttest.Signed("other", "a", "workflow_job", []byte(`{`)), 401, githubrest.DeliveryForged, false},
		"signed nonsense": {githubresttest.Signed(secret, "a", "workflow_job", []byte(`{`)), 400, githubrest.DeliveryMalformed, false},
		"no repository":   {githubresttest.Signed(secret, "a", "workflow_job", []byte(`{"action":"queued","workflow_job":{"id":7}}`)), 400, githubrest.DeliveryMalformed, false},
		"too large":       {githubresttest.Signed(secret, "a", "workflow_job", bytes.Repeat([]byte(" "), 2<<20)), 413, githubrest.DeliveryTooLarge, false},
		"a GET":           {httptest.NewRequest(http.MethodGet, "/", nil), 405, githubrest.DeliveryRefused, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHook(t)
			require.Equal(t, c.status, h.send(c.r))
			require.Equal(t, []githubrest.Delivery{c.as}, h.heard)
			require.Equal(t, c.woken, len(h.woken) > 0)
			require.Contains(t, githubrest.Deliveries(), c.as)
		})
	}
}

func TestReplayedDeliveriesAreIgnored(t *testing.T) {
	h := newHook(t)
	require.Equal(t, 202, h.send(signed("a")))
	require.Equal(t, 202, h.send(signed("a")))
	require.Equal(t, 202, h.send(signed("invented")), "the id is not signed, the body is")
	require.Equal(t, []string{"acme/widgets"}, h.woken)
	require.Equal(t, []githubrest.Delivery{githubrest.DeliveryHeard, githubrest.DeliveryReplayed, githubrest.DeliveryReplayed}, h.heard)
	for i := range 10_000 { // bounded: the first is forgotten in the end
		body := strings.ReplaceAll(event, "7", "1"+strings.Repeat("0", i%7)+string(rune('1'+i%9))) + strings.Repeat(" ", i)
		h.send(githubresttest.Signed(secret, "x"+string(rune(i)), "workflow_job", []byte(body[:min(len(body), len(event)+i)])))
	}
	h.woken = nil
	h.send(signed("a"))
	require.Len(t, h.woken, 1)
}

func TestTheWebhooksSecretMayChange(t *testing.T) {
	h := newHook(t)
	h.secret = "newer"
	require.Equal(t, 401, h.send(signed("a")))
	require.Equal(t, 202, h.send(githubresttest.Signed("newer", "a", "workflow_job", []byte(event))))
	h.secret = ""
	require.Equal(t, 503, h.send(signed("b")), "an empty secret would let everybody in")
	_, err := githubrest.NewWebhook(githubrest.WebhookOptions{})
	require.ErrorIs(t, err, githubrest.ErrConfig)
	require.NotErrorIs(t, err, autoscale.ErrUnavailable)
}
