package githubrest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"total_count":1,"workflow_runs":[{"id":1,"status":"queued"}]}`,
		`{"total_count":1,"jobs":[{"id":1,"run_id":2,"status":"in_progress","labels":["a"],"created_at":"2026-01-01T00:00:00Z","runner_id":null,"runner_name":"vm"}]}`,
		`{"total_count":1,"runners":[{"id":1,"name":"vm","status":"online","busy":true,"labels":[{"name":"a"}]}]}`,
		`{"runner":{"id":1,"name":"vm"},"encoded_jit_config":"eyJ"}`, `{"total_count":0,"jobs":[]}`, `null`, ``, `[]`, "\uFEFF{}", `{"total_count":-1}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if p, err := decode[runPage](text); err == nil {
			for _, r := range *p.Runs {
				require.True(t, r.ID > 0 && r.Status != "" && *p.Total >= 0)
			}
		}
		if p, err := decode[jobPage](text); err == nil {
			for _, j := range *p.Jobs {
				require.True(t, j.ID > 0 && j.Status != "")
			}
		}
		if p, err := decode[runnerPage](text); err == nil {
			for _, r := range *p.Runners {
				require.True(t, r.ID > 0 && r.Name != "" && r.Busy != nil)
			}
		}
		if r, err := decode[registered](text); err == nil {
			require.True(t, r.Config != "" && r.Runner.ID > 0)
		}
	})
}

func FuzzNextPage(f *testing.F) {
	const base = "https://github.test/api/v3"
	for _, seed := range []string{
		`<https://github.test/api/v3/repositories/1/x?page=2>; rel="next"`, `<https://github.test/api/v3/x>; rel="prev", <https://github.test/api/v3/y?a=b>; rel=next`,
		`<https://evil.test/api/v3/x>; rel="next"`, `<https://github.test/api/v33/x>; rel="next"`, `<https://u:p@github.test/api/v3/x>; rel="next"`, `<http://github.test/api/v3/x>; rel="next"`, `next`, ``,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, link string) {
		next, err := nextPage(link, base)
		if err == nil && next != "" {
			require.True(t, strings.HasPrefix(next, "/"))
			r, err := http.NewRequest(http.MethodGet, base+next, nil)
			require.NoError(t, err)
			require.Equal(t, "github.test", r.URL.Host)
		}
	})
}

func TestNextPageIsFoundInWhatGitHubWrites(t *testing.T) {
	for link, want := range map[string]string{
		`<https://api.github.com/repositories/7/actions/runs?status=queued&page=2>; rel="next", <https://api.github.com/repositories/7/actions/runs?page=9>; rel="last"`: "/repositories/7/actions/runs?status=queued&page=2",
		`<https://api.github.com/x?page=1>; rel="prev"`: "",
		"": "",
	} {
		next, err := nextPage(link, "https://api.github.com")
		require.NoError(t, err)
		require.Equal(t, want, next)
	}
	for _, link := range []string{
		`<http://api.github.com/x>; rel="next"`, `<https://u@api.github.com/x>; rel="next"`, `<https://api.github.com:8443/x>; rel="next"`, `<https://[::1>; rel="next"`,
	} {
		_, err := nextPage(link, "https://api.github.com")
		require.ErrorIs(t, err, ErrMalformed)
	}
}

func signatureOf(body []byte, secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

func FuzzWebhook(f *testing.F) {
	f.Add("workflow_job", "sha256=00", []byte(`{"action":"queued","workflow_job":{"id":7},"repository":{"full_name":"acme/widgets"}}`), true)
	f.Add("ping", "", []byte(`{}`), false)
	f.Add("workflow_job", "sha256=", []byte(`{"repository":{"full_name":"../.."}}`), true)
	f.Fuzz(func(t *testing.T, event, signature string, body []byte, sign bool) {
		woken := ""
		h, err := NewWebhook(WebhookOptions{
			Secret: func() (string, error) { return "secret", nil }, Look: func(repo string) bool { woken = repo; return true },
		})
		require.NoError(t, err)
		if sign {
			signature = signatureOf(body, "secret")
		}
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(string(body)))
		r.Header["X-Hub-Signature-256"], r.Header["X-Github-Event"] = []string{signature}, []string{event}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if signature != signatureOf(body, "secret") && !strings.EqualFold(signature, signatureOf(body, "secret")) {
			require.Equal(t, http.StatusUnauthorized, w.Code)
		}
		if woken != "" {
			require.Equal(t, "workflow_job", event)
			require.NoError(t, checkRepository(woken))
			require.Equal(t, http.StatusAccepted, w.Code)
		}
	})
}
