package anka_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"autoscaled/anka"
)

// success is a controller's success with this body.
func success(body string) *http.Response {
	envelope := `{"status":"OK","body":` + body + `}`
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(envelope))}
}

// Whatever an instance's external id and metadata say, it is either ours with a request
// or protected; and no owner's name but ours makes it ours.
func FuzzMarks(f *testing.F) {
	f.Add("autoscaled/r1/abc", `{"autoscaled_owner":"autoscaled","autoscaled_request":"r1","autoscaled_attempt":"abc","autoscaled_pool":"a","autoscaled_count":2}`)
	f.Add("autoscaled/r1/abc", `{}`)
	f.Add("https://ci.test/job/1", `{"autoscaled_owner":1,"autoscaled_count":"x"}`)
	f.Add("//", `{"autoscaled_owner":"a/b","autoscaled_request":"/","autoscaled_attempt":"","autoscaled_count":-1}`)
	f.Add("", `{"autoscaled_owner":"another","autoscaled_request":"r","autoscaled_attempt":"x","autoscaled_count":99999999999}`)
	f.Fuzz(func(t *testing.T, externalID, metadata string) {
		if !json.Valid([]byte(metadata)) || metadata[0] != '{' {
			return
		}
		id, err := json.Marshal(externalID)
		require.NoError(t, err)
		answers := map[string]string{
			"/api/v1/vm":          `[{"instance_id":"i","vm":{"instance_state":"Scheduling","external_id":` + string(id) + `,"metadata":` + metadata + `}}]`,
			"/api/v1/node":        `[]`,
			"/api/v1/registry/vm": `{"id":"t","name":"t","versions":[{"tag":"v","size":1}]}`,
		}
		client, err := anka.New(anka.Options{URL: "http://anka.test", Retries: -1, Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			return success(answers[r.URL.Path]), nil
		})})
		require.NoError(t, err)
		p, err := anka.NewProvider(anka.ProviderOptions{Client: client, Now: time.Now, Pools: []anka.PoolOptions{{Name: "a", TemplateID: "t", Tag: "v", VCPU: 1, VRAM: 1}}})
		require.NoError(t, err)
		s, err := p.Observe(t.Context())
		if err != nil {
			return // the client refuses what can't be
		}
		n := s.Nodes[0]
		require.Equal(t, n.Owned, n.Protected == "")
		require.Equal(t, n.Owned, n.Request != "")
		if n.Owned {
			require.Contains(t, externalID+metadata, "autoscaled")
			require.NotEmpty(t, n.Host)
		}
	})
}
