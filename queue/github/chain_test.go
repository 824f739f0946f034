package github_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/internal/rest"
	"autoscaled/queue/github"
	"autoscaled/queue/github/githubtest"
)

const (
	granted    = "POST /api/v3/orgs/{owner}/actions/runners/registration-token"
	registered = "POST /api/v3/actions/runner-registration"
	installed  = "POST /api/v3/app/installations/{installation}/access_tokens"
)

func TestWhereTheAPIIs(t *testing.T) {
	for config, want := range map[string]string{
		"https://github.com/acme":                  "https://api.github.com/orgs/acme/actions/runners/registration-token",
		"https://www.github.com/acme/":             "https://api.github.com/orgs/acme/actions/runners/registration-token",
		"https://GitHub.com/acme/widgets":          "https://api.github.com/repos/acme/widgets/actions/runners/registration-token",
		"https://acme.ghe.com/enterprises/all":     "https://api.acme.ghe.com/enterprises/all/actions/runners/registration-token",
		"https://git.acme.test:8443/acme/a.b":      "https://git.acme.test:8443/api/v3/repos/acme/a.b/actions/runners/registration-token",
		"http://notgithub.com/enterprises/e":       "http://notgithub.com/api/v3/enterprises/e/actions/runners/registration-token",
		"https://ghe.com.evil.test/acme":           "https://ghe.com.evil.test/api/v3/orgs/acme/actions/runners/registration-token",
		"https://github.com.evil.test/acme/github": "https://github.com.evil.test/api/v3/repos/acme/github/actions/runners/registration-token",
	} {
		var asked string
		c, err := github.New(github.Options{URL: config, Token: rest.Static(pat), Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			asked = r.URL.String()
			require.Equal(t, "Bearer "+pat, r.Header.Get("Authorization"))
			return nil, errors.New("enough")
		})})
		require.NoError(t, err)
		_, err = c.Sets(t.Context())
		require.ErrorIs(t, err, github.ErrUnavailable)
		require.NotErrorIs(t, err, github.ErrUncertain, "what it was for was not sent")
		require.Equal(t, want, asked)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestOptionsThatCannotBe(t *testing.T) {
	good := github.Options{URL: "https://github.com/acme", Token: rest.Static(pat)}
	for name, change := range map[string]func(*github.Options){
		"no URL":        func(o *github.Options) { o.URL = "" },
		"no owner":      func(o *github.Options) { o.URL = "https://github.com/" },
		"too deep":      func(o *github.Options) { o.URL = "https://github.com/a/b/c" },
		"dots":          func(o *github.Options) { o.URL = "https://github.com/../acme" },
		"password":      func(o *github.Options) { o.URL = "https://u:secretpw@github.com/acme" },
		"query":         func(o *github.Options) { o.URL += "?a=b" },
		"not a URL":     func(o *github.Options) { o.URL = "https://secretpw\x7f" },
		"scheme":        func(o *github.Options) { o.URL = "ssh://github.com/acme" },
		"no login":      func(o *github.Options) { o.Token = nil },
		"two logins":    func(o *github.Options) { o.App = &github.App{ID: "1", Installation: 1, Key: pkcs1} },
		"half an App":   func(o *github.Options) { o.Token, o.App = nil, &github.App{ID: "1", Key: pkcs1} },
		"short polls":   func(o *github.Options) { o.PollTimeout = time.Minute },
		"negative wait": func(o *github.Options) { o.RetryWait = -1 },
	} {
		o := good
		change(&o)
		_, err := github.New(o)
		require.ErrorIs(t, err, github.ErrConfig, name)
		require.NotContains(t, err.Error(), "secretpw")
	}
	_, err := github.New(good)
	require.NoError(t, err)
}

// virtual is a simulated GitHub in virtual time; it runs inside a bubble.
func virtual(t *testing.T, cfg githubtest.Config, change func(*github.Options)) (*githubtest.Server, *github.Client) {
	server := githubtest.New(cfg, githubtest.ClockFunc(time.Now))
	o := github.Options{URL: "http://github.test/acme", Transport: server.Transport(), Token: rest.Static(cfg.PAT)}
	if change != nil {
		change(&o)
	}
	c, err := github.New(o)
	require.NoError(t, err)
	return server, c
}

func TestTheChainIsRedoneAMinuteBeforeTheTokenEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, c := virtual(t, githubtest.Config{PAT: pat, AdminLife: 10 * time.Minute}, nil)
		for range 36 * 60 / 10 { // 36 minutes
			_, err := c.Sets(t.Context())
			require.NoError(t, err)
			time.Sleep(10 * time.Second)
		}
		calls := server.Calls()
		require.Equal(t, 4, calls[registered], "every nine minutes")
		require.Equal(t, 216, calls["GET /service/rest/_apis/runtime/runnerscalesets"], "nobody was turned away")
	})
}

func TestAnAppSignsInAndKeepsItsInstallationsToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := githubtest.Config{AppID: "Iv1.abc", Installation: 77, AppKey: &testKey().PublicKey, AdminLife: 10 * time.Minute}
		server, c := virtual(t, cfg, func(o *github.Options) {
			o.Token, o.App = nil, &github.App{ID: "Iv1.abc", Installation: 77, Key: pkcs1}
		})
		for range 3 * 60 {
			_, err := c.Sets(t.Context())
			require.NoError(t, err)
			time.Sleep(time.Minute)
		}
		require.Equal(t, 20, server.Calls()[registered])
		require.Equal(t, 3, server.Calls()[installed], "they live an hour")
		require.Equal(t, 20, server.Calls()[granted], "none was turned away")

		server.ExpireInstallation()
		time.Sleep(10 * time.Minute)
		_, err := c.Sets(t.Context())
		require.NoError(t, err, "a token that was kept is made anew")
		require.Equal(t, 4, server.Calls()[installed])
		server.ExpireAdmin()
		_, err = c.Sets(t.Context())
		require.NoError(t, err)
		require.Equal(t, 5, server.Calls()[installed], "a chain that was refused is redone from its beginning")
	})
}

func TestAnAppThatIsNotLetIn(t *testing.T) {
	for name, change := range map[string]func(*github.App){
		"another App":          func(a *github.App) { a.ID = "other" },
		"another installation": func(a *github.App) { a.Installation = 78 },
		"no PEM":               func(a *github.App) { a.Key = func() ([]byte, error) { return []byte("secretkey"), nil } },
		"no file":              func(a *github.App) { a.Key = func() ([]byte, error) { return nil, errors.New("no such file") } },
	} {
		app := github.App{ID: "1", Installation: 77, Key: pkcs1}
		change(&app)
		w := newWorld(t, githubtest.Config{AppID: "1", Installation: 77, AppKey: &testKey().PublicKey}, func(o *github.Options) {
			o.Token, o.App = nil, &app
		})
		_, err := w.client.Sets(t.Context())
		require.ErrorIs(t, err, github.ErrUnauthorized, name)
		require.NotContains(t, err.Error(), "secretkey")
		require.LessOrEqual(t, w.server.Calls()[installed], 1, "asking again would change nothing")
	}
}

func TestAWrongTokenIsAskedOnce(t *testing.T) {
	w := newWorld(t, githubtest.Config{}, func(o *github.Options) { o.Token = rest.Static("ghp_secretwrong") })
	_, err := w.client.Sets(t.Context())
	require.ErrorIs(t, err, github.ErrUnauthorized)
	require.NotContains(t, err.Error(), "secretwrong")
	require.Equal(t, 1, w.server.Calls()["POST /api/v3/orgs/{owner}/actions/runners/registration-token"])

	w = newWorld(t, githubtest.Config{}, func(o *github.Options) { o.Token = rest.Static("") })
	_, err = w.client.Sets(t.Context())
	require.ErrorIs(t, err, github.ErrUnauthorized)
	require.Empty(t, w.server.Calls())
}

func TestARegistrationThatIsTooYoungIsRedone(t *testing.T) {
	for _, status := range []int{401, 403} {
		w := newWorld(t, githubtest.Config{})
		w.server.Fail(githubtest.Fault{Path: "runner-registration", Status: status, Times: 2})
		_, err := w.client.Sets(t.Context())
		require.NoError(t, err)
		require.Equal(t, 3, w.server.Calls()[registered])

		w = newWorld(t, githubtest.Config{})
		w.server.Fail(githubtest.Fault{Path: "runner-registration", Status: status, Times: -1})
		_, err = w.client.Sets(t.Context())
		require.ErrorIs(t, err, github.ErrUnauthorized)
		require.Equal(t, 3, w.server.Calls()[registered], "not for ever")
	}
}

func TestATokenThatTheServiceRefusesIsReplacedOnce(t *testing.T) {
	for _, status := range []int{401, 403} {
		w := newWorld(t, githubtest.Config{})
		w.server.Fail(githubtest.Fault{Path: "runnerscalesets", Status: status})
		set := w.set() // a POST: who isn't let in has changed nothing
		require.NotZero(t, set.ID)
		require.Equal(t, 2, w.server.Calls()[registered])

		w.server.Fail(githubtest.Fault{Path: "runnerscalesets", Status: status, Times: -1})
		_, err := w.client.Sets(t.Context())
		require.ErrorIs(t, err, github.ErrUnauthorized)
		require.Equal(t, 3, w.server.Calls()[registered])
	}
	w := newWorld(t, githubtest.Config{})
	w.set()
	w.server.ExpireAdmin()
	_, err := w.client.Sets(t.Context())
	require.NoError(t, err)
}

func TestRegistrationsThatAreNoGood(t *testing.T) {
	for name, body := range map[string]string{
		"empty":        "",
		"null":         "null",
		"no URL":       `{"token":"` + token(time.Now().Add(time.Hour)) + `"}`,
		"no token":     `{"url":"https://service.test"}`,
		"opaque token": `{"url":"https://service.test","token":"secretopaque"}`,
		"no exp":       `{"url":"https://service.test","token":"eyJhIjoxfQ.eyJhIjoxfQ.secretsignature"}`,
		"odd exp":      `{"url":"https://service.test","token":"e30.eyJleHAiOi0xfQ.secretsignature"}`,
		"no server":    `{"url":"/only/a/path","token":"` + token(time.Now().Add(time.Hour)) + `"}`,
		"a query":      `{"url":"https://service.test?a=b","token":"` + token(time.Now().Add(time.Hour)) + `"}`,
		"plain http":   `{"url":"http://service.test","token":"` + token(time.Now().Add(time.Hour)) + `"}`,
		"cut":          `{"url":"https://service.test","token":"eyJsecretsecretsecret`,
	} {
		reached := false
		c, err := github.New(github.Options{URL: "https://github.com/acme", Token: rest.Static(pat), Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			reached = reached || r.URL.Host == "service.test"
			if strings.HasSuffix(r.URL.Path, "runner-registration") {
				return response(201, body), nil
			}
			return response(201, `{"token":"SECRETREGISTRATION","expires_at":"2099-01-01T00:00:00Z"}`), nil
		})})
		require.NoError(t, err)
		_, err = c.Sets(t.Context())
		require.ErrorIs(t, err, github.ErrMalformed, name)
		require.NotErrorIs(t, err, github.ErrUncertain, name)
		require.NotContains(t, strings.ToLower(err.Error()), "secret", name)
		require.False(t, reached, name)
	}
}

func TestAMissingRightOrTooManyRequests(t *testing.T) {
	for body, want := range map[string]error{
		`{"message":"API rate limit exceeded"}`:                  github.ErrThrottled,
		`{"message":"You have exceeded a secondary Rate Limit"}`: github.ErrThrottled,
		`{"message":"Resource not accessible by integration"}`:   github.ErrUnauthorized,
	} {
		w := newWorld(t, githubtest.Config{})
		w.server.Fail(githubtest.Fault{Path: "registration-token", Status: 403, Body: body, Times: -1})
		_, err := w.client.Sets(t.Context())
		require.ErrorIs(t, err, want)
	}
	w := newWorld(t, githubtest.Config{})
	w.server.Fail(githubtest.Fault{Path: "registration-token", Status: 404, Body: `{"message":"Not Found"}`, Times: -1})
	removal, err := w.client.RemoveRunner(t.Context(), 1)
	require.ErrorIs(t, err, github.ErrUnauthorized)
	require.Zero(t, removal, "it is about the owner, not the runner")
}

func TestCallersShareARegistration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := githubtest.New(githubtest.Config{PAT: pat}, githubtest.ClockFunc(time.Now))
		next := server.Transport()
		c, err := github.New(github.Options{URL: "http://github.test/acme", Token: rest.Static(pat), Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "runner-registration") {
				time.Sleep(5 * time.Second) // virtual
			}
			return next.RoundTrip(r)
		})})
		require.NoError(t, err)
		done := make(chan error, 10)
		for range 10 {
			go func() {
				_, err := c.Sets(t.Context())
				done <- err
			}()
		}
		for range 10 {
			require.NoError(t, <-done)
		}
		require.Equal(t, 1, server.Calls()[registered], "they share it")
	})
}
