package githubresttest

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
)

// Delivery is a webhook's delivery of an event of a job, signed with a secret. id is
// that of the delivery.
func (s *Server) Delivery(secret, id, action string, job int64) *http.Request {
	j := s.Job(job)
	body, err := json.Marshal(map[string]any{
		"action": action, "workflow_job": j.wire(), "repository": map[string]any{"full_name": j.Repository},
	})
	if err != nil {
		panic("githubresttest: serialise: " + err.Error())
	}
	return Signed(secret, id, "workflow_job", body)
}

// Signed is a delivery of any event.
func Signed(secret, id, event string, body []byte) *http.Request {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	r := httptest.NewRequest(http.MethodPost, "/webhook", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-GitHub-Event", event)
	r.Header.Set("X-GitHub-Delivery", id)
	r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	return r
}
