package anka_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/anka"
)

// gate is a controller that lets in who has opened a session. It stands in for
// the sockets, so that time can be virtual.
type gate struct {
	key *rsa.PrivateKey

	mu       sync.Mutex
	life     time.Duration
	secret   string
	valid    map[string]time.Time // token: until when
	sessions int
	calls    int
	// refuse answers in place of a step, by path; nil entries don't.
	refuse map[string]func() *http.Response
	delay  time.Duration // of a hand
	pace   time.Duration // the nth call is looked at after n times that
}

var testKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func newGate() *gate {
	return &gate{key: testKey(), life: 5 * time.Minute, valid: map[string]time.Time{}, refuse: map[string]func() *http.Response{}}
}

func (g *gate) client(t *testing.T, key func() ([]byte, error)) *anka.Client {
	c, err := anka.New(anka.Options{URL: "http://anka.test", RetryWait: time.Millisecond, Transport: g, APIKey: &anka.APIKey{ID: "ci", Key: key}})
	require.NoError(t, err)
	return c
}

func pkcs1(key *rsa.PrivateKey) func() ([]byte, error) {
	return func() ([]byte, error) {
		return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}), nil
	}
}

func response(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

func (g *gate) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	if g.delay > 0 && r.URL.Path == "/tap/v1/hand" {
		time.Sleep(g.delay) // virtual
	}
	if strings.HasPrefix(r.URL.Path, "/api/") {
		_, calls := g.countCall()
		time.Sleep(time.Duration(calls) * g.pace) // virtual
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if f := g.refuse[r.URL.Path]; f != nil {
		return f(), nil
	}
	switch r.URL.Path {
	case "/tap/v1/hand":
		return g.hand(body), nil
	case "/tap/v1/shake":
		return g.shake(body), nil
	}
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if until, ok := g.valid[token]; !ok || !time.Now().Before(until) {
		return response(401, `{"status":"FAIL","message":"Authentication Required, not `+token+`"}`), nil
	}
	if r.URL.Path == "/api/v1/vm" && r.Method == http.MethodPost {
		return response(200, `{"status":"OK","body":["i"]}`), nil
	}
	return response(200, `{"status":"OK","body":{"status":"Running"}}`), nil
}

func (g *gate) hand(body []byte) *http.Response {
	var asked struct{ ID string }
	if json.Unmarshal(body, &asked) != nil || asked.ID != "ci" {
		return response(400, `{"status":"FAIL","message":"no such key"}`)
	}
	g.secret = rand.Text()
	sealed, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, &g.key.PublicKey, []byte(g.secret), nil)
	if err != nil {
		panic(err)
	}
	return response(200, base64.StdEncoding.EncodeToString(sealed)+"\n")
}

func (g *gate) shake(body []byte) *http.Response {
	var asked struct{ ID, Secret string }
	if json.Unmarshal(body, &asked) != nil || asked.ID != "ci" || asked.Secret != g.secret {
		return response(401, `{"status":"FAIL","message":"bad secret `+asked.Secret+`"}`)
	}
	g.sessions++
	data := fmt.Sprintf(`{"userName":"ci","sessionId":"session-%d","token":%q}`, g.sessions, rand.Text())
	g.valid[base64.StdEncoding.EncodeToString([]byte(data))] = time.Now().Add(g.life)
	return response(200, `{ "id": "ci", "data": `+strings.ReplaceAll(data, ",", ", ")+` }`)
}

func (g *gate) countCall() (sessions, calls int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.calls++
	return g.sessions, g.calls
}

func (g *gate) count() (sessions, calls int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.sessions, g.calls
}

func TestSessionIsOpenedOnceAndRenewedBeforeItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		c := g.client(t, pkcs1(g.key))
		begin := time.Now()
		for time.Since(begin) < 20*time.Minute {
			_, err := c.Status(t.Context())
			require.NoError(t, err)
			time.Sleep(10 * time.Second)
		}
		sessions, calls := g.count()
		require.Equal(t, 5, sessions, "every four minutes")
		require.Equal(t, 120, calls, "nobody was turned away")
	})
}

func TestCallersShareARenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		g.delay = time.Second
		c := g.client(t, pkcs1(g.key))
		impatient, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		errs := make(chan error, 20)
		go func() { errs <- ask(c.Status(impatient)) }()
		synctest.Wait() // the impatient one has asked for the session
		for range 19 {
			go func() { errs <- ask(c.Status(t.Context())) }()
		}
		failed := 0
		for range 20 {
			if err := <-errs; err != nil {
				failed++
				require.ErrorIs(t, err, context.DeadlineExceeded)
			}
		}
		require.Equal(t, 1, failed, "who gives up ends nothing for others")
		sessions, calls := g.count()
		require.Equal(t, []int{1, 19}, []int{sessions, calls})
	})
}

func TestALostSessionIsRenewedOnceForAnyMethod(t *testing.T) {
	g := newGate()
	c := g.client(t, pkcs1(g.key))
	_, err := c.Status(t.Context())
	require.NoError(t, err)
	clear(g.valid) // the controller was restarted
	ids, err := c.StartInstances(t.Context(), anka.StartRequest{TemplateID: "t"})
	require.NoError(t, err)
	require.Equal(t, []string{"i"}, ids)
	sessions, calls := g.count()
	require.Equal(t, []int{2, 3}, []int{sessions, calls})

	g.life = 0 // no session counts
	clear(g.valid)
	_, err = c.StartInstances(t.Context(), anka.StartRequest{TemplateID: "t"})
	require.ErrorIs(t, err, anka.ErrUnauthorized)
	require.NotErrorIs(t, err, anka.ErrUncertain)
	sessions, calls = g.count()
	require.Equal(t, []int{3, 5}, []int{sessions, calls}, "tried once more and no oftener")
	require.ErrorContains(t, err, "Authentication Required, not <redacted>")
}

// Who hears late that the old session doesn't count leaves the new one alone.
func TestALostSessionIsRenewedOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		c := g.client(t, pkcs1(g.key))
		require.NoError(t, ask(c.Status(t.Context())))
		clear(g.valid)
		g.pace = time.Second
		errs := make(chan error, 10)
		for range 10 {
			go func() { errs <- ask(c.Status(t.Context())) }()
		}
		for range 10 {
			require.NoError(t, <-errs)
		}
		sessions, calls := g.count()
		require.Equal(t, []int{2, 21}, []int{sessions, calls})
	})
}

func TestForbiddenIsNotTriedAgain(t *testing.T) {
	g := newGate()
	g.refuse["/api/v1/status"] = func() *http.Response { return response(403, `{"status":"FAIL","message":"no permission"}`) }
	_, err := g.client(t, pkcs1(g.key)).Status(t.Context())
	require.ErrorIs(t, err, anka.ErrUnauthorized)
	sessions, _ := g.count()
	require.Equal(t, 1, sessions)
}

func TestKeyForms(t *testing.T) {
	g := newGate()
	der, err := x509.MarshalPKCS8PrivateKey(g.key)
	require.NoError(t, err)
	_, err = g.client(t, func() ([]byte, error) { return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil }).Status(t.Context())
	require.NoError(t, err)
	for name, key := range map[string]func() ([]byte, error){
		"unreadable": func() ([]byte, error) { return nil, errors.New("no such file") },
		"no PEM":     func() ([]byte, error) { return []byte("s3cret-key"), nil },
		"no key": func() ([]byte, error) {
			return pem.EncodeToMemory(&pem.Block{Type: "X", Bytes: []byte("s3cret-key")}), nil
		},
	} {
		_, err := g.client(t, key).StartInstances(t.Context(), anka.StartRequest{TemplateID: "t"})
		require.ErrorIs(t, err, anka.ErrUnauthorized, name)
		require.NotErrorIs(t, err, anka.ErrUncertain, name)
		require.NotContains(t, err.Error(), "s3cret")
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	_, err = g.client(t, pkcs1(other)).Status(t.Context())
	require.ErrorIs(t, err, anka.ErrUnauthorized)
	require.ErrorContains(t, err, "not sealed for this key")
}

// What goes wrong with a handshake is told by meaning, sends nothing of the call
// it was for, and shows no secret of the session.
func TestHandshakesThatFail(t *testing.T) {
	for _, test := range []struct {
		path   string
		status int
		body   string
		want   error
	}{
		{"/tap/v1/hand", 404, "404 page not found", anka.ErrNoEndpoint},
		{"/tap/v1/hand", 404, `{"status":"FAIL","message":"key not found"}`, anka.ErrUnauthorized},
		{"/tap/v1/hand", 200, `{"status":"FAIL","message":"key not found"}`, anka.ErrUnauthorized},
		{"/tap/v1/hand", 400, "who?", anka.ErrUnauthorized},
		{"/tap/v1/hand", 503, "busy", anka.ErrUnavailable},
		{"/tap/v1/hand", 429, "slowly", anka.ErrThrottled},
		{"/tap/v1/hand", 200, "<html>hello</html>", anka.ErrMalformed},
		{"/tap/v1/hand", 200, "", anka.ErrUnauthorized},
		{"/tap/v1/hand", 200, "c2hvcnQ=", anka.ErrUnauthorized},
		{"/tap/v1/shake", 200, `{"id":"ci"}`, anka.ErrMalformed},
		{"/tap/v1/shake", 200, `{"id":"ci","data":null}`, anka.ErrMalformed},
		{"/tap/v1/shake", 200, `{"id":"ci","data":{"token":"s3cret-token-of-session"`, anka.ErrMalformed},
		{"/tap/v1/shake", 200, `[]`, anka.ErrMalformed},
		{"/tap/v1/shake", 401, `{"status":"FAIL","message":"expired"}`, anka.ErrUnauthorized},
		{"/tap/v1/shake", 500, `{"token":"s3cret-token-of-session"}`, anka.ErrUnavailable},
	} {
		g := newGate()
		g.refuse[test.path] = func() *http.Response { return response(test.status, test.body) }
		_, err := g.client(t, pkcs1(g.key)).StartInstances(t.Context(), anka.StartRequest{TemplateID: "t"})
		require.ErrorIs(t, err, test.want, "%s %d %s", test.path, test.status, test.body)
		require.NotErrorIs(t, err, anka.ErrUncertain)
		require.ErrorContains(t, err, "open a session")
		require.NotContains(t, err.Error(), "s3cret")
		_, calls := g.count()
		require.Zero(t, calls)
	}
}

// A read waits for a handshake that may pass as it would for its own answer.
func TestReadsSurviveABusyHandshake(t *testing.T) {
	g := newGate()
	turns := 0
	g.refuse["/tap/v1/hand"] = func() *http.Response {
		if turns++; turns > 1 {
			delete(g.refuse, "/tap/v1/hand")
		}
		return response(503, "busy")
	}
	_, err := g.client(t, pkcs1(g.key)).Status(t.Context())
	require.NoError(t, err)
}

func TestUnusualBase64(t *testing.T) {
	g := newGate()
	for _, write := range []func([]byte) string{
		base64.URLEncoding.EncodeToString, base64.RawStdEncoding.EncodeToString,
		func(b []byte) string { return `"` + base64.StdEncoding.EncodeToString(b) + `"` },
	} {
		g.refuse["/tap/v1/hand"] = func() *http.Response {
			plain := g.hand([]byte(`{"id":"ci"}`))
			text, _ := io.ReadAll(plain.Body)
			sealed, _ := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(text)))
			return response(200, write(sealed))
		}
		_, err := g.client(t, pkcs1(g.key)).Status(t.Context())
		require.NoError(t, err)
	}
}
