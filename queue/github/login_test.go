package github_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/internal/rest"
	"autoscaled/queue/github"
)

// granting answers each request for an installation's token with another.
type granting struct{ calls int }

func (g *granting) RoundTrip(r *http.Request) (*http.Response, error) {
	g.calls++
	token := map[int]string{1: "ghs_first", 2: "ghs_second"}[g.calls]
	return response(201, `{"token":"`+token+`","expires_at":"`+time.Now().Add(time.Hour).Format(time.RFC3339)+`"}`), nil
}

func TestLoginKeepsTheInstallationsTokenUntilItIsDropped(t *testing.T) {
	server := &granting{}
	login, err := github.NewLogin(github.Options{
		URL: "https://github.com/acme", App: &github.App{ID: "1", Installation: 7, Key: pkcs1}, Transport: server,
	})
	require.NoError(t, err)
	require.Equal(t, "https://api.github.com", login.API())
	require.Equal(t, "/orgs/acme", login.Owner())
	for range 2 {
		token, err := login.Token(t.Context())
		require.NoError(t, err)
		require.Equal(t, "ghs_first", token)
	}
	login.Drop(t.Context(), "another")
	login.Drop(t.Context(), "ghs_first")
	token, err := login.Token(t.Context())
	require.NoError(t, err)
	require.Equal(t, "ghs_second", token)
	require.Equal(t, 2, server.calls)
}

func TestLoginAsksForThePersonalTokenEachTime(t *testing.T) {
	tokens := []string{"one", "", "two"}
	login, err := github.NewLogin(github.Options{URL: "https://github.com/acme/widgets", Token: func() (string, error) {
		token := tokens[0]
		tokens = tokens[1:]
		return token, nil
	}})
	require.NoError(t, err)
	token, err := login.Token(t.Context())
	require.NoError(t, err)
	require.Equal(t, "one", token)
	_, err = login.Token(t.Context())
	require.ErrorIs(t, err, github.ErrUnauthorized)
	token, err = login.Token(t.Context())
	require.NoError(t, err)
	require.Equal(t, "two", token)

	_, err = github.NewLogin(github.Options{URL: "https://github.com/acme"})
	require.ErrorIs(t, err, github.ErrConfig)
	require.ErrorIs(t, err, rest.ErrConfig)
}
